"""Stamps: the times at which messages were seen first, as messages carry them."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

__all__ = ["seconds_of"]


def seconds_of(stamp: Any) -> float | None:
    """Return a stamp as seconds since 1970 began in UTC, or None if it is none.

    Args:
        stamp: such a number of seconds, or a text in ISO 8601 with its offset from UTC.

    >>> seconds_of("1970-01-01T01:00:00.5+01:00")
    0.5
    >>> seconds_of("1970-01-01T01:00:00") is None  # of which place is not said
    True
    """
    try:
        if isinstance(stamp, str):
            moment = datetime.fromisoformat(stamp)
            return None if moment.tzinfo is None else moment.timestamp()
        if isinstance(stamp, bool) or not isinstance(stamp, int | float):
            return None
        seconds = float(stamp)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) else None
