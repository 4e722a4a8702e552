"""Times of archives: whatever is written there becomes ISO 8601 in UTC, with microseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from typing import Any

__all__ = ["in_zone", "utc_text"]

_USUAL = re.compile(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{6}Z", re.ASCII).fullmatch
_MILLISECONDS_FROM = 10**11


def utc_text(value: Any) -> str:
    """Return a time as `2025-01-31T09:05:00.000000Z`; "" if it is no time.

    A time without a zone counts as UTC; a number counts as seconds since 1970, or milliseconds if it is that large.

    >>> utc_text("2025-01-31T10:05:00+01:00")
    '2025-01-31T09:05:00.000000Z'
    """
    if isinstance(value, str):
        return value if _USUAL(value) else _from_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    try:
        seconds = value / 1000 if abs(value) >= _MILLISECONDS_FROM else value
        return _written(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return ""


def _from_text(value: str) -> str:
    try:
        moment = datetime.fromisoformat(value.strip())
        return _written(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
    except (ValueError, OverflowError):
        pass
    try:
        return utc_text(float(value))
    except (ValueError, OverflowError):
        return ""


def _written(moment: datetime) -> str:
    return f"{moment.year:04}-{moment:%m-%dT%H:%M:%S.%f}Z"


def in_zone(utc: str, zone: tzinfo | None) -> str:
    """Return a time that `utc_text` made as text of the same form in a zone; None is UTC, which costs nothing."""
    if zone is None:
        return utc
    try:
        return datetime.fromisoformat(utc).astimezone(zone).isoformat(timespec="microseconds")
    except (ValueError, OverflowError):
        return utc
