"""Processors that get graphs into messages: from a file, from a field; and what a configuration in one says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import orjson

from processors.rdf.graphs import FORMATS, format_named, local_name, parsed, quads_in, to_text
from transmissions import Message, Processor, TransmissionsError, reason_of, require_field, set_field, setting

__all__ = ["ConfigMap", "DatasetReader", "RDFParser"]

_RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"


class DatasetReader(Processor):
    r"""Read a file of RDF into `dataset`: Turtle, N-Triples, N-Quads, TriG, JSON-LD or RDF/XML.

    `dataset` is a graph as all processors of RDF take it: text in N-Quads, with its blank nodes numbered. The prefixes
    that the file declares are in `prefixes`. Relative addresses start from the file's own, and nothing is fetched.

    Example:
        :stage a :DatasetReader ; :settings [ :datasetFile "book.ttl" ] .
        file book.ttl "@prefix ex: <http://example.org/> .\nex:book ex:by \"me\" ."
        out {"dataset": "<http://example.org/book> <http://example.org/by> \"me\" .\n",
            "prefixes": {"ex": "http://example.org/"}}

    Guarantee: pure: the same file gives the same message.
    """

    takes_done = True
    writes = ("dataset", "prefixes")

    dataset_file: Path = setting(
        Path("dataset.ttl"), "the file; in an application, from the target's or the application's folder"
    )
    format: Literal["auto", "turtle", "n-triples", "n-quads", "trig", "json-ld", "rdf-xml"] = setting(
        "auto", "how it is written; by its ending unless said", fixed=True
    )
    base_uri: str = setting("", "what relative addresses start from, instead of the file's address", fixed=True)

    def process(self, message: Message) -> Message:
        """Return the message with the graph."""
        path = self.context.find(self.dataset_file, below_root=True)
        form = format_named(path.suffix) if self.format == "auto" else self.format
        if form is None:
            raise TransmissionsError(f"{path}: its ending says no format; set :format, one of {', '.join(FORMATS)}")
        try:
            data = path.read_bytes()
            quads, prefixes = parsed(data, form, self.base_uri or path.absolute().as_uri())
        except OSError as error:
            raise TransmissionsError(f"{path}: cannot be read: {reason_of(error)}") from None
        except ValueError as error:
            raise TransmissionsError(f"{path}: {error}") from None
        self.bytes_done += len(data)
        message["dataset"] = to_text(quads)
        message["prefixes"] = prefixes
        return message


class RDFParser(Processor):
    r"""Parse RDF in a field into a graph: Turtle, N-Triples, N-Quads, TriG, JSON-LD or RDF/XML.

    The graph is text in N-Quads, with its blank nodes numbered; the prefixes that the text declares are in `prefixes`.
    Plain JSON becomes RDF with a JSON-LD context: `:contextFile` names a file with one, and the field may hold the
    object itself, such as a row of a table. Nothing is fetched: a context or a document that is named by an address,
    and an XML document type, are errors.

    Example:
        :stage a :RDFParser ; :settings [ :format "json-ld" ; :contextFile "context.json" ; :sourceField "row" ] .
        file context.json {"@context": {"id": "@id", "title": "http://purl.org/dc/terms/title"}}
        in {"row": {"id": "http://example.org/book", "title": "Pipes"}}
        out {"row": {"id": "http://example.org/book", "title": "Pipes"}, "prefixes": {},
            "dataset": "<http://example.org/book> <http://purl.org/dc/terms/title> \"Pipes\" .\n"}

    Guarantee: pure.
    """

    writes = ("prefixes",)

    source_field: str = setting("content", "field with the text or, for JSON-LD, the value", reads=True, fixed=True)
    target_field: str = setting("dataset", "field that receives the graph, as a dotted path", writes=True, fixed=True)
    format: Literal["turtle", "n-triples", "n-quads", "trig", "json-ld", "rdf-xml"] = setting(
        "turtle", "how the text is written", fixed=True
    )
    base_uri: str = setting("", "what relative addresses in it start from; without it they are errors", fixed=True)
    context_file: Path | None = setting(None, "for JSON-LD, a file with the context for JSON without one", fixed=True)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._context: Any = None

    def start(self) -> None:
        """Read the context."""
        if self.context_file is None:
            return
        path = self.context.find(self.context_file, below_root=True)
        try:
            self._context = orjson.loads(path.read_bytes())
        except OSError as error:
            raise TransmissionsError(f"{path}: cannot be read: {reason_of(error)}") from None
        except ValueError as error:
            raise TransmissionsError(f"{path}: not valid JSON: {error}") from None

    def process(self, message: Message) -> Message:
        """Return the message with the graph."""
        text = require_field(message, self.source_field)
        try:
            quads, prefixes = parsed(text, self.format, self.base_uri, self._context)
        except ValueError as error:
            raise ValueError(f"the field {self.source_field}: {error}") from None
        set_field(message, self.target_field, to_text(quads))
        message["prefixes"] = prefixes
        return message


class ConfigMap(Processor):
    r"""Gather what a graph says of its sets of settings, as an object by name, into `contentGroup`.

    Each node of the class that `:configClass` names becomes an object, under the last part of its address; its
    members are the node's properties, under the last parts of theirs, a list where there are several values. Nodes
    without an address are left out.

    Example:
        :example a :EntryTransmission ; :pipe (:read :map :leave) .
        :read a :DatasetReader ; :settings [ :datasetFile "manifest.ttl" ] .
        :map a :ConfigMap .
        :leave a :Restructure ; :settings [ :remove "dataset", "prefixes" ] .
        file manifest.ttl "@prefix : <http://purl.org/stuff/transmissions/> .
            :notes a :ConfigSet ; :sourceDir \"raw\" ; :tag \"a\", \"b\" ."
        out {"contentGroup": {"notes": {"sourceDir": "raw", "tag": ["a", "b"]}}}

    Guarantee: pure.
    """

    reads = ("dataset",)

    config_class: str = setting(
        "http://purl.org/stuff/transmissions/ConfigSet", "the class of the nodes: its address, or its last part"
    )
    target_field: str = setting("contentGroup", "field that receives the object", writes=True, fixed=True)

    def process(self, message: Message) -> Message:
        """Return the message with the object."""
        import pyoxigraph

        quads = quads_in(require_field(message, "dataset", "DatasetReader reads one"), "dataset")
        wanted: dict[Any, str] = {
            quad.subject: local_name(quad.subject.value)
            for quad in quads
            if quad.predicate.value == _RDF_TYPE
            and isinstance(quad.subject, pyoxigraph.NamedNode)
            and isinstance(quad.object, pyoxigraph.NamedNode)
            and self.config_class in (quad.object.value, local_name(quad.object.value))
        }
        groups: dict[str, dict[str, list[str]]] = {name: {} for name in wanted.values()}
        for quad in quads:
            name = wanted.get(quad.subject)
            if name is not None and quad.predicate.value != _RDF_TYPE:
                values = groups[name].setdefault(local_name(quad.predicate.value), [])
                values.append(getattr(quad.object, "value", str(quad.object)))
        shown = {
            name: {key: values[0] if len(values) == 1 else values for key, values in group.items()}
            for name, group in groups.items()
        }
        set_field(message, self.target_field, shown)
        return message
