"""Processors that fill templates: for text of any kind, and for RDF."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from processors.nunjucks import rendered
from processors.values import as_text
from transmissions import Message, Processor, TransmissionsError, require_field, set_field, setting

__all__ = ["RDFBuilder", "Templater"]

# A pipeline's own templates begin with the same sign.
_TEMPLATE = "the template itself, instead of a file; `{{`, which begins a parameter, is written `\\\\{{` in Turtle"


class Templater(Processor):
    """Fill a template, a file in the dialect of Nunjucks, with what a message holds.

    The names in the template are the members of a field, `:dataField`, or of the message itself. A template is data of
    the application's author: no message names one, it reads no file outside its folder, and it is stopped when it takes
    more than two seconds.

    Example:
        :stage a :Templater ; :settings [ :templateFilename "town.njk" ; :dataField "town" ] .
        file town.njk "{{ name }}: {% for one in sights %}{{ one }}{% if not loop.last %}, {% endif %}{% endfor %}"
        in {"town": {"name": "Chur", "sights": ["cathedral", "old town"]}}
        out {"town": {"name": "Chur", "sights": ["cathedral", "old town"]}, "content": "Chur: cathedral, old town"}

    Guarantee: pure: the same template and message give the same text.
    """

    takes_done = True

    template_filename: Path | None = setting(None, "the template's file", fixed=True)
    template: str = setting("", _TEMPLATE, fixed=True)
    data_field: str = setting(
        "contentBlocks", "field that holds what the names stand for; the message itself if empty", reads=True
    )
    output_field: str = setting("content", "field that receives the text, as a dotted path", writes=True, fixed=True)
    escape: bool = setting(False, "whether what is filled in is escaped for HTML", fixed=True)

    def process(self, message: Message) -> Message:
        """Return the message with the filled template."""
        data = require_field(message, self.data_field) if self.data_field else message
        if not isinstance(data, dict):
            raise ValueError(f"the field {self.data_field} holds no object but {type(data).__name__}")
        text = rendered(_chosen(self, self.template_filename, self.template), data, escape=self.escape)
        set_field(message, self.output_field, text)
        return message


class RDFBuilder(Processor):
    r"""Fill a template for RDF with the message, or with one field of it.

    Besides the message's fields the template knows `baseURI`, and may call `uri(text)` (the text as part of an
    address), `hash(text)` (eight signs that tell it apart), `escape(text)` (for between quotes), `now()` and
    `isoDate(date)`. What comes out is not checked; parse it in a stage behind to do so.

    Example:
        :stage a :RDFBuilder ; :settings [ :templateFilename "book.njk" ; :baseURI "http://example.org/" ] .
        file book.njk "<{{ baseURI }}{{ uri(title) }}> <http://purl.org/dc/terms/title> \"{{ escape(title) }}\" ."
        in {"title": "The \"Blue\" Book"}
        out {"title": "The \"Blue\" Book", "rdf":
            "<http://example.org/the-blue-book> <http://purl.org/dc/terms/title> \"The \\\"Blue\\\" Book\" ."}

    Guarantee: pure, but for `now()`.
    """

    template_filename: Path | None = setting(
        None, "the template's file; in an application, from the target's folder", fixed=True
    )
    template: str = setting("", _TEMPLATE, fixed=True)
    data_field: str = setting("", "field that holds what the names stand for; the message itself if empty", reads=True)
    output_field: str = setting("rdf", "field that receives the text, as a dotted path", writes=True)
    base_uri: str = setting("http://hyperdata.it/", "what addresses begin with")

    def process(self, message: Message) -> Message:
        """Return the message with the filled template."""
        data = require_field(message, self.data_field) if self.data_field else message
        known = {**message, **(data if isinstance(data, dict) else {}), "baseURI": self.base_uri}
        if self.data_field:
            known["data"] = data
        template = _chosen(self, self.template_filename, self.template, below_root=True)
        set_field(message, self.output_field, rendered(template, known, functions=_FUNCTIONS))
        return message


def _chosen(processor: Processor, file: Path | None, text: str, *, below_root: bool = False) -> str | Path:
    if file is not None:
        return processor.context.find(file, below_root=below_root)
    if not text:
        raise TransmissionsError("no template is named: set :templateFilename, or :template")
    return text


def _as_address(text: object) -> str:
    return re.sub(r"[^a-z0-9]+", "-", as_text(text).lower()).strip("-")


def _escaped(text: object) -> str:
    return as_text(text).translate(_ESCAPES)


_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def _digest(text: object) -> str:
    return hashlib.md5(as_text(text).encode(), usedforsecurity=False).hexdigest()[:8]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _iso_date(date: object) -> str:
    try:
        read = datetime.fromisoformat(str(date))
    except ValueError:
        return str(date)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="milliseconds")


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "uri": _as_address,
    "hash": _digest,
    "escape": _escaped,
    "now": _now,
    "isoDate": _iso_date,
}
