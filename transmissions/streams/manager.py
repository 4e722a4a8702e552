"""The stream manager: event streams by id, made, found, closed, and cleaned up when nobody uses them any more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from transmissions.errors import StreamExists, StreamNotFound
from transmissions.streams.event_stream import EventStream
from transmissions.streams.statistics import StreamStatistics

__all__ = ["StreamInfo", "StreamManager"]


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a stream manager tells of one stream.

    Args:
        stream_id: the stream's id.
        statistics: its counters at that moment; `idle_s` tells when it was last used.
    """

    stream_id: str
    statistics: StreamStatistics


class StreamManager:
    """Holds event streams by id; every method may be called from any thread.

    A stream that is closed or aborted, by whomever, leaves the manager at once: its id can be used anew, and whoever
    holds it can still receive what it has. As a context manager it closes all streams at the end.

    Args:
        make: makes the stream for an id; None for `EventStream` with its defaults, named by the id.
    """

    def __init__(self, make: Callable[[str], EventStream] | None = None) -> None:
        self._make = make or (lambda stream_id: EventStream(name=stream_id))
        self._streams: dict[str, EventStream] = {}
        self._lock = threading.Lock()

    def create(self, stream_id: str) -> EventStream:
        """Make a stream.

        Raises:
            ValueError: the id is empty, or no text.
            StreamExists: there is a stream of that id.
        """
        with self._lock:
            if self._find(stream_id) is not None:
                raise StreamExists(stream_id, "create", "there is a stream of that id already")
            return self._create(stream_id)

    def get(self, stream_id: str) -> EventStream:
        """Return a stream; to ask for it counts as using it.

        Raises:
            ValueError: the id is empty, or no text.
            StreamNotFound: there is no stream of that id, or none that is open.
        """
        with self._lock:
            stream = self._known(stream_id, "get")
            stream.touch()
            return stream

    def get_or_create(self, stream_id: str) -> tuple[EventStream, bool]:
        """Return a stream, made if there was none, and whether it was made.

        Raises:
            ValueError: the id is empty, or no text.
        """
        with self._lock:
            stream = self._find(stream_id)
            if stream is None:
                return self._create(stream_id), True
            stream.touch()
            return stream, False

    def close(self, stream_id: str) -> None:
        """Close a stream, which thereby leaves the manager.

        Raises:
            ValueError: the id is empty, or no text.
            StreamNotFound: there is no stream of that id, or none that is open.
        """
        with self._lock:
            self._known(stream_id, "close").close()
            del self._streams[stream_id]

    def close_all(self) -> int:
        """Close all streams, and return how many there were."""
        with self._lock:
            number = sum(stream.close() for stream in self._streams.values())
            self._streams.clear()
            return number

    def cleanup(self, idle_s: float) -> int:
        """Close the streams that were not used for more than `idle_s` seconds, and return how many there were.

        Sending, receiving, waiting for either, and asking for a stream is using it. A time of 0 or less closes none.
        """
        if not idle_s > 0:
            return 0
        with self._lock:
            number = sum(stream.close_if_idle(idle_s) for stream in self._streams.values())
            self._forget_closed()
            return number

    def info(self, stream_id: str) -> StreamInfo:
        """Return what there is to tell of a stream.

        Raises:
            ValueError: the id is empty, or no text.
            StreamNotFound: there is no stream of that id, or none that is open.
        """
        with self._lock:
            return StreamInfo(stream_id, self._known(stream_id, "info").statistics())

    def infos(self) -> list[StreamInfo]:
        """Return what there is to tell of every stream, in the order in which they were made."""
        with self._lock:
            self._forget_closed()
            return [StreamInfo(stream_id, stream.statistics()) for stream_id, stream in self._streams.items()]

    def ids(self) -> list[str]:
        """Return the ids of all streams, in the order in which they were made."""
        with self._lock:
            self._forget_closed()
            return list(self._streams)

    def __len__(self) -> int:
        return len(self.ids())

    def __contains__(self, stream_id: object) -> bool:
        return stream_id in self.ids()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close_all()

    # Under the lock

    def _create(self, stream_id: str) -> EventStream:
        stream = self._make(stream_id)
        self._streams[stream_id] = stream
        return stream

    def _find(self, stream_id: str) -> EventStream | None:
        if not isinstance(stream_id, str) or not stream_id:
            raise ValueError(f"a stream's id must be text that is not empty, got {stream_id!r}")
        stream = self._streams.get(stream_id)
        if stream is not None and stream.closed:
            del self._streams[stream_id]
            return None
        return stream

    def _known(self, stream_id: str, operation: str) -> EventStream:
        stream = self._find(stream_id)
        if stream is None:
            raise StreamNotFound(stream_id, operation, "there is no open stream of that id")
        return stream

    def _forget_closed(self) -> None:
        self._streams = {stream_id: stream for stream_id, stream in self._streams.items() if not stream.closed}
