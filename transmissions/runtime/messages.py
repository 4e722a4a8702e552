"""Copy a message for a branch of its own, and shorten one for an error."""

from __future__ import annotations

import copy
from typing import Any

from transmissions.processor import Mark, Message

__all__ = ["copy_message", "shorten"]

_PLAIN = frozenset({str, int, float, bool, type(None), bytes})


def copy_message(message: Message) -> Message:
    """Return a copy that shares nothing changeable with `message`; a mark stays a mark."""
    copied = {key: value if type(value) in _PLAIN else _copy(value) for key, value in message.items()}
    return Mark(copied, message.split) if isinstance(message, Mark) else copied


def _copy(value: Any) -> Any:
    kind = type(value)
    if kind is dict:
        return {key: one if type(one) in _PLAIN else _copy(one) for key, one in value.items()}
    if kind is list:
        return [one if type(one) in _PLAIN else _copy(one) for one in value]
    return value if kind in _PLAIN else copy.deepcopy(value)


def shorten(value: Any, limit: int = 200) -> str:
    """Return a message as text of about `limit` characters, for an error or a log line, however large it is.

    >>> shorten({"title": "x" * 1000, "n": 1}, 30)
    '{"title": "xxxxxxxxxxxxxxxxxx…'
    """
    text = _shorten(value, limit)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _shorten(value: Any, limit: int) -> str:
    if limit <= 0:
        return "…"
    if isinstance(value, str):
        return '"' + value[:limit].replace("\n", "\\n") + ("…" if len(value) > limit else '"')
    if isinstance(value, dict):
        parts, room = [], limit
        for key, one in value.items():
            parts.append(f'"{key}": {_shorten(one, room)}')
            room -= len(parts[-1])
            if room <= 0:
                break
        return "{" + ", ".join(parts) + ("…" if len(parts) < len(value) else "}")
    if isinstance(value, list | tuple):
        shown = [_shorten(one, limit // 2) for one in value[:8]]
        return "[" + ", ".join(shown) + (", …" if len(value) > 8 else "") + "]"
    return repr(value)[:limit]
