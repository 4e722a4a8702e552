"""The rules that every store keeps, each one atomic step on what a transaction reads and writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from transmissions.jobs.errors import CapacityError, JobExists, JobForbidden, JobGone
from transmissions.jobs.job import END, TRANSITIONS, Appended, Created, Job, JobEvent, JobStatus, Outcome
from transmissions.jobs.transaction import Claim, NewJob, Transaction
from transmissions.jobs.worker import is_gone, lives

__all__ = [
    "Due",
    "acknowledge",
    "append",
    "change",
    "clean",
    "create",
    "delete",
    "due",
    "record_usage",
    "release",
    "renew",
    "save_snapshot",
    "transition",
]

Due = tuple[JobStatus | None, str]
"""What cleaning does to a job: the status that it ends with and why, or None to remove it."""


def create(
    step: Transaction, asked: NewJob, now: float, *, displacing: bool, max_jobs: int | None, key_s: float
) -> Created:
    """Make a job; with `displacing`, also in place of a live run of its stream, which is aborted."""
    if asked.key and (claim := step.claim(asked.owner, asked.key)) and (claim.expires is None or now < claim.expires):
        if (there := step.job(claim.job)) is None:
            raise JobGone(claim.job, f"it was made under the idempotency key {asked.key!r}, and is no longer kept")
        return Created(there, made=False)
    newest = step.newest(asked.stream)
    if newest is not None and newest.owner != asked.owner:
        raise JobForbidden(asked.stream, "this stream is another owner's")
    live = newest if newest is not None and newest.live else None
    if live is not None and not displacing:
        raise JobExists(asked.stream, live.id, live.epoch)
    evicted, gives_way = _room(step, asked.stream, live, max_jobs)
    job = Job(
        id=asked.id,
        stream=asked.stream,
        epoch=step.next_epoch(),
        owner=asked.owner,
        status=JobStatus.RUNNING,
        created=now,
        active=now,
        facts=asked.facts,
        worker=asked.worker,
        lease=None if asked.lease_s is None else now + asked.lease_s,
        idle_s=asked.idle_s,
        keep_s=asked.keep_s,
        key=asked.key,
    )
    for old in evicted:
        step.remove(old)
        step.wake(old.id, control=True)
    displaced = None
    if live is not None:
        displaced = _end(step, live, JobStatus.ABORTED, "replaced", {"replaced_by": job.id}, now=now, key_s=key_s)
        if gives_way:
            step.remove(displaced)
    step.put(job, None)
    if asked.key:
        step.put_claim(asked.owner, asked.key, Claim(job.id, None))
    return Created(job, made=True, displaced=displaced)


def _room(step: Transaction, stream: str, live: Job | None, max_jobs: int | None) -> tuple[list[Job], bool]:
    """Return the ended jobs that have to go for one more, and whether the run that is displaced has to go as well.

    Raises CapacityError if all that is not enough.
    """
    if max_jobs is None or (excess := step.count() + 1 - max_jobs) <= 0:
        return [], False
    evicted = step.oldest_ended(excess)
    if len(evicted) + (live is not None) < excess:
        raise CapacityError(stream, f"there are {max_jobs} jobs, as many as may be, and all of them are still going on")
    return evicted, len(evicted) < excess


def append(
    step: Transaction,
    job_id: str,
    events: Sequence[tuple[str, dict[str, Any]]],
    *,
    now: float,
    expect_epoch: int | None,
) -> Appended:
    """Append events to the log of a live job."""
    job = step.job(job_id)
    outcome = _fence(step, job, expect_epoch)
    if job is None or not outcome:
        return Appended(outcome)
    if events:
        _append(step, replace(job, active=now), events, now, job)
        step.wake(job_id, control=False)
    return Appended(outcome, job.events)


def transition(
    step: Transaction,
    job_id: str,
    status: JobStatus,
    reason: str,
    data: dict[str, Any],
    *,
    now: float,
    expect_epoch: int | None,
    key_s: float,
) -> tuple[Outcome, Job | None]:
    """Change a status as the table allows; return what became of it, and the job as it then is."""
    job = step.job(job_id)
    outcome = _fence(step, job, expect_epoch)
    if job is None or not outcome:
        return outcome, job
    if status not in TRANSITIONS[job.status]:
        return Outcome.REFUSED, job
    if not status.live:
        return Outcome.DONE, _end(step, job, status, reason, data, now=now, key_s=key_s)
    changed = replace(job, status=status, active=now)
    changed = _append(step, changed, [("status", {**data, "status": str(status), "reason": reason})], now, job)
    step.wake(job_id, control=True)
    return Outcome.DONE, changed


def change(
    step: Transaction, job_id: str, facts: dict[str, Any], clear: Sequence[str], *, now: float, expect_epoch: int | None
) -> Outcome:
    """Set some facts of a live job, and forget others."""
    job = step.job(job_id)
    outcome = _fence(step, job, expect_epoch)
    if job is not None and outcome:
        merged = {name: value for name, value in {**job.facts, **facts}.items() if name not in clear}
        step.put(replace(job, facts=merged, active=now), job)
        step.wake(job_id, control=False)
    return outcome


def renew(step: Transaction, job_id: str, worker: str, lease: float) -> bool:
    """Promise to be heard of again by `lease`; False if the job is not, or no longer, that worker's to work on."""
    job = step.job(job_id)
    if job is None or not job.live or job.worker != worker:
        return False
    step.put(replace(job, lease=lease), job)
    return True


