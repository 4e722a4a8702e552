"""Put the events of a message together again."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

from transmissions import Message, size_of_message
from transmissions.errors import InvalidEvent
from transmissions.streams import (
    ContentEnd,
    ContentStart,
    Error,
    Event,
    MessageStop,
    TextDelta,
    Thinking,
    Usage,
)

__all__ = ["Assembly"]

_PLAIN_BLOCKS = frozenset({"text", "thinking"})


class _Block:
    """A block of content, and the pieces of it so far."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        # Many small texts in a list would take many times their size.
        self.gathered = StringIO()
        self.facts: dict[str, Any] = {}

    def as_json(self) -> dict[str, Any]:
        text = self.gathered.getvalue()
        key = "thinking" if self.kind == "thinking" else "text"
        return {"type": self.kind, **({key: text} if text or self.kind in _PLAIN_BLOCKS else {}), **self.facts}


class Assembly:
    """A message that is being put together.

    Args:
        message_id: its id; None if its beginning is missing.
        about: what its first event says besides, and what it travelled with.
        limit_bytes: text, thinking and facts beyond so many bytes are left out.

    Attributes:
        overfull: whether something was left out.
    """

    def __init__(self, message_id: str | None, about: Mapping[str, Any], limit_bytes: int) -> None:
        self.message_id = message_id
        self.overfull = False
        self._about = dict(about)
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._blocks: dict[int, _Block] = {}
        self._order: list[_Block] = []
        self._usage: dict[str, Any] | None = None
        self._stop_reason: str | None = None
        self._error: str | None = None
        self._stopped = False

    def take(self, event: Event) -> None:
        """Add an event; MessageStart is none of those, since it begins a message.

        Raises:
            InvalidEvent: it stops another message than this.
        """
        if isinstance(event, TextDelta):
            self._add("text", event.text, event.extra.get("index"))
        elif isinstance(event, Thinking):
            self._add("thinking", event.thinking, event.extra.get("index"))
        elif isinstance(event, ContentStart | ContentEnd):
            self._learn(event)
        elif isinstance(event, Usage):
            self._usage = {**(self._usage or {}), **_without_route(event.data)}
        elif isinstance(event, Error):
            if self._error is None or self._fits(event.error):
                self._error = event.error if self._error is None else f"{self._error}\n{event.error}"
        elif isinstance(event, MessageStop):
            self._stop(event)

    def _stop(self, event: MessageStop) -> None:
        if self.message_id not in (None, event.message_id):
            raise InvalidEvent(
                f"MessageStop: message_id must be that of the message that is open, {self.message_id!r}, "
                f"got {event.message_id!r}"
            )
        # A stop without a start tells the id, but not that nothing is missing.
        self._stopped = self.message_id is not None
        self.message_id = event.message_id
        self._stop_reason = event.stop_reason

    def as_message(self) -> Message:
        """Return the message as far as it has come."""
        message: Message = {
            **self._about,
            "message_id": self.message_id,
            "text": "".join(block.gathered.getvalue() for block in self._order if block.kind != "thinking"),
            "thinking": "".join(block.gathered.getvalue() for block in self._order if block.kind == "thinking"),
            "usage": self._usage,
            "stop_reason": self._stop_reason,
            "error": self._error,
            "complete": self._stopped and self._error is None and not self.overfull,
        }
        if any(block.facts or block.kind not in _PLAIN_BLOCKS for block in self._order):
            message["content"] = [block.as_json() for block in self._order]
        return message

    def _add(self, kind: str, text: str, index: Any) -> None:
        if self._fits(text):
            self._block(kind, index).gathered.write(text)

    def _block(self, kind: str, index: Any) -> _Block:
        """Return the block that a piece belongs to; where no index tells, the last one if it is of that kind."""
        if isinstance(index, int) and not isinstance(index, bool):
            block = self._blocks.get(index)
            if block is None:
                block = self._blocks[index] = _Block(kind)
                self._order.append(block)
            return block
        if not self._order or self._order[-1].kind != kind:
            self._order.append(_Block(kind))
        return self._order[-1]

    def _learn(self, event: ContentStart | ContentEnd) -> None:
        facts = _without_route(event.data)
        del facts["index"]
        kind = facts.pop("block", None)
        if event.index not in self._blocks:
            if not facts and kind is None:
                return
            self._block("text", event.index)
        block = self._blocks[event.index]
        if isinstance(kind, str):
            block.kind = kind
        if facts and self._fits(facts):
            block.facts |= facts

    def _fits(self, value: Any) -> bool:
        self._size_bytes += size_of_message(value)
        self.overfull = self.overfull or self._size_bytes > self._limit_bytes
        return not self.overfull


def _without_route(data: dict[str, Any]) -> dict[str, Any]:
    data.pop("message_id", None)
    return data
