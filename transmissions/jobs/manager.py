"""The manager of jobs in one process: starts and ends them, lets others follow, and keeps house."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self

from loguru import logger

from transmissions.errors import TransmissionsError
from transmissions.jobs.abort import ACKNOWLEDGE_S, AbortResult, abort
from transmissions.jobs.content import Snapshot
from transmissions.jobs.control import JobControl
from transmissions.jobs.errors import JobForbidden, JobNotFound, JobSettled, StoreError
from transmissions.jobs.followers import Followers
from transmissions.jobs.job import Cleaned, Job, JobStatus, Outcome
from transmissions.jobs.keeper import CLEAN_S, LEASE_S, Keeper
from transmissions.jobs.store import JobStore
from transmissions.jobs.subscription import MAX_BYTES, MAX_EVENTS, Subscription
from transmissions.jobs.worker import this_worker
from transmissions.streams import WhenFull

__all__ = ["Attached", "Begun", "JobManager"]

_STOPPED = "its worker was shut down"
_UNRECORDED = "its worker stopped, and its end could not be recorded"


class Begun(NamedTuple):
    """What `begin` and `start` return.

    Args:
        job: the job, as it was made, or as it is, if there was one under the idempotency key.
        control: what whoever works on it holds; None if there was one: then it is worked on elsewhere, or has ended.
        displaced: the live run that it took the stream from, as it ended; None if there was none.
    """

    job: Job
    control: JobControl | None
    displaced: Job | None = None


class Attached(NamedTuple):
    """What `attach` returns: together they are the job from its beginning on.

    Args:
        snapshot: what the log amounted to.
        subscription: the events after those that the snapshot covers.
    """

    snapshot: Snapshot
    subscription: Subscription


class JobManager:
    """Starts jobs, serves those who follow them, and ends them; every method may be called from any thread.

    Several may share a store, in any number of processes; each works on its own jobs, and follows and aborts any. As a
    context manager it is shut down at the end; the store stays open. When it begins it cleans the store, and so ends
    as interrupted what a worker left that has died.

    Where a method takes an `owner`, a job of another owner raises `JobForbidden`; None asks for no check.

    Args:
        store: where the jobs are.
        lease_s: for how long this process promises to be heard of, each time; whose promise is broken counts as dead.
        clean_s: how often the store is cleaned, in seconds.
        on_end: called once for each job that this process ends, with its last snapshot: to settle its usage, say. It is
            called in the thread that ends the job; what it raises is logged.
    """

    def __init__(
        self,
        store: JobStore,
        *,
        lease_s: float = LEASE_S,
        clean_s: float = CLEAN_S,
        on_end: Callable[[Snapshot], Any] | None = None,
    ) -> None:
        self.store = store
        self.worker = this_worker()
        self._on_end = on_end
        self._lease_s = lease_s
        self._lock = threading.Lock()
        self._owned: dict[str, JobControl] = {}
        self._works: dict[str, threading.Thread] = {}
        self._left_over: dict[JobControl, float] = {}
        self._closed = False
        self._followers = Followers(store)
        self._keeper = Keeper(self._renew, self._look, self.cleanup, every_s=lease_s / 3, clean_s=clean_s)
        self._stop_listening = store.transport.listen(self._woken)
        self.cleanup()
        self._keeper.start()

    # Beginning

    def begin(
        self,
        stream: str | None = None,
        *,
        owner: str = "",
        facts: Mapping[str, Any] | None = None,
        key: str | None = None,
        replace: bool = False,
        **times: Any,
    ) -> Begun:
        """Make a job for work that the caller does, and return what it controls it by; it must call `finish`.

        Args:
            stream: what it is a run of; the job's own id if None.
            owner: whose it is.
            facts: what is to be told of it, as JSON values.
            key: an idempotency key: once more with the same one leads to the job that there is.
            replace: whether a live run of the stream is aborted; else there may be none.
            times: `idle_s` and `keep_s`, as `Job` has them.

        Raises:
            ValueError, JobExists, JobForbidden, JobGone, CapacityError: as `JobStore.create`.
            StoreError: this manager has been shut down.
        """
        if self._closed:
            raise StoreError("this job manager has been shut down, and begins nothing more")
        make: Callable[..., Any] = self.store.replace if replace else self.store.create
        made = make(stream, owner=owner, facts=facts, key=key, worker=self.worker, lease_s=self._lease_s, **times)
        if not made.made:
            return Begun(made.job, None)
        control = JobControl(self.store, made.job, self._ended)
        with self._lock:
            self._owned[control.id] = control
            late = self._closed
        # It may have been ended before anybody here could be told.
        self._look([control.id] + ([made.displaced.id] if made.displaced else []))
        if made.displaced is not None:
            self._settle(made.displaced.id)
        if late:
            self._interrupt(control, _STOPPED)
        return Begun(made.job, control, made.displaced)

    def start(self, work: Callable[[JobControl], Any], stream: str | None = None, **options: Any) -> Begun:
        """Make a job and do its work in a thread: it is complete when `work` returns, and an error if it raises.

        Args:
            work: called with the control; a dict that it returns stands in the terminal event.
            stream: what it is a run of.
            options: as `begin` takes them. If the thread cannot be started the key is freed again.

        Raises: as `begin`.
        """
        begun = self.begin(stream, **options)
        control = begun.control
        if control is None:
            return begun
        thread = threading.Thread(
            target=self._work, args=(work, control), name=f"transmissions job {control.id}", daemon=True
        )
        try:
            with self._lock:
                self._works[control.id] = thread
            thread.start()
        except BaseException as error:
            self.withdraw(control, f"it could not be started: {error}")
            raise
        return begun

    def withdraw(self, control: JobControl, reason: str) -> None:
        """End a job that could not begin its work, with an error, and free its idempotency key for the next try."""
        with self._lock:
            self._works.pop(control.id, None)
        control.finish(JobStatus.ERROR, reason=reason)
        if control.job.key:
            self.store.release(control.job.key, control.id, owner=control.job.owner)

    def _work(self, work: Callable[[JobControl], Any], control: JobControl) -> None:
        try:
            try:
                made = work(control)
            except JobSettled:
                control.finish(JobStatus.ABORTED, reason=control.reason)
            except Exception as error:
                control.finish(JobStatus.ERROR, reason=f"{type(error).__name__}: {error}")
            else:
                control.finish(data=made if isinstance(made, Mapping) else None)
        except (TransmissionsError, ValueError) as error:
            logger.error(f"job {control.id}: its end could not be recorded: {error}")
        finally:
            with self._lock:
                self._works.pop(control.id, None)

    # Following

    def subscribe(
        self,
        job_id: str,
        after: int = -1,
        *,
        owner: str | None = None,
        max_events: int = MAX_EVENTS,
        max_bytes: int = MAX_BYTES,
        when_full: WhenFull = WhenFull.BLOCK,
    ) -> Subscription:
        """Return the events of a job after number `after`, those there are and those to come, up to the terminal one.

        Args:
            job_id: the job's id.
            after: the number of the last event that the reader has; -1 for none.
            owner: whose job it has to be.
            max_events: how many events may wait for the reader.
            max_bytes: how many bytes of events may.
            when_full: what becomes of a reader that falls behind that: see `Subscription`.

        Raises:
            JobNotFound: there is no such job.
            JobForbidden: it is another owner's.
            ValueError: a bound, the policy, or `after` is none.
        """
        self.get(job_id, owner=owner)
        bounds = {"max_events": max_events, "max_bytes": max_bytes, "when_full": when_full}
        return self._followers.subscribe(job_id, after, **bounds)

    def attach(self, job_id: str, *, owner: str | None = None, **bounds: Any) -> Attached:
        """Return what a job amounts to until now, and the events from there on: for one who comes, or comes back."""
        self.get(job_id, owner=owner)
        snapshot = self.store.snapshot(job_id)
        return Attached(snapshot, self.subscribe(job_id, snapshot.seq, **bounds))

    def snapshot(self, job_id: str, *, owner: str | None = None) -> Snapshot:
        """Return what a job amounts to until now, with the number of the last event that this covers."""
        self.get(job_id, owner=owner)
        return self.store.snapshot(job_id)

    def get(self, job_id: str, *, owner: str | None = None) -> Job:
        """Return a job; raises JobNotFound or JobForbidden."""
        job = self.store.get(job_id)
        if owner is not None and job.owner != owner:
            raise JobForbidden(job_id, "this job is another owner's")
        return job

    def subscribers(self, job_id: str) -> int:
        """Return how many subscribers of a job there are in this process."""
        return self._followers.count(job_id)

    def on_all_left(self, job_id: str, callback: Callable[[], Any]) -> Callable[[], None]:
        """Have a callback called each time the last subscriber of a job leaves this process; return what ends that."""
        return self._followers.on_all_left(job_id, callback)

    # Ending

    def abort(
        self, job_id: str, reason: str = "aborted", *, owner: str | None = None, wait_s: float = ACKNOWLEDGE_S
    ) -> AbortResult:
        """End a job, wherever it is worked on, and whoever follows it.

        Args:
            job_id: the job's id.
            reason: why, in words.
            owner: whose job it has to be.
            wait_s: for how many seconds to wait for its worker to say that it has heard of it.

        Raises:
            JobNotFound, JobForbidden: as `get`.
        """
        self.get(job_id, owner=owner)
        result = abort(self.store, job_id, reason, wait_s, self._look)
        if result.landed:
            self._settle(job_id)
        return result

    def cleanup(self) -> Cleaned:
        """Clean the store, tell the works of what was reaped, and return what was done; done regularly by itself."""
        cleaned = self.store.cleanup()
        for job_id, cause in cleaned.failed.items():
            logger.error(f"job {job_id}: it could not be cleaned: {cause}")
        ended = [*cleaned.reaped, *cleaned.interrupted]
        self._look(ended)
        for job_id in ended:
            self._settle(job_id)
        return cleaned

    def shutdown(self, reason: str = _STOPPED, *, wait_s: float = 5.0) -> None:
        """End the jobs of this process as interrupted, bring subscribers what there is, and stop; the store stays open.

        Args:
            reason: why, in words.
            wait_s: for how many seconds to wait for the works to stop.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            owned, works = list(self._owned.values()), list(self._works.values())
        for control in owned:
            self._interrupt(control, reason)
        self._keeper.stop()
        for work in works:
            if work is not threading.current_thread():
                work.join(wait_s)
        self._followers.close()
        self._stop_listening()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def _interrupt(self, control: JobControl, reason: str) -> None:
        try:
            won = self.store.transition(control.id, JobStatus.INTERRUPTED, reason=reason)
            # If another was faster the work is told what that one said.
            self._look([control.id])
        except TransmissionsError as error:
            logger.error(f"job {control.id}: its end could not be recorded: {error}")
            won = Outcome.SETTLED
        control.cancel(reason)
        if won:
            self._settle(control.id)

    def _ended(self, control: JobControl, by_work: bool) -> None:
        """Forget a control whose job has ended."""
        with self._lock:
            self._owned.pop(control.id, None)
        self._followers.job_ended(control.id)
        if by_work:
            self._settle(control.id)
            return
        try:
            heard = self.store.acknowledge(control.id, expect_epoch=control.job.epoch)
        except TransmissionsError as error:
            logger.warning(f"job {control.id}: that it has stopped could not be recorded: {error}")
            heard = Outcome.REFUSED
        if heard is Outcome.REFUSED and not self._closed:
            # It still counts as live, and so does its worker, which is this process: nobody else would ever end it.
            with self._lock:
                self._left_over[control] = time.monotonic() + self._lease_s

    def _settle(self, job_id: str) -> None:
        if self._on_end is None:
            return
        try:
            self._on_end(self.store.snapshot(job_id))
        except Exception as error:
            logger.error(f"job {job_id}: what is called at its end raised: {error!r}")

    # Keeping house

    def _woken(self, job_id: str | None, control: bool) -> None:
        self._followers.wake(job_id, control)
        # Without the lock: that of a store may be held by whoever tells.
        if control and self._owned and (job_id is None or job_id in self._owned):
            self._keeper.look()

    def _renew(self) -> None:
        with self._lock:
            owned = list(self._owned)
        self._look(self.store.renew(owned, self.worker, self._lease_s))
        self._end_left_over()

    def _end_left_over(self) -> None:
        """End the jobs whose end could not be recorded, once the lease is over in which their work may still do it."""
        with self._lock:
            due = [control for control, until in self._left_over.items() if time.monotonic() >= until]
        for control in due:
            won = self.store.transition(
                control.id, JobStatus.INTERRUPTED, reason=_UNRECORDED, expect_epoch=control.job.epoch
            )
            with self._lock:
                self._left_over.pop(control, None)
            if won:
                self._settle(control.id)

    def _look(self, job_ids: list[str] | None = None) -> None:
        """Tell the works of those jobs of ours, or of all, that have been ended by somebody else."""
        with self._lock:
            owned = [one for one in self._owned.values() if job_ids is None or one.id in job_ids]
        for control in owned:
            try:
                job = self.store.get(control.id)
            except JobNotFound:
                control.cancel("it was deleted")
            else:
                if not job.live:
                    control.cancel(job.reason or str(job.status))
