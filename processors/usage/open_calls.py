"""Calls whose events pass: which are open, and how much text came of them, should their usage never come."""

from __future__ import annotations

from dataclasses import dataclass, field

from processors.usage.reading import event_data
from transmissions import Message

__all__ = ["OpenCall", "OpenCalls"]

_CHARACTERS_PER_TOKEN = 4


@dataclass(slots=True)
class OpenCall:
    """A call that began and has not told its usage.

    Args:
        id: its id, from its MessageStart.
        message: the event it began with, which says whose it is.
    """

    id: str
    message: Message = field(default_factory=dict)
    characters: int = 0

    @property
    def tokens(self) -> int:
        """A guess at the tokens of its output so far, from their characters."""
        return -(-self.characters // _CHARACTERS_PER_TOKEN)


class OpenCalls:
    """The calls of the streams of events that pass, by the stream; events that name none are of one stream."""

    def __init__(self) -> None:
        self._calls: dict[str, OpenCall] = {}
        self._ended: dict[str, str] = {}
        self._number = 0

    def see(self, message: Message) -> OpenCall | None:
        """Follow an event; return the call that ended with it without having told its usage."""
        stream = _stream(message)
        ended: OpenCall | None = None
        if (data := event_data(message, "MessageStart")) is not None:
            # One that begins before the last one has ended takes its place.
            ended = self._calls.pop(stream, None)
            self._number += 1
            self._calls[stream] = OpenCall(str(data.get("message_id") or f"{stream}#{self._number}"), dict(message))
            self._ended.pop(stream, None)
        elif event_data(message, "MessageStop") is not None or event_data(message, "Error") is not None:
            ended = self._calls.pop(stream, None)
            if ended:
                self._ended[stream] = ended.id
        elif (call := self._calls.get(stream)) is not None:
            for kind, key in (("TextDelta", "text"), ("Thinking", "thinking")):
                data = event_data(message, kind)
                if data is not None and isinstance(text := data.get(key), str):
                    call.characters += len(text)
        return ended

    def told(self, message: Message) -> str:
        """Note that a call's usage came; return its id, or "" if its beginning was not seen.

        Usage that comes behind the end of its call is that call's.
        """
        stream = _stream(message)
        call = self._calls.pop(stream, None)
        if call is not None:
            self._ended[stream] = call.id
            return call.id
        return self._ended.get(stream, "")

    def rest(self) -> list[OpenCall]:
        """Return the calls that are still open, and forget them."""
        left, self._calls = list(self._calls.values()), {}
        return left


def _stream(message: Message) -> str:
    stream = message.get("stream")
    return stream if isinstance(stream, str) else ""
