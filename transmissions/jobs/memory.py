"""A store in memory: for programs whose jobs need not outlive them, and as the model of the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from transmissions.jobs.encoding import plain
from transmissions.jobs.job import Job, JobEvent, JobStatus, statuses_of
from transmissions.jobs.store import JobStore
from transmissions.jobs.transaction import Claim, Transaction
from transmissions.jobs.transport import LocalTransport

__all__ = ["MemoryJobStore"]

_T = TypeVar("_T")


@dataclass(slots=True)
class _Held:
    job: Job
    log: list[bytes] = field(default_factory=list)
    usage: dict[str, bytes] = field(default_factory=dict)
    snapshot: tuple[int, bytes] | None = None


@dataclass(slots=True)
class _Kept:
    lock: threading.RLock = field(default_factory=threading.RLock)
    jobs: dict[str, _Held] = field(default_factory=dict)
    claims: dict[tuple[str, str], Claim] = field(default_factory=dict)
    epoch: int = 0


class MemoryJobStore(JobStore):
    """Holds jobs in this process; they are gone with it. Takes what `JobStore` takes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.transport = LocalTransport()
        self._kept = _Kept()

    def jobs(
        self,
        *,
        status: JobStatus | str | Iterable[JobStatus] | None = None,
        owner: str | None = None,
        stream: str | None = None,
    ) -> list[Job]:
        """Return jobs in the order of their making; see `JobStore`."""
        wanted = statuses_of(status)
        with self._kept.lock:
            return [
                _copy(held.job)
                for held in self._kept.jobs.values()
                if held.job.status in wanted
                and (owner is None or held.job.owner == owner)
                and (stream is None or held.job.stream == stream)
            ]

    def count(self, status: JobStatus | str | None = None) -> int:
        """Return how many jobs there are, in all or of one status."""
        wanted = statuses_of(status)
        with self._kept.lock:
            return sum(held.job.status in wanted for held in self._kept.jobs.values())

    def close(self) -> None:
        """Forget who listens; the jobs stay readable as long as the store is held."""
        self.transport.close()

    def _write(self, make: Callable[[Transaction], _T]) -> _T:
        step = _MemoryStep(self._kept)
        with self._kept.lock:
            made = make(step)
        for job_id, control in step.wakes:
            self.transport.publish(job_id, control)
        return made

    def _read_job(self, job_id: str) -> Job | None:
        with self._kept.lock:
            return _copy(self._kept.jobs[job_id].job) if job_id in self._kept.jobs else None

    def _read_log(self, job_id: str, begin: int, limit: int | None) -> list[bytes]:
        with self._kept.lock:
            held = self._kept.jobs.get(job_id)
            return [] if held is None else held.log[begin : None if limit is None else begin + limit]

    def _read_usage(self, job_id: str) -> dict[str, bytes]:
        with self._kept.lock:
            return dict(self._kept.jobs[job_id].usage) if job_id in self._kept.jobs else {}

    def _read_snapshot(self, job_id: str) -> tuple[int, bytes] | None:
        with self._kept.lock:
            return self._kept.jobs[job_id].snapshot if job_id in self._kept.jobs else None

    def _ids(self) -> list[str]:
        with self._kept.lock:
            return list(self._kept.jobs)

    def _forget_claims(self, now: float) -> None:
        with self._kept.lock:
            claims = self._kept.claims
            for key in [key for key, claim in claims.items() if claim.expires is not None and claim.expires <= now]:
                del claims[key]


class _MemoryStep(Transaction):
    def __init__(self, kept: _Kept) -> None:
        self._kept = kept
        self._held = kept.jobs
        self.wakes: list[tuple[str, bool]] = []

    def job(self, job_id: str) -> Job | None:
        return _copy(self._held[job_id].job) if job_id in self._held else None

    def newest(self, stream: str) -> Job | None:
        runs = [held.job for held in self._held.values() if held.job.stream == stream]
        return _copy(max(runs, key=lambda job: job.epoch)) if runs else None

    def claim(self, owner: str, key: str) -> Claim | None:
        return self._kept.claims.get((owner, key))

    def count(self) -> int:
        return len(self._held)

    def oldest_ended(self, number: int) -> list[Job]:
        ended = [held.job for held in self._held.values() if not held.job.live]
        return sorted(ended, key=lambda job: (job.ended or 0.0, job.epoch))[:number]

    def next_epoch(self) -> int:
        self._kept.epoch += 1
        return self._kept.epoch

    def snapshot_seq(self, job_id: str) -> int:
        snapshot = self._held[job_id].snapshot
        return -1 if snapshot is None else snapshot[0]

    def put(self, job: Job, before: Job | None) -> None:
        if before is None:
            self._held[job.id] = _Held(_copy(job))
        else:
            self._held[job.id].job = _copy(job)

    def append(self, job: Job, events: Sequence[JobEvent]) -> None:
        self._held[job.id].log += [event.encoded() for event in events]

    def remove(self, job: Job) -> None:
        del self._held[job.id]

    def put_claim(self, owner: str, key: str, claim: Claim | None) -> None:
        if claim is None:
            self._kept.claims.pop((owner, key), None)
        else:
            self._kept.claims[owner, key] = claim

    def put_usage(self, job_id: str, call: str, data: bytes) -> None:
        self._held[job_id].usage[call] = data

    def put_snapshot(self, job_id: str, seq: int, data: bytes) -> None:
        self._held[job_id].snapshot = (seq, data)

    def wake(self, job_id: str, control: bool) -> None:
        self.wakes.append((job_id, control))


def _copy(job: Job) -> Job:
    return replace(job, facts=plain(job.facts)) if job.facts else replace(job, facts={})
