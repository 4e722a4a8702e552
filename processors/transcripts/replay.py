"""Read a recorded stream of any provider known here: bytes in, events out."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Literal, Protocol

from processors.transcripts.anthropic import ANTHROPIC_TYPES, AnthropicReader
from processors.transcripts.message_events import Reports
from processors.transcripts.openai_chat import OpenAIChatReader
from processors.transcripts.openai_responses import OpenAIResponsesReader
from processors.transcripts.reader import TranscriptReader
from processors.transcripts.server_sent_events import ServerSentEvent, split_events
from transmissions.errors import InvalidEvent
from transmissions.streams import Error, Event

__all__ = ["Provider", "Report", "Transcript"]

Provider = Literal["auto", "anthropic", "openai"]

_DONE = "[DONE]"
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]").search
_SURROGATE = re.compile("[\ud800-\udfff]")


class Report(Protocol):
    """Takes what is to be told of a transcript: a text, and where it is."""

    def __call__(self, text: str, **facts: Any) -> None:
        """Take one report."""


class Transcript:
    """A recorded stream, with any number of messages, of one provider or several.

    Whose an object is, is told by itself: a chunk of OpenAI's chat completions has the `object`
    `chat.completion.chunk`, or a list of `choices`; an object of its Responses API has a `type` that begins with
    `response.`; one of Anthropic's has one of that API's types.

    Args:
        name: what the transcript is called in reports.
        provider: whose objects are read; others are reported. "auto" for all.
        clock: tells the moment of events whose transcript tells none.
        limit_bytes: the most data of one server-sent event, and the most that a block of content holds back.
        warn: takes what was repaired or passed over.
        lose: takes what could not be used.

    Attributes:
        unknown: how often names came that nobody here knows.
    """

    def __init__(
        self,
        name: str,
        *,
        provider: Provider,
        clock: Callable[[], datetime],
        limit_bytes: int,
        warn: Report,
        lose: Report,
    ) -> None:
        self.name = name
        self.unknown: Counter[str] = Counter()
        self._provider = provider
        self._clock = clock
        self._limit_bytes = limit_bytes
        self._warn, self._lose = warn, lose
        self._place: dict[str, Any] = {"file": name}
        self._reader: TranscriptReader | None = None

    def events(self, chunks: Iterable[bytes]) -> Iterator[Event]:
        """Yield the events of the stream."""
        found = strays = 0
        for sent in split_events(chunks, self._limit_bytes):
            self._place = {"file": self.name, "bytes": [sent.start, sent.end]}
            strays += sent.strays
            if sent.data or sent.problem == "too large":
                found += 1
                yield from self._guarded(self._read(sent))
        self._place = {"file": self.name}
        yield from self._guarded(self._end())
        if strays:
            self._warn(
                f"{self.name}: lines that are no part of a server-sent event, passed over: {strays}", file=self.name
            )
        if not found:
            self._lose(f"{self.name}: there is no server-sent event in it", file=self.name)

    def _guarded(self, events: Iterator[Event]) -> Iterator[Event]:
        try:
            yield from events
        except InvalidEvent as error:
            self._lost(f"an object makes no event: {error}")

    def _lost(self, text: str) -> None:
        self._lose(f"{self._where()}: {text}", **self._place)

    def _doubtful(self, text: str) -> None:
        self._warn(f"{self._where()}: {text}", **self._place)

    def _where(self) -> str:
        place = self._place.get("bytes")
        return f"{self.name}, bytes {place[0]} to {place[1]}" if place else self.name

    def _end(self) -> Iterator[Event]:
        reader, self._reader = self._reader, None
        if reader:
            yield from reader.end()

    def _read(self, sent: ServerSentEvent) -> Iterator[Event]:
        if sent.data.strip() == _DONE:
            yield from self._end()
            return
        value = self._value(sent)
        if value is None:
            return
        error = _error(value)
        if error is not None:
            if self._reader:
                self._reader.fail()
            text, facts = error
            yield Error(text, extra=facts, clock=self._clock)
            return
        kind = _reader_of(value)
        if kind is None or self._provider not in ("auto", _PROVIDERS[kind]):
            self._note_unknown(sent.name or str(value.get("type", "an object without a type")))
            return
        reader = self._reader
        if type(reader) is not kind:
            yield from self._end()
            reports = Reports(self._doubtful, self._lost)
            reader = self._reader = kind(self._clock, self._limit_bytes, reports, self._note_unknown)
        yield from reader.read(value)

    def _value(self, sent: ServerSentEvent) -> dict[str, Any] | None:
        """Return the object that an event holds; None if it cannot be used, which is reported."""
        if sent.problem == "too large":
            self._lost(f"an event has more than {self._limit_bytes} bytes (:maxEventBytes)")
            return None
        if sent.problem == "not UTF-8":
            self._doubtful("bytes that are not UTF-8 were replaced by �")
        try:
            value = json.loads(sent.data, parse_constant=_refuse)
        except (ValueError, RecursionError):
            if sent.problem == "unfinished":
                self._lost("the stream ends inside an event")
            else:
                self._lost(f"the data of an event are not JSON: {sent.data[:80]!r}")
            return None
        if not isinstance(value, dict):
            self._lost(f"the data of an event are no JSON object: {sent.data[:80]!r}")
            return None
        if _ESCAPED_SURROGATE(sent.data):
            whole: dict[str, Any] = _without_halves(value)
            if whole != value:
                self._doubtful("half characters (lone surrogates) were replaced by �")
            return whole
        return value

    def _note_unknown(self, name: str) -> None:
        self.unknown[name] += 1
        if self.unknown[name] == 1:
            self._doubtful(f"{name[:80]!r} is not known here, passed over; more of that name are only counted")


_PROVIDERS: dict[type[TranscriptReader], str] = {
    AnthropicReader: "anthropic",
    OpenAIChatReader: "openai",
    OpenAIResponsesReader: "openai",
}


def _reader_of(value: dict[str, Any]) -> type[TranscriptReader] | None:
    kind = value.get("type")
    if value.get("object") == "chat.completion.chunk" or isinstance(value.get("choices"), list):
        return OpenAIChatReader
    if isinstance(kind, str) and kind.startswith("response."):
        return OpenAIResponsesReader
    return AnthropicReader if isinstance(kind, str) and kind in ANTHROPIC_TYPES else None


def _error(value: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return what an object says of an error, and what else is known of it; None if it is about something else."""
    inner = value.get("error")
    if value.get("type") == "error" and inner is None:
        inner = {key: one for key, one in value.items() if key not in ("type", "sequence_number")}
    if isinstance(inner, str) and inner:
        return inner, {}
    if not isinstance(inner, dict):
        return None
    facts = {f"error_{key}": inner[key] for key in ("type", "code", "param") if inner.get(key) is not None}
    return str(inner.get("message") or inner.get("type") or "the provider tells no reason"), facts


def _without_halves(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_halves(one) for one in value]
    if isinstance(value, dict):
        return {_without_halves(name): _without_halves(one) for name, one in value.items()}
    return value


def _refuse(name: str) -> Any:
    raise ValueError(f"JSON has no {name}")
