"""The lines of Codex's session logs: what kind they are, and the content of those that tell of usage.

The content of the others, which is nearly all there is, is checked to be JSON and passed over.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

from processors.usage.log_files import decode
from processors.usage.values import text_of

__all__ = ["Line", "read_line"]

_WANTED = frozenset({"session_meta", "turn_context", "event_msg"})


class Line(NamedTuple):
    """A line.

    Args:
        kind: its type; "" if it does not matter.
        time: when it was written, as it stands there.
        payload: its content; empty if it does not matter.
    """

    kind: str
    time: str
    payload: dict[str, Any]


class _Head(Struct, gc=False):
    type: str | None = None
    timestamp: str | None = None
    payload: Raw = Raw(b"null")


_read = msgspec.json.Decoder(_Head).decode
_OTHER = Line("", "", {})


def read_line(line: bytes) -> Line:
    """Return what a line tells.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        head = _read(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = decode(line)
        return _line_of(value, value.get("payload")) if isinstance(value, dict) else _OTHER
    if head.type not in _WANTED:
        return _OTHER
    return _line_of({"type": head.type, "timestamp": head.timestamp}, decode(bytes(head.payload)))


def _line_of(head: dict[str, Any], payload: Any) -> Line:
    kind = text_of(head.get("type"))
    if kind not in _WANTED or not isinstance(payload, dict):
        return _OTHER
    return Line(kind, text_of(head.get("timestamp")), payload)
