"""The event stream: a bounded channel between threads and asyncio tasks that holds its senders back."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from transmissions.errors import StreamAborted, StreamClosed, StreamFull
from transmissions.streams.size import size_of_message
from transmissions.streams.statistics import StreamStatistics, WhenFull

__all__ = ["EventStream"]

_Waiter = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class EventStream:
    """A first-in, first-out channel of bounded size between any number of senders and receivers.

    Every operation may be called from any thread; those that end in `_async` from any event loop. A full stream
    pauses its senders until its fill has sunk to the low-water mark, so that they work in long runs instead of one
    message at a time. `close` lets what was accepted be received and then ends the stream for its receivers; nothing
    accepted is lost. `abort` ends it for everyone at once.

    Args:
        max_messages: at most this many messages wait.
        max_bytes: at most this many bytes wait, None for no such bound. A single larger message is let in when the
            stream is empty.
        high_water_mark: fill at which senders are paused, in bytes if `max_bytes` is set, else in messages; None for
            the bound itself.
        low_water_mark: fill at which they go on, in the same unit; None for half of the high-water mark.
        when_full: what happens to a message that finds no room.
        size_of: gives the bytes of a message; called only where `max_bytes` is set.
        name: stands in errors.
        clock: gives seconds, for the time spent paused.

    Raises:
        ValueError: a bound is less than 1, or the marks are not low ≤ high ≤ bound.
    """

    def __init__(
        self,
        max_messages: int = 1024,
        *,
        max_bytes: int | None = None,
        high_water_mark: int | None = None,
        low_water_mark: int | None = None,
        when_full: WhenFull = WhenFull.BLOCK,
        size_of: Callable[[Any], int] = size_of_message,
        name: str = "stream",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if max_messages < 1 or (max_bytes is not None and max_bytes < 1):
            raise ValueError(f"stream {name}: a bound must be 1 or more")
        bound = max_messages if max_bytes is None else max_bytes
        high = bound if high_water_mark is None else high_water_mark
        low = high // 2 if low_water_mark is None else low_water_mark
        # A high-water mark of 0 would pause senders for good: nothing is there whose leaving lets them go on.
        if not 0 <= low <= high <= bound or not high:
            raise ValueError(f"stream {name}: the marks must be low <= high <= bound, got {low}, {high}, {bound}")
        self.name = name
        self.when_full = when_full
        self._high, self._low = high, low
        self._size_of = size_of
        self._clock = clock
        self._queue: deque[Any] = deque()
        self._sizes: deque[int] = deque()
        self._statistics = StreamStatistics(max_messages, max_bytes)
        self._bytes = 0
        self._paused_since: float | None = None
        self._closed = False
        self._aborted: str | None = None
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._ready = threading.Condition(self._lock)
        self._room_waiters: list[_Waiter] = []
        self._ready_waiters: list[_Waiter] = []

    # Sending

    def send(self, message: Any, timeout: float | None = None) -> float:
        """Put one message in; see `send_batch`."""
        return self.send_batch((message,), timeout)

    def send_batch(self, messages: Sequence[Any], timeout: float | None = None) -> float:
        """Put messages in, in order, waiting for room as long as the policy is to block.

        Args:
            messages: the messages; other senders' may come between them where this one had to wait.
            timeout: seconds to wait for room; None to wait without end.

        Returns:
            The seconds it had to wait.

        Raises:
            StreamClosed: the stream was closed, before or while waiting; those that had room are in.
            StreamAborted: it was aborted.
            StreamFull: the policy is to fail, and there was no room.
            TimeoutError: there was no room in time.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._lock:
            position = self._accept(messages, 0)
            if position == len(messages):
                return 0.0
            began = time.monotonic()
            while position < len(messages):
                self._wait(self._room, deadline, "send")
                position = self._accept(messages, position, again=True)
            return time.monotonic() - began

    async def send_async(self, message: Any) -> float:
        """Put one message in, from asyncio; see `send_batch`. Cancelled while waiting, it leaves nothing behind."""
        return await self.send_batch_async((message,))

    async def send_batch_async(self, messages: Sequence[Any]) -> float:
        """Put messages in, from asyncio; see `send_batch`."""
        began = time.monotonic()
        position = 0
        waited = False
        while True:
            with self._lock:
                position = self._accept(messages, position, again=waited)
                if position == len(messages):
                    return time.monotonic() - began if waited else 0.0
                waiter = self._new_waiter(self._room_waiters)
            waited = True
            await self._wait_async(waiter, self._room_waiters)

    # Receiving

    def receive(self, timeout: float | None = None) -> Any:
        """Take one message out; see `receive_batch`."""
        return self.receive_batch(1, timeout)[0]

    def receive_batch(self, limit: int, timeout: float | None = None) -> list[Any]:
        """Take out what is there, at most `limit` messages and at least one, waiting until there is one.

        Raises:
            StreamClosed: the stream was closed, and all that it had accepted has been received.
            StreamAborted: it was aborted.
            TimeoutError: no message came within `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._lock:
            while not self._queue:
                self._check_open("receive")
                self._wait(self._ready, deadline, "receive")
            self._check_aborted("receive")
            return self._take(limit)

    async def receive_async(self) -> Any:
        """Take one message out, from asyncio; see `receive_batch`."""
        return (await self.receive_batch_async(1))[0]

    async def receive_batch_async(self, limit: int) -> list[Any]:
        """Take out what is there, from asyncio; see `receive_batch`."""
        while True:
            with self._lock:
                if self._queue:
                    return self._take(limit)
                self._check_open("receive")
                waiter = self._new_waiter(self._ready_waiters)
            await self._wait_async(waiter, self._ready_waiters)

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

    def close(self) -> None:
        """Take no more messages and wake whoever waits; what was accepted can still be received. Twice is fine."""
        with self._lock:
            self._closed = True
            self._wake_all()

    def abort(self, reason: str) -> None:
        """End the stream for senders and receivers alike and forget what it holds; the first reason given counts."""
        with self._lock:
            if self._aborted is None:
                self._aborted = reason
                self._queue.clear()
                self._sizes.clear()
                self._bytes = 0
                self._wake_all()

    @property
    def closed(self) -> bool:
        """Whether it takes no more messages."""
        return self._closed or self._aborted is not None

    def __len__(self) -> int:
        return len(self._queue)

    def statistics(self) -> StreamStatistics:
        """Return a copy of its counters as they are now."""
        with self._lock:
            now = self._statistics.copy()
            now.depth = len(self._queue)
            now.depth_bytes = self._bytes
            if self._paused_since is not None:
                now.paused_s += self._clock() - self._paused_since
            return now

    # Under the lock

    def _accept(self, messages: Sequence[Any], position: int, *, again: bool = False) -> int:
        """Let in what has room from `position` on, apply the policy to the rest, and return where that ended."""
        self._check_open("send")
        begin = position
        position = self._fit(messages, position)
        rest = len(messages) - position
        if rest:
            # Whoever tries again was counted when it found no room at first.
            self._statistics.overflows += 0 if again else rest
            if self.when_full is WhenFull.BLOCK:
                self._pause()
            elif self.when_full is WhenFull.DROP_NEWEST:
                self._statistics.drops += rest
                position += rest
            elif self.when_full is WhenFull.DROP_OLDEST:
                while position < len(messages):
                    self._drop_oldest()
                    position = self._fit(messages, position)
        self._statistics.sent += position - begin
        if position > begin:
            self._statistics.peak = max(self._statistics.peak, len(self._queue))
            self._statistics.peak_bytes = max(self._statistics.peak_bytes, self._bytes)
            self._wake(self._ready, self._ready_waiters, position - begin)
        if rest and self.when_full is WhenFull.FAIL:
            raise StreamFull(self.name, "send", f"it is full, with {len(self._queue)} messages; {rest} found no room")
        return position

    def _fit(self, messages: Sequence[Any], position: int) -> int:
        """Append the messages from `position` on that have room, and return where that ended."""
        if self._paused_since is not None:
            return position
        if self._statistics.capacity_bytes is not None:
            return self._fit_by_size(messages, position, self._statistics.capacity_bytes)
        end = min(len(messages), position + self._statistics.capacity - len(self._queue))
        self._queue.extend(messages if end - position == len(messages) else islice(messages, position, end))
        if len(self._queue) >= self._high:
            self._pause()
        return end

    def _fit_by_size(self, messages: Sequence[Any], position: int, capacity: int) -> int:
        while position < len(messages) and self._paused_since is None and len(self._queue) < self._statistics.capacity:
            size = self._size_of(messages[position])
            if self._queue and self._bytes + size > capacity:
                break
            self._queue.append(messages[position])
            self._sizes.append(size)
            self._bytes += size
            position += 1
            if self._bytes >= self._high:
                self._pause()
        return position

    def _drop_oldest(self) -> None:
        self._queue.popleft()
        if self._sizes:
            self._bytes -= self._sizes.popleft()
        self._statistics.drops += 1

    def _take(self, limit: int) -> list[Any]:
        queue = self._queue
        if limit >= len(queue):
            batch = list(queue)
            queue.clear()
            self._sizes.clear()
            self._bytes = 0
        else:
            batch = [queue.popleft() for _ in range(limit)]
            if self._sizes:
                self._bytes -= sum(self._sizes.popleft() for _ in range(limit))
        self._statistics.received += len(batch)
        if self._paused_since is not None:
            fill = len(queue) if self._statistics.capacity_bytes is None else self._bytes
            if fill <= self._low:
                self._resume()
        return batch

    def _pause(self) -> None:
        if self._paused_since is None and self.when_full is WhenFull.BLOCK:
            self._statistics.pauses += 1
            self._paused_since = self._clock()

    def _resume(self) -> None:
        if self._paused_since is not None:
            self._statistics.resumes += 1
            self._statistics.paused_s += self._clock() - self._paused_since
            self._paused_since = None
            # Finding no room is what pauses, so nobody waits on a stream that is not paused.
            self._wake(self._room, self._room_waiters, None)

    def _check_aborted(self, operation: str) -> None:
        if self._aborted is not None:
            raise StreamAborted(self.name, operation, f"it was aborted: {self._aborted}")

    def _check_open(self, operation: str) -> None:
        self._check_aborted(operation)
        if self._closed:
            raise StreamClosed(self.name, operation, "it is closed")

    # Waiting and waking

    def _wait(self, condition: threading.Condition, deadline: float | None, operation: str) -> None:
        remaining = None if deadline is None else deadline - time.monotonic()
        if remaining is not None and remaining <= 0:
            raise TimeoutError(f"stream {self.name}: {operation}: not possible in time")
        condition.wait(remaining)

    def _new_waiter(self, waiters: list[_Waiter]) -> _Waiter:
        loop = asyncio.get_running_loop()
        waiter = (loop, loop.create_future())
        waiters.append(waiter)
        return waiter

    async def _wait_async(self, waiter: _Waiter, waiters: list[_Waiter]) -> None:
        try:
            await waiter[1]
        finally:
            with self._lock:
                if waiter in waiters:
                    waiters.remove(waiter)

    def _wake(self, condition: threading.Condition, waiters: list[_Waiter], number: int | None) -> None:
        if number is None:
            condition.notify_all()
        else:
            condition.notify(number)
        if waiters:
            for loop, future in waiters:
                _wake_future(loop, future)
            waiters.clear()

    def _wake_all(self) -> None:
        self._wake(self._room, self._room_waiters, None)
        self._wake(self._ready, self._ready_waiters, None)


def _wake_future(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
    def wake() -> None:
        if not future.done():
            future.set_result(None)

    # A loop that was closed in the meantime, which it says by RuntimeError, has nobody left to wake.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(wake)
