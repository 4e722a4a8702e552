"""A subscription: the events of one job after a number, in order, for one reader."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Self

from loguru import logger

from transmissions.jobs.errors import JobError, SubscriberTooSlow
from transmissions.jobs.job import LAST_SEQ, JobEvent
from transmissions.streams import EventStream, StreamAborted, StreamClosed, StreamFull, WhenFull

__all__ = ["MAX_BYTES", "MAX_EVENTS", "Subscription"]

MAX_EVENTS = 1000
"""How many events wait for a subscriber, unless said otherwise."""
MAX_BYTES = 8 << 20
"""How many bytes of events wait for a subscriber, unless said otherwise."""

_BATCH = 256
_UNBOUNDED = 1 << 30
_POLICIES = (WhenFull.BLOCK, WhenFull.DROP_OLDEST, WhenFull.FAIL)


class Subscription:
    """The events of a job, for one reader, which may be a thread or a task; made by `JobManager.subscribe`.

    Iterating over it, with `for` or `async for`, ends after the terminal event. As a context manager it is closed at
    the end. Leaving does nothing to the job.

    What waits for the reader is bounded. Whoever falls behind that: under `WhenFull.BLOCK` goes on from the log, and
    misses nothing; under `DROP_OLDEST` misses the oldest, which `missed` counts; under `FAIL` is detached with
    `SubscriberTooSlow`, once it has read what waited.

    Attributes:
        job_id: the job's id.
        position: the number of the last event that the reader was given; where to go on after.
        missed: how many events the reader did not get.
        overflows: how often there was no room for an event, so that it was left to the log, or the reader was detached.
    """

    def __init__(
        self,
        job_id: str,
        after: int,
        *,
        max_events: int,
        max_bytes: int,
        when_full: WhenFull,
        wake: Callable[[str], None],
        leave: Callable[[Subscription], None],
    ) -> None:
        if type(after) is not int or not -1 <= after <= LAST_SEQ:
            raise ValueError(f"a subscription begins after the number of an event, -1 to {LAST_SEQ}, got {after!r}")
        if when_full not in _POLICIES:
            raise ValueError(f"a full subscription can {', '.join(_POLICIES)}, not {when_full!r}")
        self.job_id = job_id
        self.position = after
        self.missed = 0
        self.overflows = 0
        self.next = after + 1
        self._when_full = WhenFull(when_full)
        self._wake = wake
        self._leave = leave
        self._behind = False
        self._full = False
        self._error: JobError | None = None
        # Taken from the queue many at a time, handed out as they are asked for.
        self._ready: deque[tuple[int, bytes]] = deque()
        self._max_events = max_events
        self._queue = EventStream(
            max_events,
            max_bytes=max_bytes,
            # The log keeps what finds no room here, so nobody is held back, neither the job nor other subscribers.
            when_full=WhenFull.DROP_OLDEST if when_full is WhenFull.DROP_OLDEST else WhenFull.FAIL,
            size_of=_size,
            name=f"job {job_id}",
        )

    # For the reader

    def receive_batch(self, limit: int = _BATCH, timeout: float | None = None) -> list[JobEvent]:
        """Return the events that are there, at most `limit`, waiting for the first; none at all when it has ended.

        Raises:
            TimeoutError: no event came within `timeout` seconds.
            SubscriberTooSlow: it was to be detached if it falls behind, and did.
            JobNotFound: the job was deleted meanwhile.
        """
        if not self._ready:
            try:
                self._take(self._queue.receive_batch(max(limit, _BATCH), timeout))
            except (StreamClosed, StreamAborted):
                return self._ended()
        return [self._handed() for _ in range(min(limit, len(self._ready)))]

    async def receive_batch_async(self, limit: int = _BATCH, timeout: float | None = None) -> list[JobEvent]:
        """Return events as `receive_batch`, without holding up the event loop."""
        if not self._ready:
            try:
                self._take(await self._queue.receive_batch_async(max(limit, _BATCH), timeout))
            except (StreamClosed, StreamAborted):
                return self._ended()
        return [self._handed() for _ in range(min(limit, len(self._ready)))]

    def __iter__(self) -> Iterator[JobEvent]:
        # One by one: whoever leaves the loop and comes back has missed nothing.
        while batch := self.receive_batch(1):
            yield from batch

    async def __aiter__(self) -> AsyncIterator[JobEvent]:
        while batch := await self.receive_batch_async(1):
            for event in batch:
                yield event

    def each(self, handler: Callable[[JobEvent], Any]) -> threading.Thread:
        """Call a handler with each event, in a thread of its own; one that raises is logged, and detached."""
        thread = threading.Thread(
            target=self._run, args=(handler,), name=f"transmissions job {self.job_id}", daemon=True
        )
        thread.start()
        return thread

    def _run(self, handler: Callable[[JobEvent], Any]) -> None:
        with self:
            try:
                for event in self:
                    handler(event)
            except Exception as error:
                logger.error(f"job {self.job_id}: a subscriber raised, and is detached: {error!r}")

    def close(self) -> None:
        """Leave; whoever waits for an event is given none. To leave twice is fine."""
        self._queue.abort("the subscriber left")
        self._leave(self)

    @property
    def waiting(self) -> int:
        """How many events wait for the reader."""
        return len(self._queue) + len(self._ready)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, batch: list[tuple[int, bytes]]) -> None:
        self._ready.extend(batch)
        if self._behind:
            self._wake(self.job_id)

    def _handed(self) -> JobEvent:
        seq, entry = self._ready.popleft()
        self.missed += seq - self.position - 1
        self.position = seq
        return JobEvent.decoded(seq, entry)

    def _ended(self) -> list[JobEvent]:
        if self._error is not None:
            raise self._error
        return []

    # For whoever brings the events

    @property
    def open(self) -> bool:
        """Whether more may be brought to it."""
        return not self._queue.closed

    @property
    def hungry(self) -> bool:
        """Whether it is worth bringing it something; one that was full is left alone until it is half empty."""
        return not self._full or self._queue.statistics().fill <= 0.5

    @property
    def room(self) -> int:
        """How many events it is worth reading for it; one, if it is full, to know whether there are more."""
        return max(1, self._max_events - len(self._queue)) if self._queue.when_full is WhenFull.FAIL else _UNBOUNDED

    def offer(self, begin: int, entries: list[bytes]) -> bool:
        """Bring events of the log, from number `begin` on; say whether all found room."""
        # Before the attempt: a reader that takes the last event meanwhile then knows that it has to ask for more.
        self._behind = True
        try:
            self._queue.send_batch([(begin + place, entry) for place, entry in enumerate(entries)])
        except StreamFull as error:
            self.next += error.accepted
            self.overflows += not self._full
            self._full = True
            if self._when_full is WhenFull.FAIL:
                self.end(SubscriberTooSlow(self.job_id, self.next - 1))
            return False
        except (StreamClosed, StreamAborted):
            return False
        self.next += len(entries)
        self._behind = self._full = False
        return True

    def end(self, error: JobError | None = None) -> None:
        """Bring nothing more; what was brought can still be read, and then the error is raised."""
        self._error = error
        self._queue.close()


def _size(item: tuple[int, bytes]) -> int:
    return len(item[1])
