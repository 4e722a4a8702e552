"""Time zones by name."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["zone_of"]


def zone_of(name: str) -> tzinfo:
    """Return a time zone by its name: `UTC`, `Europe/Berlin`, or `local` for that of the machine.

    Raises:
        ValueError: no zone has that name.
    """
    if name == "UTC":
        return UTC
    if name == "local":
        local = datetime.now().astimezone().tzinfo
        assert local is not None
        return local
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'"{name}" is no time zone; write one such as UTC, local or Europe/Berlin') from None
