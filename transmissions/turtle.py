"""Read Turtle into an RDF graph that knows where in its file every triple stands.

It reads one file and nothing else: no import is followed and no address is ever fetched.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rdflib import BNode, Graph, Literal, URIRef
from rdflib.namespace import RDF, XSD

from transmissions import turtle_parser
from transmissions.errors import InvalidPipeline, reason_of
from transmissions.problem import Location, Problem

if TYPE_CHECKING:
    from rdflib.term import Node

    from transmissions.turtle_mistakes import Span

__all__ = ["LARGEST_FILE_BYTES", "Document", "parse", "parse_file"]

LARGEST_FILE_BYTES = 4 * 1024 * 1024
"""A larger file is refused: pipelines have kilobytes, and a parser of Turtle needs much memory for a byte."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_LONGEST_VALUE = 60
# What a terminal would obey rather than show: control characters, and those that turn the direction of writing.
_UNSHOWABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class Document:
    """One Turtle file: its graph, its prefixes, and the place of every triple.

    Args:
        file: the path as the user wrote it; begins every message about the file.
        folder: the absolute folder that relative paths in the file start from.
        text: the file's text.
        reading: what the parser made of the text.
    """

    def __init__(self, file: str, folder: Path, text: str, reading: turtle_parser.Reading) -> None:
        self.file = file
        self.folder = folder
        self.text = text
        self.graph: Graph = reading.graph
        self.prefixes = dict(reading.prefixes)
        self._places = reading.places
        self._subjects = reading.subjects
        self._starts = _line_starts(text)

    def line(self, number: int) -> str:
        """Return a line of the file, counted from 1, without its end and fit to be shown; "" if there is none."""
        if not 1 <= number <= len(self._starts):
            return ""
        start = self._starts[number - 1]
        end = _LINE_END.search(self.text, start)
        return showable(self.text[start : end.start() if end else len(self.text)])

    def objects(self, subject: Node, predicate: Node) -> list[Node]:
        """Return the values of a property in the order of the file."""
        found = list(self.graph.objects(subject, predicate))
        if len(found) < 2:
            return found
        return sorted(found, key=lambda value: self._span(subject, predicate, value)[0])

    def items(self, head: Node) -> Iterator[tuple[Node, Node]]:
        """Yield the cells of an RDF list, each with what it holds.

        Raises:
            ValueError: it is no list: a cell lacks its value or its rest, has two of them, or the cells form a circle.
        """
        seen: set[Node] = set()
        while head != RDF.nil:
            first, rest = list(self.graph.objects(head, RDF.first)), list(self.graph.objects(head, RDF.rest))
            if len(first) != 1 or len(rest) != 1 or head in seen:
                raise ValueError("not a list")
            yield head, first[0]
            seen.add(head)
            head = rest[0]

    def is_list(self, node: Node) -> bool:
        """Say whether a node is the head of a well-formed RDF list."""
        try:
            return all(True for _ in self.items(node))
        except ValueError:
            return False

    def at_subject(self, node: Node) -> Location:
        """Return where a node is described: its first mention as a subject, or else its first mention at all."""
        span = self._subjects.get(node)
        if span is None:
            spans = [places[0][1] for triple, places in self._places.items() if triple[2] == node]
            span = min(spans, default=(0, 0))
        return self._location(span)

    def at_predicate(self, subject: Node, predicate: Node, value: Node) -> Location:
        """Return where the property of a triple stands."""
        places = self._places.get((subject, predicate, value))
        return self._location(places[0][0]) if places else self.at_subject(subject)

    def at_value(self, subject: Node, predicate: Node, value: Node) -> Location:
        """Return where the value of a triple stands; a value inside a list that is the triple's object counts too."""
        return self._location(self._span(subject, predicate, value))

    def at_item(self, cell: Node) -> Location:
        """Return where the item that a cell of a list holds is written."""
        return self.at_value(cell, RDF.first, next(self.graph.objects(cell, RDF.first)))

    def within(self, place: Location, text: str) -> Location:
        """Return where a text stands at or after a place on its line; the place itself if it does not."""
        column = self.line(place.line).find(showable(text), place.column - 1) + 1
        return replace(place, column=column, length=len(text)) if column else place

    def at(self, offset: int, length: int = 1) -> Location:
        """Return the location of a stretch of the text, in characters from its start."""
        return self._location((offset, offset + length))

    def name(self, node: Node | None) -> str:
        """Return a node as the file writes it: `:read`, `rdfs:label`, `<http://…>`, `[ … ]`, or a literal."""
        if isinstance(node, Literal):
            return _shown_literal(node, self)
        if not isinstance(node, URIRef):
            return "( … )" if (node, RDF.first, None) in self.graph else "[ … ]"
        fits = [(len(space), prefix) for prefix, space in self.prefixes.items() if space and node.startswith(space)]
        if not fits:
            return showable(f"<{node}>")
        length, prefix = max(fits)
        return showable(f"{prefix}:{node[length:]}")

    def described(self, node: Node | None) -> str:
        """Return a value with its kind, for `got …`: `the text "many"`, `the number 5`, `a list`, `:read`."""
        if isinstance(node, Literal):
            return f"{_kind_of(node)}{_shown_literal(node, self)}"
        if isinstance(node, BNode):
            return "a list" if (node, RDF.first, None) in self.graph else "a node with properties"
        return "an empty list" if node == RDF.nil else self.name(node)

    def shown(self, problem: Problem) -> Problem:
        """Return a problem of this file with the line it is about."""
        return replace(problem, source=self.line(problem.location.line))

    def _span(self, subject: Node, predicate: Node, value: Node) -> Span:
        places = self._places.get((subject, predicate, value))
        if places:
            return places[0][1]
        for head in self.graph.objects(subject, predicate):
            if self.is_list(head):
                for cell, item in self.items(head):
                    if item == value:
                        return self._span(cell, RDF.first, item)
        return self._subjects.get(subject, (0, 0))

    def _location(self, span: Span) -> Location:
        number = bisect.bisect_right(self._starts, span[0])
        start = self._starts[number - 1]
        end = _LINE_END.search(self.text, span[0])
        length = min(span[1], end.start() if end else len(self.text)) - span[0]
        return Location(self.file, number, span[0] - start + 1, max(1, length))


