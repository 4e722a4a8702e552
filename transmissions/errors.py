"""The errors that Transmissions raises; every one is a `TransmissionsError`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transmissions.problem import Problem, render
from transmissions.secrets import redact

__all__ = [
    "FetchFailed",
    "InvalidEvent",
    "InvalidPipeline",
    "NetworkRefused",
    "NoSuchPipeline",
    "NoSuchProcessor",
    "OutputFailed",
    "OutputRefused",
    "ParameterError",
    "ProgramFailed",
    "ProgramRefused",
    "SettingError",
    "StageError",
    "StreamAborted",
    "StreamCancelled",
    "StreamClosed",
    "StreamEmpty",
    "StreamError",
    "StreamExists",
    "StreamFull",
    "StreamNotFound",
    "StreamTimeout",
    "TransmissionsError",
    "reason_of",
]


class TransmissionsError(Exception):
    """Anything that went wrong and that the person who runs a pipeline can act on."""


def reason_of(error: OSError | ValueError) -> str:
    """Return in words why the system refused a file, or whatever it was: to stand behind its name and a colon.

    >>> reason_of(FileNotFoundError(2, "No such file or directory", "a.txt"))
    'no such file or directory'
    """
    return (getattr(error, "strerror", None) or str(error)).lower()


class InvalidPipeline(TransmissionsError):
    """A pipeline was refused before it ran; `problems` lists everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(render(self.problems))


class NoSuchPipeline(TransmissionsError):
    """A name is neither a bundled pipeline nor a file."""


class NoSuchProcessor(TransmissionsError):
    """A processor was asked for that nothing installed provides."""


class ParameterError(TransmissionsError):
    """A parameter of a run is missing, unknown, or has a value that does not fit."""


class SettingError(TransmissionsError, ValueError):
    """A setting has a value that does not fit its declaration.

    Args:
        expected: what the setting takes ("a whole number, 1 or more").
        got: the refused value.
    """

    def __init__(self, expected: str, got: object) -> None:
        self.expected = expected
        self.got = got
        super().__init__(f"must be {expected}, got {got!r}")


class OutputRefused(TransmissionsError):
    """A processor asked to write where it may not: outside the target, or under an unsafe name."""


class OutputFailed(TransmissionsError):
    """The operating system could not do what writing needed: the disk is full, a folder is read-only, …"""


class ProgramRefused(TransmissionsError):
    """A processor asked for a program that whoever runs the pipeline has not allowed."""


class ProgramFailed(TransmissionsError):
    """A program is not there, could not be started, took too long or wrote too much."""


class NetworkRefused(TransmissionsError):
    """A processor asked for a connection that whoever runs the pipeline has not allowed."""


class FetchFailed(TransmissionsError):
    """No answer came, or none that can be used: the host cannot be reached, takes too long, sends too much, …

    Args:
        text: what happened.
        transient: whether the same request may succeed another time.
        sent: whether the other side may have received the request.
    """

    def __init__(self, text: str, *, transient: bool = False, sent: bool = True) -> None:
        self.transient = transient
        self.sent = sent
        super().__init__(text)


class StageError(TransmissionsError):
    """A stage failed on a message, or in one of its other phases.

    Args:
        stage: the stage's name, as in the Turtle file, without the colon.
        phase: what it was doing: `process`, `start`, `finish`, …
        cause: the error that its processor raised.
        place: `file:line:column` of the stage in its Turtle file; "" if there is none.
        message: the message it was given, shortened; "" outside `process`.

    Attributes:
        what: the cause in words; what is no error of ours begins with its class.
        result: what the run did until then; set where a run ends by raising this.
    """

    result: Any = None

    def __init__(self, stage: str, phase: str, cause: BaseException, place: str = "", message: str = "") -> None:
        self.stage = stage
        self.phase = phase
        self.cause = cause
        self.place = place
        self.message = redact(message)
        kind = "" if isinstance(cause, TransmissionsError) else type(cause).__name__
        self.what = redact(": ".join(filter(None, (kind, str(cause)))))
        text = f"{place}: " if place else ""
        text += f"stage :{stage} failed in {phase}: {self.what}"
        super().__init__(redact(text) + (f"\n  message: {self.message}" if message else ""))


class StreamError(TransmissionsError):
    """An operation on an event stream could not be done.

    Args:
        stream: the stream's name; its id, where a stream manager holds it.
        operation: what could not be done: `send`, `receive`, `create`, `get`, `close`, …
        cause: what prevented it.
        accepted: how many of the messages to be sent were let in before.
    """

    def __init__(self, stream: str, operation: str, cause: str, accepted: int = 0) -> None:
        self.stream = stream
        self.operation = operation
        self.cause = cause
        self.accepted = accepted
        super().__init__(f"stream {stream}: {operation}: {cause}")


class StreamClosed(StreamError):
    """The stream was closed, so it takes no more messages, or, once it is empty, gives none."""


class StreamAborted(StreamError):
    """The stream was aborted, with the reason given to `abort`; what it held is gone."""


class StreamFull(StreamError):
    """The stream is full, and its policy is not to wait; or the sender asked not to.

    Args:
        dropped: how many messages the policy dropped; what was neither accepted nor dropped is still the sender's.
    """

    def __init__(self, stream: str, operation: str, cause: str, accepted: int = 0, dropped: int = 0) -> None:
        self.dropped = dropped
        super().__init__(stream, operation, cause, accepted)


class StreamEmpty(StreamError):
    """The stream has no message at present, and the receiver asked not to wait."""


class StreamTimeout(StreamError, TimeoutError):
    """The operation was not possible in the time given for it."""


class StreamCancelled(StreamError):
    """The operation was cancelled by the cancellation it was given."""


class StreamNotFound(StreamError):
    """The stream manager holds no stream of that id."""


class StreamExists(StreamError):
    """The stream manager holds a stream of that id already."""


class InvalidEvent(TransmissionsError, ValueError):
    """An event is not what its type asks for: a key is missing, has a value of another type, or the type is unknown."""
