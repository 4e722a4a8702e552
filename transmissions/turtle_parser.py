"""Parse Turtle with rdflib's parser, made to remember where each term stands and to say what a mistake is.

Knows nothing of files or pipelines: text goes in, and a graph, places and mistakes come out.
"""

# The names of what is overridden are rdflib's.
# ruff: noqa: N802, N803

from __future__ import annotations

import re
from collections.abc import MutableSequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NoReturn

from rdflib import RDF, RDFS, XSD, Graph, Literal, URIRef
from rdflib.namespace import DCTERMS, FOAF, OWL, SH, SKOS
from rdflib.plugins.parsers.notation3 import BadSyntax, RDFSink, SinkParser, sfloat
from rdflib.term import Node

from transmissions.literals import quiet_literals
from transmissions.turtle_mistakes import Mistake, Span, State, explain, skip_space

__all__ = ["Reading", "read"]

Triple = tuple[Node, Node, Node]

_WELL_KNOWN = {
    "": "http://purl.org/stuff/transmissions/",
    "rdf": str(RDF),
    "rdfs": str(RDFS),
    "xsd": str(XSD),
    "owl": str(OWL),
    "sh": str(SH),
    "dcterms": str(DCTERMS),
    "foaf": str(FOAF),
    "skos": str(SKOS),
}
_LONE_RETURN = re.compile(r"\r(?!\n)")
_UNKNOWN = "urn:unknown-prefix:"
_NUMBERS = {int: XSD.integer, Decimal: XSD.decimal, sfloat: XSD.double}
"""The types by which rdflib's parser tells numbers apart, which forget how a number was written."""


@dataclass(slots=True)
class Reading:
    """What the parser made of a text.

    Args:
        graph: its triples; incomplete if there are mistakes.
        prefixes: namespaces by prefix.
        places: for each triple, the spans of its property and of its value, for each time that it is written.
        subjects: for each node that is a subject, the span of its first mention as one.
        mistakes: what is wrong; one, and unknown prefixes besides.
    """

    graph: Graph
    prefixes: dict[str, str] = field(default_factory=dict)
    places: dict[Triple, list[tuple[Span, Span]]] = field(default_factory=dict)
    subjects: dict[Node, Span] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)


def read(text: str, base: str) -> Reading:
    """Parse a text.

    Args:
        text: Turtle.
        base: the address against which relative addresses in it are resolved; nothing is fetched from it.
    """
    reading = Reading(Graph(bind_namespaces="none"))
    # Every token has a character behind it, so that rdflib never looks past the end; nor does it know the line ends of
    # the first Macintosh.
    padded = _LONE_RETURN.sub("\n", text) + "\n"
    parser = _Parser(reading, padded, base)
    with quiet_literals():
        try:
            parser.loadBuf(padded)
        except BadSyntax as error:
            reading.mistakes.append(parser.mistake(error._i, error._why))
        except RecursionError:
            reading.mistakes.append(parser.mistake(parser.at, "nested too deeply"))
        except (AssertionError, LookupError, ValueError, TypeError, ArithmeticError, AttributeError) as error:
            # rdflib leaves some mistakes to whatever fails on them first.
            reading.mistakes.append(parser.mistake(parser.at, str(error)))
    reading.prefixes = {prefix: space for prefix, space in parser._bindings.items() if not space.startswith(_UNKNOWN)}
    return reading


class _Prefixes(dict[str, str]):
    """Namespaces by prefix; an unknown one is noted once, and reading goes on."""

    def __init__(self, parser: _Parser) -> None:
        super().__init__()
        self._parser = parser

    def __missing__(self, prefix: str) -> str:
        if prefix == "_":
            raise KeyError(prefix)
        known = _WELL_KNOWN.get(prefix)
        hint = f"add at the top: @prefix {prefix}: <{known or '…'}> ."
        mistake = Mistake(
            self._parser.at, len(prefix) + 1, f"the prefix {prefix}: is not declared", hint, "unknown-prefix"
        )
        self._parser.reading.mistakes.append(mistake)
        self[prefix] = space = f"{_UNKNOWN}{prefix}:"
        return space


