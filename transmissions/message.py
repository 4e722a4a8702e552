"""What flows from stage to stage: plain messages, the marks that end groups, and fields by dotted path."""

from __future__ import annotations

import copy
import enum
from collections.abc import Mapping
from typing import Any

__all__ = [
    "MISSING",
    "Mark",
    "Message",
    "MissingField",
    "SharedList",
    "copy_message",
    "delete_field",
    "get_field",
    "require_field",
    "set_field",
    "shorten",
]

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
        return (type(self), (dict(self), self.split, self.number))


class SharedList(list[Any]):
    """A list that many messages hold, as every part of a split holds the list it is a part of.

    It is never changed in place: `set_field` and `delete_field` give the message a copy of its own first.
    """

    __slots__ = ()

    def own(self) -> list[Any]:
        """Return a copy that shares nothing changeable with it."""
        return [one if type(one) in _PLAIN else _copy(one) for one in self]

    def __deepcopy__(self, memo: object) -> SharedList:
        return self


_DEEPEST = 200
"""Steps of a path that is set; writers of JSON go a little deeper."""


class MissingField(ValueError):
    """A message has no field that a processor cannot do without.

    Args:
        path: the field, as a dotted path.
        hint: what to do about it.
    """

    def __init__(self, path: str, hint: str = "") -> None:
        self.path = path
        super().__init__(f"the message has no field {path}" + (f"; {hint}" if hint else ""))


def copy_message(message: Message) -> Message:
    """Return a copy that shares nothing changeable with `message`; a mark stays a mark."""
    copied = {key: value if type(value) in _PLAIN else _copy(value) for key, value in message.items()}
    return type(message)(copied, message.split, message.number) if isinstance(message, Mark) else copied


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


def require_field(message: Any, path: str, hint: str = "") -> Any:
    """Return the value at a dotted path, as `get_field`.

    Raises:
        MissingField: there is none.
    """
    value = get_field(message, path)
    if value is MISSING:
        raise MissingField(path, hint)
    return value


def set_field(message: Message, path: str, value: Any) -> None:
    """Set the value at a dotted path, making the dicts on the way where there are none.

    Raises:
        ValueError: the path has more steps than JSON is nested anywhere.
        TypeError: something on the way is neither a dict nor a list with that index.
    """
    *way, last = path.split(".")
    if len(way) > _DEEPEST:
        raise ValueError(f"a path of {len(way) + 1} steps cannot be set: what is nested so deep is written nowhere")
    place: Any = message
    for step in way:
        place = _step_into(place, step, path)
    if isinstance(place, list) and last.isdecimal() and int(last) < len(place):
        place[int(last)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise TypeError(f"{path} cannot be set: {last} is not in a dict")


def _step_into(place: Any, step: str, path: str) -> Any:
    """Return what is at one step of a path, as the message's own; a dict is made where there is nothing."""
    if isinstance(place, list) and step.isdecimal() and int(step) < len(place):
        key: Any = int(step)
        found = place[key]
    elif isinstance(place, dict):
        key = step
        found = place.setdefault(step, {})
    else:
        raise TypeError(f"{path} cannot be set: {step} is not in a dict")
    if type(found) is SharedList:
        found = place[key] = found.own()
    return found


def delete_field(message: Message, path: str) -> None:
    """Remove the field at a dotted path; nothing happens if there is none."""
    *way, last = path.split(".")
    place: Any = message
    if way:
        if get_field(message, ".".join(way), None) is None:
            return
        for step in way:
            place = _step_into(place, step, path)
    if isinstance(place, dict):
        place.pop(last, None)


def shorten(value: Any, limit: int = 200) -> str:
    """Return a message as text of about `limit` characters, for an error or a log line, however large it is.

    >>> shorten({"title": "x" * 1000, "n": 1}, 30)
    '{"title": "xxxxxxxxxxxxxxxxxx…'
    >>> shorten({"a": None, "b": [True, 1.5]})
    '{"a": null, "b": [true, 1.5]}'
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
    return "null" if value is None else repr(value).lower() if isinstance(value, bool) else repr(value)[:limit]
