"""What the data of an event may be: JSON values, held so that nobody can change them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from transmissions.errors import InvalidEvent

__all__ = ["MAX_DIGITS", "freeze", "is_count", "shown", "thaw"]

MAX_DIGITS = 4000
"""Digits that a whole number may have; Python itself turns numbers of 4,301 digits and more into no text."""

_MAX_DEPTH = 100
_MAX_BITS = int(MAX_DIGITS * math.log2(10))


def freeze(value: Any, where: str, depth: int = _MAX_DEPTH) -> Any:
    """Return an unchangeable copy of a JSON value: objects as mapping proxies, lists as tuples.

    Args:
        value: the value.
        where: what it is called in an error.
        depth: how many levels of objects and lists it may have.

    Raises:
        InvalidEvent: it is no JSON value, or one that cannot be written: half a character, NaN, a number or a nesting
            beyond all measure.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _whole(value, where)
    if isinstance(value, int):
        if value.bit_length() > _MAX_BITS:
            raise InvalidEvent(f"{where} must be a number of at most {MAX_DIGITS} digits, got {shown(value)}")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidEvent(f"{where} must be a finite number, since JSON has no other, got {value}")
        return value
    if isinstance(value, Mapping | list | tuple):
        if not depth:
            raise InvalidEvent(f"{where} must be nested at most {_MAX_DEPTH} deep")
        if isinstance(value, Mapping):
            return MappingProxyType(
                {_key(key, where): freeze(one, f"{where}.{key}", depth - 1) for key, one in value.items()}
            )
        return tuple([freeze(one, f"{where}.{number}", depth - 1) for number, one in enumerate(value)])
    raise InvalidEvent(f"{where} must be a value that JSON has, got {shown(value)}")


def thaw(value: Any) -> Any:
    """Return a copy of a frozen value in plain dicts and lists."""
    if isinstance(value, Mapping):
        return {key: thaw(one) for key, one in value.items()}
    return [thaw(one) for one in value] if isinstance(value, tuple) else value


def is_count(value: object) -> bool:
    """Say whether a value is a whole number, 0 or more; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def shown(value: object) -> str:
    """Return a value as an error shows it: short, and in the words of JSON."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"the text {value[:60]!r}" + ("…" if len(value) > 60 else "")
    if isinstance(value, int):
        return str(value) if value.bit_length() < 200 else f"a number of {value.bit_length()} bits"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    return str(value) if isinstance(value, float) else f"a {type(value).__name__}"


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise InvalidEvent(f"{where} must have texts for keys, got {shown(key)}")
    return _whole(key, f"a key of {where}")


def _whole(text: str, where: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidEvent(
                f"{where} must be whole characters, got half of one (a lone surrogate, {text[error.start]!a}) "
                f"at position {error.start}"
            ) from None
    return text
