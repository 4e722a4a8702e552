"""YAML front matter whose texts are always quoted, so that a parser gives back the same texts."""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson

__all__ = ["front_matter", "quoted"]

_SPECIAL = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def front_matter(values: Mapping[str, str | int]) -> str:
    """Return the values as a block of YAML between lines of three hyphens, without a line end."""
    lines = [f"{name}: {value if isinstance(value, int) else quoted(value)}" for name, value in values.items()]
    return "---\n" + "\n".join(lines) + "\n---"


def quoted(text: str) -> str:
    r"""Return `text` as a double-quoted scalar of YAML.

    >>> quoted('a: "b" # c')
    '"a: \\"b\\" # c"'
    """
    try:
        scalar = orjson.dumps(text).decode()
    except TypeError:
        scalar = orjson.dumps(_SURROGATE.sub("\ufffd", text)).decode()
    # JSON lets these stand as they are; YAML takes them for line ends, or not at all.
    return (
        _SPECIAL.sub(lambda found: f"\\u{ord(found.group()):04x}", scalar)
        if not scalar.isascii() or "\x7f" in scalar
        else scalar
    )
