"""Event streams: bounded channels that hold their senders back; and the events of language models, to send through.

Each name is imported when it is first used: a pipeline's bounds are read without what holds messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transmissions.lazy import lazily

if TYPE_CHECKING:
    from transmissions.errors import (
        InvalidEvent,
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
    from transmissions.streams.event_json import decode_event, encode_event, event_from_message
    from transmissions.streams.event_stream import EventStream
    from transmissions.streams.events import (
        EVENT_TYPES,
        ContentEnd,
        ContentStart,
        Error,
        Event,
        MessageStart,
        MessageStop,
        TextDelta,
        Thinking,
        Usage,
    )
    from transmissions.streams.manager import StreamInfo, StreamManager
    from transmissions.streams.readers import tee
    from transmissions.streams.size import size_of_message
    from transmissions.streams.statistics import MAX_SPILL_BYTES, StreamStatistics, WhenFull

__all__ = [
    "EVENT_TYPES",
    "MAX_SPILL_BYTES",
    "Cancellation",
    "ContentEnd",
    "ContentStart",
    "Error",
    "Event",
    "EventStream",
    "InvalidEvent",
    "MessageStart",
    "MessageStop",
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
    "TextDelta",
    "Thinking",
    "Usage",
    "WhenFull",
    "decode_event",
    "encode_event",
    "event_from_message",
    "size_of_message",
    "tee",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "..errors": (
            "InvalidEvent",
            "StreamAborted",
            "StreamCancelled",
            "StreamClosed",
            "StreamEmpty",
            "StreamError",
            "StreamExists",
            "StreamFull",
            "StreamNotFound",
            "StreamTimeout",
        ),
        ".cancellation": ("Cancellation",),
        ".event_json": ("decode_event", "encode_event", "event_from_message"),
        ".event_stream": ("EventStream",),
        ".events": (
            "ContentEnd",
            "ContentStart",
            "EVENT_TYPES",
            "Error",
            "Event",
            "MessageStart",
            "MessageStop",
            "TextDelta",
            "Thinking",
            "Usage",
        ),
        ".manager": ("StreamInfo", "StreamManager"),
        ".size": ("size_of_message",),
        ".statistics": ("MAX_SPILL_BYTES", "StreamStatistics", "WhenFull"),
        ".readers": ("tee",),
    },
)
