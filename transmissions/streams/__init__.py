"""Event streams: bounded channels that hold their senders back, usable from threads and from asyncio."""

from transmissions.streams.event_stream import EventStream
from transmissions.streams.size import size_of_message
from transmissions.streams.statistics import MAX_SPILL_BYTES, StreamStatistics, WhenFull

__all__ = ["MAX_SPILL_BYTES", "EventStream", "StreamStatistics", "WhenFull", "size_of_message"]
