"""Processors that shape the flow itself: split messages, gather what was split, or do nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from transmissions import MISSING, Mark, Message, Processor, copy_message, get_field, set_field, setting

__all__ = ["NOP", "Accumulate", "ForEach"]


class NOP(Processor):
    """Hand every message on as it came.

    A place to hang a buffer on, or to see in the report how much passes.

    Guarantee: pure.
    """

    def process(self, message: Message) -> Message:
        """Return the message."""
        return message


class ForEach(Processor):
    """Send one message for each item of a list, then the message itself as the mark that ends the group.

    Each part is a message of its own: a copy of the whole without the list, and with the item and its number. The list
    itself is left out, because a copy of it in every part would make the work grow with the square of its length.

    Guarantee: pure.
    """

    splits = True

    for_each: str = setting("items", "field that holds the list, as a dotted path", reads=True)
    item_field: str = setting("currentItem", "field that each part holds its item in", writes=True)
    counter_field: str = setting(
        "eachCounter", "field that each part holds the number of its item in, from 0", writes=True
    )
    limit: int | None = setting(None, "send at most this many parts of a list", minimum=0)

    def process(self, message: Message) -> Iterator[Message]:
        """Yield the parts, then the mark."""
        items = get_field(message, self.for_each)
        if items is MISSING:
            raise ValueError(f"the message has no field {self.for_each}; :forEach names the field that holds the list")
        if not isinstance(items, list):
            raise ValueError(f"the field {self.for_each} holds no list but {type(items).__name__}")
        rest = _without(message, self.for_each)
        for number, item in enumerate(items if self.limit is None else items[: self.limit]):
            part = copy_message(rest)
            part[self.item_field] = item
            part[self.counter_field] = number
            yield part
        yield self.mark(rest)


def _without(message: Message, path: str) -> Message:
    """Return the message without one field; only what the path leads through is copied."""
    if path in message:
        return {key: value for key, value in message.items() if key != path}
    first, _, rest = path.partition(".")
    inner = message[first]
    if isinstance(inner, dict):
        return {**message, first: _without(inner, rest)}
    # Inside a list nothing can be left out without moving what stands behind it.
    return dict(message)


class Accumulate(Processor):
    """Gather a field of the parts of each group, and put what was gathered into the message that was split.

    The parts pass by; with `:parts false` they end here, and only the whole goes on, as an ordinary message. Without a
    stage before it that splits, it gathers over the whole run and sends one message at its end.

    Guarantee: pure; holds what it gathers of one group in memory.
    """

    stateful = True

    source_field: str = setting("currentItem", "field to gather, as a dotted path", reads=True)
    target_field: str = setting("accumulate", "field that receives what was gathered, as a dotted path", writes=True)
    accumulator_type: Literal["array", "object", "string"] = setting(
        "array", 'gather into a list ("array", "object"), or one text after the other ("string")'
    )
    separator: str = setting("", "what stands between two texts")
    parts: bool = setting(True, "whether the parts go on as well")

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._gathered: list[Any] = []

    @classmethod
    def ends_group(cls, settings: Mapping[str, Any]) -> bool:
        """Only without its parts is a group over: as long as they go on, their mark has to follow them."""
        return settings.get("parts") is False

    def process(self, message: Message) -> Message | None:
        """Gather the field, and hand the part on or not."""
        value = get_field(message, self.source_field)
        if value is not MISSING:
            self._gathered.append(value)
        return message if self.parts else None

    def end_group(self, mark: Mark) -> Message:
        """Return the whole with what was gathered of its parts."""
        whole: Message = mark
        if not self.parts:
            whole = {key: value for key, value in mark.items() if key != "done"}
        set_field(whole, self.target_field, self._take())
        return whole

    def finish(self) -> Iterator[Message]:
        """Yield what no group has claimed."""
        if self._gathered:
            message: Message = {}
            set_field(message, self.target_field, self._take())
            yield message

    def _take(self) -> Any:
        gathered, self._gathered = self._gathered, []
        if self.accumulator_type == "string":
            return self.separator.join(value if isinstance(value, str) else str(value) for value in gathered)
        return gathered
