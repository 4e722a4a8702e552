"""Write a dataflow in Turtle, have it checked before it runs, run it streamed and bounded in memory.

The names below are the public interface; each is imported when it is first used, so that asking for a version does not
load an RDF library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transmissions.lazy import lazily

# Not by the way of the others: the module has the name of its function, and would hide it once it is imported.
from transmissions.processor import Processor, processor

if TYPE_CHECKING:
    from transmissions.bounded import BoundedFunction
    from transmissions.context import Context
    from transmissions.errors import (
        FetchFailed,
        InvalidPipeline,
        NetworkRefused,
        StageError,
        TransmissionsError,
        reason_of,
    )
    from transmissions.fetch import Fetched, Fetcher
    from transmissions.literals import quiet_literals
    from transmissions.message import (
        MISSING,
        Mark,
        Message,
        MissingField,
        SharedList,
        copy_message,
        delete_field,
        get_field,
        require_field,
        set_field,
        shorten,
    )
    from transmissions.model import Buffer
    from transmissions.network import Network
    from transmissions.output import Output
    from transmissions.pipeline import Pipeline, load
    from transmissions.runtime.result import Result, StageStatistics, Status
    from transmissions.runtime.run import Run
    from transmissions.settings import Duration, setting
    from transmissions.streams import EventStream, StreamStatistics, WhenFull, size_of_message

__all__ = [
    "MISSING",
    "BoundedFunction",
    "Buffer",
    "Context",
    "Duration",
    "EventStream",
    "FetchFailed",
    "Fetched",
    "Fetcher",
    "InvalidPipeline",
    "Mark",
    "Message",
    "MissingField",
    "Network",
    "NetworkRefused",
    "Output",
    "Pipeline",
    "Processor",
    "Result",
    "Run",
    "SharedList",
    "StageError",
    "StageStatistics",
    "Status",
    "StreamStatistics",
    "TransmissionsError",
    "WhenFull",
    "copy_message",
    "delete_field",
    "get_field",
    "load",
    "processor",
    "quiet_literals",
    "reason_of",
    "require_field",
    "set_field",
    "setting",
    "shorten",
    "size_of_message",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        ".bounded": ("BoundedFunction",),
        ".context": ("Context",),
        ".errors": (
            "FetchFailed",
            "InvalidPipeline",
            "NetworkRefused",
            "StageError",
            "TransmissionsError",
            "reason_of",
        ),
        ".fetch": ("Fetched", "Fetcher"),
        ".literals": ("quiet_literals",),
        ".message": (
            "MISSING",
            "Mark",
            "Message",
            "MissingField",
            "SharedList",
            "copy_message",
            "delete_field",
            "get_field",
            "require_field",
            "set_field",
            "shorten",
        ),
        ".model": ("Buffer",),
        ".network": ("Network",),
        ".output": ("Output",),
        ".pipeline": ("Pipeline", "load"),
        ".runtime.result": ("Result", "StageStatistics", "Status"),
        ".runtime.run": ("Run",),
        ".settings": ("Duration", "setting"),
        ".streams": ("EventStream", "StreamStatistics", "WhenFull", "size_of_message"),
    },
)
