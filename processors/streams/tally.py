"""What a monitor counted in one span of time: an interval between two reports, or all the time so far."""

from __future__ import annotations

from collections import Counter
from typing import Any

from processors.streams.histogram import Histogram

__all__ = ["PERCENTS", "Tally"]

PERCENTS = (50, 90, 99)
"""Which percentiles are reported."""


class Tally:
    """Counts of one span of time, and the figures that they give.

    Attributes:
        seconds: how long the span is.
        sizes: bytes of each message; there are as many as messages.
        latencies: seconds from the stamp of each stamped message.
        stamps: the other messages by what became of their stamps: `written` here, `negative` if they lie in the
            future, `unreadable` if they are no time, or if there is no place for one.
        blocked_s: seconds for which the stages behind had no room.
        backpressure_events: how often they had none.
    """

    __slots__ = (
        "backpressure_events",
        "blocked_s",
        "latencies",
        "seconds",
        "sizes",
        "stamps",
    )

    def __init__(self) -> None:
        self.seconds = 0.0
        self.sizes = Histogram()
        self.latencies = Histogram()
        self.stamps: Counter[str] = Counter()
        self.blocked_s = 0.0
        self.backpressure_events = 0

    def figures(self, *, stamps: bool) -> dict[str, Any]:
        """Return what the counts tell, as JSON values.

        Args:
            stamps: whether to tell of latencies.
        """
        figures: dict[str, Any] = {
            "seconds": self.seconds,
            "messages": self.sizes.count,
            "bytes": self.sizes.sum,
            "messages_per_s": self._rate(self.sizes.count),
            "bytes_per_s": self._rate(self.sizes.sum),
            "size_bytes": _spread(self.sizes),
            "blocked_s": self.blocked_s,
            "backpressure_events": self.backpressure_events,
        }
        if stamps:
            figures["latency_s"] = _spread(self.latencies)
            figures["stamps"] = self.outcomes()
        return figures

    def outcomes(self) -> dict[str, int]:
        """Return how many stamps were written, read, negative and unreadable; together they are all messages."""
        named = {name: self.stamps[name] for name in ("negative", "unreadable")}
        return {"written": self.stamps["written"], "read": self.latencies.count, **named}

    def _rate(self, number: float) -> float:
        # A span of no length, such as that of a run which ends with a report, had no time for a rate.
        return number / self.seconds if self.seconds > 0 else 0.0


def _spread(values: Histogram) -> dict[str, float | None]:
    names = (f"p{percent}" for percent in PERCENTS)
    return {
        "mean": values.mean,
        **dict(zip(names, values.percentiles(*PERCENTS), strict=True)),
        "max": values.maximum if values.count else None,
    }
