"""The events of one message in the making, whichever provider it comes from."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO
from typing import Any

from transmissions import size_of_message
from transmissions.errors import InvalidEvent
from transmissions.streams import ContentEnd, ContentStart, Event, MessageStart, MessageStop, TextDelta, Thinking, Usage

__all__ = ["MessageEvents", "Reports"]


@dataclass(frozen=True, slots=True)
class Reports:
    """Where what is doubtful or lost in a transcript is told.

    Args:
        warn: takes what was repaired or passed over.
        lose: takes what could not be used.
    """

    warn: Callable[[str], None]
    lose: Callable[[str], None]


@dataclass(slots=True)
class _Block:
    """A block of content that has begun."""

    index: int
    kind: str
    facts: dict[str, Any]
    input: StringIO = field(default_factory=StringIO)
    size_bytes: int = 0
    too_large: bool = False

    def has_room(self, size_bytes: int, limit_bytes: int) -> bool:
        self.size_bytes += size_bytes
        self.too_large = self.too_large or self.size_bytes > limit_bytes
        return not self.too_large


class MessageEvents:
    """Makes the events of a message in their order, and holds what is only known at its end.

    Args:
        message_id: the message's id; "" if its beginning is missing, and then it has no MessageStart and MessageStop.
        about: what else is known at its beginning: extra keys of MessageStart.
        clock: tells when its events happen.
        limit_bytes: the most that a block may hold back for its end: the input of a tool, signatures, citations.
        reports: where what is lost is told.
    """

    def __init__(
        self,
        message_id: str,
        about: Mapping[str, Any],
        clock: Callable[[], datetime],
        limit_bytes: int,
        reports: Reports,
    ) -> None:
        self.message_id = message_id
        self.about = about
        self.stop_reason = ""
        self.stopped_by_provider = False
        self.failed = False
        self.usage: dict[str, Any] = {}
        self.usage_keys = ("prompt_tokens", "completion_tokens")
        self.tag: dict[str, Any] = {}
        self._clock = clock
        self._limit_bytes = limit_bytes
        self._reports = reports
        self._blocks: dict[Hashable, _Block] = {}
        self._next_index = 0

    def start(self) -> list[Event]:
        """Return the event that begins the message."""
        if not self.message_id:
            return []
        return [MessageStart(self.message_id, extra=self.about, clock=self._clock)]

    def open(self, key: Hashable, kind: str, facts: Mapping[str, Any] | None = None, index: Any = None) -> list[Event]:
        """Begin a block: what kind it is, what is known of it, and its index if the provider counts them."""
        began = self._next_index if index is None else index
        extra = {**(facts or {}), "block": kind, **self.tag}
        extra.pop("index", None)
        event = ContentStart(began, extra=extra, clock=self._clock)
        self._next_index = max(self._next_index, began + 1)
        self._blocks[key] = _Block(began, kind, dict(facts or {}))
        return [event]

    def is_open(self, key: Hashable) -> bool:
        """Say whether a block has begun and not ended."""
        return key in self._blocks

    def text(self, key: Hashable, text: Any) -> list[Event]:
        """Return the event of a piece of text."""
        return [TextDelta(text, extra=self._place(key), clock=self._clock)] if text else []

    def thinking(self, key: Hashable, thinking: Any) -> list[Event]:
        """Return the event of a piece of thinking."""
        return [Thinking(thinking, extra=self._place(key), clock=self._clock)] if thinking else []

    def add_input(self, key: Hashable, piece: Any) -> None:
        """Gather a piece of a tool's input, which is JSON once it is whole."""
        block = self._blocks.get(key)
        if block and isinstance(piece, str) and block.has_room(len(piece), self._limit_bytes):
            block.input.write(piece)

    def replace_input(self, key: Hashable, text: Any) -> None:
        """Take the whole input in place of the pieces gathered so far."""
        block = self._blocks.get(key)
        if block and isinstance(text, str) and text and len(text) <= self._limit_bytes:
            block.input, block.too_large = StringIO(), False
            block.input.write(text)

    def note(self, key: Hashable, name: str, value: Any) -> None:
        """Gather something else that a block's end tells: texts are joined, all else becomes a list."""
        block = self._blocks.get(key)
        if not block or not block.has_room(size_of_message(value), self._limit_bytes):
            return
        before = block.facts.get(name)
        if isinstance(value, str):
            block.facts[name] = (before if isinstance(before, str) else "") + value
        else:
            block.facts[name] = [*(before if isinstance(before, list) else []), value]

    def learn(self, key: Hashable, facts: Mapping[str, Any]) -> None:
        """Take what has become known of a block in place of what was."""
        if key in self._blocks:
            self._blocks[key].facts |= facts

    def close(self, key: Hashable, index: Any = None) -> list[Event]:
        """End a block, with all that was gathered of it."""
        block = self._blocks.pop(key, None)
        if block is None:
            return [] if index is None else [ContentEnd(index, extra=self.tag, clock=self._clock)]
        facts = {**block.facts, **self._input(block)}
        facts.pop("index", None)
        known = {"block": block.kind, **self.tag}
        try:
            return [ContentEnd(block.index, extra=facts | known, clock=self._clock)]
        except InvalidEvent as error:
            self._reports.lose(
                f"what is known of block {block.index} of message {self.message_id} is left out: {error}"
            )
            return [ContentEnd(block.index, extra=known, clock=self._clock)]

    def close_all(self, but: str = "") -> list[Event]:
        """End all blocks, or all but those of one kind."""
        ending = [key for key, block in self._blocks.items() if block.kind != but]
        return [event for key in ending for event in self.close(key)]

    def end(self) -> list[Event]:
        """Return the last events: the usage, and the stop if the provider told of one; else that it is cut is told."""
        events: list[Event] = self.close_all() if self.stopped_by_provider else []
        if self.usage:
            events.append(self._usage())
        if self.stopped_by_provider and self.message_id:
            events.append(MessageStop(self.message_id, self.stop_reason, clock=self._clock))
        elif not self.stopped_by_provider and not self.failed:
            self._reports.warn(f"message {self.message_id or 'without a beginning'} has no end; it was cut off")
        return events

    def _usage(self) -> Event:
        """Return the counts as an event; those that the event has no name for are kept under the provider's."""
        prompt, completion = (self._count(key) for key in self.usage_keys)
        total = prompt + completion
        taken = {*self.usage_keys, "prompt_tokens", "completion_tokens", "total_tokens"}
        extra = {key: value for key, value in self.usage.items() if key not in taken and value is not None}
        reported = self.usage.get("total_tokens")
        if reported is not None and reported != total:
            # Some count thinking, or what the provider itself looked up, in the total alone.
            extra["reported_total_tokens"] = reported
        try:
            return Usage(prompt, completion, total, extra={**extra, **self.tag}, clock=self._clock)
        except InvalidEvent as error:
            self._reports.lose(f"some counts of message {self.message_id} are left out: {error}")
            return Usage(prompt, completion, total, extra=self.tag, clock=self._clock)

    def _count(self, key: str) -> int:
        count = self.usage.get(key)
        if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
            return count
        if count is not None:
            self._reports.lose(
                f"{key} of message {self.message_id} is no number of tokens, and counts as 0: {count!r:.40}"
            )
        return 0

    def _place(self, key: Hashable) -> dict[str, Any]:
        block = self._blocks.get(key)
        return {"index": block.index, **self.tag} if block else self.tag

    def _input(self, block: _Block) -> dict[str, Any]:
        if block.too_large:
            self._reports.lose(
                f"block {block.index} of message {self.message_id} ({block.kind}) holds back more than "
                f"{self._limit_bytes} bytes (:maxEventBytes) for its end; the rest of that is left out"
            )
            return {}
        text = block.input.getvalue()
        if not text:
            return {}
        try:
            return {"input": json.loads(text, parse_constant=_refuse)}
        except (ValueError, RecursionError):
            self._reports.lose(
                f"the input of block {block.index} of message {self.message_id} ({block.kind}) is not JSON; "
                "it is kept as the text `input_text`"
            )
            return {"input_text": text}


def _refuse(name: str) -> Any:
    raise ValueError(f"JSON has no {name}")
