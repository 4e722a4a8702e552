"""Event streams: bounded channels that hold their senders back, usable from threads and from asyncio."""

from transmissions.errors import (
    StreamAborted,
    StreamCancelled,
    StreamClosed,
    StreamEmpty,
    StreamError,
    StreamExists,
    StreamFull,
    StreamNotFound,
    StreamTimeout,
)
from transmissions.streams.cancellation import Cancellation
from transmissions.streams.event_stream import EventStream
from transmissions.streams.manager import StreamInfo, StreamManager
from transmissions.streams.size import size_of_message
from transmissions.streams.statistics import MAX_SPILL_BYTES, StreamStatistics, WhenFull
from transmissions.streams.tee import tee

__all__ = [
    "MAX_SPILL_BYTES",
    "Cancellation",
    "EventStream",
    "StreamAborted",
    "StreamCancelled",
    "StreamClosed",
    "StreamEmpty",
    "StreamError",
    "StreamExists",
    "StreamFull",
    "StreamInfo",
    "StreamManager",
    "StreamNotFound",
    "StreamStatistics",
    "StreamTimeout",
    "WhenFull",
    "size_of_message",
    "tee",
]
