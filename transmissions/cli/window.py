"""What the counters of a run say of a span of time: the last second of it, or the whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from transmissions.runtime.result import StageStatistics

__all__ = ["Span", "Window"]

_SPAN_S = 1.0


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time and what was counted in it.

    Args:
        seconds: its length.
        stages: the counters. Over a part of a run, they are those of the part; the depths of buffers are those at its
            end, their peaks those of the run.
        is_whole: whether it is the whole run, which is over.
    """

    seconds: float
    stages: list[StageStatistics]
    is_whole: bool = False


class Window:
    """The last second or so of the readings of a run's counters."""

    def __init__(self) -> None:
        self._readings: deque[tuple[float, list[StageStatistics]]] = deque()

    def read(self, stages: Sequence[StageStatistics], seconds: float) -> Span:
        """Take a reading and return the span that ends with it.

        Args:
            stages: the counters of the run.
            seconds: since the run started.
        """
        now = list(stages)
        if not self._readings:
            self._readings.append((0.0, [StageStatistics(one.stage, one.processor) for one in now]))
        self._readings.append((seconds, now))
        # The first one that is kept is a second old, or the youngest that is older.
        while len(self._readings) > 2 and self._readings[1][0] <= seconds - _SPAN_S:
            self._readings.popleft()
        since, before = self._readings[0]
        return Span(seconds - since, [_between(old, new) for old, new in zip(before, now, strict=True)])


def _between(old: StageStatistics, new: StageStatistics) -> StageStatistics:
    found = replace(
        new,
        received=new.received - old.received,
        emitted=new.emitted - old.emitted,
        filtered=new.filtered - old.filtered,
        failed=new.failed,
        passed=new.passed - old.passed,
        busy_s=max(0.0, new.busy_s - old.busy_s),
        blocked_s=max(0.0, new.blocked_s - old.blocked_s),
        backpressure_events=new.backpressure_events - old.backpressure_events,
    )
    if new.buffer is not None and old.buffer is not None:
        found.buffer = replace(
            new.buffer, pauses=new.buffer.pauses - old.buffer.pauses, paused_s=new.buffer.paused_s - old.buffer.paused_s
        )
    return found
