"""Values of messages as the JavaScript project takes them: as text, as lists, compared."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from transmissions import Message, SharedList, require_field

__all__ = ["are_equal", "as_list", "as_text", "index_object", "require_text", "without"]

_NUMBER = re.compile(r"\s*[-+]?(\d{1,300}(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?\s*", re.ASCII)


def as_text(value: Any) -> str:
    """Return a value as text: a text as it is, anything else as JSON.

    >>> [as_text(value) for value in ("a", 5, True, None, {"k": [1]}, [1 << 64])]
    ['a', '5', 'true', 'null', '{"k":[1]}', '[18446744073709551616]']
    """
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        # Whole numbers of more than 64 bits are JSON, too.
        return json.dumps(value, default=str, ensure_ascii=False, separators=(",", ":"))


def as_list(value: Any) -> list[Any] | None:
    """Return a list, or the members of an object with the keys 0, 1, 2, …, which stands for one; None for all else.

    A list that messages share is copied, so that its members may go into messages of their own.

    >>> as_list({"0": "a", "1": "b"}), as_list({})
    (['a', 'b'], [])
    """
    if isinstance(value, list):
        return value.own() if isinstance(value, SharedList) else value
    if isinstance(value, dict) and list(value) == [str(number) for number in range(len(value))]:
        return list(value.values())
    return None


def index_object(value: Any) -> Any:
    """Return a list as an object with the keys 0, 1, 2, …; anything else as it is.

    >>> index_object(["a", "b"])
    {'0': 'a', '1': 'b'}
    """
    return {str(number): one for number, one in enumerate(value)} if isinstance(value, list) else value


def require_text(message: Message, path: str, hint: str = "") -> str:
    """Return the text at a dotted path; the hint says what to do where there is no such field.

    Raises:
        ValueError: there is none, or it is no text.
    """
    value = require_field(message, path, hint)
    if not isinstance(value, str):
        raise ValueError(f"the field {path} holds no text but {type(value).__name__}")
    return value


def without(message: Message, path: str) -> Message:
    """Return a message without the field at a dotted path, which is there; only what the path leads through is copied.

    >>> without({"a": {"b": 1, "c": 2}}, "a.b")
    {'a': {'c': 2}}
    """
    if path in message:
        return {key: value for key, value in message.items() if key != path}
    first, _, rest = path.partition(".")
    inner = message[first]
    if isinstance(inner, dict):
        return {**message, first: without(inner, rest)}
    # Inside a list nothing can be left out without moving what stands behind it.
    return dict(message)


def are_equal(one: Any, other: Any) -> bool:
    """Say whether two values are equal, where a number or a truth equals a text that is written for it.

    >>> are_equal(5.0, "5"), are_equal(True, "true"), are_equal("5.0", "5")
    (True, True, False)
    """
    if one == other:
        return True
    if _is_number(one) != _is_number(other):
        number, text = (one, other) if _is_number(one) else (other, one)
        if isinstance(text, str) and _NUMBER.fullmatch(text):
            return bool(number == float(text)) or as_text(number) == text
    return not isinstance(one, dict | list) and as_text(one) == as_text(other)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
