"""Jobs: runs that are recorded as they go, so that anyone can follow, leave, rejoin and abort them, from anywhere.

A library of its own: it knows nothing of pipelines. Each name is imported when it is first used, so that a store is
loaded only by those who use it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transmissions.jobs.content import Content, Snapshot
    from transmissions.jobs.errors import (
        CapacityError,
        JobError,
        JobExists,
        JobForbidden,
        JobGone,
        JobNotFound,
        JobSettled,
        StoreError,
        StoreUnavailable,
        SubscriberTooSlow,
    )
    from transmissions.jobs.job import (
        TRANSITIONS,
        Appended,
        Cleaned,
        Created,
        Job,
        JobEvent,
        JobStatus,
        Outcome,
    )
    from transmissions.jobs.memory import MemoryJobStore
    from transmissions.jobs.sqlite import SqliteJobStore
    from transmissions.jobs.store import JobStore
    from transmissions.jobs.transport import LocalTransport, Transport

__all__ = [
    "TRANSITIONS",
    "Appended",
    "CapacityError",
    "Cleaned",
    "Content",
    "Created",
    "Job",
    "JobError",
    "JobEvent",
    "JobExists",
    "JobForbidden",
    "JobGone",
    "JobNotFound",
    "JobSettled",
    "JobStatus",
    "JobStore",
    "LocalTransport",
    "MemoryJobStore",
    "Outcome",
    "Snapshot",
    "SqliteJobStore",
    "StoreError",
    "StoreUnavailable",
    "SubscriberTooSlow",
    "Transport",
]

_HOMES = {
    "content": ("Content", "Snapshot"),
    "errors": (
        "CapacityError",
        "JobError",
        "JobExists",
        "JobForbidden",
        "JobGone",
        "JobNotFound",
        "JobSettled",
        "StoreError",
        "StoreUnavailable",
        "SubscriberTooSlow",
    ),
    "job": ("TRANSITIONS", "Appended", "Cleaned", "Created", "Job", "JobEvent", "JobStatus", "Outcome"),
    "memory": ("MemoryJobStore",),
    "sqlite": ("SqliteJobStore",),
    "store": ("JobStore",),
    "transport": ("LocalTransport", "Transport"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"transmissions.jobs.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
