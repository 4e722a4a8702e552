"""The replayer, which makes events of recorded provider streams, and the assembler, which makes messages of events."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from processors.transcripts.assembly import Assembly
from processors.transcripts.replay import Provider, Transcript
from transmissions import MISSING, Message, Processor, get_field, reason_of, setting
from transmissions.errors import InvalidEvent, TransmissionsError
from transmissions.streams import Event, MessageStart, MessageStop, TextDelta, event_from_message

__all__ = ["EventAssembler", "EventReplayer"]

_CHUNK_BYTES = 1 << 16
_EVENT_FIELDS = ("type", "data", "timestamp")


class EventReplayer(Processor):
    r"""Make events of recorded streams of language-model providers, one event a message.

    It reads server-sent events as Anthropic's Messages API, OpenAI's chat completions and its Responses API send them,
    from files or from a message field, line by line. A file may hold any number of messages. Whose an object is, is
    told by itself: by `"object": "chat.completion.chunk"` or a list of `choices`, by a `type` that begins with
    `response.`, or by one of Anthropic's types. A piece that is broken is reported with its bytes, and costs no other.

    A message's tokens come in one event before its stop. What the eight types have no key for (the model, a tool's
    name and input, counts of cached tokens) stands in extra keys, under the provider's names.

    Example:
        :stage a :EventReplayer ; :settings [ :sourceFile "answer.sse" ; :timestamp "2025-01-01T12:00:00Z" ] .
        file answer.sse "data: {\"type\": \"message_start\", \"message\": {\"id\": \"m1\", \"role\": \"assistant\",
            \"model\": \"claude\"}}\n\ndata: {\"type\": \"content_block_start\", \"index\": 0,
            \"content_block\": {\"type\": \"text\", \"text\": \"\"}}\n\ndata: {\"type\": \"content_block_delta\",
            \"index\": 0,
            \"delta\": {\"type\": \"text_delta\", \"text\": \"Good day\"}}\n\ndata: {\"type\": \"content_block_stop\",
            \"index\": 0}\n\ndata: {\"type\": \"message_delta\", \"delta\": {\"stop_reason\": \"end_turn\"},
            \"usage\": {\"output_tokens\": 3}}\n\ndata: {\"type\": \"message_stop\"}\n\n"
        out {"type": "MessageStart", "data": {"message_id": "m1", "provider": "anthropic", "model": "claude",
            "role": "assistant"}, "timestamp": "2025-01-01T12:00:00Z"}
        out {"type": "ContentStart", "data": {"index": 0, "block": "text"}, "timestamp": "2025-01-01T12:00:00Z"}
        out {"type": "TextDelta", "data": {"text": "Good day", "index": 0}, "timestamp": "2025-01-01T12:00:00Z"}
        out {"type": "ContentEnd", "data": {"index": 0, "block": "text"}, "timestamp": "2025-01-01T12:00:00Z"}
        out {"type": "Usage", "data": {"prompt_tokens": 0, "completion_tokens": 3, "total_tokens": 3},
            "timestamp": "2025-01-01T12:00:00Z"}
        out {"type": "MessageStop", "data": {"message_id": "m1", "stop_reason": "end_turn"},
            "timestamp": "2025-01-01T12:00:00Z"}

    Guarantee: pure, if `:timestamp` is set or the transcript tells its time; else events have the time of the run.
    """

    writes = _EVENT_FIELDS

    source_file: list[Path] = setting(
        [], 'transcripts, or "-" for standard input; without any, each message\'s field is one', volatile=True
    )
    field: str = setting("content", "without a file: message field that holds a transcript, as a dotted path")
    provider: Provider = setting("auto", "whose objects are read; all others are counted and reported")
    timestamp: str = setting("", "time of events whose transcript tells none; the present if not given")
    carry: list[str] = setting([], "fields of the message to send along with each of its events")
    max_event_bytes: int = setting(
        16 << 20, "a larger server-sent event, or input of a tool, is left out and reported", minimum=1, volatile=True
    )

    def start(self) -> None:
        """Read the time that is set."""
        self._clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._counts = {"transcripts": 0, "messages": 0}
        self._unknown: Counter[str] = Counter()
        if self.timestamp:
            try:
                moment = TextDelta("", timestamp=datetime.fromisoformat(self.timestamp)).timestamp
            except ValueError:
                raise TransmissionsError(
                    f":timestamp must be a time with a zone, such as 2024-01-01T12:00:00Z, got {self.timestamp!r}"
                ) from None
            self._clock = lambda: moment

    def process(self, message: Message) -> Iterator[Message]:
        """Yield the events of the transcripts."""
        carried = {name: message[name] for name in self.carry if name in message}
        if not self.source_file:
            data = self._from(message)
            for event in self._events(f"the field {self.field}", iter([data])):
                yield carried | event.as_message()
            return
        self.bytes_total = _size_bytes(self.source_file)
        for path in self.source_file:
            with ExitStack() as stack:
                for event in self._events(str(path), self._chunks(_open(path, stack), path)):
                    yield carried | event.as_message()

    def report(self) -> dict[str, Any]:
        """Return how many transcripts and messages there were, and how often what nobody knows."""
        return {**self._counts, "unknown": dict(self._unknown)}

    @classmethod
    def fields_read(cls, settings: Mapping[str, Any]) -> set[str]:
        """Return the transcript's field, unless files are set, and those that are carried along."""
        field = settings.get("field", "content")
        # A file that a parameter names is not known here, but there will be one.
        from_field = settings.get("source_file", []) == [] and field is not None
        return {*(settings.get("carry") or ()), *((field.split(".")[0],) if from_field else ())}

    @classmethod
    def fields_written(cls, settings: Mapping[str, Any]) -> set[str]:
        """Return the fields of an event, and those that are carried along."""
        return {*_EVENT_FIELDS, *(settings.get("carry") or ())}

    def _events(self, name: str, chunks: Iterator[bytes]) -> Iterator[Event]:
        self._counts["transcripts"] += 1
        transcript = Transcript(
            name,
            provider=self.provider,
            clock=self._clock,
            limit_bytes=self.max_event_bytes,
            warn=self.warn,
            lose=self.lose,
        )
        for event in transcript.events(chunks):
            self._counts["messages"] += isinstance(event, MessageStart)
            yield event
        self._unknown += transcript.unknown

    def _from(self, message: Message) -> bytes:
        value = get_field(message, self.field)
        if value is MISSING:
            raise TransmissionsError(
                f"the message has no field {self.field}; set :sourceFile, or name the transcript's field with :field"
            )
        if not isinstance(value, str | bytes):
            raise TransmissionsError(f"the field {self.field} holds no text but {type(value).__name__}")
        data = value if isinstance(value, bytes) else value.encode("utf-8", "replace")
        self.bytes_done += len(data)
        return data

    def _chunks(self, file: BinaryIO, path: Path) -> Iterator[bytes]:
        try:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
                self.bytes_done += len(chunk)
        except OSError as error:
            raise TransmissionsError(f"{path}: cannot be read: {reason_of(error)}") from None


