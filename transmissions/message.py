"""What flows from stage to stage: plain messages, the marks that end groups, and fields by dotted path."""

from __future__ import annotations

import copy
import enum
from collections.abc import Mapping
from typing import Any

__all__ = ["MISSING", "Mark", "Message", "copy_message", "delete_field", "get_field", "set_field", "shorten"]

Message = dict[str, Any]
"""What flows from stage to stage: a dict that can be written as JSON."""


class _Missing(enum.Enum):
    """Stands for a field that is not there; no message can hold it."""

    MISSING = enum.auto()


MISSING: Any = _Missing.MISSING

_PLAIN = frozenset({str, int, float, bool, type(None), bytes})


class Mark(dict[str, Any]):
    """The end of a group: the message that a processor split, sent after its parts, with `done` set to true.

    A stage lets marks pass by, in order, unless its processor defines `end_group`; then it is given the marks of the
    nearest split before it, and no others.

    Args:
        message: the message that was split.
        split: the name of the stage that split it.
        number: tells the marks of that stage apart.
    """

    __slots__ = ("number", "split")

    def __init__(self, message: Mapping[str, Any], split: str, number: int = 0) -> None:
        super().__init__(message)
        self["done"] = True
        self.split = split
        self.number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return (Mark, (dict(self), self.split, self.number))


def copy_message(message: Message) -> Message:
    """Return a copy that shares nothing changeable with `message`; a mark stays a mark."""
    copied = {key: value if type(value) in _PLAIN else _copy(value) for key, value in message.items()}
    return Mark(copied, message.split, message.number) if isinstance(message, Mark) else copied


def _copy(value: Any) -> Any:
    kind = type(value)
    if kind is dict:
        return {key: one if type(one) in _PLAIN else _copy(one) for key, one in value.items()}
    if kind is list:
        return [one if type(one) in _PLAIN else _copy(one) for one in value]
    return value if kind in _PLAIN else copy.deepcopy(value)


def get_field(message: Any, path: str, default: Any = MISSING) -> Any:
    """Return the value at a dotted path (`meta.title`, `list.0`), or `default`.

    A field whose name itself holds dots comes before the path.

    >>> get_field({"meta": {"tags": ["a", "b"]}}, "meta.tags.1")
    'b'
    """
    if path in message:
        return message[path]
    value = message
    for step in path.split("."):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return default
    return value


def set_field(message: Message, path: str, value: Any) -> None:
    """Set the value at a dotted path, making the dicts on the way where there are none.

    Raises:
        TypeError: something on the way is neither a dict nor a list with that index.
    """
    *way, last = path.split(".")
    place: Any = message
    for step in way:
        if isinstance(place, list) and step.isdecimal() and int(step) < len(place):
            place = place[int(step)]
        elif isinstance(place, dict):
            place = place.setdefault(step, {})
        else:
            raise TypeError(f"{path} cannot be set: {step} is not in a dict")
    if isinstance(place, list) and last.isdecimal() and int(last) < len(place):
        place[int(last)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise TypeError(f"{path} cannot be set: {last} is not in a dict")


def delete_field(message: Message, path: str) -> None:
    """Remove the field at a dotted path; nothing happens if there is none."""
    *way, last = path.split(".")
    place = get_field(message, ".".join(way), None) if way else message
    if isinstance(place, dict):
        place.pop(last, None)


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
            front = f'"{key}": '
            # The room shrinks on the way in, too, so that no depth is too deep.
            parts.append(front + _shorten(one, room - len(front)))
            room -= len(parts[-1])
            if room <= 0:
                break
        return "{" + ", ".join(parts) + ("…" if len(parts) < len(value) else "}")
    if isinstance(value, list | tuple):
        shown = [_shorten(one, limit // 2) for one in value[:8]]
        return "[" + ", ".join(shown) + (", …" if len(value) > 8 else "") + "]"
    return repr(value)[:limit]
