"""RDFMapper: makes a graph of an object, such as a row of a table, by a mapping in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from processors.rdf.graphs import parsed, to_text
from processors.sparql.templates import filled
from transmissions import Message, Processor, TransmissionsError, reason_of, require_field, set_field, setting

__all__ = ["RDFMapper"]

_JSON = (".json", ".jsonld")


class RDFMapper(Processor):
    r"""Make a graph of an object, such as a row of a table, by a mapping: a JSON-LD context, or a template of Turtle.

    A file that ends in `.json` or `.jsonld` is a context: each member becomes a property as it says, unless it is an
    empty text, as empty cells of tables are. Any other is a template in the dialect of Nunjucks whose names are the
    object's members (`row` is the object itself). Every value is escaped for where it stands, between quotes as part of
    the text and between < and > as part of the address, so that no value makes a statement of its own. An object that
    makes no statement is an error.

    Example:
        :stage a :RDFMapper ; :settings [ :mappingFile "book.tmpl" ; :sourceField "row" ] .
        file book.tmpl "<http://example.org/{{ id }}> <http://purl.org/dc/terms/title> \"{{ title }}\" ."
        in {"row": {"id": "a b", "title": "\"Pipes\""}}
        out {"row": {"id": "a b", "title": "\"Pipes\""}, "prefixes": {},
            "dataset": "<http://example.org/a%20b> <http://purl.org/dc/terms/title> \"\\\"Pipes\\\"\" .\n"}

    Guarantee: pure.
    """

    writes = ("prefixes",)

    mapping_file: Path = setting(doc="the mapping", fixed=True)
    source_field: str = setting("currentItem", "field with the object, as a dotted path", reads=True, fixed=True)
    target_field: str = setting("dataset", "field that receives the graph, as a dotted path", writes=True, fixed=True)
    base_uri: str = setting("", "what relative addresses start from; without it they are errors", fixed=True)
    error_field: str = setting(
        "", "field that says why an object could not be mapped, which is an error if empty", writes=True, fixed=True
    )

    def start(self) -> None:
        """Read the mapping, before the first message."""
        self._path = self.context.find(self.mapping_file, below_root=True)
        self._context: Any = None
        self._prefixes: dict[str, str] = {}
        try:
            data = self._path.read_bytes()
            if self._path.suffix.lower() in _JSON:
                self._context = _context(orjson.loads(data))
                self._prefixes = _prefixes(self._context)
        except OSError as error:
            raise TransmissionsError(f"{self._path}: {reason_of(error)}; see :mappingFile") from None
        except ValueError as error:
            raise TransmissionsError(f"{self._path}: not valid JSON: {error}") from None

    def process(self, message: Message) -> Message:
        """Return the message with the graph."""
        row = require_field(message, self.source_field)
        try:
            if not isinstance(row, dict):
                raise ValueError(f"the field {self.source_field} holds no object but {type(row).__name__}")
            graph, message["prefixes"] = self._mapped(row)
        except (TransmissionsError, ValueError) as error:
            if not self.error_field:
                raise
            set_field(message, self.error_field, str(error))
            return message
        set_field(message, self.target_field, graph)
        return message

    def _mapped(self, row: dict[str, Any]) -> tuple[str, dict[str, str]]:
        if self._context is not None:
            said = {name: value for name, value in row.items() if value != ""}
            quads, _ = parsed(said, "json-ld", self.base_uri, self._context)
            prefixes = self._prefixes
        else:
            quads, prefixes = parsed(filled(self._path, {**row, "row": row}), "turtle", self.base_uri)
        if not quads:
            raise ValueError(f"{self._path.name} makes no statement of it")
        return to_text(quads), dict(prefixes)


def _context(value: Any) -> Any:
    return value["@context"] if isinstance(value, dict) and "@context" in value else value


def _prefixes(context: Any) -> dict[str, str]:
    """Return the terms of a context that stand for the beginning of addresses."""
    members = context.items() if isinstance(context, dict) else ()
    return {
        name: value
        for name, value in members
        if isinstance(value, str) and value.endswith(("/", "#")) and not name.startswith("@")
    }
