"""Event streams: bounded channels that hold their senders back, usable from threads and from asyncio."""

from transmissions.streams.event_stream import EventStream
from transmissions.streams.size import size_of_message
from transmissions.streams.statistics import StreamStatistics, WhenFull

__all__ = ["EventStream", "StreamStatistics", "WhenFull", "size_of_message"]
