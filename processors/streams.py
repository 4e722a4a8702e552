"""The stream monitor, which measures what passes, and the buffer manager, which holds it back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from transmissions import Buffer, Duration, Message, Processor, setting, size_of_message

__all__ = ["StreamBufferManager", "StreamMonitor"]


class StreamMonitor(Processor):
    """Measure how many messages and bytes pass, and report it at intervals and at the end; messages pass unchanged.

    A report holds throughput in bytes a second since the start and over the last interval alone, messages a second,
    the mean size of a message, and how often, and for how long, the stages behind had no room. Any number of monitors
    may stand in one pipeline.

    Guarantee: pure.
    """

    stateful = True

    name: str = setting("", "what the reports call it; its stage's name if not given", volatile=True)
    report_interval: Duration = setting(Duration(5.0), "time between two reports", minimum=0.001, volatile=True)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._messages = self._bytes = 0
        self._began = self._interval_began = 0.0
        self._interval_bytes = self._interval_messages = 0
        self._instant: dict[str, float] = {}
        self._ended: float | None = None

    def start(self) -> None:
        """Start the clock."""
        self._began = self._interval_began = time.monotonic()

    def process(self, message: Message) -> Message:
        """Count the message and return it."""
        self._messages += 1
        self._bytes += size_of_message(message)
        now = time.monotonic()
        if now - self._interval_began >= self.report_interval:
            self._end_interval(now)
            self._show("current")
        return message

    def finish(self) -> None:
        """Make the final report."""
        self._ended = time.monotonic()
        self._end_interval(self._ended)
        self._show("final")

    def report(self) -> dict[str, Any]:
        """Return the figures: rates in bytes and messages a second, sizes in bytes, times in seconds."""
        seconds = (self._ended or time.monotonic()) - self._began
        statistics = self.context.statistics()
        return {
            "messages": self._messages,
            "bytes": self._bytes,
            "seconds": round(seconds, 6),
            "throughput": self._bytes / seconds if seconds > 0 else 0.0,
            "message_rate": self._messages / seconds if seconds > 0 else 0.0,
            "mean_size": self._bytes / self._messages if self._messages else 0.0,
            **self._instant,
            "backpressure_events": statistics.get("backpressure_events", 0),
            "blocked_s": statistics.get("blocked_s", 0.0),
        }

    def _end_interval(self, now: float) -> None:
        seconds = now - self._interval_began
        # An interval in which nothing passed has a rate of nothing, however short it was.
        self._instant = {
            "instant_throughput": (self._bytes - self._interval_bytes) / seconds if seconds > 0 else 0.0,
            "instant_message_rate": (self._messages - self._interval_messages) / seconds if seconds > 0 else 0.0,
        }
        self._interval_began, self._interval_bytes, self._interval_messages = now, self._bytes, self._messages

    def _show(self, which: str) -> None:
        figures = self.report()
        text = (
            f"{self.name + ', ' if self.name else ''}{which}: {figures['messages']} messages, "
            f"{figures['message_rate']:.2f}/s, {figures['throughput'] / 1024:.2f} KiB/s, "
            f"at present {figures['instant_throughput'] / 1024:.2f} KiB/s, "
            f"mean size {figures['mean_size']:.0f} bytes, backpressure events {figures['backpressure_events']}"
        )
        self.context.log("info", text, {})


class StreamBufferManager(Processor):
    """Hold messages in a buffer of bounded bytes, and hold their senders back while it is full.

    The buffer is the event stream in front of the stage: senders are paused when it reaches the high-water mark, and
    go on when what follows has brought it down to the low-water mark. A message larger than the whole buffer is let in
    when nothing else is in it.

    Guarantee: pure; nothing it has taken in is dropped.
    """

    max_buffer_size: int = setting(1_048_576, "bytes that may wait", minimum=1, volatile=True)
    max_messages: int = setting(10_000, "messages that may wait, whatever their size", minimum=1, volatile=True)
    high_water_mark: int | None = setting(
        None, "bytes at which senders are paused; 80 % of the buffer if not given", minimum=1, volatile=True
    )
    low_water_mark: int | None = setting(
        None, "bytes at which they go on; 20 % of the buffer if not given", minimum=0, volatile=True
    )

    @classmethod
    def buffer(cls, settings: Mapping[str, Any]) -> Buffer:
        """Return the event stream that does the holding."""
        size = settings.get("max_buffer_size") or 1_048_576
        high = settings.get("high_water_mark") or max(1, size * 8 // 10)
        low = settings.get("low_water_mark")
        return Buffer(
            max_messages=settings.get("max_messages") or 10_000,
            max_bytes=size,
            high_water_mark=min(high, size),
            low_water_mark=min(size * 2 // 10 if low is None else low, high, size),
        )

    def process(self, message: Message) -> Message:
        """Return the message."""
        return message

    def report(self) -> dict[str, Any]:
        """Return the buffer's figures: bytes, counts, seconds, and its fill in percent."""
        held = self.context.statistics().get("buffer") or {}
        capacity = held.get("capacity_bytes") or self.max_buffer_size
        return {
            "pauses": held.get("pauses", 0),
            "resumes": held.get("resumes", 0),
            "total_pause_s": held.get("paused_s", 0.0),
            "peak_bytes": held.get("peak_bytes", 0),
            "overflow_events": held.get("overflows", 0),
            "buffered_bytes": held.get("depth_bytes", 0),
            "utilisation_percent": 100 * held.get("depth_bytes", 0) / capacity,
            "peak_percent": 100 * held.get("peak_bytes", 0) / capacity,
        }
