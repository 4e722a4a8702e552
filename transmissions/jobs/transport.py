"""Transports: they wake whoever follows a job. The log is the truth; a wake that is lost costs time, never an event."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

__all__ = ["LocalTransport", "Transport", "Wake"]

Wake = Callable[[str | None, bool], None]
"""Called with a job's id, None if any job may have changed, and whether it was more than new events."""


class Transport(ABC):
    """Tells of changes to jobs, possibly late, possibly more often than they happen, from any thread."""

    @abstractmethod
    def listen(self, wake: Wake) -> Callable[[], None]:
        """Have `wake` called from now on; changes after the return of this are told.

        Args:
            wake: must return soon; what it raises goes nowhere.

        Returns:
            What ends it; to call it twice is fine.
        """

    @abstractmethod
    def publish(self, job_id: str, control: bool) -> None:
        """Tell those who listen in this process, and any others that the transport reaches.

        Args:
            job_id: the job that changed.
            control: whether its status changed, and not only its log.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop telling, and release what it holds."""


class LocalTransport(Transport):
    """Reaches whoever listens in this process."""

    def __init__(self) -> None:
        self._wakes: dict[object, Wake] = {}
        self._lock = threading.Lock()

    def listen(self, wake: Wake) -> Callable[[], None]:
        """Have `wake` called from now on; see `Transport`."""
        place = object()
        with self._lock:
            self._wakes = self._wakes | {place: wake}

        def stop() -> None:
            with self._lock:
                self._wakes = {key: one for key, one in self._wakes.items() if key is not place}

        return stop

    @property
    def listening(self) -> int:
        """How many listen in this process."""
        return len(self._wakes)

    def publish(self, job_id: str | None, control: bool) -> None:
        """Tell those who listen in this process."""
        for wake in self._wakes.values():
            wake(job_id, control)

    def close(self) -> None:
        """Forget who listens."""
        with self._lock:
            self._wakes = {}
