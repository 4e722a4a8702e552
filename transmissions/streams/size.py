"""How many bytes a message holds."""

from __future__ import annotations

from typing import Any

__all__ = ["size_of_message"]


def size_of_message(value: Any) -> int:
    """Return the bytes of text that a message holds, UTF-8, and 8 for every other plain value; containers add nothing.

    It is what its JSON holds without the punctuation, at a tenth of the cost of writing that.

    >>> size_of_message({"name": "Zoë", "count": 3})
    21
    """
    kind = type(value)
    if kind is str:
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    if kind is bytes:
        return len(value)
    if isinstance(value, dict):
        return sum(map(size_of_message, value)) + sum(map(size_of_message, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(size_of_message, value))
    return 8
