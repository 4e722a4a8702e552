"""The way into a stage: its event stream, who sends to it, and what its failure means to whoever runs the pipeline."""

from __future__ import annotations

import threading

from transmissions.errors import StageError, StreamAborted, StreamError, StreamFull
from transmissions.plan import PlannedStage
from transmissions.streams import EventStream

__all__ = ["Inlet", "buffer_error"]


def buffer_error(error: StreamError, stage: PlannedStage | None) -> StageError:
    """Return the error that ends the run: it names the stage whose buffer it is, and tells what to change.

    Args:
        error: what the event stream said.
        stage: the stage behind that stream; None where messages leave the pipeline.
    """
    told = type(error)(error.stream, error.operation, f"{error.cause}; {_advice(error)}", error.accepted)
    return StageError(_name(stage), "buffer", told, stage.place if stage else "")


class Inlet:
    """An event stream with a known number of senders, closed when the last of them is done.

    Args:
        stream: the stream.
        senders: how many there are.
        stage: the stage behind it; None where messages leave the pipeline.
    """

    def __init__(self, stream: EventStream, senders: int, stage: PlannedStage | None = None) -> None:
        self.stream = stream
        self.stage = stage
        self._senders = senders
        self._lock = threading.Lock()

    def sender_done(self) -> None:
        """Say that one sender sends no more."""
        with self._lock:
            self._senders -= 1
            if not self._senders:
                self.stream.close()

    def problems(self) -> list[dict[str, str]]:
        """Return what the stream had to do without, as the report lists it."""
        if not (failures := self.stream.statistics().spill_failures):
            return []
        text = (
            f"the disk could not take what the :buffer was to spill, {failures} times, so that senders had to wait; "
            "make room in the folder for temporary files, or name another one in TMPDIR"
        )
        return [{"stage": _name(self.stage), "severity": "warning", "text": text}]


def _name(stage: PlannedStage | None) -> str:
    return stage.name if stage else "messages"


def _advice(error: StreamError) -> str:
    if isinstance(error, StreamFull):
        return "give its :buffer more :maxMessages or :maxBytes, or choose another :whenFull than :fail"
    if isinstance(error, StreamAborted):
        return "see to the disk that holds the folder for temporary files (TMPDIR), then run again"
    return "let the stage before it send plain values only, or choose another buffer"
