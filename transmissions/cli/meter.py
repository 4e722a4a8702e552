"""Rates, shares and time left of a run, from its counters at two moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transmissions.runtime.result import StageStatistics

__all__ = ["Figures", "Meter", "source_of"]

_WEIGHT_OF_NEW = 0.3
_HELD_BACK = 0.3


@dataclass(frozen=True, slots=True)
class Figures:
    """How a run stands.

    Args:
        seconds: since it started.
        read: messages that its first stage gave on.
        bytes: bytes of input handled.
        bytes_total: bytes of input that there are; None if nobody knows.
        bytes_per_s: of late.
        messages_per_s: likewise, that left the first stage.
        left_s: seconds that the rest takes at this rate; None if nobody knows.
        held_back: stages that of late spent much of their time waiting for room behind them.
    """

    seconds: float
    read: int
    bytes: int
    bytes_total: int | None
    bytes_per_s: float
    messages_per_s: float
    left_s: float | None
    held_back: frozenset[str] = frozenset()

    @property
    def share(self) -> float | None:
        """How much of the input is handled, from 0 to 1; None if nobody knows."""
        return min(1.0, self.bytes / self.bytes_total) if self.bytes_total else None


class Meter:
    """Makes figures of one reading of the counters after the other."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._bytes = 0
        self._read = 0
        self._rates: tuple[float, float] | None = None
        self._blocked: dict[str, float] = {}

    def read(self, stages: Sequence[StageStatistics], seconds: float) -> Figures:
        """Return the figures at this moment.

        Args:
            stages: the counters.
            seconds: since the run started.
        """
        source = source_of(stages)
        done = source.bytes if source else 0
        emitted = stages[0].emitted if stages else 0
        span = max(seconds - self._seconds, 1e-6)
        bytes_per_s, messages_per_s = self._smooth((done - self._bytes) / span, (emitted - self._read) / span)
        held = frozenset(
            one.stage for one in stages if one.blocked_s - self._blocked.get(one.stage, 0.0) > _HELD_BACK * span
        )
        self._seconds, self._bytes, self._read = seconds, done, emitted
        self._blocked = {one.stage: one.blocked_s for one in stages}
        total = source.bytes_total if source else None
        left = max(0, total - done) / bytes_per_s if total and bytes_per_s > 0 else None
        return Figures(seconds, emitted, done, total, bytes_per_s, messages_per_s, left, held)

    def _smooth(self, *new: float) -> tuple[float, float]:
        old = self._rates or new
        first, second = (_WEIGHT_OF_NEW * b + (1 - _WEIGHT_OF_NEW) * a for a, b in zip(old, new, strict=True))
        self._rates = first, second
        return self._rates


def source_of(stages: Sequence[StageStatistics]) -> StageStatistics | None:
    """Return the stage whose bytes say how far the run is: the first that knows its total, else the first with any."""
    known = [one for one in stages if one.bytes_total is not None]
    return next(iter(known + [one for one in stages if one.bytes]), None)