def acknowledge(step: Transaction, job_id: str, expect_epoch: int | None) -> Outcome:
    """Note that the worker of an ended job has heard of the end."""
    job = step.job(job_id)
    if job is None:
        return Outcome.NOT_FOUND
    if expect_epoch is not None and job.epoch != expect_epoch:
        return Outcome.STALE
    if job.live:
        return Outcome.REFUSED
    step.put(replace(job, acknowledged=True), job)
    step.wake(job_id, control=True)
    return Outcome.DONE


def record_usage(
    step: Transaction, job_id: str, call: str, data: bytes, *, now: float, expect_epoch: int | None
) -> Outcome:
    """Keep the usage of one call, also when the job has ended; once more for the same call replaces it."""
    job = step.job(job_id)
    if job is None:
        return Outcome.NOT_FOUND
    if expect_epoch is not None and job.epoch != expect_epoch:
        return Outcome.STALE
    step.put_usage(job_id, call, data)
    if job.live:
        step.put(replace(job, active=now), job)
    step.wake(job_id, control=False)
    return Outcome.DONE


def save_snapshot(step: Transaction, job_id: str, seq: int, data: bytes) -> bool:
    """Keep a snapshot, unless one is kept that covers as much; False then, and if there is no such job."""
    job = step.job(job_id)
    if job is None or seq >= job.events or step.snapshot_seq(job_id) >= seq:
        return False
    step.put_snapshot(job_id, seq, data)
    return True


def delete(step: Transaction, job_id: str, *, now: float, expect_epoch: int | None, key_s: float) -> Outcome:
    """Remove a job, whatever its status."""
    job = step.job(job_id)
    if job is None:
        return Outcome.NOT_FOUND
    if expect_epoch is not None and job.epoch != expect_epoch:
        return Outcome.STALE
    claim = step.claim(job.owner, job.key) if job.key and job.live else None
    step.remove(job)
    if claim is not None and claim.job == job_id:
        step.put_claim(job.owner, job.key, Claim(job_id, now + key_s))
    step.wake(job_id, control=True)
    return Outcome.DONE


def release(step: Transaction, owner: str, key: str, job_id: str) -> bool:
    """Free an idempotency key, if it was that job that took it."""
    claim = step.claim(owner, key)
    if claim is None or claim.job != job_id:
        return False
    step.put_claim(owner, key, None)
    return True


def due(job: Job, now: float) -> Due | None:
    """Return what cleaning has to do to a job; None for nothing."""
    if not job.live:
        ended = job.ended if job.ended is not None else now
        return (None, "") if job.keep_s is not None and now - ended >= job.keep_s else None
    # A process that is suspended, or whose clock was set, breaks its promise and goes on working all the same.
    if is_gone(job.worker) or (job.lease is not None and now > job.lease and not lives(job.worker)):
        return JobStatus.INTERRUPTED, "its worker is gone"
    if job.idle_s > 0 and now - job.active > job.idle_s:
        return JobStatus.ERROR, f"nothing happened in it for more than {job.idle_s:g} seconds"
    return None


def clean(step: Transaction, job_id: str, now: float, key_s: float) -> Due | None:
    """Do to a job what cleaning has to do, as it is now; return what that was."""
    job = step.job(job_id)
    doing = due(job, now) if job is not None else None
    if job is None or doing is None:
        return None
    status, reason = doing
    if status is None:
        step.remove(job)
        step.wake(job_id, control=True)
    else:
        _end(step, job, status, reason, {}, now=now, key_s=key_s)
    return doing


def _fence(step: Transaction, job: Job | None, expect_epoch: int | None) -> Outcome:
    if job is None:
        return Outcome.NOT_FOUND
    if expect_epoch is not None and job.epoch != expect_epoch:
        return Outcome.STALE
    if job.live:
        return Outcome.DONE
    # A live run is always its stream's newest: only one that has ended can have been followed by another.
    newest = step.newest(job.stream) if expect_epoch is not None else job
    return Outcome.SETTLED if newest is not None and newest.epoch == job.epoch else Outcome.STALE


def _end(
    step: Transaction, job: Job, status: JobStatus, reason: str, data: dict[str, Any], *, now: float, key_s: float
) -> Job:
    claim = step.claim(job.owner, job.key) if job.key else None
    ended = replace(job, status=status, from_status=job.status, reason=reason, ended=now, active=now, lease=None)
    told = {**data, "status": str(status), "reason": reason}
    ended = _append(step, ended, [(END, told)], now, job)
    if claim is not None and claim.job == job.id:
        step.put_claim(job.owner, job.key, Claim(job.id, now + key_s))
    step.wake(job.id, control=True)
    return ended


def _append(step: Transaction, job: Job, events: Sequence[tuple[str, dict[str, Any]]], now: float, before: Job) -> Job:
    numbered = [JobEvent(job.events + place, kind, data, now) for place, (kind, data) in enumerate(events)]
    changed = replace(job, events=job.events + len(numbered))
    step.append(job, numbered)
    step.put(changed, before)
    return changed
