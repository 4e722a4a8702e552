"""What every operation on an event stream rests on: its lock, who waits, its end, and its figures."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

from transmissions.errors import (
    StreamAborted,
    StreamCancelled,
    StreamClosed,
    StreamError,
    StreamFull,
    StreamTimeout,
)
from transmissions.streams.bounded_queue import BoundedQueue
from transmissions.streams.cancellation import Cancellation
from transmissions.streams.size import size_of_message
from transmissions.streams.statistics import MAX_SPILL_BYTES, StreamStatistics, WhenFull
from transmissions.streams.waiters import Waiters

__all__ = ["Channel"]

_MAX_MESSAGES = 100
_TURNS = 64
"""Every so many operations from asyncio one lets other tasks run, even if it need not wait."""


class Channel:
    """An event stream without its ways to send and receive; `EventStream` adds those, and describes the arguments."""

    def __init__(
        self,
        max_messages: int | None = None,
        *,
        max_bytes: int | None = None,
        high_water_mark: int | None = None,
        low_water_mark: int | None = None,
        when_full: WhenFull = WhenFull.BLOCK,
        max_spill_bytes: int = MAX_SPILL_BYTES,
        size_of: Callable[[Any], int] = size_of_message,
        never_drop: Callable[[Any], bool] | None = None,
        name: str = "stream",
        clock: Callable[[], float] = time.monotonic,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        bounds = {
            "max_messages": _MAX_MESSAGES if max_messages in (None, 0) else max_messages,
            "max_bytes": max_bytes,
            "max_spill_bytes": max_spill_bytes,
        }
        for what, bound in bounds.items():
            if bound is not None and (type(bound) is not int or bound < 1):
                raise ValueError(f"stream {name}: {what} must be a whole number, 1 or more, got {bound!r}")
        for what, function in {"size_of": size_of, "never_drop": never_drop, "on_wait": on_wait}.items():
            if function is not None and not callable(function):
                raise TypeError(f"stream {name}: {what} must be a function, got {function!r}")
        counted = StreamStatistics(bounds["max_messages"] or _MAX_MESSAGES, max_bytes)
        high, low = _marks(name, counted.capacity if max_bytes is None else max_bytes, high_water_mark, low_water_mark)
        self.name = name
        self._queue = BoundedQueue(
            counted,
            high=high,
            low=low,
            when_full=WhenFull(when_full),
            max_spill_bytes=max_spill_bytes,
            size_of=size_of,
            never_drop=never_drop,
            clock=clock,
        )
        self._clock = clock
        self._on_wait = on_wait
        self._turns = 0
        self._closed = False
        self._aborted: str | None = None
        self._cancels: list[Cancellation] = []
        self._lock = threading.Lock()
        self._senders = Waiters(self._lock)
        self._receivers = Waiters(self._lock)

    # Ending

    def close(self) -> bool:
        """Take no more messages and wake whoever waits; what was accepted can still be received.

        Returns:
            Whether it was open until now; to close it once more is fine and changes nothing.
        """
        with self._lock:
            return self._close()

    def close_if_idle(self, seconds: float) -> bool:
        """Close it if no message came or went for more than `seconds` and nobody waits; say whether that was so."""
        with self._lock:
            # Who waits for a rare message, or for a slow receiver, uses the stream however long that takes.
            if self._senders.number or self._receivers.number:
                return False
            return self._clock() - self._queue.active_at > seconds and self._close()

    def _close(self) -> bool:
        if self.closed:
            return False
        self._closed = True
        self._queue.end()
        self._wake_all()
        return True

    def abort(self, reason: str) -> None:
        """End the stream for senders and receivers alike and forget what it holds; the first reason given counts."""
        with self._lock:
            self._abort(reason)

    def _abort(self, reason: str) -> None:
        if self._aborted is None:
            self._aborted = reason
            self._queue.end()
            self._queue.forget()
            self._wake_all()
            cancels, self._cancels = self._cancels, []
            self._cancel(cancels)

    def cancel_when_aborted(self, cancellation: Cancellation) -> None:
        """Have a cancellation come when this stream is aborted, with the same reason; at once if it was."""
        with self._lock:
            if self._aborted is None:
                self._cancels.append(cancellation)
            else:
                self._cancel([cancellation])

    def _cancel(self, cancellations: Sequence[Cancellation]) -> None:
        """Let cancellations come, for this stream was aborted; without the lock."""
        # Whoever waits with one of them is woken under the lock of its stream, and that may be this one.
        self._lock.release()
        try:
            for cancellation in cancellations:
                cancellation.cancel(self._aborted or "aborted")
        finally:
            self._lock.acquire()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Telling

    @property
    def closed(self) -> bool:
        """Whether it takes no more messages."""
        return self._closed or self._aborted is not None

    @property
    def when_full(self) -> WhenFull:
        """What happens to a message that finds no room."""
        return self._queue.when_full

    def __len__(self) -> int:
        return len(self._queue)

    def __repr__(self) -> str:
        state = "aborted" if self._aborted is not None else "closed" if self._closed else "open"
        queue = self._queue.counted
        return f"<EventStream {self.name!r}: {state}, {len(self._queue)} of {queue.capacity} messages>"

    def touch(self) -> None:
        """Count as active from now on; for whoever hands it to somebody who has not used it yet."""
        with self._lock:
            self._queue.active_at = self._clock()

    def statistics(self) -> StreamStatistics:
        """Return a copy of its counters as they are now."""
        with self._lock:
            now = self._queue.statistics()
            now.waiting_senders = self._senders.number
            now.waiting_receivers = self._receivers.number
            return now

    # Under the lock

    def _send_at_once(self, message: Any) -> bool:
        """Put one message in if that is all there is to do; takes the lock itself."""
        with self._lock:
            if self._closed or self._aborted is not None or not self._queue.offer_one(message):
                return False
            self._receivers.wake(1)
            return True

    def _accept(
        self, messages: Sequence[Any], position: int, dropped: int = 0, *, again: bool = False
    ) -> tuple[int, int]:
        """Let in what has room from `position` on, and apply the policy to the rest.

        Returns:
            Where that ended, and how many were dropped instead until there, with those `dropped` before.
        """
        if self._closed or self._aborted is not None:
            raise self._ended("send", position - dropped)
        queue = self._queue
        begin, sent, refused = position - dropped, queue.counted.sent, queue.refused
        try:
            position = queue.offer(messages, position, again=again)
        except ValueError as error:
            accepted = begin + queue.counted.sent - sent - (queue.refused - refused)
            raise StreamError(self.name, "send", str(error), accepted) from error
        finally:
            if queue.counted.sent > sent:
                self._receivers.wake(queue.counted.sent - sent)
        dropped += queue.refused - refused
        if position == len(messages) and dropped:
            raise StreamFull(self.name, "send", _full(queue, dropped), position - dropped, dropped)
        if position < len(messages) and queue.when_full is WhenFull.FAIL:
            raise StreamFull(self.name, "send", _full(queue, len(messages) - position), position)
        return position, dropped

    def _take(self, limit: int) -> list[Any]:
        """Take messages out; an empty list if none is there yet."""
        if self._aborted is None and len(self._queue):
            batch = self._queue.take(limit)
            self._settle()
            return batch
        if self.closed:
            raise self._ended("receive")
        return []

    def _take_one(self) -> Any:
        message = self._queue.take_one()
        self._settle()
        return message

    def _settle(self) -> None:
        try:
            # Finding no room is what pauses, so nobody waits for room where none are paused.
            if self._queue.settle():
                self._senders.wake()
        except Exception as error:
            self._abort(f"what was spilled cannot be read back: {error}")

    def _ended(self, operation: str, accepted: int = 0) -> StreamError:
        if self._aborted is not None:
            return StreamAborted(self.name, operation, f"it was aborted: {self._aborted}", accepted)
        return StreamClosed(self.name, operation, "it is closed", accepted)

    def _wake_all(self) -> None:
        self._senders.wake()
        self._receivers.wake()

    # Waiting

    def _must_turn(self) -> bool:
        """Say whether the event loop has to turn first: to end a task that is cancelled, or to let others run."""
        self._turns += 1
        task = asyncio.current_task()
        return not self._turns % _TURNS or (task is not None and task.cancelling() > 0)

    def _deadline(self, timeout: float | None, cancellation: Cancellation | None, operation: str) -> float | None:
        if cancellation is not None and cancellation.cancelled:
            raise StreamCancelled(self.name, operation, cancellation.reason)
        if timeout is None:
            return None
        if not timeout > 0:
            raise StreamTimeout(self.name, operation, "the time for it was over before it began")
        return time.monotonic() + timeout

    def _tell_of_waiting(self, operation: str) -> bool:
        """Call `on_wait`, if there is one, without the lock; True if things may have changed meanwhile."""
        if self._on_wait is None:
            return False
        self._lock.release()
        try:
            self._on_wait(operation)
        finally:
            self._lock.acquire()
        return True

    def _wait(
        self,
        waiters: Waiters,
        deadline: float | None,
        cancellation: Cancellation | None,
        operation: str,
        accepted: int = 0,
    ) -> None:
        remaining = None if deadline is None else deadline - time.monotonic()
        if remaining is not None and remaining <= 0:
            raise StreamTimeout(self.name, operation, "not possible in time", accepted)
        if cancellation is None:
            waiters.wait(remaining)
            return
        with cancellation.waking(lambda: self._wake(waiters)):
            # Looked at once more only here: whoever was woken for a message takes it, cancelled or not.
            if cancellation.cancelled:
                raise StreamCancelled(self.name, operation, cancellation.reason, accepted)
            waiters.wait(remaining)

    def _wake(self, waiters: Waiters) -> None:
        with self._lock:
            waiters.wake()

    async def _wait_async(
        self,
        waiters: Waiters,
        waiter: asyncio.Future[None],
        deadline: float | None,
        operation: str,
        accepted: int = 0,
    ) -> None:
        remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
        try:
            async with asyncio.timeout(remaining):
                await waiters.wait_async(waiter)
        except TimeoutError:
            raise StreamTimeout(self.name, operation, "not possible in time", accepted) from None


def _marks(name: str, bound: int, high: int | None, low: int | None) -> tuple[int, int]:
    high = bound if high is None else high
    low = high // 2 if low is None else low
    # A high-water mark of 0 would pause senders for good: nothing is there whose leaving lets them go on.
    if not 0 <= low <= high <= bound or not high:
        raise ValueError(f"stream {name}: the marks must be low <= high <= bound, got {low}, {high}, {bound}")
    return high, low


def _full(queue: BoundedQueue, number: int) -> str:
    what = "were dropped" if queue.when_full is WhenFull.DROP_NEWEST else "found no room"
    return f"it is full, with {len(queue)} messages; {number} {what}"
