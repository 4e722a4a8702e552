"""RDFQuery: a SPARQL query over the graph in a message, without a server, without a network, and within a time."""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pyparsing import ParseResults
from rdflib import BNode, URIRef
from rdflib import Literal as Text
from rdflib.plugins.sparql import prepareQuery
from rdflib.plugins.sparql.parser import parseQuery
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.plugins.sparql.sparql import Query
from rdflib.plugins.stores.memory import Memory

from processors.rdf.graphs import Graphs, from_rdflib, quads_in, quiet, to_rdflib, to_text
from processors.values import as_text
from transmissions import (
    MISSING,
    Duration,
    Message,
    Processor,
    TransmissionsError,
    get_field,
    require_field,
    set_field,
    setting,
)

__all__ = [
    "Binding",
    "OutOfTime",
    "RDFQuery",
    "TimedStore",
    "bindings",
    "check_query",
    "outside",
    "reach",
    "rows_of",
    "text_of",
]

_LOOK_EVERY = 1024
_OUTSIDE = {"ServiceGraphPattern": "SERVICE", "Load": "LOAD", "DatasetClause": "FROM"}
_NUMBERS = re.compile(r".*#(integer|int|long|decimal|double|float|nonNegativeInteger|positiveInteger)$")


@dataclass(frozen=True)
class Binding:
    """A variable of the query that a field of the message gives its value."""

    variable: str
    field: str
    kind: Literal["text", "address"] = "text"


class RDFQuery(Processor):
    r"""Ask a SPARQL query of the graph in a message: SELECT, ASK, CONSTRUCT or DESCRIBE.

    The answer to SELECT and ASK is in the standard's JSON form, `results.bindings` or `boolean`; with `:answer "rows"`
    that to SELECT is a list of plain objects. CONSTRUCT and DESCRIBE answer with a graph. Values from the message get
    into the query only through `:bind`, never as text of it, so that none of them can change what it asks. SERVICE and
    FROM, by which a query would reach for the network, are refused.

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

    query: str = setting("", "the query", fixed=True)
    query_file: Path | None = setting(None, "a file with the query, instead", fixed=True)
    source_field: str = setting("dataset", "field with the graph, as a dotted path", reads=True, fixed=True)
    target_field: str = setting("queryResults", "field that receives the answer", writes=True, fixed=True)
    answer: Literal["json", "rows"] = setting("json", "the form of the answer to SELECT", fixed=True)
    bind: list[Binding] = setting((), 'nodes with `:variable`, `:field`, and `:kind` "text" or "address"', fixed=True)
    default_graph: Literal["default", "union"] = setting(
        "default", 'what is asked outside of GRAPH: the default graph, or with "union" all graphs together', fixed=True
    )
    timeout: Duration = setting(30.0, "seconds that one message may take", minimum=0.001, fixed=True)
    max_rows: int = setting(1_000_000, "the most rows, or statements, of an answer", minimum=1, fixed=True)

    def start(self) -> None:
        """Check the query, before the first message."""
        text, place = text_of(self, self.query, self.query_file, "query")
        self._prepared = check_query(text, place)

    def process(self, message: Message) -> Message:
        """Return the message with the answer."""
        quads = quads_in(require_field(message, self.source_field), self.source_field)
        store = TimedStore(self.timeout)
        dataset = to_rdflib(quads, Graphs(store=store, default_union=self.default_graph == "union"))
        with quiet():
            set_field(message, self.target_field, self._answer(dataset, store, bindings(self.bind, message)))
        return message

    def _answer(self, dataset: Graphs, store: TimedStore, bound: Mapping[str, Any]) -> Any:
        store.begin()
        try:
            found = dataset.query(self._prepared, initBindings=dict(bound))
            if found.type == "ASK":
                return {"head": {}, "boolean": bool(found.askAnswer)}
            if found.type == "SELECT":
                return self._rows(found)
            assert found.graph is not None
            if len(found.graph) > self.max_rows:
                raise TransmissionsError(f"the answer has more than {self.max_rows} statements; see :maxRows")
            return to_text(sorted(from_rdflib(found.graph), key=str))
        except OutOfTime:
            raise TransmissionsError(f"the query took more than {self.timeout:g} s; see :timeout") from None

    def _rows(self, found: Any) -> Any:
        names = [str(name) for name in found.vars or ()]
        rows: list[dict[str, Any]] = []
        for row in found:
            if len(rows) == self.max_rows:
                raise TransmissionsError(f"the answer has more than {self.max_rows} rows; see :maxRows")
            rows.append({name: _shown(value) for name, value in zip(names, row, strict=True) if value is not None})
        answer = {"head": {"vars": names}, "results": {"bindings": rows}}
        return rows_of(answer) if self.answer == "rows" else answer


def bindings(given: Iterable[Binding], message: Message) -> dict[str, Any]:
    """Return the values that fields of a message give to variables."""
    bound: dict[str, Any] = {}
    for one in given:
        value = require_field(message, one.field, f"it is to be ?{one.variable}")
        bound[one.variable] = _address(value, one.field) if one.kind == "address" else _text(value)
    return bound


class OutOfTime(Exception):
    """A query has had its time."""


class TimedStore(Memory):
    """A store that gives out no more statements once the time is over: every query lives on them."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__()
        self._timeout_s = timeout_s
        self._deadline: float | None = None
        self._given = 0

    def begin(self) -> None:
        """Let the time run."""
        self._deadline = time.monotonic() + self._timeout_s

    def triples(self, triple_pattern: Any, context: Any = None) -> Generator[Any, None, None]:
        """Yield the statements that fit."""
        for found in super().triples(triple_pattern, context):
            self._look()
            yield found
        self._look()

    def _look(self) -> None:
        self._given += 1
        if self._given % _LOOK_EVERY == 0 and self._deadline is not None and time.monotonic() > self._deadline:
            raise OutOfTime


