"""The event stream: a bounded channel between threads and asyncio tasks that holds its senders back."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Self

from transmissions.errors import (
    StreamAborted,
    StreamCancelled,
    StreamClosed,
    StreamEmpty,
    StreamError,
    StreamFull,
    StreamTimeout,
)
from transmissions.streams.bounded_queue import BoundedQueue
from transmissions.streams.cancellation import Cancellation
from transmissions.streams.size import size_of_message
from transmissions.streams.statistics import MAX_SPILL_BYTES, StreamStatistics, WhenFull
from transmissions.streams.waiters import Waiters

__all__ = ["EventStream"]

_MAX_MESSAGES = 100
_TURNS = 64
"""Every so many operations from asyncio one lets other tasks run, even if it need not wait."""


class EventStream:
    """A first-in, first-out channel of bounded size between any number of senders and receivers.

    Every operation may be called from any thread; those that end in `_async` from any event loop. A full stream
    pauses its senders until its fill has sunk to the low-water mark, so that they work in long runs instead of one
    message at a time. `close` lets what was accepted be received and then ends the stream for its receivers; nothing
    accepted is lost. `abort` ends it for everyone at once. As a context manager it is closed at the end.

    Args:
        max_messages: at most this many messages wait; 100 for None or 0.
        max_bytes: at most this many bytes wait, None for no such bound. A single larger message is let in when the
            stream is empty.
        high_water_mark: fill at which senders are paused, in bytes if `max_bytes` is set, else in messages; None for
            the bound itself.
        low_water_mark: fill at which they go on, in the same unit; None for half of the high-water mark.
        when_full: what happens to a message that finds no room.
        max_spill_bytes: the most disk space taken under `WhenFull.SPILL`; after that senders are paused until half
            of it is free.
        size_of: gives the bytes of a message; called only where `max_bytes` is set.
        name: stands in errors.
        clock: gives seconds, for the time spent paused or idle.
        on_wait: called with `send` or `receive` each time an operation has to wait, before it waits, in its thread.

    Raises:
        ValueError: a bound is not a whole number of 1 or more, or the marks are not low ≤ high ≤ bound.
    """

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
            clock=clock,
        )
        self._clock = clock
        self._on_wait = on_wait
        self._turns = 0
        self._closed = False
        self._aborted: str | None = None
        self._lock = threading.Lock()
        self._senders = Waiters(self._lock)
        self._receivers = Waiters(self._lock)

    # Sending

    def send(self, message: Any, timeout: float | None = None, cancellation: Cancellation | None = None) -> float:
        """Put one message in; see `send_batch`."""
        if timeout is None and cancellation is None and self._send_at_once(message):
            return 0.0
        return self.send_batch((message,), timeout, cancellation)

    def send_nowait(self, message: Any) -> None:
        """Put one message in if that can be done at once.

        Raises:
            StreamFull: there is no room now, and the policy makes none.
            StreamClosed, StreamAborted: as for `send_batch`.
        """
        with self._lock:
            if not self._accept((message,), 0):
                raise StreamFull(self.name, "send", f"it is full, with {len(self._queue)} messages")

    def send_batch(
        self, messages: Sequence[Any], timeout: float | None = None, cancellation: Cancellation | None = None
    ) -> float:
        """Put messages in, in order, waiting for room as long as the policy is to block.

        Args:
            messages: the messages; other senders' may come between them where this one had to wait.
            timeout: seconds to wait for room; None to wait without end. 0 or less has expired already, and is
                refused even if there is room.
            cancellation: ends the waiting from another thread; one that was cancelled before is refused likewise.

        Returns:
            The seconds it had to wait.

        Raises:
            StreamClosed: the stream was closed, before or while waiting.
            StreamAborted: it was aborted.
            StreamFull: there was no room, and the policy is to fail, or to drop the newest, and then it is done.
            StreamTimeout: there was no room in time; it is a TimeoutError.
            StreamCancelled: it was cancelled.
            StreamError: a message is to wait on disk and cannot be written there.
                Each of them tells in `accepted` how many messages were let in before; those stay in.
        """
        deadline = self._deadline(timeout, cancellation, "send")
        position = 0
        began: float | None = None
        with self._lock:
            while (position := self._accept(messages, position, again=began is not None)) < len(messages):
                if began is None:
                    began = time.monotonic()
                    if self._tell_of_waiting("send"):
                        continue
                self._wait(self._senders, deadline, cancellation, "send", position)
        return 0.0 if began is None else time.monotonic() - began

    async def send_async(self, message: Any, timeout: float | None = None) -> float:
        """Put one message in, from asyncio; see `send_batch_async`."""
        if timeout is None and not self._must_turn() and self._send_at_once(message):
            return 0.0
        return await self.send_batch_async((message,), timeout)

    async def send_batch_async(self, messages: Sequence[Any], timeout: float | None = None) -> float:
        """Put messages in, from asyncio; see `send_batch`.

        A task that is cancelled already does nothing, as with every operation of asyncio here. Cancelled while it
        waits, it leaves nothing behind but what it had let in before.
        """
        deadline = self._deadline(timeout, None, "send")
        if self._must_turn():
            await asyncio.sleep(0)
        position = 0
        began: float | None = None
        while True:
            with self._lock:
                position = self._accept(messages, position, again=began is not None)
                if position == len(messages):
                    return 0.0 if began is None else time.monotonic() - began
                told = began is None and self._tell_of_waiting("send")
                began = time.monotonic() if began is None else began
                if told:
                    continue
                waiter = self._senders.register()
            await self._wait_async(self._senders, waiter, deadline, "send", position)

    # Receiving

    def receive(self, timeout: float | None = None, cancellation: Cancellation | None = None) -> Any:
        """Take one message out; see `receive_batch`."""
        if timeout is None and cancellation is None:
            with self._lock:
                if self._aborted is None and len(self._queue):
                    return self._take_one()
        return self.receive_batch(1, timeout, cancellation)[0]

    def receive_nowait(self) -> Any:
        """Take one message out if there is one.

        Raises:
            StreamEmpty: there is none now.
            StreamClosed, StreamAborted: as for `receive_batch`.
        """
        with self._lock:
            if batch := self._take(1):
                return batch[0]
            raise StreamEmpty(self.name, "receive", "it is empty")

    def receive_batch(
        self, limit: int, timeout: float | None = None, cancellation: Cancellation | None = None
    ) -> list[Any]:
        """Take out what is there, at most `limit` messages and at least one, waiting until there is one.

        Args:
            limit: the most messages to take.
            timeout: seconds to wait for a message; None to wait without end. 0 or less has expired already, and is
                refused even if there is a message.
            cancellation: ends the waiting from another thread; one that was cancelled before is refused likewise.

        Raises:
            StreamClosed: the stream was closed, and all that it had accepted has been received.
            StreamAborted: it was aborted, by somebody or because the disk does not give back what was spilled.
            StreamTimeout: no message came in time; it is a TimeoutError.
            StreamCancelled: it was cancelled.
            ValueError: the limit is less than 1.
        """
        _check_limit(limit)
        deadline = self._deadline(timeout, cancellation, "receive")
        told = False
        with self._lock:
            while not (batch := self._take(limit)):
                if not told:
                    told = True
                    if self._tell_of_waiting("receive"):
                        continue
                self._wait(self._receivers, deadline, cancellation, "receive")
            return batch

    async def receive_async(self, timeout: float | None = None) -> Any:
        """Take one message out, from asyncio; see `receive_batch_async`."""
        if timeout is None and not self._must_turn():
            with self._lock:
                if self._aborted is None and len(self._queue):
                    return self._take_one()
        return (await self.receive_batch_async(1, timeout))[0]

    async def receive_batch_async(self, limit: int, timeout: float | None = None) -> list[Any]:
        """Take out what is there, from asyncio; see `receive_batch`. Cancelled while it waits, it takes nothing."""
        _check_limit(limit)
        deadline = self._deadline(timeout, None, "receive")
        if self._must_turn():
            await asyncio.sleep(0)
        told = False
        while True:
            with self._lock:
                if batch := self._take(limit):
                    return batch
                if not told:
                    told = True
                    if self._tell_of_waiting("receive"):
                        continue
                waiter = self._receivers.register()
            await self._wait_async(self._receivers, waiter, deadline, "receive")

    def __iter__(self) -> Iterator[Any]:
        while True:
            try:
                message = self.receive()
            except StreamClosed:
                return
            yield message

    async def __aiter__(self) -> AsyncIterator[Any]:
        while True:
            try:
                message = await self.receive_async()
            except StreamClosed:
                return
            yield message

    # Ending

    def close(self) -> bool:
        """Take no more messages and wake whoever waits; what was accepted can still be received.

        Returns:
            Whether it was open until now; to close it once more is fine and changes nothing.
        """
        with self._lock:
            return self._close()

    def close_if_idle(self, seconds: float) -> bool:
        """Close it if no message came or went for more than `seconds`, and say whether that was so."""
        with self._lock:
            return self._clock() - self._queue.active_at > seconds and self._close()

    def _close(self) -> bool:
        if self.closed:
            return False
        self._closed = True
        self._wake_all()
        return True

    def abort(self, reason: str) -> None:
        """End the stream for senders and receivers alike and forget what it holds; the first reason given counts."""
        with self._lock:
            self._abort(reason)

    def _abort(self, reason: str) -> None:
        if self._aborted is None:
            self._aborted = reason
            self._queue.forget()
            self._wake_all()

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

    def _accept(self, messages: Sequence[Any], position: int, *, again: bool = False) -> int:
        """Let in what has room from `position` on, apply the policy to the rest, and return where that ended."""
        if self._closed or self._aborted is not None:
            raise self._ended("send", position)
        queue = self._queue
        begin, sent, drops = position, queue.counted.sent, queue.counted.drops
        try:
            position = queue.offer(messages, position, again=again)
        except ValueError as error:
            raise StreamError(self.name, "send", str(error), begin + queue.counted.sent - sent) from error
        finally:
            if queue.counted.sent > sent:
                self._receivers.wake(queue.counted.sent - sent)
        if position == len(messages) and queue.when_full is not WhenFull.DROP_NEWEST:
            return position
        if dropped := queue.counted.drops - drops:
            raise StreamFull(self.name, "send", _full(queue, dropped), position - dropped, dropped)
        if position < len(messages) and queue.when_full is WhenFull.FAIL:
            raise StreamFull(self.name, "send", _full(queue, len(messages) - position), position)
        return position

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


def _check_limit(limit: int) -> None:
    if limit < 1:
        raise ValueError(f"a batch holds at least 1 message, got a limit of {limit}")


def _full(queue: BoundedQueue, number: int) -> str:
    what = "were dropped" if queue.when_full is WhenFull.DROP_NEWEST else "found no room"
    return f"it is full, with {len(queue)} messages; {number} {what}"
