"""Jobs: runs that are recorded as they go, so that anyone can follow, leave, rejoin and abort them, from anywhere.

A library of its own: it knows nothing of pipelines. Each name is imported when it is first used, so that a store is
loaded only by those who use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transmissions.lazy import lazily

if TYPE_CHECKING:
    from transmissions.jobs.abort import AbortResult
    from transmissions.jobs.content import Content, Snapshot
    from transmissions.jobs.control import JobControl
    from transmissions.jobs.errors import (
        CapacityError,
        JobDamaged,
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
    from transmissions.jobs.manager import Attached, Begun, JobManager
    from transmissions.jobs.memory import MemoryJobStore
    from transmissions.jobs.redis import RedisJobStore
    from transmissions.jobs.sqlite import SqliteJobStore
    from transmissions.jobs.store import JobStore
    from transmissions.jobs.subscription import Subscription
    from transmissions.jobs.transport import Transport

__all__ = [
    "TRANSITIONS",
    "AbortResult",
    "Appended",
    "Attached",
    "Begun",
    "CapacityError",
    "Cleaned",
    "Content",
    "Created",
    "Job",
    "JobControl",
    "JobDamaged",
    "JobError",
    "JobEvent",
    "JobExists",
    "JobForbidden",
    "JobGone",
    "JobManager",
    "JobNotFound",
    "JobSettled",
    "JobStatus",
    "JobStore",
    "MemoryJobStore",
    "Outcome",
    "RedisJobStore",
    "Snapshot",
    "SqliteJobStore",
    "StoreError",
    "StoreUnavailable",
    "SubscriberTooSlow",
    "Subscription",
    "Transport",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        ".abort": ("AbortResult",),
        ".content": ("Content", "Snapshot"),
        ".control": ("JobControl",),
        ".errors": (
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
        ),
        ".job": ("Appended", "Cleaned", "Created", "Job", "JobEvent", "JobStatus", "Outcome", "TRANSITIONS"),
        ".manager": ("Attached", "Begun", "JobManager"),
        ".memory": ("MemoryJobStore",),
        ".redis": ("RedisJobStore",),
        ".sqlite": ("SqliteJobStore",),
        ".store": ("JobStore",),
        ".subscription": ("Subscription",),
        ".transport": ("Transport",),
    },
)