def _open(path: Path, stack: ExitStack) -> BinaryIO:
    if str(path) == "-":
        return sys.stdin.buffer
    try:
        return stack.enter_context(path.open("rb"))
    except FileNotFoundError:
        raise TransmissionsError(f"{path}: there is no such file (looked in {Path.cwd()})") from None
    except (OSError, ValueError) as error:
        raise TransmissionsError(f"{path}: cannot be read: {reason_of(error)}") from None


def _size_bytes(paths: list[Path]) -> int | None:
    """Return the bytes of all files; None if some are not told, as those of standard input."""
    try:
        return sum(path.stat().st_size for path in paths)
    except (OSError, ValueError):
        return None


class EventAssembler(Processor):
    """Put the events of a stream together again: one message for each that a model sent.

    It has `message_id`, `text`, `thinking`, `usage` (the counts, or null), `stop_reason`, `error` (null if there was
    none) and `complete`, and what the event at its beginning says besides (`model`, `role`, `provider`). Where there
    is more than text and thinking, `content` lists the blocks in their order: a tool with its `name` and `input`, a
    text with its citations. A message goes on when it stops, and unfinished, with `complete` false, when another
    begins or the stream ends. Fields that an event's message has besides type, data and timestamp are those of the
    first event. Errors before a message begins make a message of their own.

    Example:
        :stage a :EventAssembler .
        in {"type": "MessageStart", "data": {"message_id": "m1", "model": "claude"}, "timestamp":
            "2025-01-01T12:00:00Z"}
        in {"type": "TextDelta", "data": {"text": "Good "}, "timestamp": "2025-01-01T12:00:01Z"}
        in {"type": "TextDelta", "data": {"text": "day"}, "timestamp": "2025-01-01T12:00:02Z"}
        in {"type": "MessageStop", "data": {"message_id": "m1", "stop_reason": "end_turn"}, "timestamp":
            "2025-01-01T12:00:02Z"}
        out {"model": "claude", "message_id": "m1", "text": "Good day", "thinking": "", "usage": null,
            "stop_reason": "end_turn", "error": null, "complete": true}

    Guarantee: pure; holds the messages that are open in memory.
    """

    reads = _EVENT_FIELDS
    writes = (
        *("message_id", "text", "thinking", "usage", "stop_reason", "error", "complete", "content"),
        *("model", "role", "provider"),
    )
    stateful = True

    max_message_bytes: int = setting(
        64 << 20, "what a message has beyond so many bytes is left out and reported", minimum=1
    )

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._open: dict[str | None, Assembly] = {}
        self._last: str | None = None

    def process(self, message: Message) -> Iterator[Message]:
        """Take an event, and yield the message that it ends, if it ends one."""
        event = event_from_message(message)
        beside = {name: value for name, value in message.items() if name not in _EVENT_FIELDS}
        if isinstance(event, MessageStart):
            yield from self._begin(event, beside)
            return
        assembly = self._assembly(event, beside)
        was_overfull = assembly.overfull
        assembly.take(event)
        if assembly.overfull and not was_overfull:
            self.lose(
                f"message {assembly.message_id} has more than {self.max_message_bytes} bytes (:maxMessageBytes); "
                "the rest is left out",
                message_id=assembly.message_id,
            )
        if isinstance(event, MessageStop):
            self._open = {key: one for key, one in self._open.items() if one is not assembly}
            self._last = next(reversed(self._open), None)
            yield assembly.as_message()

    def finish(self) -> Iterator[Message]:
        """Yield what never stopped."""
        yield from self._take_all()

    def _begin(self, event: MessageStart, beside: Message) -> Iterator[Message]:
        # A further choice runs beside the first; anything else begins after what was before.
        if not event.extra.get("choice"):
            yield from self._take_all()
        elif event.message_id in self._open:
            raise InvalidEvent(
                f"MessageStart: message_id must be that of a new message, got {event.message_id!r} again"
            )
        about = {key: value for key, value in event.data.items() if key != "message_id"}
        self._open[event.message_id] = Assembly(event.message_id, beside | about, self.max_message_bytes)
        self._last = event.message_id

    def _assembly(self, event: Event, beside: Message) -> Assembly:
        """Return the message that an event belongs to: the one it names, or else the one that began last."""
        named = event.data.get("message_id")
        if isinstance(named, str) and named in self._open:
            return self._open[named]
        if named is not None and len(self._open) > 1:
            raise InvalidEvent(f"{event.type}: message_id must be that of an open message, got {named!r}")
        if self._last not in self._open:
            self._open[None] = Assembly(None, beside, self.max_message_bytes)
            self._last = None
        return self._open[self._last]

    def _take_all(self) -> Iterator[Message]:
        unfinished, self._open = self._open, {}
        for assembly in unfinished.values():
            yield assembly.as_message()
