"""Read the stream of OpenAI's Responses API."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any

from processors.transcripts.message_events import MessageEvents
from processors.transcripts.reader import TranscriptReader, number, part
from transmissions.streams import Error, Event

__all__ = ["OpenAIResponsesReader"]

_TOOL_KINDS = {"function_call": "tool_use", "custom_tool_call": "tool_use", "reasoning": "thinking"}
_PART_KINDS = {"output_text": "text", "refusal": "refusal", "reasoning_text": "thinking"}
_LAST = {"response.completed", "response.incomplete", "response.failed"}
# What they say stands in other objects as well.
_SAID_ELSEWHERE = (".done", ".in_progress", ".queued", ".searching", ".interpreting", ".generating", "_part.added")


class OpenAIResponsesReader(TranscriptReader):
    """Reads objects whose type begins with `response.`.

    A part of a message is a block, and so is every other item of the output: the use of a tool, reasoning. They are
    counted here in the order in which they begin.
    """

    _open: MessageEvents | None = None

    def read(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield the events of an object."""
        kind = str(value.get("type"))
        if kind == "response.created":
            yield from self.end()
            yield from self._start(part(value, "response"))
        elif kind in _LAST:
            yield from self._stop(kind.removeprefix("response."), part(value, "response"))
        elif kind == "response.output_item.added":
            yield from self._item(value)
        elif kind == "response.output_item.done":
            yield from self._item_done(value)
        elif kind == "response.content_part.added":
            yield from self._part(value)
        elif kind == "response.content_part.done":
            yield from self._current().close(_part_key(value))
        else:
            yield from self._delta(kind, value)

    def end(self) -> Iterator[Event]:
        """Yield the last events of the open response."""
        message, self._open = self._open, None
        if message:
            yield from message.end()

    def fail(self) -> None:
        """Take note of an error."""
        if self._open:
            self._open.failed = True

    def _current(self) -> MessageEvents:
        if self._open is None:
            self._reports.warn("a response without a beginning: its id is not known")
            self._open = self._message("", {})
            self._open.usage_keys = ("input_tokens", "output_tokens")
        return self._open

    def _start(self, response: dict[str, Any]) -> Iterator[Event]:
        about = {"provider": "openai", "model": response.get("model"), "role": "assistant"}
        self._open = self._message(response.get("id"), about, response.get("created_at"))
        self._open.usage_keys = ("input_tokens", "output_tokens")
        yield from self._open.start()

    def _stop(self, how: str, response: dict[str, Any]) -> Iterator[Event]:
        if self._open is None and response.get("id"):
            # Its end tells what its beginning would have.
            yield from self._start(response)
        message = self._current()
        message.usage = dict(part(response, "usage"))
        if how == "failed":
            error = part(response, "error")
            facts = {"code": error["code"]} if error.get("code") else {}
            yield Error(str(error.get("message") or "the response failed"), extra=facts, clock=self._clock)
            message.failed = True
        else:
            message.stop_reason = str(part(response, "incomplete_details").get("reason") or how)
            message.stopped_by_provider = True
        yield from self.end()

    def _item(self, value: dict[str, Any]) -> Iterator[Event]:
        item = part(value, "item")
        kind = str(item.get("type", "unknown"))
        if kind != "message":
            key = number(value, "output_index")
            yield from self._current().open(key, _TOOL_KINDS.get(kind, kind), _facts(item))

    def _item_done(self, value: dict[str, Any]) -> Iterator[Event]:
        item, key, message = part(value, "item"), number(value, "output_index"), self._current()
        if item.get("type") == "message":
            return
        if not message.is_open(key):
            yield from self._item(value)
        message.learn(key, _facts(item))
        message.replace_input(key, item.get("arguments"))
        yield from message.close(key)

    def _part(self, value: dict[str, Any]) -> Iterator[Event]:
        kind = str(part(value, "part").get("type", "unknown"))
        if not self._current().is_open(number(value, "output_index")):
            yield from self._current().open(_part_key(value), _PART_KINDS.get(kind, kind))

    def _delta(self, kind: str, value: dict[str, Any]) -> Iterator[Event]:
        piece = value.get("delta")
        message = self._current
        if kind == "response.output_text.delta":
            yield from self._piece(value, "text", message().text, piece)
        elif kind == "response.refusal.delta":
            yield from self._piece(value, "refusal", message().text, piece)
        elif kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
            yield from self._piece(value, "thinking", message().thinking, piece)
        elif kind == "response.function_call_arguments.delta":
            message().add_input(number(value, "output_index"), piece)
        elif kind == "response.output_text.annotation.added":
            message().note(_part_key(value), "annotations", value.get("annotation"))
        elif not kind.endswith(_SAID_ELSEWHERE):
            self.unknown(kind)

    def _piece(
        self, value: dict[str, Any], kind: str, make: Callable[[Hashable, Any], list[Event]], piece: Any
    ) -> Iterator[Event]:
        message = self._current()
        # Reasoning is an item of its own; where its beginning is missing it is a part like any other.
        key = number(value, "output_index") if message.is_open(number(value, "output_index")) else _part_key(value)
        if not message.is_open(key):
            yield from message.open(key, kind)
        yield from make(key, piece)


def _part_key(value: dict[str, Any]) -> tuple[int, int]:
    return number(value, "output_index"), number(value, "content_index", number(value, "summary_index", 0))


def _facts(item: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of an item that is no message, under the names that other providers use, too."""
    left_out = ("type", "arguments", "status", "summary", "content", "call_id", "id")
    facts = {name: one for name, one in item.items() if name not in left_out and one is not None}
    identity = item.get("call_id") or item.get("id")
    return facts | ({"id": identity} if identity else {})
