"""Those who wait for a stream to have room, or to have a message: threads and asyncio tasks in one line."""

from __future__ import annotations

import asyncio
import contextlib
import threading

__all__ = ["Waiters"]


class Waiters:
    """Threads and tasks that wait for one thing to change; every method but `wait_async` needs the stream's lock.

    Args:
        lock: the stream's lock, released while a thread waits.

    Attributes:
        number: how many wait now.
    """

    def __init__(self, lock: threading.Lock) -> None:
        self.number = 0
        self._lock = lock
        self._condition = threading.Condition(lock)
        self._futures: list[asyncio.Future[None]] = []

    def wait(self, seconds: float | None) -> None:
        """Let a thread sleep until it is woken, for `seconds` at most."""
        self.number += 1
        try:
            self._condition.wait(seconds)
        except BaseException:
            # Ctrl-C may hit a thread that was woken for something: then another has to see to it.
            self._condition.notify()
            raise
        finally:
            self.number -= 1

    def register(self) -> asyncio.Future[None]:
        """Enter the running task into the line; it then awaits `wait_async` without the lock."""
        self.number += 1
        future = asyncio.get_running_loop().create_future()
        self._futures.append(future)
        return future

    async def wait_async(self, future: asyncio.Future[None]) -> None:
        """Let a task sleep until it is woken. Woken or cancelled, it has taken nothing, so nothing can be lost."""
        try:
            await future
        finally:
            with self._lock:
                self.number -= 1
                if future in self._futures:
                    self._futures.remove(future)

    def wake(self, number: int | None = None) -> None:
        """Wake so many of the threads, all if None is given, and every task: those that find nothing wait again."""
        if not self.number:
            return
        if number is None:
            self._condition.notify_all()
        else:
            self._condition.notify(number)
        if self._futures:
            running = _running_loop()
            for future in self._futures:
                if future.get_loop() is running:
                    _wake(future)
                    continue
                # A loop that was closed in the meantime, which it says by RuntimeError, has nobody left to wake.
                with contextlib.suppress(RuntimeError):
                    future.get_loop().call_soon_threadsafe(_wake, future)
            self._futures.clear()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
