"""Templates of SPARQL: every value that is filled in is escaped for the place where it stands.

Between quotes it becomes a part of the text, between < and > a part of the address, and elsewhere it has to be a
number, a truth, or one plain name: nothing that a message holds can end a text, an address or a statement.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Undefined
from markupsafe import Markup

from processors.nunjucks import Dialect, pieces, rendered
from processors.values import as_text

__all__ = ["filled", "quoted"]

_ADDRESS = re.compile(r'<[^<>"{}|^`\\\x00-\x20]*')
_PLAIN = re.compile(r"[?$]?[A-Za-z_][\w-]*|[A-Za-z][\w-]*:[\w-]*")
_NOT_IN_ADDRESS = re.compile(
    r'[\x00-\x20<>"{}|^`\\\x7f-\x9f\ud800-\uf8ff\ufdd0-\ufdef\ufff0-\uffff\U000e0000-\U0010ffff]|%(?![0-9A-Fa-f]{2})'
)
_ESCAPES = {"\\": "\\\\", '"': '\\"', "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_TO_ESCAPE = re.compile(r"""\\[uU]|[\\"'\x00-\x1f]""")


def filled(template: str | Path, data: Mapping[str, Any]) -> str:
    """Return a template of SPARQL filled with data.

    Args:
        template: its text, or the path of its file.
        data: what its names stand for.

    Raises:
        TransmissionsError: there is no such file, the template is wrong, or a value cannot stand where it is to.
    """
    return rendered(template, data, dialect=_SPARQL)


def quoted(text: str) -> str:
    """Return a text as it stands between quotes, of any kind, in SPARQL and Turtle.

    >>> quoted('a "b"')
    'a \\\\"b\\\\"'
    """
    return _TO_ESCAPE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    sign = found.group()
    if len(sign) == 2:
        # Some read \\u before anything else, and would find one here that is none.
        return f"\\\\\\u{ord(sign[1]):04x}"
    return _ESCAPES.get(sign) or f"\\u{ord(sign):04x}"


def _rewritten(source: str) -> str:
    """Return a template in which each expression is told where it stands."""
    place = ""
    parts = pieces(source)
    for index, part in enumerate(parts):
        if part.startswith("{{") and part.endswith("}}"):
            opening, closing = re.match(r"\{\{[-+]?", part), re.search(r"[-+]?\}\}$", part)
            assert opening is not None
            assert closing is not None
            inner = part[opening.end() : closing.start()]
            parts[index] = f"{opening.group()} ({inner})|_sparql({place!r}) {closing.group()}"
        elif index % 2 == 0:
            followed = index + 1 < len(parts) and parts[index + 1].startswith("{{")
            place = _place_after(part, place, followed=followed)
    return "".join(parts)


def _place_after(text: str, place: str, *, followed: bool) -> str:
    """Return where one is after a text: in "" nothing, <, a kind of quotes, or # a comment."""
    at = 0
    while at < len(text):
        if place == "":
            place, at = _entered(text, at, followed=followed)
        elif place == "#":
            end = text.find("\n", at)
            place, at = ("", end) if end >= 0 else ("#", len(text))
        elif place == "<":
            end_of_address = re.compile(r"[>\s]").search(text, at)
            place, at = ("", end_of_address.end()) if end_of_address else ("<", len(text))
        elif text[at] == "\\":
            at += 2
        elif text.startswith(place, at):
            place, at = "", at + len(place)
        else:
            at += 1
    return place


def _entered(text: str, at: int, *, followed: bool) -> tuple[str, int]:
    """Return what the next sign enters, and where to go on."""
    sign = text[at]
    if sign == "#":
        return "#", at + 1
    if sign in "\"'":
        long = sign * 3
        return (long, at + 3) if text.startswith(long, at) else (sign, at + 1)
    address = _ADDRESS.match(text, at) if sign == "<" else None
    if address is not None:
        if text.startswith(">", address.end()):
            return "", address.end() + 1
        if address.end() == len(text) and followed:
            return "<", len(text)
    return "", at + 1


def _shown(value: Any, place: str) -> Any:
    """Return a value as it may stand in a place; what the template's author calls safe stands as it is."""
    if isinstance(value, Markup):
        return value
    missing = value is None or isinstance(value, Undefined)
    if place in ('"', "'", '"""', "'''"):
        return "" if missing else quoted(as_text(value))
    if place == "#":
        return "" if missing else " ".join(as_text(value).split())
    if missing:
        name = getattr(value, "_undefined_name", None)
        raise ValueError(f"a value that stands outside of quotes is missing{f': {name}' if name else ''}")
    if place == "<":
        return _NOT_IN_ADDRESS.sub(
            lambda found: "".join(f"%{byte:02X}" for byte in found.group().encode("utf-8", "replace")), as_text(value)
        )
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return as_text(value)
    text = as_text(value)
    if not _PLAIN.fullmatch(text) and not re.fullmatch(r"[-+]?\d+(\.\d+)?", text):
        raise ValueError(
            f"{text[:60]!r} cannot stand outside of quotes and <>; put those around it, or say that it is `safe`"
        )
    return text


_SPARQL = Dialect(
    _rewritten,
    (("_sparql", _shown), ("dump", lambda value: Markup(f'"{quoted(as_text(value))}"'))),  # noqa: S704
)
