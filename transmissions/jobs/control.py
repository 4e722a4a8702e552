"""The control of a job: what whoever works on it tells the store by, and hears from it that it is to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from loguru import logger

from transmissions.errors import TransmissionsError
from transmissions.jobs.encoding import plain
from transmissions.jobs.job import Job, JobStatus, Outcome
from transmissions.jobs.store import JobStore
from transmissions.jobs.writer import EventWriter

__all__ = ["JobControl"]


class JobControl:
    """Held by whoever works on a job; every method may be called from any thread.

    Events are appended in the order in which one thread tells of them. When the job is ended by somebody else, the work
    is told: `cancelled` is true, `on_cancel` is called, and the next event raises `JobSettled`.

    Args:
        store: where the job is.
        job: the job, as it was made.
        on_end: called with the control when the work is over, and with whether it was `finish` that ended the job.
    """

    def __init__(self, store: JobStore, job: Job, on_end: Callable[[JobControl, bool], Any]) -> None:
        self.job = job
        self.id = job.id
        self._store = store
        self._on_end = on_end
        self._over = False
        self._writer = EventWriter(store, job, self._refused)
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._reason = ""
        self._error: TransmissionsError | None = None
        self._finishing = False
        self._on_cancel: list[Callable[[str], Any]] = []

    # What the work tells

    def emit(self, kind: str, data: Mapping[str, Any]) -> None:
        """Append an event of any type.

        Raises:
            ValueError: its data are not JSON, or its type is none: empty, or `end`, which `finish` makes.
            JobSettled: the job has ended.
            StoreUnavailable, StoreError: the store took an earlier event not.
        """
        self._writer.put(kind, data)

    def text(self, text: str, part: int = 0) -> None:
        """Add text to a part of the answer."""
        self.emit("text", {"text": text, "part": part} if part else {"text": text})

    def step(self, step_id: str, **what: Any) -> None:
        """Tell of a run step, or of what has changed of it."""
        self.emit("step", {**what, "id": step_id})

    def log(self, text: str, level: str = "info", **facts: Any) -> None:
        """Tell of something in words."""
        self.emit("log", {"level": level, "text": text, **facts})

    def usage(self, call: str, usage: Mapping[str, Any]) -> Outcome:
        """Keep the usage of one call, also when the job has ended meanwhile."""
        return self._store.record_usage(self.id, call, usage, expect_epoch=self.job.epoch)

    def update(self, **facts: Any) -> Outcome:
        """Set facts of the job."""
        return self._store.update(self.id, facts, expect_epoch=self.job.epoch)

    def pause(self, reason: str = "") -> Outcome:
        """Say that the work waits for something, once all events until now are in the log."""
        self._writer.flush()
        return self._store.transition(self.id, JobStatus.PAUSED, reason=reason, expect_epoch=self.job.epoch)

    def resume(self, reason: str = "") -> Outcome:
        """Say that it goes on, once all events until now are in the log."""
        self._writer.flush()
        return self._store.transition(self.id, JobStatus.RUNNING, reason=reason, expect_epoch=self.job.epoch)

    def flush(self) -> None:
        """Wait until every event until now is in the log; raises as `emit`."""
        self._writer.flush()

    def finish(
        self, status: JobStatus = JobStatus.COMPLETE, *, reason: str = "", data: Mapping[str, Any] | None = None
    ) -> Outcome:
        """End the job, after all events until now; only the first of all who end it gets `DONE`.

        Raises:
            ValueError: the data are not JSON; nothing has happened then.
            StoreUnavailable, StoreError: the store did not take it; the job ends as interrupted, in time.
        """
        told = plain(dict(data or {}))
        with self._lock:
            # Whoever ends it by itself is not told to stop because it has ended.
            self._finishing = True
        outcome = Outcome.SETTLED
        try:
            self._writer.close()
            outcome = self._store.transition(self.id, status, reason=reason, data=told, expect_epoch=self.job.epoch)
        finally:
            self._ended(by_work=bool(outcome))
        return outcome

    # What the work hears

    @property
    def cancelled(self) -> bool:
        """Whether the work is to stop."""
        return self._cancelled.is_set()

    @property
    def reason(self) -> str:
        """Why it is to stop; "" if it is not."""
        return self._reason

    @property
    def error(self) -> TransmissionsError | None:
        """What failed, if it is to stop because its store did; None if somebody ended the job, or if it is not."""
        return self._error

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is to stop, at most so many seconds; return whether it is."""
        return self._cancelled.wait(timeout)

    def on_cancel(self, callback: Callable[[str], Any]) -> None:
        """Have a callback called with the reason when the work is to stop; at once, if it is already."""
        with self._lock:
            if not self._cancelled.is_set():
                self._on_cancel.append(callback)
                return
        callback(self._reason)

    def cancel(self, reason: str, error: TransmissionsError | None = None) -> None:
        """Tell the work to stop; the first reason counts. Does nothing to the job, which has ended by then.

        Args:
            reason: why, in words.
            error: what failed, if that is why.
        """
        with self._lock:
            if self._finishing or self._cancelled.is_set():
                return
            self._reason, self._error = reason, error
            self._cancelled.set()
            callbacks, self._on_cancel = self._on_cancel, []
        self._writer.abort()
        for callback in callbacks:
            try:
                callback(reason)
            except Exception as raised:
                logger.error(f"job {self.id}: what is called when it is to stop raised: {raised!r}")
        self._ended(by_work=False)

    def _refused(self, answer: Outcome | TransmissionsError) -> None:
        error = answer if isinstance(answer, TransmissionsError) else None
        self.cancel(f"its events are no longer taken: {answer}", error)

    def _ended(self, *, by_work: bool) -> None:
        with self._lock:
            over, self._over = self._over, True
            # Whatever they hold is not to live as long as somebody holds this.
            self._on_cancel = []
        # The one that won is told of, also if another that lost was faster to hear of it.
        if by_work or not over:
            self._on_end(self, by_work)
