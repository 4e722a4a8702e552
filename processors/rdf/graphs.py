"""Graphs as messages hold them: text in N-Quads, whose blank nodes are numbered in the order in which they appear.

A message is JSON, so a graph in it is text; N-Quads is the one form that every tool for RDF reads line by line, that
has named graphs and needs no prefixes. Equal input gives equal text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import orjson
from rdflib import BNode, Dataset, Graph, Literal, URIRef
from rdflib.term import Node

from transmissions import TransmissionsError, quiet_literals

if TYPE_CHECKING:
    import pyoxigraph

__all__ = [
    "FORMATS",
    "Graphs",
    "format_named",
    "from_rdflib",
    "local_name",
    "parsed",
    "quads_in",
    "serialised",
    "to_rdflib",
    "to_text",
]

FORMATS: dict[str, tuple[str, tuple[str, ...]]] = {
    "turtle": ("TURTLE", ("ttl", "turtle", "text/turtle")),
    "n-triples": ("N_TRIPLES", ("nt", "ntriples", "application/n-triples")),
    "n-quads": ("N_QUADS", ("nq", "nquads", "application/n-quads")),
    "trig": ("TRIG", ("trig", "application/trig")),
    "json-ld": ("JSON_LD", ("jsonld", "json", "application/ld+json")),
    "rdf-xml": ("RDF_XML", ("rdf", "owl", "xml", "application/rdf+xml")),
}
"""For each format its name in the library, and the endings of files and media types that stand for it."""

_DOCTYPE = re.compile(r"<!DOCTYPE", re.IGNORECASE)


def format_named(name: str) -> str | None:
    """Return the format that a name, an ending or a media type stands for; None if there is none.

    >>> format_named(".ttl"), format_named("application/ld+json; profile=x"), format_named("docx")
    ('turtle', 'json-ld', None)
    """
    wanted = name.partition(";")[0].strip().lower().removeprefix(".")
    return next((one for one, (_, others) in FORMATS.items() if wanted == one or wanted in others), None)


def parsed(text: Any, form: str, base: str = "", context: Any = None) -> tuple[list[pyoxigraph.Quad], dict[str, str]]:
    """Return the quads in a text, and the prefixes that it declares.

    Nothing is fetched: a JSON-LD context that is named by its address is an error, and so is an XML document type,
    by which a short file can be made to grow without end.

    Args:
        text: the text; for JSON-LD the value itself will do.
        form: one of `FORMATS`.
        base: what relative addresses in it start from; "" if there must be none.
        context: a JSON-LD context for JSON that has none.

    Raises:
        ValueError: it is not of that format; the error says where.
    """
    import pyoxigraph

    if form == "json-ld":
        text = _with_context(text, context)
    if not isinstance(text, str | bytes):
        raise ValueError(f"there is no text to parse but {type(text).__name__}")
    if form == "rdf-xml" and _DOCTYPE.search(text if isinstance(text, str) else text.decode("utf-8", "replace")):
        raise ValueError("not parsed: it has a <!DOCTYPE>, whose entities could grow without end; remove it")
    try:
        found = pyoxigraph.parse(text, format=_format(form), base_iri=base or None)
        quads = list(found)
    except SyntaxError as error:
        said = str(error)
        if "LoadDocumentCallback" in said:
            said = "its context is an address, and nothing is fetched; write the context out, or set :contextFile"
        raise ValueError(f"not valid {form}: {said[:1].lower()}{said[1:]}") from None
    except ValueError as error:
        raise ValueError(f"not valid {form}: {error}") from None
    return quads, dict(found.prefixes)


def _with_context(text: Any, context: Any) -> str:
    if context is None and isinstance(text, str | bytes):
        return text if isinstance(text, str) else text.decode("utf-8")
    try:
        value = orjson.loads(text) if isinstance(text, str | bytes) else text
        if context is None:
            return orjson.dumps(value).decode()
        if isinstance(context, dict) and "@context" in context:
            context = context["@context"]
        graph = value if isinstance(value, list) else [value]
        return orjson.dumps({"@context": context, "@graph": graph}).decode()
    except (TypeError, ValueError) as error:
        raise ValueError(f"not valid JSON: {error}") from None


def _format(form: str) -> pyoxigraph.RdfFormat:
    import pyoxigraph

    found: pyoxigraph.RdfFormat = getattr(pyoxigraph.RdfFormat, FORMATS[form][0])
    return found


def to_text(quads: Iterable[pyoxigraph.Quad], first: int = 0) -> str:
    """Return quads as a message holds them; blank nodes are numbered from `first` on."""
    import pyoxigraph

    names: dict[str, str] = {}

    def shown(term: Any) -> str:
        if isinstance(term, pyoxigraph.BlankNode):
            return names.setdefault(term.value, f"_:b{first + len(names)}")
        if isinstance(term, pyoxigraph.Triple):
            return f"<<( {shown(term.subject)} {shown(term.predicate)} {shown(term.object)} )>>"
        return str(term)

    lines: dict[str, None] = {}
    for quad in quads:
        graph = "" if isinstance(quad.graph_name, pyoxigraph.DefaultGraph) else f" {shown(quad.graph_name)}"
        lines[f"{shown(quad.subject)} {shown(quad.predicate)} {shown(quad.object)}{graph} .\n"] = None
    return "".join(lines)


def quads_in(text: Any, field: str) -> list[pyoxigraph.Quad]:
    """Return the quads of a graph as a message holds it.

    Raises:
        ValueError: the field holds no such graph.
    """
    if not isinstance(text, str):
        raise ValueError(f"the field {field} holds no graph but {type(text).__name__}; RDFParser makes one of a text")
    try:
        return parsed(text, "n-quads")[0]
    except ValueError as error:
        raise ValueError(
            f"the field {field} holds no graph in N-Quads, which RDFParser makes of other formats: {error}"
        ) from None


def serialised(quads: list[pyoxigraph.Quad], form: str, prefixes: Mapping[str, str]) -> str:
    """Return quads in a format, those of one subject together.

    Raises:
        ValueError: the format cannot hold them, such as named graphs in Turtle.
    """
    import pyoxigraph

    places: dict[tuple[str, str], int] = {}
    for quad in quads:
        places.setdefault((str(quad.graph_name), str(quad.subject)), len(places))
    ordered = sorted(quads, key=lambda quad: places[str(quad.graph_name), str(quad.subject)])
    can_name = form in ("turtle", "trig", "rdf-xml", "json-ld")
    try:
        data = pyoxigraph.serialize(ordered, format=_format(form), prefixes=dict(prefixes) if can_name else None)
    except (ValueError, OSError) as error:
        raise ValueError(f"cannot be written as {form}: {str(error)[:1].lower()}{str(error)[1:]}") from None
    assert data is not None
    return data.decode()


class Graphs(Dataset):
    """A dataset of rdflib that a query may be asked of without a warning: it asks by a name that is on its way out."""

    _default_context: Graph

    @property
    def default_context(self) -> Graph:
        """The graph without a name."""
        return self._default_context

    @default_context.setter
    def default_context(self, value: Graph) -> None:
        self._default_context = value


def to_rdflib(quads: Iterable[pyoxigraph.Quad], graphs: Graphs) -> Graphs:
    """Add quads to a dataset of rdflib, literals as they are written, and return it."""
    import pyoxigraph

    with quiet_literals():
        for quad in quads:
            name = quad.graph_name
            unnamed = isinstance(name, pyoxigraph.DefaultGraph)
            graph = graphs.default_context if unnamed else graphs.graph(_node(name))
            graph.add((_node(quad.subject), _node(quad.predicate), _node(quad.object)))
    return graphs


def _node(term: Any) -> Any:
    import pyoxigraph

    if isinstance(term, pyoxigraph.NamedNode):
        return URIRef(term.value)
    if isinstance(term, pyoxigraph.BlankNode):
        return BNode(term.value)
    if isinstance(term, pyoxigraph.Literal):
        if term.language:
            return Literal(term.value, lang=term.language)
        datatype = term.datatype.value
        plain = datatype == "http://www.w3.org/2001/XMLSchema#string"
        return Literal(term.value, datatype=None if plain else URIRef(datatype), normalize=False)
    raise TransmissionsError(f"{term}: statements about statements can be parsed and written, not queried or validated")


def from_rdflib(triples: Iterable[tuple[Node, Node, Node]]) -> list[pyoxigraph.Quad]:
    """Return triples of rdflib, such as a graph, as quads of the default graph."""
    import pyoxigraph

    return [pyoxigraph.Quad(*(_term(node) for node in triple)) for triple in triples]


def _term(node: Node) -> Any:
    import pyoxigraph

    if isinstance(node, URIRef):
        return pyoxigraph.NamedNode(str(node))
    if isinstance(node, BNode):
        return pyoxigraph.BlankNode(re.sub(r"[^A-Za-z0-9]", "", str(node)))
    if isinstance(node, Literal):
        if node.language:
            return pyoxigraph.Literal(str(node), language=node.language)
        datatype = pyoxigraph.NamedNode(str(node.datatype)) if node.datatype else None
        return pyoxigraph.Literal(str(node), datatype=datatype)
    raise TypeError(f"{node!r} is no term of RDF")


def local_name(address: str) -> str:
    """Return the part of an address that names the thing: what follows its last `/` or `#`.

    >>> local_name("http://example.org/ns#title")
    'title'
    """
    return re.split(r"[/#]", address.rstrip("/#"))[-1]
