"""Values of logs, which may be anything: texts, counts and times, or what stands for none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from transmissions.usage.record import check_count, check_year

__all__ = ["count_of", "moment_of", "text_of", "time_of"]


def text_of(value: Any) -> str:
    """Return a text of a log; "" if it is none. Half characters, which no file can hold, become question marks."""
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def moment_of(value: Any) -> datetime | None:
    """Return a time of a log, in UTC unless it says another zone; None if it is none."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def time_of(field: str, value: str) -> str:
    """Return a time of a log as it stands there.

    Raises:
        InvalidUsage: no report can tell its day.
    """
    if (moment := moment_of(value)) is not None:
        check_year(field, moment)
    return value


def count_of(field: str, value: Any) -> int:
    """Return a count of tokens; 0 if there is none.

    Raises:
        InvalidUsage: it cannot be one.
    """
    return 0 if value is None else check_count(field, value)
