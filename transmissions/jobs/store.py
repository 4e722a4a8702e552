"""The store of jobs: what every one of them promises; where the data lie is a back end's concern.

A store holds jobs, each with its log of events, the usage of its calls, and a snapshot. Every write is one atomic step,
and every read returns a copy. Times are seconds.
"""

from __future__ import annotations

import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self, TypeVar

from transmissions.errors import TransmissionsError
from transmissions.jobs import rules
from transmissions.jobs.content import Content, Snapshot
from transmissions.jobs.encoding import decode, encode, plain
from transmissions.jobs.errors import JobDamaged, JobNotFound
from transmissions.jobs.job import (
    LAST_SEQ,
    LIVE,
    Appended,
    Cleaned,
    Created,
    Job,
    JobEvent,
    JobStatus,
    Outcome,
    check_event,
    check_id,
    check_owner,
)
from transmissions.jobs.transaction import NewJob, Transaction
from transmissions.jobs.transport import Transport
from transmissions.secrets import redact

__all__ = ["IDLE_S", "KEEP_S", "KEY_S", "MAX_JOBS", "JobStore"]

MAX_JOBS = 1000
"""How many jobs a store holds, unless said otherwise."""
KEEP_S = 7 * 86_400.0
"""How long ended jobs are kept, unless said otherwise."""
IDLE_S = 1200.0
"""How long nothing may happen in a live job before it counts as hung, unless said otherwise."""
KEY_S = 86_400.0
"""How long an idempotency key outlives its job, unless said otherwise."""

_PAGE = 1000
_WORTH_SAVING = 1000
_T = TypeVar("_T")


