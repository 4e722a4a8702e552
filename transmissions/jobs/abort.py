"""Aborting a job from anywhere: one step ends it for everyone, and its worker, if any, says that it has heard."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from transmissions.jobs.errors import JobNotFound
from transmissions.jobs.job import Job, JobStatus, Outcome
from transmissions.jobs.store import JobStore
from transmissions.jobs.worker import is_gone

__all__ = ["ACKNOWLEDGE_S", "SETTLED", "AbortResult", "abort"]

ACKNOWLEDGE_S = 3.0
"""For how long a worker's answer is waited for, unless said otherwise."""
SETTLED = "already_settled"
"""The reason of an abort that came too late."""
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class AbortResult:
    """What aborting a job did, and what the job had made until then.

    Args:
        landed: whether this call ended the job.
        from_status: what it was before, if this call ended it; else what it is.
        acknowledged: whether its worker has heard of it.
        reason: why it did not land, or why nobody acknowledged it; "" if all went well.
        job: the job, as it then is.
        content: the parts of what it had made.
        text: the whole text.
        steps: its run steps.
        usage: by call, the usage that was recorded.
        end: the data of its terminal event.
    """

    landed: bool
    from_status: JobStatus
    acknowledged: bool
    reason: str
    job: Job
    content: list[dict[str, Any]] = field(default_factory=list)
    text: str = ""
    steps: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, dict[str, Any]] = field(default_factory=dict)
    end: dict[str, Any] | None = None

    @property
    def stopped(self) -> bool:
        """Whether the job has surely ended, by this call or before."""
        return not self.job.live


def abort(
    store: JobStore, job_id: str, reason: str, wait_s: float, tell_ours: Callable[[list[str]], Any]
) -> AbortResult:
    """Abort a job and wait for its worker's answer.

    Args:
        store: where the job is.
        job_id: the job's id.
        reason: why, in words.
        wait_s: for how many seconds to wait for the answer.
        tell_ours: tells the works of this process which jobs have ended.

    Raises:
        JobNotFound: there is no such job.
    """
    outcome = store.transition(job_id, JobStatus.ABORTED, reason=reason)
    if outcome is Outcome.NOT_FOUND:
        raise JobNotFound(job_id, "there is no such job")
    why = ""
    if outcome:
        tell_ours([job_id])
        why = _unheard(store, job_id, wait_s)
    else:
        why = SETTLED
    snapshot = store.snapshot(job_id)
    job, content = snapshot.job, snapshot.content
    return AbortResult(
        landed=bool(outcome),
        from_status=(job.from_status or job.status) if outcome else job.status,
        acknowledged=job.acknowledged,
        reason="" if outcome and job.acknowledged else why,
        job=job,
        content=content.parts(),
        text=content.text,
        steps=content.steps(),
        usage=snapshot.usage,
        end=content.end,
    )


def _unheard(store: JobStore, job_id: str, wait_s: float) -> str:
    """Wait until the worker of an ended job has heard of the end; return why it has not, "" if it has."""
    heard = threading.Event()
    stop = store.transport.listen(lambda told, control: heard.set() if told in (None, job_id) and control else None)
    deadline = time.monotonic() + wait_s
    try:
        while True:
            heard.clear()
            job = store.get(job_id)
            if job.acknowledged:
                return ""
            if not job.worker:
                return "nobody is known to work on it"
            if is_gone(job.worker):
                return "its worker is gone"
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return f"its worker did not answer within {wait_s:g} seconds"
            heard.wait(min(remaining, _LOOK_S))
    finally:
        stop()
