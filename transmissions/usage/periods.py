"""Spans of the calendar: intervals that repeat from a start, and the day, week or month that a moment is in."""

from __future__ import annotations

import calendar
import enum
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

__all__ = ["Interval", "Period", "interval_of", "intervals_since", "nth", "window"]

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}
_UNITS = (*_SECONDS, "month", "year")


@dataclass(frozen=True, slots=True)
class Interval:
    """A span of time such as 30 days or 1 month.

    Args:
        count: how many units, 1 or more.
        unit: `second`, `minute`, `hour`, `day`, `week`, `month` or `year`.
    """

    count: int
    unit: str

    def __str__(self) -> str:
        return f"{self.count} {self.unit}" + ("s" if self.count > 1 else "")


class Period(enum.StrEnum):
    """What span a budget is for; it begins anew with each."""

    EVER = "ever"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def interval_of(text: str) -> Interval:
    """Return the interval that a text such as "1 month" or "30 days" says.

    Raises:
        ValueError: it says none.
    """
    match = re.fullmatch(r"\s*([1-9]\d{0,5})\s*([a-z]+?)s?\s*", text)
    if not match or match.group(2) not in _UNITS:
        raise ValueError(f'an interval is a number and a unit ({", ".join(_UNITS)}), such as "1 month", got {text!r}')
    return Interval(int(match.group(1)), match.group(2))


def nth(start: datetime, every: Interval, number: int) -> datetime:
    """Return when the `number`th interval since `start` ends.

    Months go by the calendar, always from the start: 31 January, 28 February, 31 March.

    >>> from datetime import UTC
    >>> [nth(datetime(2027, 1, 31, tzinfo=UTC), Interval(1, "month"), n).day for n in (1, 2, 3)]
    [28, 31, 30]
    """
    if every.unit in _SECONDS:
        return start + timedelta(seconds=number * every.count * _SECONDS[every.unit])
    months = number * every.count * (12 if every.unit == "year" else 1)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return start.replace(year=year, month=month + 1, day=min(start.day, calendar.monthrange(year, month + 1)[1]))


def intervals_since(start: datetime, every: Interval, now: datetime) -> int:
    """Return how many whole intervals have passed since `start`; 0 before it."""
    if now <= start:
        return 0
    if every.unit in _SECONDS:
        return int((now - start) // timedelta(seconds=every.count * _SECONDS[every.unit]))
    now = now.astimezone(start.tzinfo)
    months = (now.year - start.year) * 12 + now.month - start.month
    number = months // (every.count * (12 if every.unit == "year" else 1))
    while nth(start, every, number) > now:
        number -= 1
    return number


def window(period: Period, at: datetime, zone: tzinfo) -> tuple[datetime, datetime] | None:
    """Return the start and the end of the day, week (from Monday) or month that a moment is in; None for ever.

    Args:
        period: the span.
        at: the moment, with its time zone.
        zone: the time zone whose midnight counts.
    """
    if period is Period.EVER:
        return None
    midnight = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if period is Period.DAY:
        return midnight, midnight + timedelta(days=1)
    if period is Period.WEEK:
        monday = midnight - timedelta(days=midnight.weekday())
        return monday, monday + timedelta(days=7)
    first = midnight.replace(day=1)
    return first, nth(first, Interval(1, "month"), 1)
