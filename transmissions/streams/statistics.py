"""The counters of an event stream, and what a full one does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Never

from transmissions.problem import nearest

__all__ = ["MAX_SPILL_BYTES", "StreamStatistics", "WhenFull"]

MAX_SPILL_BYTES = 1 << 30
"""How many bytes a stream spills to disk before it holds its senders back, unless said otherwise."""


class WhenFull(StrEnum):
    """What a full event stream does with one more message."""

    BLOCK = "block"
    DROP_NEWEST = "dropNewest"
    DROP_OLDEST = "dropOldest"
    FAIL = "fail"
    SPILL = "spill"

    @classmethod
    def _missing_(cls, value: object) -> Never:
        guess = nearest(value, cls) if isinstance(value, str) else None
        hint = f"; did you mean {guess}?" if guess else ""
        raise ValueError(f"when_full must be one of {', '.join(cls)}, got {value!r}{hint}")


@dataclass(slots=True)
class StreamStatistics:
    """The counters of one event stream. At any time

    `sent` = `received` + `drops` + `forgotten` + `depth` + `spill_depth`.

    Args:
        capacity: the bound in messages.
        capacity_bytes: the bound in bytes; None for none.
        depth: messages that wait in memory now.
        depth_bytes: bytes that wait in memory now; 0 where bytes are not counted.
        peak: the most messages that ever waited in memory.
        peak_bytes: the most bytes that ever waited in memory.
        sent: messages that senders handed over, dropped ones included.
        received: messages handed out.
        drops: messages that a policy dropped.
        forgotten: messages that an abort found waiting, and forgot.
        pauses: how often senders were paused.
        resumes: how often paused senders went on.
        paused_s: seconds for which senders were paused, the present pause included; the stream's end ends it.
        overflows: messages that found no room at once.
        spilled: messages that went to disk.
        spill_depth: messages that wait on disk now.
        spill_bytes: bytes of disk space taken now.
        peak_spill_bytes: the most bytes of disk space ever taken.
        spill_failures: how often the disk could not take a message, so that its sender had to wait.
        waiting_senders: senders that wait for room now.
        waiting_receivers: receivers that wait for a message now.
        idle_s: seconds since a message last came or went, or since the stream was made.
    """

    capacity: int
    capacity_bytes: int | None = None
    depth: int = 0
    depth_bytes: int = 0
    peak: int = 0
    peak_bytes: int = 0
    sent: int = 0
    received: int = 0
    drops: int = 0
    forgotten: int = 0
    pauses: int = 0
    resumes: int = 0
    paused_s: float = 0.0
    overflows: int = 0
    spilled: int = 0
    spill_depth: int = 0
    spill_bytes: int = 0
    peak_spill_bytes: int = 0
    spill_failures: int = 0
    waiting_senders: int = 0
    waiting_receivers: int = 0
    idle_s: float = 0.0

    @property
    def fill(self) -> float:
        """How full it is, from 0 to 1, by the bound that is nearest."""
        by_messages = self.depth / self.capacity
        return max(by_messages, self.depth_bytes / self.capacity_bytes) if self.capacity_bytes else by_messages

    def copy(self) -> StreamStatistics:
        """Return a copy that stays as it is."""
        return replace(self)
