"""The stream buffer manager: it holds messages, and holds their senders back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from transmissions import Buffer, Message, Processor, TransmissionsError, WhenFull, setting

__all__ = ["StreamBufferManager"]

_MAX_BYTES = 1_048_576
_MAX_MESSAGES = 10_000


class StreamBufferManager(Processor):
    r"""Hold messages in a bounded buffer, and hold their senders back, or do what else is set, while it is full.

    The buffer is the event stream in front of the stage: senders are paused when it reaches the high-water mark, and
    go on when what follows has brought it down to the low-water mark. Marks count bytes; where only `:maxMessages` is
    set, there is no bound in bytes, and they count messages. A message larger than the whole buffer is let in when
    nothing else is in it.

    Example:
        :example a :EntryTransmission ; :pipe (:each :stage :html) .
        :each a :ForEach .
        :stage a :StreamBufferManager ; :settings [
            :maxBufferSize 65536 ; :highWaterMark 50000 ; :lowWaterMark 10000
        ] .
        :html a :MarkdownToHTML ; :settings [ :sourceField "currentItem" ; :outputField "html" ] .
        in {"items": ["*a*", "**b**"]}
        out {"currentItem": "*a*", "eachCounter": 0, "html": "<p><em>a</em></p>\n"}
        out {"currentItem": "**b**", "eachCounter": 1, "html": "<p><strong>b</strong></p>\n"}
        out {"done": true}

    Guarantee: pure; of what it has taken in it drops nothing, unless `:whenFull` says so.
    """

    max_buffer_size: int | None = setting(
        None, "bytes that may wait; 1,048,576 if neither it nor :maxMessages is given", minimum=1, volatile=True
    )
    max_messages: int | None = setting(
        None, "messages that may wait, whatever their size; 10,000 if not given", minimum=1, volatile=True
    )
    high_water_mark: int | None = setting(
        None, "fill at which senders are paused; 80 % of the buffer if not given", minimum=1, volatile=True
    )
    low_water_mark: int | None = setting(
        None, "fill at which they go on; 20 % of the buffer if not given", minimum=0, volatile=True
    )
    when_full: Literal["block", "dropNewest", "dropOldest", "fail", "spill"] = setting(
        "block", "what becomes of a message that finds no room; `spill` lets it wait on disk"
    )
    max_spill_bytes: int = setting(
        Buffer().max_spill_bytes, "with `spill`, bytes that may wait on disk", minimum=1, volatile=True
    )

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        held = self.buffer({name: getattr(self, name) for name in self.settings()})
        self._capacity, unit = _bound(held)
        high, low = held.high_water_mark or self._capacity, held.low_water_mark or 0
        if high > self._capacity:
            raise TransmissionsError(
                f":highWaterMark {high} is above the {self._capacity} {unit} that the buffer holds; lower it"
            )
        if low > high:
            raise TransmissionsError(f":lowWaterMark {low} is above the high-water mark of {high} {unit}; lower it")

    @classmethod
    def buffer(cls, settings: Mapping[str, Any]) -> Buffer:
        """Return the event stream that does the holding."""
        size, most = settings.get("max_buffer_size"), settings.get("max_messages")
        if size is None and most is None:
            size = _MAX_BYTES
        bound = size or most or _MAX_MESSAGES
        high, low = settings.get("high_water_mark"), settings.get("low_water_mark")
        # A mark that is set moves the other one out of its way.
        high = max(1, bound * 8 // 10, min(low or 0, bound)) if high is None else high
        return Buffer(
            max_messages=most or _MAX_MESSAGES,
            max_bytes=size,
            high_water_mark=high,
            low_water_mark=min(bound * 2 // 10, high) if low is None else low,
            when_full=WhenFull(settings.get("when_full") or WhenFull.BLOCK),
            max_spill_bytes=settings.get("max_spill_bytes") or Buffer().max_spill_bytes,
        )

    def process(self, message: Message) -> Message:
        """Return the message."""
        return message

    def close(self) -> None:
        """Log the figures."""
        self.context.log("info", "held", self.report())

    def report(self) -> dict[str, Any]:
        """Return the buffer's figures: bytes, messages, counts, seconds, and its fill in percent."""
        held = self.context.statistics().get("buffer") or {}
        return {
            "pauses": held.get("pauses", 0),
            "resumes": held.get("resumes", 0),
            "total_pause_s": held.get("paused_s", 0.0),
            "overflow_events": held.get("overflows", 0),
            "drops": held.get("drops", 0),
            "buffered_messages": held.get("depth", 0),
            "buffered_bytes": held.get("depth_bytes", 0),
            "utilisation_percent": _percent(held, "depth"),
            "peak_messages": held.get("peak", 0),
            "peak_bytes": held.get("peak_bytes", 0),
            "peak_percent": _percent(held, "peak"),
            "spilled": held.get("spilled", 0),
            "spill_messages": held.get("spill_depth", 0),
            "spill_bytes": held.get("spill_bytes", 0),
            "peak_spill_bytes": held.get("peak_spill_bytes", 0),
            "spill_failures": held.get("spill_failures", 0),
        }


def _bound(buffer: Buffer) -> tuple[int, str]:
    """Return the bound that the marks of a buffer refer to, and its unit."""
    return (buffer.max_messages, "messages") if buffer.max_bytes is None else (buffer.max_bytes, "bytes")


def _percent(held: Mapping[str, Any], what: str) -> float:
    """Return how full a buffer is or was, by the bound that is nearest."""
    bounds = ((held.get(what), held.get("capacity")), (held.get(f"{what}_bytes"), held.get("capacity_bytes")))
    return max(100 * (fill or 0) / bound if bound else 0.0 for fill, bound in bounds)
