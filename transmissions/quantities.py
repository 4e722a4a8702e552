"""Say sizes and spans of time as a person does."""

from __future__ import annotations

__all__ = ["size_text", "time_text"]

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def size_text(size_bytes: float) -> str:
    """Return a number of bytes in the unit that reads best.

    >>> size_text(1536)
    '1.5 KiB'
    """
    value, unit = float(size_bytes), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    number = f"{value:.1f}".removesuffix(".0") if value < 100 else f"{value:.0f}"
    return f"{number} {_UNITS[unit]}"


def time_text(seconds: float) -> str:
    """Return a span of time in the units that read best.

    >>> time_text(83)
    '1:23 min'
    """
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"
