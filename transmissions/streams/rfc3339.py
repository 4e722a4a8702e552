"""Moments as RFC 3339 text with nanoseconds, as Go writes them: a datetime, and the nanoseconds beyond it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

__all__ = ["read_moment", "write_moment"]

_FORM = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))", re.ASCII
).fullmatch


def read_moment(text: str) -> tuple[datetime, int]:
    """Return the moment that a text names: in its own offset, to the microsecond, and the nanoseconds beyond that.

    Digits after the ninth of a fraction are cut off.

    >>> read_moment("2024-01-01T12:00:00.000000789Z")
    (datetime.datetime(2024, 1, 1, 12, 0, tzinfo=datetime.timezone.utc), 789)

    Raises:
        ValueError: it is no RFC 3339 time, or none that a calendar of the years 1 to 9999 holds.
    """
    found = _FORM(text)
    if not found:
        raise ValueError("not of this form")
    year, month, day, hour, minute, second = map(int, found.group(1, 2, 3, 4, 5, 6))
    nanoseconds = int((found[7] or "").ljust(9, "0")[:9])
    zone = UTC
    if found[8] and (offset := timedelta(hours=int(found[9]), minutes=int(found[10]))):
        zone = timezone(-offset if found[8] == "-" else offset)
    microseconds, beyond = divmod(nanoseconds, 1000)
    return datetime(year, month, day, hour, minute, second, microseconds, zone), beyond


def write_moment(moment: datetime, nanoseconds: int = 0) -> str:
    """Return a moment as text: the fraction without zeros at its end, `Z` for an offset of nothing.

    Args:
        moment: a time with a zone whose offset is whole minutes.
        nanoseconds: those beyond the microsecond, 0 to 999.

    >>> write_moment(datetime(2024, 1, 1, 12, 0, 0, 500_000, timezone(timedelta(hours=2))))
    '2024-01-01T12:00:00.5+02:00'
    """
    fraction = f"{moment.microsecond:06}{nanoseconds:03}".rstrip("0")
    minutes = (moment.utcoffset() or timedelta()) // timedelta(minutes=1)
    hours, rest = divmod(abs(minutes), 60)
    zone = f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}" if minutes else "Z"
    seconds = moment.replace(tzinfo=None, microsecond=0).isoformat()
    return f"{seconds}{'.' if fraction else ''}{fraction}{zone}"
