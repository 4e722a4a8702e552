"""What a job is: one run with an id, an owner, a status and a log of numbered events; frozen data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, NamedTuple

from transmissions.jobs.encoding import decode, encode, plain

__all__ = [
    "END",
    "LAST_SEQ",
    "LIVE",
    "TRANSITIONS",
    "UNREADABLE",
    "Appended",
    "Cleaned",
    "Created",
    "Job",
    "JobEvent",
    "JobStatus",
    "Outcome",
    "check_event",
    "check_id",
    "check_owner",
    "statuses_of",
]

_LONGEST_ID = 512

LAST_SEQ = (1 << 53) - 1
"""The greatest number that an event may be asked for by: every JSON reader and every back end knows it exactly."""
END = "end"
"""The type of the last event of each log; it says how the job ended."""
UNREADABLE = "unreadable"
"""The type of an event that stands in the log but is not what an event has to be."""


class JobStatus(StrEnum):
    """Where a job stands."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETE = "complete"
    ERROR = "error"
    ABORTED = "aborted"
    INTERRUPTED = "interrupted"

    @property
    def live(self) -> bool:
        """Whether more may come."""
        return self in LIVE


LIVE = frozenset({JobStatus.RUNNING, JobStatus.PAUSED})
_FAILED = frozenset({JobStatus.ERROR, JobStatus.ABORTED, JobStatus.INTERRUPTED})
TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.RUNNING: _FAILED | {JobStatus.PAUSED, JobStatus.COMPLETE},
    JobStatus.PAUSED: _FAILED | {JobStatus.RUNNING},
    **{status: frozenset() for status in (JobStatus.COMPLETE, *_FAILED)},
}
"""Which status may follow which; what has ended stays as it ended."""


class Outcome(StrEnum):
    """What became of a write; only `DONE` is true."""

    DONE = "done"
    STALE = "stale"
    """The run is not, or no longer, the one of that epoch; nothing changed."""
    SETTLED = "settled"
    """The job has ended already; nothing changed."""
    REFUSED = "refused"
    """The status does not follow from the present one; nothing changed."""
    NOT_FOUND = "not found"
    """There is no such job, and none was made."""

    def __bool__(self) -> bool:
        return self is Outcome.DONE


@dataclass(frozen=True, slots=True)
class Job:
    """One run, as it was when it was read; a copy.

    Args:
        id: the run's own id, never used again.
        stream: what it is a run of, a conversation or a nightly task; its own id, if nothing was named.
        epoch: greater than that of any earlier run of the stream.
        owner: whose it is; "" for nobody's in particular.
        status: where it stands.
        created: when it was made, in seconds since 1970, as all times here.
        active: when it last got an event or a change.
        ended: when it ended; None while it lives.
        from_status: what it was when it ended; None while it lives.
        reason: why it ended, in words; "" if all went well.
        facts: what its maker tells of it, as JSON values.
        worker: the process that works on it; "" if none said so.
        lease: until when that process has promised to be heard of; None for no promise.
        acknowledged: whether that process has heard of an end that it did not make itself.
        events: how many events its log has; the next one gets this number.
        idle_s: seconds without an event after which it counts as hung; 0 for never.
        keep_s: seconds for which it is kept once it ended; None for as long as there is room.
        key: the idempotency key it was made under; "" for none.
    """

    id: str
    stream: str
    epoch: int
    owner: str
    status: JobStatus
    created: float
    active: float
    ended: float | None = None
    from_status: JobStatus | None = None
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    worker: str = ""
    lease: float | None = None
    acknowledged: bool = False
    events: int = 0
    idle_s: float = 0.0
    keep_s: float | None = None
    key: str = ""

    @property
    def live(self) -> bool:
        """Whether more may come."""
        return self.status.live

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    def encoded(self) -> bytes:
        """Return it as JSON."""
        return encode(self.as_json())

    @classmethod
    def decoded(cls, data: bytes) -> Job:
        """Return the job of some JSON; raises ValueError if it is none."""
        try:
            values = decode(data)
            known = {name: values[name] for name in _JOB_FIELDS if name in values}
            known["status"] = JobStatus(known["status"])
            if known.get("from_status") is not None:
                known["from_status"] = JobStatus(known["from_status"])
            return cls(**known)
        except (KeyError, TypeError) as error:
            raise ValueError(f"this is no record of a job: {error!r}") from None


