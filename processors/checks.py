"""Processors that let on only what is complete."""

from __future__ import annotations

from typing import Any

from transmissions import MISSING, Message, Processor, get_field, setting

__all__ = ["RequiredFields"]

_EMPTY: tuple[Any, ...] = (MISSING, None, "", [], {})


class RequiredFields(Processor):
    """Let on only messages that have certain fields, with something in them; the others are counted and warned of.

    Example:
        :stage a :RequiredFields ; :settings [ :requiredFields "title", "author.name" ] .
        in {"title": "Heidi", "author": {"name": "Spyri"}}
        in {"title": "", "author": {"name": "Keller"}}
        out {"title": "Heidi", "author": {"name": "Spyri"}}
        logged warning :stage a message was left out for its field title, field title

    Guarantee: pure.
    """

    required_fields: list[str] = setting((), "fields, as dotted paths; one text may name several, with commas between")
    skip_on_http_error: bool = setting(True, "whether a message with `httpError` ends here as well")

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._dropped: dict[str, int] = {}

    def process(self, message: Message) -> Message | None:
        """Return the message, or nothing."""
        lacking = self._lacking(message)
        if lacking is None:
            return message
        self._dropped[lacking] = self._dropped.get(lacking, 0) + 1
        self.warn(f"a message was left out for its field {lacking}", field=lacking)
        return None

    def _lacking(self, message: Message) -> str | None:
        """Return the field for which a message is left out."""
        if self.skip_on_http_error and message.get("httpError"):
            return "httpError"
        paths = (path.strip() for one in self.required_fields for path in one.split(","))
        return next((path for path in paths if path and get_field(message, path) in _EMPTY), None)

    def report(self) -> dict[str, Any]:
        """Return how many messages ended here, by the field that they lack."""
        return {"dropped": dict(self._dropped)} if self._dropped else {}
