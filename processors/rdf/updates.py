"""RDFUpdate: a SPARQL update of the graph in a message, without a server, without a network, and within a time."""

from __future__ import annotations

import functools
import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyoxigraph
from rdflib.plugins.sparql import prepareUpdate
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.plugins.sparql.sparql import Update

from processors.rdf.asking import AskedInSPARQL, as_terms, invalid, outside
from processors.rdf.graphs import Graphs, from_rdflib, quads_in, to_rdflib, to_text
from transmissions import Message, TransmissionsError, quiet_literals, require_field, set_field, setting

__all__ = ["RDFUpdate", "changed_by", "check_update"]

_DONE = frozenset({"InsertData", "DeleteData", "DeleteWhere", "Modify"})


class RDFUpdate(AskedInSPARQL):
    r"""Change the graph in a message by a SPARQL update: INSERT DATA, DELETE DATA, DELETE and INSERT with a WHERE.

    It is the default graph that is asked and changed; named graphs stay as they are, and an update that speaks of them
    (GRAPH, WITH, CLEAR, COPY, …) is refused.
    Values from the message get into the update only through `:bind`, which gives variables of its WHERE their values,
    never as text of it, so that none of them can change what it does. LOAD and SERVICE, by which an update would reach
    for the network, are refused. An update that fails leaves the graph as it was. It is done in a process of its own,
    which is ended when it takes too long, or when the run ends.

    Example:
        :stage a :RDFUpdate ; :settings [
            :update "DELETE { ?b <urn:title> ?old } INSERT { ?b <urn:title> ?new } WHERE { ?b <urn:title> ?old }" ;
            :bind [ :variable "new" ; :field "title" ]
        ] .
        in {"title": "Pipes", "dataset": "<urn:b> <urn:title> \"Pips\" .\n<urn:b> <urn:by> \"me\" .\n"}
        out {"title": "Pipes", "dataset": "<urn:b> <urn:by> \"me\" .\n<urn:b> <urn:title> \"Pipes\" .\n"}

    Guarantee: pure, but for `NOW()`, `RAND()` and the like.
    """

    function = "processors.rdf.updates:changed_by"
    term = "update"

    update: str = setting("", "the update", fixed=True)
    update_file: Path | None = setting(None, "a file with the update, instead", fixed=True)
    source_field: str = setting("dataset", "field with the graph, as a dotted path", reads=True, fixed=True)
    target_field: str = setting("dataset", "field that receives the graph, as a dotted path", writes=True, fixed=True)
    max_statements: int = setting(1_000_000, "the most statements of the graph that comes of it", minimum=1, fixed=True)

    def start(self) -> None:
        """Check the update, before the first message."""
        self._text, place = self.text_of(self.update, self.update_file)
        check_update(self._text, place)

    def process(self, message: Message) -> Message:
        """Return the message with the graph."""
        graph = require_field(message, self.source_field)
        if not isinstance(graph, str):
            quads_in(graph, self.source_field)
        changed = self.asked(
            {
                "update": self._text,
                "graph": graph,
                "field": self.source_field,
                "bindings": self.bound(message),
                "max_statements": self.max_statements,
            }
        )
        set_field(message, self.target_field, changed)
        return message


def changed_by(order: Mapping[str, Any]) -> str:
    """Return a graph as an update leaves it.

    The order has `update`, `graph` (the field's text), `field`, `bindings` and `max_statements`. It has no bound in
    time, and is carried out where it can be ended.

    Raises:
        TransmissionsError: there are too many statements.
        ValueError: the text is no graph.
    """
    quads = _apart(quads_in(order["graph"], order["field"]))
    unnamed = [quad for quad in quads if isinstance(quad.graph_name, pyoxigraph.DefaultGraph)]
    named = [quad for quad in quads if not isinstance(quad.graph_name, pyoxigraph.DefaultGraph)]
    with quiet_literals():
        graph = to_rdflib(unnamed, Graphs()).default_context
        graph.update(_prepared(order["update"]), initBindings=as_terms(order["bindings"]))
        changed = [*sorted(from_rdflib(graph), key=_place), *named]
    if len(changed) > order["max_statements"]:
        raise TransmissionsError(f"the graph has more than {order['max_statements']} statements; see :maxStatements")
    return to_text(changed)


@functools.lru_cache(maxsize=8)
def _prepared(text: str) -> Update:
    return check_update(text, "the update")


def check_update(text: str, place: str) -> Update:
    """Return an update, ready to be done.

    Raises:
        TransmissionsError: it is not valid, or it reaches for the network.
    """
    try:
        prepared = prepareUpdate(text)
    except Exception as error:
        raise TransmissionsError(f"{place}: {invalid(error)}") from None
    if found := next(outside(prepared.algebra), None):
        raise TransmissionsError(f"{place}: refused: {found} reaches for the network; SPARQLUpdate asks a server")
    for part in prepared.algebra:
        if part.name not in _DONE or next(_graphs(part), None):
            raise TransmissionsError(f"{place}: refused: it speaks of named graphs; only the default graph is changed")
    return prepared


def _apart(quads: list[pyoxigraph.Quad]) -> list[pyoxigraph.Quad]:
    """Return quads with names of blank nodes that no update has: one of the same name there is another node."""
    apart = uuid.uuid4().hex

    def renamed(term: Any) -> Any:
        return pyoxigraph.BlankNode(f"{apart}{term.value}") if isinstance(term, pyoxigraph.BlankNode) else term

    return [
        pyoxigraph.Quad(renamed(one.subject), one.predicate, renamed(one.object), renamed(one.graph_name))
        for one in quads
    ]


def _place(quad: pyoxigraph.Quad) -> str:
    """Return what quads are put in order by: not by names of blank nodes, which are new each time."""
    return re.sub(r"_:\w+", "_:", str(quad))


def _graphs(part: Any) -> Iterator[Any]:
    """Yield what in an update speaks of named graphs."""
    if isinstance(part, Mapping):
        if isinstance(part, CompValue) and part.name == "Graph":
            yield part
        for name, one in part.items():
            if name in ("using", "withClause", "quads") and one:
                yield one
            yield from _graphs(one)
    elif isinstance(part, list | tuple):
        for one in part:
            yield from _graphs(one)
