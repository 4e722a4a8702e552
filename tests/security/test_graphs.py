"""Queries, shapes and documents of RDF, as strangers write them: nothing is fetched, and nothing grows without end.

Holds "SPARQL": each hostile query is refused before it is asked, however its words are written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from processors.feeds import FeedParser, OpmlFeedExtractor
from processors.rdf.queries import RDFQuery
from processors.rdf.readers import DatasetReader, RDFParser
from processors.rdf.shacl import SHACLValidator, found_in
from processors.rdf.updates import RDFUpdate
from processors.text import StringFilter
from processors.walking import FileFilter
from transmissions import TransmissionsError

AWAY = "<http://127.0.0.1:9/>"
GRAPH = "<urn:a> <urn:p> <urn:b> .\n"
QUERIES = [
    f"SELECT $this {{ SERVICE {AWAY} {{ ?x ?y ?z }} }}",
    f"SELECT $this {{ service silent {AWAY} {{ ?x ?y ?z }} }}",
    f"SELECT $this {{ $this ?p ?o . \\u0053ERVICE {AWAY} {{ ?x ?y ?z }} }}",
    f"SELECT $this {{ $this ?p ?o . S\\U00000045RVICE {AWAY} {{ ?x ?y ?z }} }}",
    f"SELECT $this {{ $this ?p ?o . SERVICE\n{AWAY}{{?x ?y ?z}} }}",
    f"SELECT $this {{ $this ?p ?o FILTER EXISTS {{ SERVICE {AWAY} {{ ?x ?y ?z }} }} }}",
    f"SELECT $this {{ $this ?p ?o FILTER (?o = 1 || NOT EXISTS {{ SERVICE {AWAY} {{ ?x ?y ?z }} }}) }}",
    f"SELECT $this {{ {{ SELECT $this {{ SERVICE {AWAY} {{ ?x ?y ?z }} }} }} }}",
    f"SELECT $this {{ OPTIONAL {{ MINUS {{ GRAPH ?g {{ SERVICE {AWAY} {{ ?x ?y ?z }} }} }} }} }}",
    f"SELECT $this {{ BIND (EXISTS {{ SERVICE {AWAY} {{ ?x ?y ?z }} }} AS ?b) }}",
    f"SELECT $this {{ $this ?p ?s . SERVICE ?s {{ ?x ?y ?z }} VALUES ?s {{ {AWAY} }} }}",
    f"SELECT $this FROM {AWAY} {{ $this ?p ?o }}",
    f"SELECT $this FROM NAMED {AWAY} {{ $this ?p ?o }}",
    f"SELECT $this \\u0046ROM {AWAY} {{ $this ?p ?o }}",
    f"LOAD {AWAY}",
    f"INSERT {{ ?s ?p ?o }} WHERE {{ SERVICE {AWAY} {{ ?s ?p ?o }} }}",
]


@pytest.mark.parametrize("query", QUERIES)
def test_no_query_of_a_graph_reaches_the_network(query: str, guard: Any) -> None:
    """SERVICE, FROM and updates are refused wherever they stand and however they are written."""
    with (
        guard.listening("socket.connect") as connected,
        pytest.raises(TransmissionsError, match=r"refused|not valid SPARQL"),
    ):
        RDFQuery(query=query).start()
    assert connected == []


@pytest.mark.parametrize(
    "update",
    [
        f"LOAD {AWAY}",
        f"LOAD SILENT {AWAY} INTO GRAPH <urn:g>",
        f"\\u004cOAD {AWAY}",
        f"INSERT DATA {{ <urn:a> <urn:b> 1 }} ; LOAD {AWAY}",
        f"INSERT {{ ?s ?p ?o }} WHERE {{ SERVICE {AWAY} {{ ?s ?p ?o }} }}",
        f"INSERT {{ ?s ?p ?o }} WHERE {{ ?s ?p ?o FILTER NOT EXISTS {{ \\u0053ERVICE {AWAY} {{ ?s ?p ?o }} }} }}",
        f"DELETE {{ ?s ?p ?o }} WHERE {{ {{ SELECT ?s {{ SERVICE {AWAY} {{ ?s ?p ?o }} }} }} }}",
        f"INSERT {{ ?s ?p ?o }} USING {AWAY} WHERE {{ ?s ?p ?o }}",
    ],
)
def test_no_update_of_a_graph_reaches_the_network(update: str, guard: Any) -> None:
    """LOAD, SERVICE and USING are refused in updates, each in a list of them, too."""
    with (
        guard.listening("socket.connect") as connected,
        pytest.raises(TransmissionsError, match=r"refused|not valid SPARQL"),
    ):
        RDFUpdate(update=update).start()
    assert connected == []


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("kind", ["select", "ask", "construct"])
def test_no_query_in_a_shape_reaches_the_network(query: str, kind: str, tmp_path: Path, guard: Any) -> None:
    """The same holds for the queries that shapes bring along, before a graph is looked at."""
    written = query.replace("\\", "\\\\").replace("\n", "\\n")
    (tmp_path / "shapes.ttl").write_text(
        "@prefix sh: <http://www.w3.org/ns/shacl#> . <urn:s> a sh:NodeShape ; sh:targetSubjectsOf <urn:p> ;"
        f' sh:sparql [ sh:message "m" ; sh:{kind} "{written}" ] .'
    )
    with (
        guard.listening("socket.connect") as connected,
        pytest.raises(TransmissionsError, match=r"refused|not valid SPARQL"),
    ):
        SHACLValidator(shapes_file=tmp_path / "shapes.ttl").start()
    assert connected == []


def test_queries_of_shapes_that_stay_inside_are_asked(tmp_path: Path) -> None:
    """A word that is a name, a text or a comment is no reason to refuse."""
    shape = """@prefix sh: <http://www.w3.org/ns/shacl#> . <urn:s> a sh:NodeShape ; sh:targetSubjectsOf <urn:p> ;
        sh:sparql [ sh:message "m" ; sh:select \"\"\"# FROM <urn:x>
        SELECT $this WHERE { $this ?p ?from . FILTER (str(?from) != "FROM <urn:x>") }\"\"\" ] ."""
    (tmp_path / "shapes.ttl").write_text(shape)
    stage = SHACLValidator(shapes_file=tmp_path / "shapes.ttl")
    stage.start()
    assert stage.process({"dataset": GRAPH})["conforms"] is False


def test_imports_are_not_followed(tmp_path: Path, guard: Any) -> None:
    """`owl:imports` and `sh:shapesGraph` in shapes and in data are statements like others."""
    imports = (
        f"<urn:o> <http://www.w3.org/2002/07/owl#imports> {AWAY} ; <http://www.w3.org/ns/shacl#shapesGraph> {AWAY} ."
    )
    (tmp_path / "shapes.ttl").write_text(f"<urn:o> a <http://www.w3.org/2002/07/owl#Ontology> . {imports}")
    data = imports.replace(" ; ", " .\n<urn:o> ") + "\n"
    stage = SHACLValidator(shapes_file=tmp_path / "shapes.ttl")
    with guard.listening("socket.connect") as connected:
        stage.start()
        # The guard sees this process only; where a stage asks is another.
        found = found_in(
            {
                "shapes": f"<urn:o> <urn:p> <urn:o> .\n{data}",
                "graph": GRAPH + data,
                "field": "dataset",
                "place": "shapes.ttl",
                "allow_warnings": True,
                "with_graph": True,
            }
        )
    assert found["conforms"] is True
    assert connected == []


CONTEXTS: list[Any] = [
    "http://127.0.0.1:9/c",
    ["http://127.0.0.1:9/c"],
    [{"a": "urn:a"}, "http://127.0.0.1:9/c"],
    {"@import": "http://127.0.0.1:9/c", "@version": 1.1},
    {"a": {"@id": "urn:a", "@context": "http://127.0.0.1:9/c"}},
    "file:///etc/hostname",
    "//127.0.0.1:9/c",
    "c.jsonld",
]


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("inner", [False, True])
def test_no_context_is_fetched(context: Any, inner: bool, tmp_path: Path, guard: Any) -> None:
    """A JSON-LD context that is somewhere else is an error, in a field and in a file, at the top and further in."""
    import orjson

    whole = {"@context": context, "a": {"urn:b": 1}}
    text = orjson.dumps({"@id": "urn:x", "urn:c": whole} if inner else whole)
    (tmp_path / "d.jsonld").write_bytes(text)
    (tmp_path / "c.jsonld").write_text("{}")
    with guard.listening("socket.connect") as connected, guard.listening("open") as opened:
        with pytest.raises((TransmissionsError, ValueError), match=r"nothing is fetched|not valid json-ld"):
            RDFParser(format="json-ld", base_uri="http://127.0.0.1:9/").process({"content": text.decode()})
        with pytest.raises(TransmissionsError, match=r"nothing is fetched|not valid json-ld"):
            DatasetReader(dataset_file=tmp_path / "d.jsonld").process({})
    assert connected == []
    assert not [path for path, *_ in opened if str(path).endswith(("c.jsonld", "hostname"))]


ENTITIES = "".join(f'<!ENTITY {two} "{10 * f"&{one};"}">' for one, two in zip("abcdefgh", "bcdefghi", strict=True))
BOMB = f'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">{ENTITIES}]>'
RDF = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="urn:x"><a xmlns='
RDF += '"urn:">&i;</a></rdf:Description></rdf:RDF>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp037"])
def test_xml_that_grows_is_not_read(encoding: str, tmp_path: Path) -> None:
    """A document type is refused, and no way of writing its letters gets it by."""
    (tmp_path / "d.rdf").write_bytes(f'<?xml version="1.0" encoding="{encoding}"?>{BOMB}{RDF}'.encode(encoding))
    with pytest.raises(TransmissionsError, match=r"DOCTYPE|not valid rdf-xml"):
        DatasetReader(dataset_file=tmp_path / "d.rdf").process({})


@pytest.mark.parametrize(
    "front", [BOMB, BOMB.replace("<!", "+ADwAIQ-"), BOMB.replace("<!DOCTYPE", "<!doctype"), BOMB.lower()]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-7", "utf-16"])
def test_feeds_and_lists_that_grow_are_not_read(front: str, encoding: str) -> None:
    """What a feed or a list of subscriptions declares as entities stays what it is, or is no feed."""
    head = f'<?xml version="1.0" encoding="{encoding}"?>{front}'
    feed = f'{head}<rss version="2.0"><channel><title>&i;</title></channel></rss>'
    read = FeedParser().process({"http": {"data": feed}})
    assert "feedError" in read or len(read["feed"]["meta"].get("title", "")) < 100
    with pytest.raises(ValueError, match=r"document type|holds no XML"):
        OpmlFeedExtractor().process({"content": f'{head}<opml><body><outline xmlUrl="&i;"/></body></opml>'})


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 40 + "b", "a" * 20_000),
        ("**a" * 30 + "b", "a/" * 2_000),
        ("{a,a}" * 40 + "b", "a" * 40),
        ("{*,**}" * 20 + "b", "a" * 200),
        ("[a]*" * 30 + "b", "a" * 500),
        ("?*" * 30 + "b", "a" * 500),
    ],
)
def test_no_pattern_takes_for_ever(pattern: str, path: str) -> None:
    """Patterns come with pipelines, and in applications with messages; their work grows with what they are, no more."""
    assert StringFilter(include_pattern=[pattern]).process({"filepath": path}) is None
    assert FileFilter(include_pattern=[pattern]).process({"filepath": path}) is None
