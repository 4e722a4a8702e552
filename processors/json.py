"""Processors that set, copy and remove fields of a message, walk lists in it, and empty its texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from processors.values import as_list, index_object, without
from transmissions import (
    MISSING,
    Message,
    Processor,
    SharedList,
    TransmissionsError,
    copy_message,
    delete_field,
    get_field,
    require_field,
    set_field,
    setting,
)

__all__ = ["Blanker", "JSONWalker", "Rename", "Restructure", "SetField", "SetMessage", "Setter"]


class SetField(Processor):
    """Set a field to a fixed value.

    Example:
        :stage a :SetField ; :settings [ :field "meta.language" ; :value "en" ] .
        in {"title": "Letters", "meta": {"pages": 12}}
        out {"title": "Letters", "meta": {"pages": 12, "language": "en"}}

    Guarantee: pure.
    """

    takes_done = True

    field: str = setting(doc="field to set, as a dotted path", writes=True)
    value: object = setting(doc="its value: a text, a number, true or false")

    def process(self, message: Message) -> Message:
        """Return the message with the field set."""
        set_field(message, self.field, self.value)
        return message


@dataclass(frozen=True)
class Rename:
    """One step of a restructuring: the value at `pre` is copied to `post`; both are dotted paths."""

    pre: str
    post: str


class Restructure(Processor):
    """Copy values to other places of the message, then remove fields.

    Copies come first, in their order, so that a value can be copied to several places; name its old place in
    `:remove` to move it. Lists stay lists, and `list.0` is the first member of one.

    Example:
        :stage a :Restructure ; :settings [
            :rename ( [ :pre "name" ; :post "meta.title" ] [ :pre "authors.0" ; :post "meta.author" ] ) ;
            :remove "name", "authors"
        ] .
        in {"name": "Atlas", "authors": ["A", "B"], "size": 340}
        out {"size": 340, "meta": {"title": "Atlas", "author": "A"}}

    Guarantee: pure.
    """

    writes = ("*",)

    rename: list[Rename] = setting((), "values to copy: nodes with `:pre` (from) and `:post` (to)")
    remove: list[str] = setting((), "fields to remove afterwards, as dotted paths; a member of a list stays")
    strict: bool = setting(False, "whether a value that is to be copied and is not there is an error", fixed=True)
    lists: Literal["list", "object"] = setting(
        "list",
        "whether a list that is copied stays one, or becomes an object with the keys 0, 1, 2, …, as in the original",
        application="object",
        fixed=True,
    )

    def process(self, message: Message) -> Message:
        """Return the message in its new form."""
        for step in self.rename:
            value = get_field(message, step.pre)
            if value is not MISSING:
                copied = copy_message({"value": list(value) if isinstance(value, SharedList) else value})["value"]
                set_field(message, step.post, index_object(copied) if self.lists == "object" else copied)
            elif self.strict:
                raise ValueError(f"the message has no field {step.pre}")
        for path in self.remove:
            delete_field(message, path)
        return message


@dataclass(frozen=True)
class Setter:
    """One field to set: `key` is its dotted path, `value` what it is set to."""

    key: str
    value: object


class SetMessage(Processor):
    """Set several fields to fixed values.

    Example:
        :stage a :SetMessage ; :settings [
            :setters ( [ :key "meta.language" ; :value "en" ] [ :key "pages" ; :value 12 ] )
        ] .
        in {"title": "Letters"}
        out {"title": "Letters", "meta": {"language": "en"}, "pages": 12}

    Guarantee: pure.
    """

    takes_done = True
    writes = ("*",)

    setters: list[Setter] = setting((), "fields to set: nodes with `:key` (the field) and `:value`")

    def process(self, message: Message) -> Message:
        """Return the message with the fields set."""
        for setter in self.setters:
            set_field(message, setter.key, setter.value)
        return message


class JSONWalker(Processor):
    """Send one message for each member of a list, in `content`, then the last member's as the mark of the group.

    The list is a field of the message, or JSON text in it; an object with the keys 0, 1, 2, … stands for a list. The
    parts and the mark are without it.

    Example:
        :stage a :JSONWalker ; :settings [ :pointer "answer.rows" ] .
        in {"answer": {"rows": [{"town": "Brig"}, {"town": "Chur"}], "ok": true}}
        out {"answer": {"ok": true}, "content": {"town": "Brig"}}
        out {"answer": {"ok": true}, "content": {"town": "Chur"}}
        out {"answer": {"ok": true}, "content": {"town": "Chur"}, "done": true}

    Guarantee: pure.
    """

    splits = True
    takes_done = True
    writes = ("content",)

    pointer: str = setting("content", "field that holds the list, as a dotted path", reads=True)
    die: bool = setting(False, "end the run with an error instead, to look at what came so far")

    def process(self, message: Message) -> Iterator[Message]:
        """Yield the parts, then the mark."""
        if self.die:
            raise TransmissionsError("told to end the run by :die")
        items = self._items(message)
        rest = {key: value for key, value in without(message, self.pointer).items() if key != "content"}
        in_application = self.context.application is not None
        for item in items:
            part = {**copy_message(rest), "content": item}
            if in_application:
                part["done"] = False
            yield part
        last = copy_message({"content": items[-1]}) if items else {"content": []}
        yield self.mark({**rest, **last})

    def _items(self, message: Message) -> list[Any]:
        value = require_field(message, self.pointer, ":pointer names the field that holds the list")
        if isinstance(value, str):
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError as error:
                raise ValueError(f"the field {self.pointer} is text that is no JSON: {error}") from None
        items = as_list(value)
        if items is None:
            raise ValueError(f"the field {self.pointer} holds no list but {type(value).__name__}")
        return items


class Blanker(Processor):
    """Empty all texts below a place in the message, so that the shape of data can be shown without what it says.

    Example:
        :stage a :Blanker ; :settings [ :pointer "content" ; :preserve "content.type" ] .
        in {"content": {"type": "letter", "text": "Dear reader", "pages": [1, "two"]}, "id": "a1"}
        out {"content": {"type": "letter", "text": "", "pages": [1, ""]}, "id": "a1"}

    Guarantee: pure.
    """

    takes_done = True

    pointer: str = setting("content", "field to empty, as a dotted path; empty for the whole message", reads=True)
    preserve: list[str] = setting((), "fields below it that stay as they are, as dotted paths from the message")

    def process(self, message: Message) -> Message:
        """Return the message with empty texts."""
        if not self.pointer:
            kept = {"tags": message["tags"]} if "tags" in message else {}
            return {**self._blank(message, ""), **kept}
        set_field(message, self.pointer, self._blank(require_field(message, self.pointer), self.pointer))
        return message

    def _blank(self, value: Any, path: str) -> Any:
        if path in self.preserve:
            return value
        if isinstance(value, str):
            return ""
        front = f"{path}." if path else ""
        if isinstance(value, dict):
            return {key: self._blank(one, f"{front}{key}") for key, one in value.items()}
        if isinstance(value, list):
            return [self._blank(one, f"{front}{number}") for number, one in enumerate(value)]
        return value