def text_of(processor: Processor, text: str, file: Path | None, term: str) -> tuple[str, str]:
    """Return the text of a query or an update, which is given itself or as a file, and where it stands.

    Raises:
        TransmissionsError: there is none, or the file cannot be read.
    """
    place = f"the {term}"
    if file is not None:
        path = processor.context.find(file, below_root=True)
        try:
            text, place = path.read_text(encoding="utf-8"), str(path)
        except (OSError, UnicodeDecodeError) as error:
            raise TransmissionsError(f"{path}: cannot be read: {error}") from None
    if not text.strip():
        raise TransmissionsError(f"no {term} is given: set :{term}, or :{term}File")
    return text, place


def check_query(text: str, place: str) -> Query:
    """Return a query, ready to be asked.

    Raises:
        TransmissionsError: it is not valid, or it reaches for the network.
    """
    try:
        prepared = prepareQuery(text)
    except Exception as error:
        # The parser raises errors of many kinds for one and the same thing.
        reason = str(error).strip().splitlines()
        raise TransmissionsError(
            f"{place}: not valid SPARQL: {reason[0] if reason else type(error).__name__}"
        ) from None
    if prepared.algebra.get("datasetClause"):
        raise TransmissionsError(f"{place}: refused: FROM names graphs elsewhere; the query is asked of the message's")
    if found := next(outside(prepared.algebra), None):
        raise TransmissionsError(f"{place}: refused: {found} reaches for the network; SPARQLSelect asks a server")
    return prepared


def reach(text: str) -> str | None:
    """Return the word by which a query reaches outside of the graph that it is asked of; None if it does not.

    The query is parsed, not searched: SPARQL lets a word be written with escapes.

    Raises:
        ValueError: it is not valid.
    """
    try:
        return next(outside(parseQuery(text)), None)
    except Exception as error:
        # The parser raises errors of many kinds for one and the same thing.
        reason = str(error).strip().splitlines()
        raise ValueError(f"not valid SPARQL: {reason[0] if reason else type(error).__name__}") from None


def outside(part: Any) -> Iterator[str]:
    """Yield what in a query, or an update, reaches for the network."""
    if isinstance(part, CompValue) and part.name in _OUTSIDE:
        yield _OUTSIDE[part.name]
    # The parser's results say that they are mappings, of names that they seldom have.
    if isinstance(part, list | tuple | set | ParseResults):
        for one in part:
            yield from outside(one)
    elif isinstance(part, Mapping):
        for one in part.values():
            yield from outside(one)


def _address(value: Any, field: str) -> URIRef:
    if not isinstance(value, str) or re.search(r"[\s<>\"{}|\\^`]", value) or not re.match(r"[A-Za-z][\w.+-]*:", value):
        raise ValueError(f"the field {field} holds no address")
    return URIRef(value)


def _text(value: Any) -> Text:
    return Text(value) if isinstance(value, bool | int | float | str) else Text(as_text(value))


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
