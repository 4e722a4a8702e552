"""Time zones by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["zone_of"]


class _Local(tzinfo):
    """The machine's time zone; the system is asked for each moment, since summer and winter differ."""

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        return None if dt is None else _known(dt.replace(tzinfo=None)).utcoffset()

    def dst(self, dt: datetime | None) -> None:
        """Return None: the system does not tell."""

    def tzname(self, dt: datetime | None) -> str | None:
        return None if dt is None else _known(dt.replace(tzinfo=None)).tzname()

    def fromutc(self, dt: datetime) -> datetime:
        offset = _known(dt.replace(tzinfo=UTC)).utcoffset()
        assert offset is not None
        local = dt + offset
        # Of the two hours of the same name in autumn, this is the second if only that one has this offset.
        second = local.replace(fold=1)
        return second if local.utcoffset() != offset == second.utcoffset() else local

    def __repr__(self) -> str:
        return "local"


_LOCAL = _Local()
_LEAP_YEARS = (1972, 2036)
"""Years with every day of the calendar, which every platform can convert."""


def _known(moment: datetime) -> datetime:
    """Return a moment in the machine's time zone; of years that the system cannot convert, as in one that it can."""
    try:
        return moment.astimezone()
    except (OverflowError, ValueError, OSError):
        return moment.replace(year=_LEAP_YEARS[moment.year > _LEAP_YEARS[0]]).astimezone()


def zone_of(name: str) -> tzinfo:
    """Return a time zone by its name: `UTC`, `Europe/Berlin`, or `local` for that of the machine.

    Raises:
        ValueError: no zone has that name.
    """
    if name == "UTC":
        return UTC
    if name == "local":
        return _LOCAL
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'"{name}" is no time zone; write one such as UTC, local or Europe/Berlin') from None
