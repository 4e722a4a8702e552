"""The writer of a job's log: takes events from any thread and appends them in their order, many at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from transmissions.errors import TransmissionsError
from transmissions.jobs.encoding import encode
from transmissions.jobs.errors import JobSettled
from transmissions.jobs.job import Job, Outcome, check_event
from transmissions.jobs.store import JobStore
from transmissions.streams import EventStream, StreamAborted, StreamClosed

__all__ = ["EventWriter"]

_BATCH = 500
_MAX_EVENTS = 2000
_MAX_BYTES = 8 << 20


class EventWriter:
    """Appends a job's events in a thread of its own; while one batch is written, the next gathers.

    What waits is bounded: whoever puts events in faster than the store takes them is held back.

    Args:
        store: where the log is.
        job: whose log.
        on_refused: called, in the writer's thread, when the store takes no more: with its answer, or with its error.
    """

    def __init__(self, store: JobStore, job: Job, on_refused: Callable[[Outcome | TransmissionsError], Any]) -> None:
        self._store = store
        self._job_id, self._epoch = job.id, job.epoch
        self._on_refused = on_refused
        self._queue = EventStream(_MAX_EVENTS, max_bytes=_MAX_BYTES, size_of=_size, name=f"log of job {job.id}")
        self._written = threading.Condition()
        self._number = 0
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._error: TransmissionsError | None = None

    def put(self, kind: str, data: Mapping[str, Any]) -> None:
        """Have an event appended, after all that were put in before by this thread.

        Raises:
            ValueError: it is not JSON, or of no type that it may have.
            JobSettled: the job has ended.
            StoreUnavailable, StoreError: the store did not take an earlier one.
        """
        event = check_event(kind, data)
        if self._thread is None:
            self._start()
        try:
            self._queue.send(event)
        except (StreamClosed, StreamAborted):
            raise self._refusal() from None

    def flush(self) -> None:
        """Wait until all that was put in is in the log; raises as `put` if it was not taken."""
        target = self._queue.statistics().sent
        with self._written:
            self._written.wait_for(lambda: self._number >= target or self._queue.closed)
            written = self._number >= target
        if not written:
            raise self._refusal()

    def _refusal(self) -> TransmissionsError:
        return self._error or JobSettled(self._job_id, "it has ended, and takes no more events")

    def close(self) -> None:
        """Take no more, and wait until what was put in is in the log, or refused."""
        self._queue.close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def abort(self) -> None:
        """Take no more, and forget what is not in the log yet."""
        self._queue.abort("the job has ended")
        with self._written:
            self._written.notify_all()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                thread = threading.Thread(target=self._write, name=f"transmissions log {self._job_id}", daemon=True)
                thread.start()
                self._thread = thread

    def _write(self) -> None:
        while True:
            try:
                batch = self._queue.receive_batch(_BATCH)
            except (StreamClosed, StreamAborted):
                return
            try:
                outcome: Outcome | TransmissionsError = self._store.append(
                    self._job_id, batch, expect_epoch=self._epoch
                ).outcome
            except TransmissionsError as error:
                self._error = outcome = error
            if outcome is not Outcome.DONE:
                self.abort()
                self._on_refused(outcome)
                return
            with self._written:
                self._number += len(batch)
                self._written.notify_all()


def _size(event: tuple[str, dict[str, Any]]) -> int:
    return len(encode(event[1]))
