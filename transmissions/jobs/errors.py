"""The errors of jobs and their stores; every one is a `TransmissionsError`."""

from __future__ import annotations

from transmissions.errors import TransmissionsError

__all__ = [
    "CapacityError",
    "JobDamaged",
    "JobError",
    "JobExists",
    "JobForbidden",
    "JobGone",
    "JobNotFound",
    "JobSettled",
    "StoreError",
    "StoreUnavailable",
    "SubscriberTooSlow",
]


class JobError(TransmissionsError):
    """An operation on a job could not be done.

    Args:
        job: the job's id, or the stream it was asked for by.
        cause: what prevented it, and what to do.
    """

    def __init__(self, job: str, cause: str) -> None:
        self.job = job
        self.cause = cause
        super().__init__(f"job {job}: {cause}")


class JobExists(JobError):
    """A live run holds the stream; attach to it, abort it, or replace it.

    Args:
        stream: the stream that was asked for.
        holder: the id of the run that holds it.
        epoch: that run's epoch.
    """

    def __init__(self, stream: str, holder: str, epoch: int) -> None:
        self.holder = holder
        self.epoch = epoch
        super().__init__(stream, f"run {holder} of this stream is still going on; attach to it, or replace it")


class JobNotFound(JobError):
    """There is no such job: it never was, or its time is over."""


class JobDamaged(JobNotFound):
    """The job is there, but what is asked of it is not: its log has fewer events than it was given.

    Args:
        job: the job's id.
        found: how many events its log has.
        events: how many it was given.
    """

    def __init__(self, job: str, found: int, events: int) -> None:
        told = f"it is damaged: its log holds {found} of its {events} events"
        super().__init__(job, f"{told}; `trans jobs clean {job}` removes it once it has ended")


class JobGone(JobError):
    """The idempotency key was used by a job that is no longer kept; the work is not done a second time under it."""


class JobForbidden(JobError, PermissionError):
    """The job, or the stream, is another owner's."""


class JobSettled(JobError):
    """The job has ended, so it takes no more events."""


class CapacityError(JobError):
    """The store holds as many jobs as it may, and none of them has ended."""


class SubscriberTooSlow(JobError):
    """A subscriber that was to be detached when it falls behind fell behind; it may come back after its last event.

    Args:
        job: the job's id.
        position: the sequence number of the last event that it was given; -1 for none.
    """

    def __init__(self, job: str, position: int) -> None:
        self.position = position
        super().__init__(job, f"the subscriber fell behind after event {position}; it may subscribe again after that")


class StoreError(TransmissionsError):
    """A job store cannot be used as it is."""


class StoreUnavailable(StoreError):
    """A job store did not answer for as long as it was to be tried again; whether it did what was asked is unknown."""