class _Sink(RDFSink):
    """Takes the triples from the parser and keeps their places."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading.graph)
        self._reading = reading
        self.predicate: Span = (0, 0)
        self.values: list[Span] = []

    def makeStatement(self, quadruple: Any, why: Any = None) -> None:
        formula, predicate, subject, value = quadruple
        triple: Triple = tuple(self.normalise(formula, term) for term in (subject, predicate, value))  # type: ignore[assignment]
        at_value = self.values.pop(0) if self.values and triple[1] != RDF.rest else self.predicate
        self._reading.places.setdefault(triple, []).append((self.predicate, at_value))
        self.graph.add(triple)

    def newLiteral(self, s: str, dt: URIRef | None = None, lang: str | None = None) -> Literal:
        if dt is not None and dt.startswith(str(RDF)):
            # rdflib would parse what is in it, as XML or HTML.
            raise ValueError("a text of this type is not read here")
        # As it is written: `"1"^^xsd:boolean` is no "true" to whoever takes the value for text.
        return Literal(s, lang=lang, datatype=dt, normalize=False)


class _Parser(SinkParser):
    """rdflib's parser; remembers where terms, statements and brackets begin."""

    def __init__(self, reading: Reading, text: str, base: str) -> None:
        self.sink = _Sink(reading)
        super().__init__(self.sink, baseURI=base, turtle=True)
        self.reading = reading
        self.at = 0
        self._text = text
        self._bindings = _Prefixes(self)
        self._statement = 0
        self._open: list[int] = []
        # The spans of the items of the bracket that is being read, or of the statement.
        self._items: list[Span] = []
        self._verb: Span = (0, 0)
        # How many properties the statement has had so far.
        self._count = 0

    def statement(self, argstr: str, i: int) -> int:
        self._statement = self.at = self._skip(i)
        self._items, self._open, self._count = [], [], 0
        end = super().statement(argstr, i)
        if end >= 0 and not self._count:
            self.BadSyntax(argstr, end, "expected a property")
        return end

    def property_list(self, argstr: str, i: int, subj: Node) -> int:
        if not self._open:
            if not isinstance(subj, Node) or isinstance(subj, Literal):
                self.BadSyntax(argstr, self._statement, "a literal cannot be described")
            self.reading.subjects.setdefault(subj, self._items[-1])
        return super().property_list(argstr, i, subj)

    def verb(self, argstr: str, i: int, res: MutableSequence[Any]) -> int:
        start = self.at = self._skip(i)
        end = super().verb(argstr, i, res)
        if end > 0:
            self._verb = (start, end)
            # The word `a` comes as a pair of rdflib's own.
            if not isinstance(res[-1][1], URIRef | tuple):
                self.BadSyntax(argstr, start, "expected a property")
        return end

    def objectList(self, argstr: str, i: int, res: MutableSequence[Any]) -> int:
        verb, outer, self._items = self._verb, self._items, []
        end = super().objectList(argstr, i, res)
        self.sink.predicate, self.sink.values, self._items = verb, self._items, outer
        self._count += 1
        return end

    def item(self, argstr: str, i: int, res: MutableSequence[Any]) -> int:
        start = self._skip(i)
        end = super().item(argstr, i, res)
        if end >= 0:
            self._items.append((start, end))
        return end

    def path(self, argstr: str, i: int, res: MutableSequence[Any]) -> int:
        self.at = self._skip(i)
        end = self.nodeOrLiteral(argstr, i, res)
        if end >= 0 and argstr[end] in "!^":
            self.BadSyntax(argstr, end, "expected '.'")
        return end

    def node(self, argstr: str, i: int, res: MutableSequence[Any], subjectAlready: Node | None = None) -> int:
        start = self._skip(i)
        if start >= len(argstr) or argstr[start] not in "[(":
            return super().node(argstr, i, res, subjectAlready)
        self._open.append(start)
        outer, self._items, verb = self._items, [], self._verb
        if argstr[start] == "(":
            end = self._list(argstr, start, res)
        else:
            end = super().node(argstr, i, res, subjectAlready)
            self.reading.subjects.setdefault(res[-1], (start, end))
        self._items, self._verb = outer, verb
        self._open.pop()
        return end

    def _list(self, argstr: str, start: int, res: MutableSequence[Any]) -> int:
        members: list[Any] = []
        i = self._skip(start + 1)
        while i < len(argstr) and argstr[i] != ")":
            end = self.item(argstr, i, members)
            if end < 0:
                self.BadSyntax(argstr, i, "expected item in list or ')'")
            i = self._skip(end)
        if i >= len(argstr):
            self.BadSyntax(argstr, i, "EOF in list")
        self.sink.predicate, self.sink.values = (start, start + 1), self._items
        res.append(self.sink.newList(members, self._context))
        self.reading.subjects.setdefault(res[-1], (start, i + 1))
        return i + 1

    def nodeOrLiteral(self, argstr: str, i: int, res: MutableSequence[Any]) -> int:
        start = self._skip(i)
        end = super().nodeOrLiteral(argstr, i, res)
        if end >= 0 and (datatype := _NUMBERS.get(type(res[-1]))):
            res[-1] = Literal(argstr[start:end], datatype=datatype, normalize=False)
        return end

    def uri_ref2(self, argstr: str, i: int, res: MutableSequence[Any]) -> int:
        start = self._skip(i)
        self.at = start
        end = super().uri_ref2(argstr, i, res)
        if end >= 0 and (bad := re.search(r'[\x00-\x20<>"{}|^`\\]', str(res[-1]))) and argstr[start] == "<":
            self.BadSyntax(argstr, start, f"an address cannot hold {bad.group()!r}")
        return end

    def mistake(self, offset: int, why: str) -> Mistake:
        """Return what is wrong at an offset, from rdflib's reason."""
        return explain(State(self._text, self.at, self._statement, tuple(self._open), self._verb), offset, why)

    def _skip(self, i: int) -> int:
        return skip_space(self._text, i)

    def BadSyntax(self, argstr: str, i: int, msg: str) -> NoReturn:
        raise BadSyntax(self._thisDoc, self.lines, "", i, msg)
