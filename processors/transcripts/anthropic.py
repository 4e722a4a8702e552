"""Read the stream of Anthropic's Messages API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from processors.transcripts.message_events import MessageEvents
from processors.transcripts.reader import TranscriptReader, number, part
from transmissions.streams import Event

__all__ = ["ANTHROPIC_TYPES", "AnthropicReader"]

ANTHROPIC_TYPES = frozenset(
    {
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "ping",
    }
)
"""What the `type` of an object of such a stream may be, besides `error`."""

# What comes in pieces of its own, and is empty at a block's start.
_STREAMED = ("type", "text", "thinking", "input", "signature", "citations")


class AnthropicReader(TranscriptReader):
    """Reads Anthropic's objects.

    The prompt's tokens come from `message_start`, or from the last `message_delta` that counts them anew; those of the
    answer from the last `message_delta`, whose counts are of the whole message so far.
    """

    _open: MessageEvents | None = None

    def read(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield the events of an object."""
        kind = value.get("type")
        if kind == "message_start":
            yield from self._start(part(value, "message"))
        elif kind == "message_stop":
            message = self._current()
            message.stopped_by_provider = True
            yield from self.end()
        elif kind == "message_delta":
            self._learn(self._current(), value)
        elif kind == "content_block_start":
            yield from self._start_block(self._current(), value)
        elif kind == "content_block_delta":
            yield from self._delta(self._current(), number(value, "index"), part(value, "delta"))
        elif kind == "content_block_stop":
            index = number(value, "index")
            yield from self._current().close(index, index)
        elif kind != "ping":
            self.unknown(str(kind))

    def end(self) -> Iterator[Event]:
        """Yield the last events of the open message."""
        message, self._open = self._open, None
        if message:
            yield from message.end()

    def fail(self) -> None:
        """Take note of an error."""
        if self._open:
            self._open.failed = True

    def _current(self) -> MessageEvents:
        if self._open is None:
            self._reports.warn("a message without a beginning: its id and its prompt's tokens are not known")
            self._open = self._message("", {})
            self._open.usage_keys = ("input_tokens", "output_tokens")
        return self._open

    def _start(self, message: dict[str, Any]) -> Iterator[Event]:
        yield from self.end()
        about = {"provider": "anthropic", "model": message.get("model"), "role": message.get("role")}
        self._open = self._message(message.get("id"), about)
        self._open.usage_keys = ("input_tokens", "output_tokens")
        self._open.usage = dict(part(message, "usage"))
        if not self._open.message_id:
            self._reports.warn("a message without an id")
        yield from self._open.start()

    def _learn(self, message: MessageEvents, value: dict[str, Any]) -> None:
        delta = part(value, "delta")
        message.stop_reason = str(delta.get("stop_reason") or message.stop_reason)
        message.usage |= {name: count for name, count in part(value, "usage").items() if count is not None}

    def _start_block(self, message: MessageEvents, value: dict[str, Any]) -> Iterator[Event]:
        block, index = part(value, "content_block"), number(value, "index")
        facts = {name: one for name, one in block.items() if name not in _STREAMED and one is not None}
        if block.get("input"):
            facts["input"] = block["input"]
        yield from message.open(index, str(block.get("type", "unknown")), facts, index)
        yield from message.text(index, block.get("text"))
        yield from message.thinking(index, block.get("thinking"))

    def _delta(self, message: MessageEvents, index: int, delta: dict[str, Any]) -> Iterator[Event]:
        kind = delta.get("type")
        if kind == "text_delta":
            yield from message.text(index, delta.get("text"))
        elif kind == "thinking_delta":
            yield from message.thinking(index, delta.get("thinking"))
        elif kind == "input_json_delta":
            message.add_input(index, delta.get("partial_json"))
        elif kind == "signature_delta":
            message.note(index, "signature", delta.get("signature"))
        elif kind == "citations_delta":
            message.note(index, "citations", delta.get("citation"))
        else:
            self.unknown(str(kind))