def parse_file(path: Path, file: str | None = None) -> Document:
    """Read a Turtle file.

    Args:
        path: where it is.
        file: how to call it in messages; the path if not given.

    Raises:
        InvalidPipeline: it is not there, is no regular file, is too large, is no UTF-8, or is not valid Turtle.
    """
    name = str(path) if file is None else file
    try:
        if path.is_dir():
            raise _refused(name, "is a folder, not a Turtle file", "name a .ttl file in it")
        if path.exists() and not path.is_file():
            raise _refused(name, "is no regular file", "")
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise _refused(name, f"is larger than {LARGEST_FILE_BYTES // 1024 // 1024} MB", "pipelines are small")
        content = path.read_bytes()
    except FileNotFoundError:
        raise _refused(name, "there is no such file", "") from None
    except (OSError, ValueError) as error:
        raise _refused(name, f"cannot be read: {reason_of(error)}", "") from None
    return parse(content, name, path.absolute().parent)


def parse(content: bytes | str, file: str, folder: Path | None = None) -> Document:
    """Read Turtle from text or bytes.

    Args:
        content: the Turtle; bytes have to be UTF-8.
        file: how to call it in messages.
        folder: the folder that relative paths in it start from; the one that `file` is in if not given.

    Raises:
        InvalidPipeline: it is no UTF-8, or not valid Turtle.
    """
    folder = Path(file).absolute().parent if folder is None else folder
    text = _decoded(content, file) if isinstance(content, bytes) else content
    text = text.removeprefix("\ufeff")
    # Half of a surrogate pair can come out of a Python string, but never out of a file.
    text = text.encode("utf-8", "replace").decode("utf-8")
    reading = turtle_parser.read(text, (folder / "x").as_uri()[:-1])
    document = Document(file, folder, text, reading)
    if reading.mistakes:
        raise InvalidPipeline(
            [
                document.shown(Problem(document.at(one.offset, one.length), one.message, one.hint, one.code))
                for one in sorted(reading.mistakes, key=lambda mistake: mistake.offset)
            ]
        )
    return document


def showable(text: str) -> str:
    """Return text with every character that a terminal would obey replaced by one that it shows."""
    return _UNSHOWABLE.sub(lambda found: _picture(ord(found.group())), text)


def _picture(code: int) -> str:
    return chr(0x2400 + code) if code < 0x20 else "\ufffd"


def _refused(file: str, message: str, hint: str) -> InvalidPipeline:
    return InvalidPipeline([Problem(Location(file), message, hint, "unreadable")])


def _decoded(content: bytes, file: str) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _refused(file, "is UTF-16, and Turtle is UTF-8", "save the file as UTF-8")
    if b"\0" in content:
        raise _refused(file, "is not text, so it is not Turtle", "")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8").removeprefix("\ufeff")
        line = len(_LINE_END.findall(before)) + 1
        column = len(_LINE_END.split(before)[-1]) + 1
        place = Location(file, line, column)
        byte = content[error.start]
        message = f"not UTF-8: the byte 0x{byte:02x} is no character"
        raise InvalidPipeline([Problem(place, message, "save the file as UTF-8", "not-utf-8")]) from None


def _line_starts(text: str) -> list[int]:
    return [0, *(found.end() for found in _LINE_END.finditer(text))]


def _kind_of(literal: Literal) -> str:
    if literal.datatype in (None, XSD.string):
        return "the text "
    if literal.datatype in (XSD.integer, XSD.decimal, XSD.double, XSD.float):
        return "the number " if literal.value is not None else ""
    return ""


def _shown_literal(literal: Literal, document: Document) -> str:
    text = str(literal)
    if len(text) > _LONGEST_VALUE:
        text = text[: _LONGEST_VALUE - 1] + "…"
    text = showable(text.replace("\n", "\\n"))
    bare = (XSD.integer, XSD.decimal, XSD.double, XSD.boolean)
    if literal.datatype in bare and literal.value is not None:
        return text
    if literal.language:
        return f'"{text}"@{literal.language}'
    if literal.datatype in (None, XSD.string):
        return f'"{text}"'
    return f'"{text}"^^{document.name(literal.datatype)}'
