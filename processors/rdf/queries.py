"""RDFQuery: a SPARQL query over the graph in a message, without a server, without a network, and within a time."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from rdflib import BNode, URIRef
from rdflib.plugins.sparql import prepareQuery
from rdflib.plugins.sparql.sparql import Query

from processors.rdf.asking import AskedInSPARQL, as_terms, invalid, outside
from processors.rdf.graphs import Graphs, from_rdflib, quads_in, to_rdflib, to_text
from transmissions import (
    MISSING,
    Message,
    TransmissionsError,
    get_field,
    quiet_literals,
    require_field,
    set_field,
    setting,
)

__all__ = ["RDFQuery", "answer_of", "check_query", "rows_of"]

_NUMBERS = re.compile(r".*#(integer|int|long|decimal|double|float|nonNegativeInteger|positiveInteger)$")


class RDFQuery(AskedInSPARQL):
    r"""Ask a SPARQL query of the graph in a message: SELECT, ASK, CONSTRUCT or DESCRIBE.

    The answer to SELECT and ASK is in the standard's JSON form, `results.bindings` or `boolean`; with `:answer "rows"`
    that to SELECT is a list of plain objects. CONSTRUCT and DESCRIBE answer with a graph. Values from the message get
    into the query only through `:bind`, never as text of it, so that none of them can change what it asks. SERVICE and
    FROM, by which a query would reach for the network, are refused. A query is asked in a process of its own, which is
    ended when it takes too long, or when the run ends.

    Example:
        :stage a :RDFQuery ; :settings [
            :query "SELECT ?title WHERE { ?book <http://purl.org/dc/terms/title> ?title ; <urn:by> ?who }" ;
            :bind [ :variable "who" ; :field "author" ] ;
            :answer "rows"
        ] .
        in {"author": "me",
            "dataset": "<urn:b> <http://purl.org/dc/terms/title> \"Pipes\" .\n<urn:b> <urn:by> \"me\" .\n"}
        out {"author": "me", "dataset": "…", "queryResults": [{"title": "Pipes"}]}

    Guarantee: pure, but for `NOW()`, `RAND()` and the like.
    """

    function = "processors.rdf.queries:answer_of"
    term = "query"

    query: str = setting("", "the query", fixed=True)
    query_file: Path | None = setting(None, "a file with the query, instead", fixed=True)
    source_field: str = setting("dataset", "field with the graph, as a dotted path", reads=True, fixed=True)
    target_field: str = setting("queryResults", "field that receives the answer", writes=True, fixed=True)
    answer: Literal["json", "rows"] = setting("json", "the form of the answer to SELECT", fixed=True)
    default_graph: Literal["default", "union"] = setting(
        "default", 'what is asked outside of GRAPH: the default graph, or with "union" all graphs together', fixed=True
    )
    max_rows: int = setting(1_000_000, "the most rows, or statements, of an answer", minimum=1, fixed=True)

    def start(self) -> None:
        """Check the query, before the first message."""
        self._text, place = self.text_of(self.query, self.query_file)
        check_query(self._text, place)

    def process(self, message: Message) -> Message:
        """Return the message with the answer."""
        graph = require_field(message, self.source_field)
        if not isinstance(graph, str):
            quads_in(graph, self.source_field)
        found = self.asked(
            {
                "query": self._text,
                "graph": graph,
                "field": self.source_field,
                "union": self.default_graph == "union",
                "bindings": self.bound(message),
                "max_rows": self.max_rows,
            }
        )
        if self.answer == "rows" and isinstance(found, dict) and "results" in found:
            found = rows_of(found)
        set_field(message, self.target_field, found)
        return message


def answer_of(question: Mapping[str, Any]) -> Any:
    """Return the answer to a question: `query`, `graph` (the field's text), `field`, `union`, `bindings`, `max_rows`.

    It has no bound in time, and is called where it can be ended.

    Raises:
        TransmissionsError: the answer is too long.
        ValueError: the text is no graph.
    """
    dataset = to_rdflib(quads_in(question["graph"], question["field"]), Graphs(default_union=question["union"]))
    with quiet_literals():
        found = dataset.query(_prepared(question["query"]), initBindings=as_terms(question["bindings"]))
        if found.type == "ASK":
            return {"head": {}, "boolean": bool(found.askAnswer)}
        if found.type == "SELECT":
            return _rows(found, question["max_rows"])
        assert found.graph is not None
        if len(found.graph) > question["max_rows"]:
            raise TransmissionsError(f"the answer has more than {question['max_rows']} statements; see :maxRows")
        return to_text(sorted(from_rdflib(found.graph), key=str))


@functools.lru_cache(maxsize=8)
def _prepared(text: str) -> Query:
    return check_query(text, "the query")


def _rows(found: Any, max_rows: int) -> dict[str, Any]:
    names = [str(name) for name in found.vars or ()]
    rows: list[dict[str, Any]] = []
    for row in found:
        if len(rows) == max_rows:
            raise TransmissionsError(f"the answer has more than {max_rows} rows; see :maxRows")
        rows.append({name: _shown(value) for name, value in zip(names, row, strict=True) if value is not None})
    return {"head": {"vars": names}, "results": {"bindings": rows}}


def check_query(text: str, place: str) -> Query:
    """Return a query, ready to be asked.

    Raises:
        TransmissionsError: it is not valid, or it reaches for the network.
    """
    try:
        prepared = prepareQuery(text)
    except Exception as error:
        raise TransmissionsError(f"{place}: {invalid(error)}") from None
    if prepared.algebra.get("datasetClause"):
        raise TransmissionsError(f"{place}: refused: FROM names graphs elsewhere; the query is asked of the message's")
    if found := next(outside(prepared.algebra), None):
        raise TransmissionsError(f"{place}: refused: {found} reaches for the network; SPARQLSelect asks a server")
    return prepared


def _shown(node: Any) -> dict[str, str]:
    if isinstance(node, URIRef):
        return {"type": "uri", "value": str(node)}
    if isinstance(node, BNode):
        return {"type": "bnode", "value": str(node)}
    shown = {"type": "literal", "value": str(node)}
    if node.language:
        shown["xml:lang"] = node.language
    elif node.datatype:
        shown["datatype"] = str(node.datatype)
    return shown


def rows_of(answer: Any) -> list[dict[str, Any]]:
    """Return the rows of an answer in SPARQL's JSON form as plain objects: numbers and truths as such, all else text.

    >>> rows_of({"results": {"bindings": [{"n": {"type": "literal", "value": "5",
    ...     "datatype": "http://www.w3.org/2001/XMLSchema#integer"}}]}})
    [{'n': 5}]
    """
    rows = get_field(answer, "results.bindings")
    if rows is MISSING:
        return []
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Mapping[str, str]) -> Any:
    text, datatype = value["value"], value.get("datatype", "")
    try:
        if datatype.endswith("#boolean"):
            return text in ("true", "1")
        if _NUMBERS.match(datatype):
            return float(text) if datatype.endswith(("decimal", "double", "float")) else int(text)
    except ValueError:
        return text
    return text
