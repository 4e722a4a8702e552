"""Processors that let on only what is complete."""

from __future__ import annotations

from typing import Any

from transmissions import MISSING, Message, Processor, get_field, setting

__all__ = ["RequiredFields"]


class RequiredFields(Processor):
    """Let on only messages that have certain fields, with something in them; the others are counted and warned of.

    Guarantee: pure.
    """

    required_fields: list[str] = setting((), "fields, as dotted paths; one text may name several, with commas between")
    skip_on_http_error: bool = setting(True, "whether a message with `httpError` ends here as well")

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._dropped: dict[str, int] = {}

    def process(self, message: Message) -> Message | None:
        """Return the message, or nothing."""
        if self.skip_on_http_error and message.get("httpError"):
            return self._drop("httpError")
        for path in (path.strip() for one in self.required_fields for path in one.split(",")):
            if path and get_field(message, path) in (MISSING, None, "", [], {}):
                return self._drop(path)
        return message

    def report(self) -> dict[str, Any]:
        """Return how many messages ended here, by the field that they lack."""
        return {"dropped": dict(self._dropped)} if self._dropped else {}

    def _drop(self, path: str) -> None:
        self._dropped[path] = self._dropped.get(path, 0) + 1
        self.warn(f"a message was left out: {path} is empty" if path != "httpError" else "a message was left out: it "
                  "tells of an HTTP error", field=path)  # fmt: skip
