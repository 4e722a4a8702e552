"""Decode one conversation's bytes, repairing what a strict decoder refuses."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

__all__ = ["decode", "decode_leniently"]

_SURROGATE = re.compile("[\ud800-\udfff]")


def decode(data: bytes) -> Any:
    """Return the JSON object that `data` is, all of it; raises ValueError."""
    value = orjson.loads(data)
    if type(value) is not dict:
        raise ValueError("not a JSON object")
    return value


def decode_leniently(data: bytes) -> Any:
    """Return the object that `data` was meant to be: bad bytes, lone surrogates and NaN are replaced.

    Raises:
        ValueError: it is no JSON object, or is nested too deep.
    """
    text = data.decode("utf-8", "replace")
    try:
        value = json.loads(text, strict=False, parse_constant=lambda _: None)
        if not isinstance(value, dict):
            raise ValueError("not a JSON object")
        return _without_surrogates(value)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(one) for one in value]
    if isinstance(value, dict):
        return {_without_surrogates(name): _without_surrogates(one) for name, one in value.items()}
    return value
