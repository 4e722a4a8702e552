"""A cancellation: what one thread gives to operations that may wait, so that another can end their waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Cancellation"]


class Cancellation:
    """Ends the waiting of every operation it was given to; for threads, as a task's cancellation is for asyncio.

    >>> cancellation = Cancellation()
    >>> cancellation.cancel("the user left")
    >>> cancellation.cancelled, cancellation.reason
    (True, 'the user left')
    """

    def __init__(self) -> None:
        self.cancelled = False
        self.reason = ""
        self._lock = threading.Lock()
        self._wakes: list[Callable[[], None]] = []

    def cancel(self, reason: str = "cancelled") -> None:
        """End the waiting of all operations that hold it, and refuse new ones; the first reason given counts."""
        with self._lock:
            if self.cancelled:
                return
            self.reason = reason
            self.cancelled = True
            wakes = self._wakes.copy()
        # Outside the lock: whoever waits holds a stream's lock when it asks for this one.
        for wake in wakes:
            wake()

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """Have `wake` called if it is cancelled meanwhile; one that is cancelled already does not call it."""
        with self._lock:
            self._wakes.append(wake)
        try:
            yield
        finally:
            with self._lock:
                self._wakes.remove(wake)
