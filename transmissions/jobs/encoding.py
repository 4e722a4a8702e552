"""JSON in and out of a store: what goes in is plain data, and what comes out is a copy of it."""

from __future__ import annotations

import json
from typing import Any

import orjson

__all__ = ["decode", "encode", "plain"]

_WHOLE = b" "
"""What stands before JSON that the fast reader would not give back whole: it makes large integers inexact."""


def encode(value: Any) -> bytes:
    """Return a value as JSON.

    Raises:
        ValueError: it holds something that JSON has no form for.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        pass
    # Integers of any size and lone surrogates are JSON, too, and come from foreign files.
    try:
        return _WHOLE + json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"a job holds what can be written as JSON: {error}") from None


def decode(data: bytes) -> Any:
    """Return the value of some JSON; raises ValueError if it is none."""
    if not data.startswith(_WHOLE):
        return orjson.loads(data)
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError(str(error)) from None


def plain(value: Any) -> Any:
    """Return a copy of a value as a store gives it back: dicts, lists, texts, numbers, true, false and null."""
    return decode(encode(value))