_JOB_FIELDS = tuple(one.name for one in fields(Job))


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One entry of a job's log.

    Args:
        seq: its number, 0 for the first; there are no gaps.
        type: what kind of event: `text`, `message`, `counters`, …; `end` for the last.
        data: what happened, as JSON values.
        time: when it was appended, in seconds since 1970.
    """

    seq: int
    type: str
    data: dict[str, Any]
    time: float

    @property
    def last(self) -> bool:
        """Whether it is the terminal event, after which none comes."""
        return self.type == END

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    def encoded(self) -> bytes:
        """Return it as it stands in a log, where its place is its number."""
        return encode({"type": self.type, "data": self.data, "time": self.time})

    @classmethod
    def decoded(cls, seq: int, data: bytes) -> JobEvent:
        """Return the event that some JSON in a log is; one of the type `unreadable`, if it is none."""
        try:
            values = decode(data)
            kind, told = values["type"], values["data"]
            if isinstance(kind, str) and isinstance(told, dict):
                return cls(seq, kind, told, float(values["time"]))
        except (ValueError, KeyError, TypeError):
            pass
        return cls(seq, UNREADABLE, {}, 0.0)


class Created(NamedTuple):
    """What `create` and `replace` return.

    Args:
        job: the job.
        made: whether it was made now; False if the idempotency key led to one that there was.
        displaced: the live run that it took the stream from, as it ended; None if there was none.
    """

    job: Job
    made: bool
    displaced: Job | None = None


class Appended(NamedTuple):
    """What `append` returns; it is true if the events are in the log.

    Args:
        outcome: what became of it.
        first: the number of the first event; -1 if none was appended.
    """

    outcome: Outcome
    first: int = -1

    def __bool__(self) -> bool:
        return bool(self.outcome)


class Cleaned(NamedTuple):
    """What a pass of `cleanup` did.

    Args:
        removed: ids of ended jobs that were kept long enough.
        reaped: ids of live jobs in which nothing happened for too long; they have ended with an error.
        interrupted: ids of live jobs whose worker is gone; they have ended as interrupted.
        failed: ids of jobs that could not be handled, with the reason; the pass went on.
    """

    removed: list[str]
    reaped: list[str]
    interrupted: list[str]
    failed: dict[str, str]


def check_id(value: object, what: str = "a job's id") -> str:
    """Return an id; raises ValueError unless it is text of 1 to 512 characters."""
    if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST_ID or "\0" in value:
        shown = repr(value)
        shown = shown if len(shown) <= 60 else shown[:59] + "…"
        raise ValueError(f"{what} is text of 1 to {_LONGEST_ID} characters, got {shown}")
    value.encode()
    return value


def check_owner(value: object) -> str:
    """Return an owner; raises ValueError unless it is text of at most 512 characters."""
    return "" if value == "" else check_id(value, "an owner")


def check_event(kind: object, data: object) -> tuple[str, dict[str, Any]]:
    """Return an event's type and a copy of its data; raises ValueError if one of them is not what it has to be."""
    check_id(kind, "an event's type")
    if kind == END:
        raise ValueError("an event of the type 'end' is made by ending the job")
    if not isinstance(data, Mapping):
        raise ValueError(f"an event's data are a dict, got {data!r}")
    return str(kind), plain(dict(data))


def statuses_of(status: JobStatus | str | Iterable[JobStatus] | None) -> frozenset[JobStatus]:
    """Return the statuses that are asked for, all for None; raises ValueError if there is no such status."""
    if status is None:
        return frozenset(JobStatus)
    if isinstance(status, str):
        return frozenset({JobStatus(status)})
    return frozenset(map(JobStatus, status))
