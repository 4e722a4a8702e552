"""Processors that let on only what is complete, and that report what is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from processors.values import as_text
from transmissions import MISSING, Message, Processor, get_field, setting

__all__ = ["Reporter", "RequiredFields"]

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


_FIELD = re.compile(r"\{([^{}]+)\}")


class Reporter(Processor):
    r"""Report each message as a problem of the run, in the words of a template.

    In the template `{file}` stands for what is in the field `file`, and `{results[].message}` for the field `message`
    of all members of the list `results`. Problems are told as they come and are in the run's report, the first 1,000
    of them; after one of severity `error` the run ends with exit code 2.

    Example:
        :stage a :Reporter ; :settings [ :text "{file}:{line}: {reasons[].text}" ; :severity "warning" ] .
        in {"file": "notes.md", "line": 3, "reasons": [{"text": "no title"}, {"text": "no end"}]}
        out {"file": "notes.md", "line": 3, "reasons": [{"text": "no title"}, {"text": "no end"}]}
        logged warning :stage notes.md:3: no title; no end

    Guarantee: pure.
    """

    text: str = setting(doc="what is told: a template", fixed=True)
    severity: Literal["error", "warning"] = setting("error", "how bad it is", fixed=True)
    severity_field: str = setting(
        "", "field that says it for each message, instead, if it holds one of them", fixed=True
    )
    facts: list[str] = setting((), "fields that stand in the report beside the text, as dotted paths", fixed=True)
    pass_on: bool = setting(True, "whether the messages go on", fixed=True)

    def process(self, message: Message) -> Message | None:
        """Report the message, and return it or not."""
        said = get_field(message, self.severity_field, None) if self.severity_field else None
        told = self.warn if (said if said in ("error", "warning") else self.severity) == "warning" else self.lose
        found = {path.rpartition(".")[2]: get_field(message, path) for path in self.facts}
        told(_FIELD.sub(lambda one: _shown(message, one.group(1)), self.text), **_facts(found))
        return message if self.pass_on else None


def _facts(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value is not MISSING and name not in ("text", "severity")}


def _shown(message: Message, path: str) -> str:
    """Return what a field holds as text on one line; of a list, what a field of each member holds."""
    path, each, member = path.partition("[].")
    value = get_field(message, path, "")
    values = [get_field(one, member, "") for one in value if isinstance(one, dict)] if each else [value]
    return " ".join("; ".join(dict.fromkeys(map(as_text, values))).split())
