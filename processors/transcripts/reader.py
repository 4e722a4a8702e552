"""What a reader of a provider's stream is: the provider's own objects go in, events come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from processors.transcripts.message_events import MessageEvents, Reports
from transmissions.errors import InvalidEvent
from transmissions.streams import Event

__all__ = ["TranscriptReader", "number", "part"]


def part(value: Any, key: str) -> dict[str, Any]:
    """Return the object under a key; an empty one if there is none."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def number(value: dict[str, Any], key: str, otherwise: int | None = None) -> int:
    """Return the whole number under a key.

    Raises:
        InvalidEvent: there is none, and none to take otherwise.
    """
    found = value.get(key, otherwise)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise InvalidEvent(f"{key} must be a whole number, 0 or more, got {found!r:.40}")
    return found


class TranscriptReader(ABC):
    """Reads the objects of one provider's stream, one after the other.

    Args:
        clock: tells the moment of events whose transcript tells none.
        limit_bytes: the most that a block of content may hold back for its end.
        reports: where what is doubtful or lost is told.

    Attributes:
        unknown: takes the names of what the reader does not know, and passes over.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        limit_bytes: int,
        reports: Reports,
        unknown: Callable[[str], None],
    ) -> None:
        self.unknown = unknown
        self._clock = clock
        self._limit_bytes = limit_bytes
        self._reports = reports

    @abstractmethod
    def read(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield the events of an object."""

    @abstractmethod
    def end(self) -> Iterator[Event]:
        """Yield the last events of what is still open; nothing more comes of it."""

    @abstractmethod
    def fail(self) -> None:
        """Take note that the provider told of an error, after which a stream needs no end."""

    def _message(self, message_id: Any, about: Mapping[str, Any], created: Any = None) -> MessageEvents:
        known = {key: value for key, value in about.items() if value is not None}
        moment = _moment(created)
        clock = self._clock if moment is None else lambda: moment
        return MessageEvents(
            message_id if isinstance(message_id, str) else "", known, clock, self._limit_bytes, self._reports
        )


def _moment(created: Any) -> datetime | None:
    """Return the moment that a provider tells in seconds since 1970."""
    if isinstance(created, bool) or not isinstance(created, int | float) or created <= 0:
        return None
    try:
        return datetime.fromtimestamp(created, UTC)
    except (ValueError, OverflowError, OSError):
        return None
