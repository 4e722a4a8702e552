"""The lines of Claude Code's session logs, as far as they tell of usage.

The rest of a line, which is nearly all of it, is checked to be JSON and passed over: no objects are made of it.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from processors.usage.log_files import decode
from processors.usage.values import count_of, text_of
from transmissions.usage.record import MAX_COUNT

__all__ = ["Answer", "Line", "Usage", "read_line"]

Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)] | None


class CacheCreation(Struct, gc=False):
    """Tokens written to a cache, by how long they stay there."""

    ephemeral_5m_input_tokens: Count = None
    ephemeral_1h_input_tokens: Count = None


class ServerTools(Struct, gc=False):
    """What the provider's own tools were asked for."""

    web_search_requests: Count = None


class Usage(Struct, gc=False):
    """What a call used, so far as was known when the line was written."""

    input_tokens: Count = None
    output_tokens: Count = None
    cache_read_input_tokens: Count = None
    cache_creation_input_tokens: Count = None
    cache_creation: CacheCreation | None = None
    server_tool_use: ServerTools | None = None
    speed: str | None = None


class Answer(Struct, gc=False):
    """The provider's answer, of which a line holds one part."""

    id: str | None = None
    model: str | None = None
    usage: Usage | None = None


class Fork(Struct, gc=False):
    """Where a copied line was copied from."""

    sessionId: str | None = None  # noqa: N815  # as it stands in the logs


class Shown(Struct, gc=False):
    """The line of a sub-agent that a line of progress shows."""

    type: str | None = None
    message: Answer | None = None
    requestId: str | None = None  # noqa: N815
    uuid: str | None = None
    timestamp: str | None = None


class Progress(Struct, gc=False):
    """What a line of progress is about."""

    message: Shown | None = None
    agentId: str | None = None  # noqa: N815


class Line(Struct, gc=False):
    """One line of a log."""

    type: str | None = None
    message: Answer | None = None
    requestId: str | None = None  # noqa: N815
    sessionId: str | None = None  # noqa: N815
    agentId: str | None = None  # noqa: N815
    isSidechain: bool | None = None  # noqa: N815
    cwd: str | None = None
    uuid: str | None = None
    timestamp: str | None = None
    forkedFrom: Fork | None = None  # noqa: N815
    data: Progress | None = None


_read = msgspec.json.Decoder(Line).decode


def read_line(line: bytes) -> Line | None:
    """Return what a line tells; None if it is no line of a session.

    Raises:
        InvalidUsage: a count cannot be one.
        ValueError: the line is not JSON.
    """
    try:
        return _read(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Something in it is of another type than usual, or half a character, or it is broken.
        value = decode(line)
    return _line_of(value) if isinstance(value, dict) else None


def _line_of(value: dict[str, Any]) -> Line | None:
    """Return what a line tells whose values may be of any type."""
    kind = value.get("type")
    if kind not in ("assistant", "progress"):
        return None
    forked, data = value.get("forkedFrom"), value.get("data")
    return Line(
        kind,
        _answer_of(value.get("message")) if kind == "assistant" else None,
        text_of(value.get("requestId")),
        text_of(value.get("sessionId")),
        text_of(value.get("agentId")),
        value.get("isSidechain") is True,
        text_of(value.get("cwd")),
        text_of(value.get("uuid")),
        text_of(value.get("timestamp")),
        Fork(text_of(forked.get("sessionId"))) if isinstance(forked, dict) else None,
        _progress_of(data) if isinstance(data, dict) else None,
    )


def _progress_of(data: dict[str, Any]) -> Progress:
    shown = data.get("message")
    if not isinstance(shown, dict) or shown.get("type") != "assistant":
        return Progress()
    texts = (text_of(shown.get(name)) for name in ("requestId", "uuid", "timestamp"))
    return Progress(Shown("assistant", _answer_of(shown.get("message")), *texts), text_of(data.get("agentId")))


def _answer_of(message: Any) -> Answer | None:
    if not isinstance(message, dict):
        return None
    usage = message.get("usage")
    return Answer(
        text_of(message.get("id")), text_of(message.get("model")), _usage_of(usage) if isinstance(usage, dict) else None
    )


def _usage_of(usage: dict[str, Any]) -> Usage:
    parts, tools = usage.get("cache_creation"), usage.get("server_tool_use")
    return Usage(
        _count(usage, "input_tokens"),
        _count(usage, "output_tokens"),
        _count(usage, "cache_read_input_tokens"),
        _count(usage, "cache_creation_input_tokens"),
        CacheCreation(_count(parts, "ephemeral_5m_input_tokens"), _count(parts, "ephemeral_1h_input_tokens")),
        ServerTools(_count(tools, "web_search_requests")),
        text_of(usage.get("speed")),
    )


def _count(values: Any, name: str) -> int | None:
    if not isinstance(values, dict) or values.get(name) is None:
        return None
    return count_of(name, values[name])
