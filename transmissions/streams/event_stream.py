"""The event stream: a bounded channel between threads and asyncio tasks that holds its senders back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from transmissions.errors import StreamClosed, StreamEmpty, StreamFull
from transmissions.streams.cancellation import Cancellation
from transmissions.streams.channel import Channel

__all__ = ["EventStream"]


class EventStream(Channel):
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
        size_of: gives the bytes of a message, a whole number of 0 or more; called only where `max_bytes` is set.
        never_drop: says of a message that no policy may drop it. It then takes the place of one that may be dropped;
            its sender waits where there is none.
        name: stands in errors.
        clock: gives seconds, for the time spent paused or idle.
        on_wait: called with `send` or `receive` each time an operation has to wait, before it waits, in its thread.

    Raises:
        ValueError: a bound is not a whole number of 1 or more, the marks are not low ≤ high ≤ bound, or there is no
            such policy.
        TypeError: what should be a function is none.
    """

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
            if self._accept((message,), 0) == (0, 0):
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
            StreamError: a message is to wait on disk and cannot be written there, or its size, or whether it may be
                dropped, cannot be told.
                Each of them tells in `accepted` how many messages were let in before; those stay in.
        """
        deadline = self._deadline(timeout, cancellation, "send")
        position = dropped = 0
        began: float | None = None
        with self._lock:
            while True:
                position, dropped = self._accept(messages, position, dropped, again=began is not None)
                if position == len(messages):
                    break
                if began is None:
                    began = time.monotonic()
                    if self._tell_of_waiting("send"):
                        continue
                self._wait(self._senders, deadline, cancellation, "send", position - dropped)
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
        position = dropped = 0
        began: float | None = None
        while True:
            with self._lock:
                position, dropped = self._accept(messages, position, dropped, again=began is not None)
                if position == len(messages):
                    return 0.0 if began is None else time.monotonic() - began
                told = began is None and self._tell_of_waiting("send")
                began = time.monotonic() if began is None else began
                if told:
                    continue
                waiter = self._senders.register()
            await self._wait_async(self._senders, waiter, deadline, "send", position - dropped)

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


def _check_limit(limit: int) -> None:
    if limit < 1:
        raise ValueError(f"a batch holds at least 1 message, got a limit of {limit}")
