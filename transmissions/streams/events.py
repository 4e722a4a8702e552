"""The events that a language model's answer arrives in: what they hold, and what has to be so.

An event is checked when it is made, however it is made, and cannot be changed afterwards; so it may be handed to any
number of receivers. Reading and writing them as JSON is `event_json`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any, ClassVar

from transmissions.errors import InvalidEvent
from transmissions.streams.event_data import freeze, is_count, shown, thaw
from transmissions.streams.rfc3339 import write_moment

__all__ = [
    "EVENT_TYPES",
    "ContentEnd",
    "ContentStart",
    "Error",
    "Event",
    "MessageStart",
    "MessageStop",
    "TextDelta",
    "Thinking",
    "Usage",
]

_ZERO = datetime(1, 1, 1, tzinfo=UTC)
_NOW = datetime.max.replace(tzinfo=UTC)
_NOTHING: Mapping[str, Any] = MappingProxyType({})


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Event:
    """One event; each of its types is a class, and only those can be made.

    Two events are equal if their types, data and moments are; in which zone a moment is told makes no difference.

    Args:
        timestamp: when it happened, with a zone; the present if not given. It is kept with a fixed offset.
        nanoseconds: those of the moment beyond the microseconds of `timestamp`, 0 to 999.
        extra: what else its data holds, by key: JSON values, kept as an unchangeable copy (lists become tuples).
        clock: called for the moment if no timestamp is given.

    Attributes:
        type: the name of its type.

    Raises:
        InvalidEvent: a value is not what its key asks for.
    """

    type: ClassVar[str] = ""
    keys: ClassVar[Mapping[str, str]] = _NOTHING

    timestamp: datetime = _NOW
    nanoseconds: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    clock: InitVar[Callable[[], datetime] | None] = None

    def __post_init__(self, clock: Callable[[], datetime] | None) -> None:
        if self.type not in EVENT_TYPES:
            raise TypeError(f"{type(self).__name__} is no type of event; there are {', '.join(EVENT_TYPES)}")
        moment = (clock or _now)() if self.timestamp is _NOW else self.timestamp
        object.__setattr__(self, "timestamp", self._moment(moment))
        for key, expected in self.keys.items():
            value = getattr(self, key)
            if not _IS[expected](value):
                raise InvalidEvent(f"{self.type}: {key} must be {expected}, got {shown(value)}")
            freeze(value, f"{self.type}: {key}")
        object.__setattr__(self, "extra", self._frozen_extra())

    def _moment(self, moment: object) -> datetime:
        """Return the moment with a fixed offset, which cannot change its meaning, as a zone's rules can."""
        name = f"{self.type}: timestamp"
        offset = moment.utcoffset() if isinstance(moment, datetime) else None
        if not isinstance(moment, datetime) or offset is None:
            got = "a datetime without one" if isinstance(moment, datetime) else shown(moment)
            raise InvalidEvent(f"{name} must be a datetime with a time zone, got {got}")
        if offset % timedelta(minutes=1):
            raise InvalidEvent(f"{name} must have an offset of whole minutes, got {offset}; give it in UTC")
        if not is_count(self.nanoseconds) or self.nanoseconds > 999:
            raise InvalidEvent(
                f"{self.type}: nanoseconds must be a whole number from 0 to 999, got {shown(self.nanoseconds)}"
            )
        fixed = moment
        if type(moment) is not datetime or type(moment.tzinfo) is not timezone:
            # Taken apart and put together, because a subclass of datetime may do anything.
            date, time = (moment.year, moment.month, moment.day), (moment.hour, moment.minute, moment.second)
            fixed = datetime(*date, *time, moment.microsecond, timezone(offset) if offset else UTC)
        if fixed == _ZERO and not self.nanoseconds:
            raise InvalidEvent(f"{name} must be a moment; 0001-01-01T00:00:00Z is what Go writes where none is set")
        return fixed

    def _frozen_extra(self) -> Mapping[str, Any]:
        if not isinstance(self.extra, Mapping):
            raise InvalidEvent(f"{self.type}: extra must be an object, got {shown(self.extra)}")
        if taken := sorted(self.keys.keys() & self.extra.keys()):
            raise InvalidEvent(f"{self.type}: extra must hold other keys than the type's own, got {taken[0]}")
        frozen: Mapping[str, Any] = freeze(self.extra, f"{self.type}: extra")
        return frozen

    @property
    def data(self) -> dict[str, Any]:
        """All of its data by key, the extra keys included, in dicts and lists of its own."""
        return {**{key: getattr(self, key) for key in self.keys}, **thaw(self.extra)}

    def as_message(self) -> dict[str, Any]:
        """Return the event as plain JSON values, which is how it travels through a pipeline.

        >>> TextDelta("Hi", clock=lambda: datetime(2024, 1, 1, tzinfo=UTC)).as_message()
        {'type': 'TextDelta', 'data': {'text': 'Hi'}, 'timestamp': '2024-01-01T00:00:00Z'}
        """
        return {"type": self.type, "data": self.data, "timestamp": write_moment(self.timestamp, self.nanoseconds)}

    def __repr__(self) -> str:
        own = [f"{key}={getattr(self, key)!r}" for key in self.keys]
        if self.extra:
            own.append(f"extra={thaw(self.extra)!r}")
        return f"{self.type}({', '.join(own)}) at {write_moment(self.timestamp, self.nanoseconds)}"

    def __reduce__(self) -> tuple[Any, ...]:
        own = {key: getattr(self, key) for key in self.keys}
        about = {"timestamp": self.timestamp, "nanoseconds": self.nanoseconds, "extra": thaw(self.extra)}
        return (_remake, (type(self), own | about))


