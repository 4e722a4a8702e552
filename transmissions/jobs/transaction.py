"""What the rules of a store need of its back end, within one step that happens wholly or not at all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from transmissions.jobs.job import Job, JobEvent

__all__ = ["Claim", "NewJob", "Transaction"]


class Claim(NamedTuple):
    """What stands under an idempotency key.

    Args:
        job: the id of the job that was made under it.
        expires: until when it holds; None for as long as the job lives.
    """

    job: str
    expires: float | None


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that is asked for, checked; its fields are those of `Job`, and `lease_s` in seconds."""

    id: str
    stream: str
    owner: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    key: str = ""
    worker: str = ""
    lease_s: float | None = None
    idle_s: float = 0.0
    keep_s: float | None = None


class Transaction(ABC):
    """One atomic step. It reads nothing again that it has written, and raises, if at all, before it writes.

    A back end may run a step more than once, until its writes could be made on what it had read.
    """

    @abstractmethod
    def job(self, job_id: str) -> Job | None:
        """Return a job, or None."""

    @abstractmethod
    def newest(self, stream: str) -> Job | None:
        """Return the run of the greatest epoch that is kept of a stream, or None."""

    @abstractmethod
    def claim(self, owner: str, key: str) -> Claim | None:
        """Return what stands under an idempotency key, or None."""

    @abstractmethod
    def count(self) -> int:
        """Return how many jobs there are."""

    @abstractmethod
    def oldest_ended(self, number: int) -> list[Job]:
        """Return ended jobs, at most so many, those first that ended first."""

    @abstractmethod
    def next_epoch(self) -> int:
        """Return a number greater than all that were returned before; none is needed to come back."""

    @abstractmethod
    def snapshot_seq(self, job_id: str) -> int:
        """Return the sequence number that the kept snapshot of a job covers; -1 if there is none."""

    @abstractmethod
    def put(self, job: Job, before: Job | None) -> None:
        """Keep a job in place of what it was before; None for a new one."""

    @abstractmethod
    def append(self, job: Job, events: Sequence[JobEvent]) -> None:
        """Append events to a job's log."""

    @abstractmethod
    def remove(self, job: Job) -> None:
        """Remove a job with its log, usage and snapshot."""

    @abstractmethod
    def put_claim(self, owner: str, key: str, claim: Claim | None) -> None:
        """Keep what stands under an idempotency key; None removes it."""

    @abstractmethod
    def put_usage(self, job_id: str, call: str, data: bytes) -> None:
        """Keep the usage of a call in place of what there was for it."""

    @abstractmethod
    def put_snapshot(self, job_id: str, seq: int, data: bytes) -> None:
        """Keep a snapshot in place of what there was."""

    @abstractmethod
    def wake(self, job_id: str, control: bool) -> None:
        """Have those who follow a job told, once the step is done."""