class JobStore(ABC):
    """Holds jobs; every method may be called from any thread, and as a context manager it is closed at the end.

    A write takes `expect_epoch`: if the job is not of that epoch, or another run has followed it in its stream, nothing
    changes and the outcome is `STALE`.

    Args:
        max_jobs: how many jobs it holds; ended ones make room, those first that ended first. None for no bound.
        keep_s: for how long new jobs are to be kept once they ended; None for as long as there is room.
        idle_s: after how long without an event new jobs count as hung; 0 for never.
        key_s: how long an idempotency key outlives its job.
        clock: gives the time, in seconds since 1970.
    """

    transport: Transport
    """Tells of the changes that are made to this store."""

    def __init__(
        self,
        *,
        max_jobs: int | None = MAX_JOBS,
        keep_s: float | None = KEEP_S,
        idle_s: float = IDLE_S,
        key_s: float = KEY_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if max_jobs is not None and (type(max_jobs) is not int or max_jobs < 1):
            raise ValueError(f"max_jobs must be a whole number, 1 or more, or None, got {max_jobs!r}")
        self.max_jobs = max_jobs
        self.keep_s = keep_s
        self.idle_s = idle_s
        self.key_s = key_s
        self.clock = clock

    # Making

    def create(self, stream: str | None = None, **options: Any) -> Created:
        """Make a job, which is running from then on.

        Args:
            stream: what it is a run of; its own id if None.
            options: `owner`, `facts`, `worker`, `lease_s`, `idle_s` and `keep_s` as `Job` has them, and `key`: an
                idempotency key; one that was used by this owner leads to the job of then.

        Raises:
            ValueError: an id is no text of 1 to 512 characters, or the facts are not JSON.
            JobExists: a live run holds the stream.
            JobForbidden: the stream is another owner's.
            JobGone: the key's job is no longer kept.
            CapacityError: there are as many live jobs as may be.
        """
        return self._create(stream, displacing=False, **options)

    def replace(self, stream: str, **options: Any) -> Created:
        """Make a job, aborting the live run of its stream, if there is one, in the same step; see `create`."""
        return self._create(stream, displacing=True, **options)

    def _create(self, stream: str | None, *, displacing: bool, **options: Any) -> Created:
        asked = self._asked(uuid.uuid4().hex[:16], stream, **options)
        now = self.clock()
        return self._write(
            lambda step: rules.create(step, asked, now, displacing=displacing, max_jobs=self.max_jobs, key_s=self.key_s)
        )

    def _asked(
        self,
        job_id: str,
        stream: str | None,
        *,
        owner: str = "",
        facts: Mapping[str, Any] | None = None,
        key: str | None = None,
        worker: str = "",
        lease_s: float | None = None,
        **times: Any,
    ) -> NewJob:
        if key is not None:
            check_id(key, "an idempotency key")
        return NewJob(
            id=job_id,
            stream=check_id(job_id if stream is None else stream, "a stream's id"),
            owner=check_owner(owner),
            facts=plain(dict(facts or {})),
            key=key or "",
            worker=worker,
            lease_s=lease_s,
            **{"idle_s": self.idle_s, "keep_s": self.keep_s, **times},
        )

    def release(self, key: str, job_id: str, *, owner: str = "") -> bool:
        """Free an idempotency key for the next try, if it was that job that took it; for one that could not begin."""
        return self._write(lambda step: rules.release(step, owner, key, job_id))

    # Changing

    def append(
        self, job_id: str, events: Iterable[tuple[str, Mapping[str, Any]]], *, expect_epoch: int | None = None
    ) -> Appended:
        """Append events to a live job's log: all of them, with consecutive numbers, or none.

        Args:
            job_id: the job's id.
            events: type and data of each; the type `end` is the store's own.
            expect_epoch: as for every write.

        Raises:
            ValueError: an event is not JSON, or has no type.
        """
        check_id(job_id)
        checked = [check_event(kind, data) for kind, data in events]
        now = self.clock()
        return self._write(lambda step: rules.append(step, job_id, checked, now=now, expect_epoch=expect_epoch))

    def update(
        self,
        job_id: str,
        facts: Mapping[str, Any] | None = None,
        *,
        clear: Sequence[str] = (),
        expect_epoch: int | None = None,
    ) -> Outcome:
        """Set some of a live job's facts, and forget those named in `clear`; raises ValueError if one is not JSON."""
        check_id(job_id)
        told, now = plain(dict(facts or {})), self.clock()
        return self._write(
            lambda step: rules.change(step, job_id, told, tuple(clear), now=now, expect_epoch=expect_epoch)
        )

    def transition(
        self,
        job_id: str,
        status: JobStatus | str,
        *,
        reason: str = "",
        data: Mapping[str, Any] | None = None,
        expect_epoch: int | None = None,
    ) -> Outcome:
        """Change a job's status; of several that want to end it one gets `DONE`, and its event is the log's last.

        Args:
            job_id: the job's id.
            status: what it is to be; `job.TRANSITIONS` says from what.
            reason: why, in words; a secret in it is hidden.
            data: what the event that tells of it holds besides `status` and `reason`.
            expect_epoch: as for every write.

        Raises:
            ValueError: there is no such status, or the data are not JSON.
        """
        check_id(job_id)
        to, told, now = JobStatus(status), plain(dict(data or {})), self.clock()
        reason = redact(reason).encode("utf-8", "replace").decode()
        return self._write(
            lambda step: rules.transition(
                step, job_id, to, reason, told, now=now, expect_epoch=expect_epoch, key_s=self.key_s
            )
        )[0]

    def record_usage(
        self, job_id: str, call: str, usage: Mapping[str, Any], *, expect_epoch: int | None = None
    ) -> Outcome:
        """Keep the usage of one call, also when the job has ended; once more for the same call replaces it."""
        check_id(job_id)
        check_id(call, "a call's id")
        data, now = encode(dict(usage)), self.clock()
        return self._write(
            lambda step: rules.record_usage(step, job_id, call, data, now=now, expect_epoch=expect_epoch)
        )

    def delete(self, job_id: str, *, expect_epoch: int | None = None) -> Outcome:
        """Remove a job with all that belongs to it, whatever its status."""
        check_id(job_id)
        now = self.clock()
        return self._write(
            lambda step: rules.delete(step, job_id, now=now, expect_epoch=expect_epoch, key_s=self.key_s)
        )

    def renew(self, job_ids: Iterable[str], worker: str, lease_s: float) -> list[str]:
        """Promise to be heard of again within `lease_s`; return the jobs that are not this worker's, or have ended."""
        lost = []
        for job_id in job_ids:
            lease = self.clock() + lease_s
            if not self._write(lambda step, job_id=job_id, lease=lease: rules.renew(step, job_id, worker, lease)):  # type: ignore[misc]
                lost.append(job_id)
        return lost

    def acknowledge(self, job_id: str, *, expect_epoch: int | None = None) -> Outcome:
        """Note that the worker has heard of the end of its job."""
        return self._write(lambda step: rules.acknowledge(step, job_id, expect_epoch))

    # Reading

    def get(self, job_id: str) -> Job:
        """Return a job; raises JobNotFound."""
        job = self._read_job(check_id(job_id))
        if job is None:
            raise _no_job(job_id)
        return job

    def exists(self, job_id: str) -> bool:
        """Say whether there is such a job."""
        return self._read_job(check_id(job_id)) is not None

    def find(self, stream: str) -> Job | None:
        """Return the newest run of a stream, or None."""
        runs = self.jobs(stream=stream)
        return runs[-1] if runs else None

    @abstractmethod
    def jobs(
        self,
        *,
        status: JobStatus | str | Iterable[JobStatus] | None = None,
        owner: str | None = None,
        stream: str | None = None,
    ) -> list[Job]:
        """Return the jobs of a status, or one of several, of an owner and of a stream, in the order of their making."""

    def running(self) -> list[Job]:
        """Return the live jobs, paused ones included."""
        return self.jobs(status=LIVE)

    def active(self, owner: str) -> list[Job]:
        """Return the live jobs of an owner."""
        return self.jobs(status=LIVE, owner=check_owner(owner))

    @abstractmethod
    def count(self, status: JobStatus | str | None = None) -> int:
        """Return how many jobs there are, in all or of one status."""

    def events(self, job_id: str, after: int = -1, limit: int | None = None) -> list[JobEvent]:
        """Return the events of a job's log that come after number `after`, at most `limit`; raises JobNotFound."""
        begin = min(max(-1, after), LAST_SEQ) + 1
        return [
            JobEvent.decoded(begin + place, entry) for place, entry in enumerate(self.entries(job_id, begin, limit))
        ]

    def entries(self, job_id: str, begin: int = 0, limit: int | None = None) -> list[bytes]:
        """Return a job's log as it stands there, from number `begin` on: the JSON of each event; raises JobNotFound."""
        entries = self._read_log(check_id(job_id), begin, limit)
        if not entries:
            self.get(job_id)
        return entries

    def usage(self, job_id: str) -> dict[str, dict[str, Any]]:
        """Return the usage of a job's calls, by the calls' ids, in the order of these; raises JobNotFound."""
        usage = self._read_usage(check_id(job_id))
        if not usage:
            self.get(job_id)
        return {call: decode(data) for call, data in sorted(usage.items())}

    def snapshot(self, job_id: str) -> Snapshot:
        """Return what a job's log amounts to, with the number of the last event that it covers; raises JobNotFound."""
        job = self.get(job_id)
        seq, content = self._saved(job_id)
        saved = seq
        while seq + 1 < job.events:
            page = self.events(job_id, seq, min(_PAGE, job.events - seq - 1))
            if not page:
                # The job is there, or there would have been JobNotFound.
                raise JobDamaged(job_id, seq + 1, job.events)
            for event in page:
                content.add(event)
            seq = page[-1].seq
        if seq - saved >= _WORTH_SAVING:
            data = encode(content.as_json())
            self._write(lambda step: rules.save_snapshot(step, job_id, seq, data))
        return Snapshot(job, seq, content, self.usage(job_id))

    def content(self, job_id: str) -> list[dict[str, Any]]:
        """Return the parts of what a job has made, as its log has them; raises JobNotFound."""
        return self.snapshot(job_id).content.parts()

    def steps(self, job_id: str) -> list[dict[str, Any]]:
        """Return a job's run steps, each as it was last told of; raises JobNotFound."""
        return self.snapshot(job_id).content.steps()

    def _saved(self, job_id: str) -> tuple[int, Content]:
        saved = self._read_snapshot(job_id)
        if saved is not None:
            try:
                return saved[0], Content.from_json(decode(saved[1]))
            except (ValueError, KeyError, TypeError):
                pass  # It is made of the log, and can be made again.
        return -1, Content()

    # Cleaning and ending

    def cleanup(self) -> Cleaned:
        """Remove what was kept long enough; end what hangs, and what lost its worker. One that fails stops no other."""
        done = Cleaned([], [], [], {})
        for job_id in self._ids():
            try:
                self._clean(job_id, done)
            except (TransmissionsError, ValueError) as error:
                done.failed[job_id] = str(error)
        self._forget_claims(self.clock())
        return done

    def _clean(self, job_id: str, done: Cleaned) -> None:
        now = self.clock()
        job = self._read_job(job_id)
        if job is None or rules.due(job, now) is None:
            return
        did = self._write(lambda step: rules.clean(step, job_id, now, self.key_s))
        if did is not None:
            status = did[0]
            kind = done.interrupted if status is JobStatus.INTERRUPTED else done.reaped
            (done.removed if status is None else kind).append(job_id)

    @abstractmethod
    def close(self) -> None:
        """Release what it holds open; what it keeps durably stays."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What a back end provides

    @abstractmethod
    def _write(self, make: Callable[[Transaction], _T]) -> _T:
        """Run a step atomically, tell of its wakes, and return what it returned."""

    @abstractmethod
    def _read_job(self, job_id: str) -> Job | None: ...

    @abstractmethod
    def _read_log(self, job_id: str, begin: int, limit: int | None) -> list[bytes]: ...

    @abstractmethod
    def _read_usage(self, job_id: str) -> dict[str, bytes]: ...

    @abstractmethod
    def _read_snapshot(self, job_id: str) -> tuple[int, bytes] | None: ...

    @abstractmethod
    def _ids(self) -> list[str]: ...

    @abstractmethod
    def _forget_claims(self, now: float) -> None: ...


def _no_job(job_id: str) -> JobNotFound:
    return JobNotFound(job_id, "there is no such job; `trans jobs list` shows those there are")
