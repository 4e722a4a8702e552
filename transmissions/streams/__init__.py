"""Event streams: bounded channels that hold their senders back, usable from threads and from asyncio."""

from transmissions.streams.event_stream import EventStream, StreamStatistics

__all__ = ["EventStream", "StreamStatistics"]
