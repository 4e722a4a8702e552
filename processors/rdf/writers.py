"""Processors that get graphs out of messages: written in a format, and joined from those of a group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from processors.rdf.graphs import quads_in, serialised, to_text
from transmissions import (
    MISSING,
    Mark,
    Message,
    Processor,
    TransmissionsError,
    get_field,
    require_field,
    set_field,
    setting,
)

__all__ = ["Prefix", "RDFMerger", "RDFSerializer"]


@dataclass(frozen=True)
class Prefix:
    """A short name for what addresses begin with."""

    prefix: str
    namespace: str


class RDFSerializer(Processor):
    r"""Write a graph as text: Turtle, N-Triples, N-Quads, TriG, JSON-LD or RDF/XML.

    The statements of one subject stand together, subjects in the order in which they first appear. Prefixes are those
    in the message's `prefixes`, which the readers of RDF set, and those in the settings, which come first.

    Example:
        :stage a :RDFSerializer ; :settings [ :prefixes [ :prefix "ex" ; :namespace "http://example.org/" ] ] .
        in {"dataset": "<http://example.org/a> <http://example.org/knows> <http://example.org/b> .\n"}
        out {"dataset": "<http://example.org/a> <http://example.org/knows> <http://example.org/b> .\n",
            "content": "@prefix ex: <http://example.org/> .\nex:a ex:knows ex:b .\n"}

    Guarantee: pure.
    """

    source_field: str = setting("dataset", "field with the graph, as a dotted path", reads=True, fixed=True)
    target_field: str = setting("content", "field that receives the text, as a dotted path", writes=True, fixed=True)
    format: Literal["turtle", "n-triples", "n-quads", "trig", "json-ld", "rdf-xml"] = setting(
        "turtle", "how the text is written; only N-Quads, TriG and JSON-LD have named graphs", fixed=True
    )
    prefixes: list[Prefix] = setting((), "prefixes: nodes with `:prefix` and `:namespace`", fixed=True)

    def process(self, message: Message) -> Message:
        """Return the message with the text."""
        quads = quads_in(require_field(message, self.source_field), self.source_field)
        declared = get_field(message, "prefixes", {})
        known = {str(name): str(value) for name, value in declared.items()} if isinstance(declared, dict) else {}
        known |= {one.prefix: one.namespace for one in self.prefixes}
        set_field(message, self.target_field, serialised(quads, self.format, known))
        return message


class RDFMerger(Processor):
    r"""Join the graphs of the parts of each group into one, and let the message that was split go on with it.

    The parts end here. Blank nodes of different parts stay different; a statement that several parts make is there
    once. Without a stage before it that splits, it joins over the whole run and sends one message at its end.

    Example:
        :example a :EntryTransmission ; :pipe (:split :parse :join) .
        :split a :ForEach .
        :parse a :RDFParser ; :settings [ :sourceField "currentItem" ] .
        :join a :RDFMerger .
        in {"items": ["<urn:a> <urn:p> <urn:b> .", "<urn:a> <urn:p> [] .", "<urn:a> <urn:p> [] ."]}
        out {"dataset": "<urn:a> <urn:p> <urn:b> .\n<urn:a> <urn:p> _:b0 .\n<urn:a> <urn:p> _:b3 .\n",
            "prefixes": {}}

    Guarantee: pure; holds the graph of one group in memory, as text.
    """

    stateful = True
    writes = ("prefixes",)

    source_field: str = setting("dataset", "field with the graph, as a dotted path", reads=True, fixed=True)
    target_field: str = setting("dataset", "field that receives the joined graph", writes=True, fixed=True)
    max_triples: int = setting(5_000_000, "the most statements that a group may come to", minimum=1, fixed=True)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._lines: dict[str, None] = {}
        self._prefixes: dict[str, str] = {}
        self._blank_nodes = 0

    def process(self, message: Message) -> None:
        """Take the graph in."""
        text = require_field(message, self.source_field)
        quads = quads_in(text, self.source_field)
        if "_:" in text:
            text = to_text(quads, self._blank_nodes)
            # At most two of a line are new; a gap in the numbers does not matter.
            self._blank_nodes += 3 * len(quads)
        self._lines.update(dict.fromkeys(text.splitlines(keepends=True)))
        if len(self._lines) > self.max_triples:
            raise TransmissionsError(f"the graphs come to more than {self.max_triples} statements; set :maxTriples")
        declared = get_field(message, "prefixes", {})
        if isinstance(declared, dict):
            self._prefixes = {**declared, **self._prefixes}

    def end_group(self, mark: Mark) -> Message:
        """Return the message that was split, with the joined graph."""
        whole: Message = {key: value for key, value in mark.items() if key != "done"}
        return self._joined(whole)

    def finish(self) -> Iterator[Message]:
        """Yield what no group has claimed."""
        if self._lines and self.context.application is None:
            yield self._joined({})

    def _joined(self, message: Message) -> Message:
        set_field(message, self.target_field, "".join(self._lines))
        if get_field(message, "prefixes", MISSING) is MISSING:
            message["prefixes"] = self._prefixes
        self._lines, self._prefixes, self._blank_nodes = {}, {}, 0
        return message
