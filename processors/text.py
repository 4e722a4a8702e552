"""Processors for people who read along."""

from __future__ import annotations

from transmissions import Message, Processor, setting, shorten

__all__ = ["ShowMessage"]


class ShowMessage(Processor):
    """Show every message on standard error, shortened, and hand it on.

    Guarantee: pure.
    """

    string_limit: int = setting(500, "characters of a message to show", minimum=1)
    alert: str = setting("", "a text to show in front of each message")
    field: str = setting("", "show this field only, as a dotted path")

    def process(self, message: Message) -> Message:
        """Show the message and return it."""
        shown = message if not self.field else {self.field: message.get(self.field)}
        front = f"{self.alert} " if self.alert else ""
        self.context.log("notice", f"{front}{shorten(shown, self.string_limit)}", {})
        return message