def _remake(cls: type[Event], values: dict[str, Any]) -> Event:
    return cls(**values)


_IS: Mapping[str, Callable[[Any], bool]] = {
    "a text": lambda value: isinstance(value, str),
    "a text that is not empty": lambda value: isinstance(value, str) and value != "",
    "a whole number, 0 or more": is_count,
}


@dataclass(frozen=True, slots=True, repr=False)
class TextDelta(Event):
    """The next piece of the answer's text; it may be empty, as providers send such pieces."""

    type: ClassVar[str] = "TextDelta"
    keys: ClassVar[Mapping[str, str]] = {"text": "a text"}

    text: str


@dataclass(frozen=True, slots=True, repr=False)
class ContentStart(Event):
    """A block of content begins: a text, some thinking, the use of a tool; `index` counts them from 0."""

    type: ClassVar[str] = "ContentStart"
    keys: ClassVar[Mapping[str, str]] = {"index": "a whole number, 0 or more"}

    index: int


@dataclass(frozen=True, slots=True, repr=False)
class ContentEnd(Event):
    """The block of content with this index is whole."""

    type: ClassVar[str] = "ContentEnd"
    keys: ClassVar[Mapping[str, str]] = {"index": "a whole number, 0 or more"}

    index: int


@dataclass(frozen=True, slots=True, repr=False)
class MessageStart(Event):
    """A message begins."""

    type: ClassVar[str] = "MessageStart"
    keys: ClassVar[Mapping[str, str]] = {"message_id": "a text that is not empty"}

    message_id: str


@dataclass(frozen=True, slots=True, repr=False)
class MessageStop(Event):
    """A message is whole; `stop_reason` is the provider's word for why it ended, empty if it said none."""

    type: ClassVar[str] = "MessageStop"
    keys: ClassVar[Mapping[str, str]] = {"message_id": "a text that is not empty", "stop_reason": "a text"}

    message_id: str
    stop_reason: str


@dataclass(frozen=True, slots=True, repr=False)
class Error(Event):
    """The provider, or the way to it, failed; `error` says how."""

    type: ClassVar[str] = "Error"
    keys: ClassVar[Mapping[str, str]] = {"error": "a text"}

    error: str


@dataclass(frozen=True, slots=True, repr=False)
class Usage(Event):
    """Tokens that a message took; the total is the sum of the two others."""

    type: ClassVar[str] = "Usage"
    keys: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("prompt_tokens", "completion_tokens", "total_tokens"), "a whole number, 0 or more"
    )

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int

    def __post_init__(self, clock: Callable[[], datetime] | None) -> None:
        Event.__post_init__(self, clock)
        if self.total_tokens != (total := self.prompt_tokens + self.completion_tokens):
            raise InvalidEvent(
                f"Usage: total_tokens must be {shown(total)}, the sum of prompt_tokens and completion_tokens, "
                f"got {shown(self.total_tokens)}"
            )


@dataclass(frozen=True, slots=True, repr=False)
class Thinking(Event):
    """The next piece of the model's thinking."""

    type: ClassVar[str] = "Thinking"
    keys: ClassVar[Mapping[str, str]] = {"thinking": "a text"}

    thinking: str


EVENT_TYPES: Mapping[str, type[Event]] = MappingProxyType(
    {cls.type: cls for cls in (TextDelta, ContentStart, ContentEnd, MessageStart, MessageStop, Error, Usage, Thinking)}
)
"""The classes of events by the names of their types."""
