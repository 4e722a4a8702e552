"""Processors that put things aside: fields within a message, and all the parts of a group in what was split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from transmissions import MISSING, Mark, Message, Processor, copy_message, delete_field, get_field, set_field, setting

__all__ = ["CaptureAll", "Stash", "WhiteboardToMessage"]


class Stash(Processor):
    """Put fields of a message aside, within it, or bring them back.

    What is put aside is a copy: stages between may overwrite or remove the fields. Without `:fields` it is all of the
    message, and bringing it back leaves nothing else. Each stash has a name; bringing back one that there is not is an
    error.

    Example:
        :example a :EntryTransmission ; :pipe (:aside :change :back) .
        :aside a :Stash ; :settings [ :fields "title" ] .
        :change a :SetText ; :settings [ :targetField "title" ; :text "Something else" ] .
        :back a :Stash ; :settings [ :action "restore" ] .
        in {"title": "Letters"}
        out {"title": "Letters"}

    Guarantee: pure.
    """

    writes = ("*",)

    action: Literal["store", "restore"] = setting("store", "whether fields are put aside or brought back")
    label: str = setting("stash", "the stash's name")
    fields: list[str] = setting((), "fields to put aside, as dotted paths; all of the message without them")
    stash_field: str = setting("stashed", "field that holds the stashes, as a dotted path")

    def process(self, message: Message) -> Message:
        """Return the message with the stash, or with what was in it."""
        return self._stored(message) if self.action == "store" else self._restored(message)

    def _stored(self, message: Message) -> Message:
        held: dict[str, Any]
        if self.fields:
            found = {path: get_field(message, path) for path in self.fields}
            held = {"fields": {path: value for path, value in found.items() if value is not MISSING}}
        else:
            first = self.stash_field.split(".")[0]
            held = {"message": {name: value for name, value in message.items() if name != first}}
        stashes = get_field(message, self.stash_field, {})
        kept = stashes if isinstance(stashes, dict) else {}
        set_field(message, self.stash_field, {**kept, self.label: copy_message(held)})
        return message

    def _restored(self, message: Message) -> Message:
        stashes = get_field(message, self.stash_field, {})
        if not isinstance(stashes, dict) or self.label not in stashes:
            raise ValueError(f"nothing was put aside as {self.label}")
        held = stashes[self.label]
        rest = {name: one for name, one in stashes.items() if name != self.label}
        if "message" in held:
            message = dict(held["message"])
        if rest:
            set_field(message, self.stash_field, rest)
        else:
            message = _without(message, self.stash_field)
        for path, value in held.get("fields", {}).items():
            set_field(message, path, value)
        return message


def _without(message: Message, path: str) -> Message:
    if get_field(message, path) is not MISSING:
        delete_field(message, path)
    return message


class CaptureAll(Processor):
    """Gather the parts of each group, whole, and put the list of them into the message that was split.

    The parts end here, and the message goes on as an ordinary one. Without a stage before it that splits, it gathers
    over the whole run and sends one message at its end.

    Example:
        :example a :EntryTransmission ; :pipe (:each :capture) .
        :each a :ForEach .
        :capture a :CaptureAll .
        in {"items": ["a", "b"]}
        out {"whiteboard": [{"currentItem": "a", "eachCounter": 0}, {"currentItem": "b", "eachCounter": 1}]}

    Guarantee: pure; holds the messages of one group in memory.
    """

    stateful = True

    target_field: str = setting("whiteboard", "field that receives the list, as a dotted path", writes=True)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._captured: list[Message] = []

    def process(self, message: Message) -> None:
        """Take the message in."""
        self._captured.append(message)

    def end_group(self, mark: Mark) -> Message:
        """Return the message that was split, with its parts."""
        whole = {name: value for name, value in mark.items() if name != "done"}
        if self.context.application is not None:
            whole["done"] = False
        return self._with_list(whole)

    def finish(self) -> Iterator[Message]:
        """Yield what no group has claimed."""
        if self._captured and self.context.application is None:
            yield self._with_list({})

    def snapshot(self) -> dict[str, Any]:
        """Return what it holds."""
        return {"captured": self._captured}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what it held."""
        self._captured = list(state["captured"])

    def _with_list(self, message: Message) -> Message:
        captured, self._captured = self._captured, []
        set_field(message, self.target_field, captured)
        return message


class WhiteboardToMessage(Processor):
    """Turn a list of objects into one object of lists: for each name the values that it has in them, in order.

    Where one of them has not the name, null stands in its place, so that the lists stay side by side.

    Example:
        :stage a :WhiteboardToMessage .
        in {"whiteboard": [{"title": "A", "slug": "a"}, {"title": "B"}]}
        out {"whiteboard": {"title": ["A", "B"], "slug": ["a", null]}}

    Guarantee: pure.
    """

    input_field: str = setting("whiteboard", "field with the list, as a dotted path", reads=True)
    output_field: str = setting("whiteboard", "field that receives the object, as a dotted path", writes=True)

    def process(self, message: Message) -> Message:
        """Return the message with the object."""
        rows = get_field(message, self.input_field)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValueError(f"the field {self.input_field} holds no list of objects")
        names = dict.fromkeys(name for row in rows for name in row)
        set_field(message, self.output_field, {name: [row.get(name) for row in rows] for name in names})
        return message
