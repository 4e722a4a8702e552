"""Processors that set, copy and remove fields of a message."""

from __future__ import annotations

from dataclasses import dataclass

from transmissions import MISSING, Message, Processor, copy_message, delete_field, get_field, set_field, setting

__all__ = ["Rename", "Restructure", "SetField"]


class SetField(Processor):
    """Set a field to a fixed value.

    Guarantee: pure.
    """

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

    Guarantee: pure.
    """

    writes = ("*",)

    rename: list[Rename] = setting((), "values to copy: nodes with `:pre` (from) and `:post` (to)")
    remove: list[str] = setting((), "fields to remove afterwards, as dotted paths")
    strict: bool = setting(False, "whether a value that is to be copied and is not there is an error")

    def process(self, message: Message) -> Message:
        """Return the message in its new form."""
        for step in self.rename:
            value = get_field(message, step.pre)
            if value is not MISSING:
                set_field(message, step.post, copy_message({"value": value})["value"])
            elif self.strict:
                raise ValueError(f"the message has no field {step.pre}")
        for path in self.remove:
            delete_field(message, path)
        return message
