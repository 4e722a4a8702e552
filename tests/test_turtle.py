"""Reading Turtle: places of triples, names as the file writes them, and refusal of what is no Turtle."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import Graph, Literal, URIRef
from rdflib.compare import isomorphic
from rdflib.namespace import RDF, XSD

from transmissions import turtle
from transmissions.errors import InvalidPipeline
from transmissions.vocabulary import NAMESPACE

TEXT = """\
@prefix : <http://purl.org/stuff/transmissions/> .
@prefix ex: <http://example.org/> .
# a comment with : and [
:p a :Transmission ; :pipe (:read ex:go) ;
    :note "one", \"\"\"two
lines\"\"\" .
:read a :Read ; :settings [ :limit 3 ; :words ("a" "b") ] .
"""


def problem_of(content: str | bytes) -> str:
    """Return the text of the one problem of a document."""
    with pytest.raises(InvalidPipeline) as caught:
        turtle.parse(content, "x.ttl")
    assert len(caught.value.problems) == 1
    return str(caught.value)


def test_places() -> None:
    """Each triple knows the line, the column and the length of its property and of its value."""
    document = turtle.parse(TEXT, "x.ttl")
    p, read = NAMESPACE.p, NAMESPACE.read
    assert str(document.at_subject(read)) == "x.ttl:7:1"
    assert document.at_subject(read).length == len(":read")
    assert str(document.at_predicate(p, NAMESPACE.note, Literal("one"))) == "x.ttl:5:5"
    assert str(document.at_value(p, NAMESPACE.note, Literal("one"))) == "x.ttl:5:11"
    assert str(document.at_value(p, NAMESPACE.note, Literal("two\nlines"))) == "x.ttl:5:18"
    assert str(document.at_value(p, RDF.type, NAMESPACE.Transmission)) == "x.ttl:4:6"
    assert str(document.at_value(p, NAMESPACE.pipe, URIRef("http://example.org/go"))) == "x.ttl:4:35"
    (holder,) = document.objects(read, NAMESPACE.settings)
    assert str(document.at_subject(holder)) == "x.ttl:7:27"
    assert str(document.at_value(holder, NAMESPACE.words, Literal("b"))) == "x.ttl:7:52"


def test_values_in_order() -> None:
    """The values of a property come in the order of the file."""
    text = (
        "@prefix : <http://purl.org/stuff/transmissions/> .\n:a :b " + ", ".join(f'"{9 - n}"' for n in range(9)) + " ."
    )
    document = turtle.parse(text, "x.ttl")
    assert [str(value) for value in document.objects(NAMESPACE.a, NAMESPACE.b)] == list("987654321")


def test_names() -> None:
    """Nodes are named as the file names them."""
    document = turtle.parse(TEXT, "x.ttl")
    assert document.name(NAMESPACE.read) == ":read"
    assert document.name(URIRef("http://example.org/go")) == "ex:go"
    assert document.name(URIRef("http://elsewhere.example/x")) == "<http://elsewhere.example/x>"
    assert document.described(Literal("many")) == 'the text "many"'
    assert document.described(Literal(5)) == "the number 5"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_mark(end: str) -> None:
    """Places are right with every kind of line end, and with a byte order mark."""
    document = turtle.parse(("\ufeff" + TEXT.replace("\n", end)).encode(), "x.ttl")
    assert str(document.at_subject(NAMESPACE.read)) == "x.ttl:7:1"
    assert document.line(7).startswith(":read a :Read")
    assert document.line(99) == ""


def test_literals_are_as_they_are_written() -> None:
    """A number, a truth or a time is the text that stands in the file, and its value besides."""
    written = ["042", "+1.50", "1e3", "-0", '"1"^^xsd:boolean', '"2025-01-02T03:04:05Z"^^xsd:dateTime']
    text = f"@prefix : <{NAMESPACE}> . @prefix xsd: <{XSD}> . :a :b {', '.join(written)}, true ."
    found = turtle.parse(text, "x.ttl").objects(NAMESPACE.a, NAMESPACE.b)
    texts = {str(node): node.value for node in found if isinstance(node, Literal)}
    assert list(texts) == ["042", "+1.50", "1e3", "-0", "1", "2025-01-02T03:04:05Z", "true"]
    assert [texts[text] for text in ("042", "1e3", "1", "true")] == [42, 1000.0, True, True]


def test_same_triples_as_rdflib() -> None:
    """The graph is the one that rdflib reads from the same text."""
    assert isomorphic(turtle.parse(TEXT, "x.ttl").graph, Graph().parse(data=TEXT, format="turtle"))


@pytest.mark.parametrize("opening", ["[", "(", "[ :a ", "[ :a ( "])
def test_hostile_depth(opening: str) -> None:
    """Brackets nested without end are a problem with a place, not a crash."""
    text = "@prefix : <http://purl.org/stuff/transmissions/> .\n" + opening * 5000
    assert "nested too deeply" in problem_of(text) or "no end" in problem_of(text)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe:\0a\0", "UTF-16"),
        (b"PNG\0\0\1", "not text"),
        (b":a :b \xe9", "x.ttl:1:7: not UTF-8"),
        (b'{"a": 1}', "JSON"),
        (b"<?xml version='1.0'?><a/>", "XML"),
        (b"", "nothing in this file"),
        (b'<http://a> <http://b> "x"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#XMLLiteral> .', "type"),
        (b"<http://a> <http://b> " + b"9" * 9000 + b" .", "digits"),
        (b"<http://a> <http://b> <c d> .", "address"),
        (b"<http://a> .", "expected a property"),
        (b'"a" <http://b> 3 .', "a literal has no properties"),
        (b"<http://a> 5 3 .", "expected a property"),
    ],
)
def test_refused(content: bytes, words: str) -> None:
    """What is no Turtle is told as that, with a place."""
    if content:
        assert words in problem_of(content)
    else:
        assert len(turtle.parse(content, "x.ttl").graph) == 0


def test_files(tmp_path: Path) -> None:
    """A folder, a missing file, a device and a huge file are refused; none is read."""
    (tmp_path / "huge.ttl").write_bytes(b"#" * (turtle.LARGEST_FILE_BYTES + 1))
    os.mkfifo(tmp_path / "pipe.ttl")
    for path, words in [
        (tmp_path, "is a folder"),
        (tmp_path / "none.ttl", "no such file"),
        (tmp_path / "pipe.ttl", "no regular file"),
        (tmp_path / "huge.ttl", "larger than"),
        (tmp_path / ("x" * 5000), "cannot be read"),
        (Path("a\0b"), "cannot be read"),
    ]:
        with pytest.raises(InvalidPipeline, match=words):
            turtle.parse_file(path)


def test_terminal_is_safe() -> None:
    """Characters that a terminal would obey are never shown as they are."""
    text = '@prefix : <http://purl.org/stuff/transmissions/> .\n:a :b "\x1b[31m\u202e" :c .'
    shown = problem_of(text)
    assert "\x1b" not in shown and "\u202e" not in shown


def test_wrong_literals_are_kept(capfd: pytest.CaptureFixture[str]) -> None:
    """A literal that is not of its type is read as it is, and nothing is printed about it."""
    text = '<http://a> <http://b> "x"^^<http://www.w3.org/2001/XMLSchema#integer> .'
    assert len(turtle.parse(text, "x.ttl").graph) == 1
    assert capfd.readouterr() == ("", "")


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=":ap ;.,[]()\"'\\<>{}#@^_\n\t3-x\u00e9\ud800", max_size=60))
def test_any_text(text: str) -> None:
    """Any text at all is a document or a problem with a place in it."""
    try:
        turtle.parse("@prefix : <http://purl.org/stuff/transmissions/> .\n" + text, "x.ttl")
    except InvalidPipeline as error:
        assert all(1 <= problem.location.line <= text.count("\n") + 2 for problem in error.problems)
