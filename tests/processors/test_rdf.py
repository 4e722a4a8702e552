"""Processors of RDF: formats, queries, shapes, joined graphs, and what none of them lets a stranger's data do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import BNode, Graph, Literal, URIRef
from rdflib.compare import isomorphic

import transmissions
from processors.rdf.asking import Binding
from processors.rdf.queries import RDFQuery
from processors.rdf.readers import ConfigMap, DatasetReader, RDFParser
from processors.rdf.shacl import SHACLValidator
from processors.rdf.writers import Prefix, RDFMerger, RDFSerializer
from transmissions import Mark, Message, TransmissionsError

FORMATS = ("turtle", "n-triples", "n-quads", "trig", "json-ld", "rdf-xml")
ADDRESSES = st.sampled_from([f"http://example.org/{name}" for name in ("a", "b", "c", "d#e")])
NODES = ADDRESSES.map(URIRef) | st.sampled_from("xyz").map(BNode)
# What XML cannot hold at all is no matter of ours.
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Co", "Cn"]), max_size=20)
LITERALS = (
    TEXTS.map(Literal)
    | TEXTS.map(lambda text: Literal(text, lang="en"))
    | st.sampled_from(["01", "1", "x", "1.50"]).map(lambda text: Literal(text, datatype=URIRef("urn:own")))
)
TRIPLES = st.lists(st.tuples(NODES, ADDRESSES.map(URIRef), NODES | LITERALS), max_size=12)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every connection fail the test."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("something was fetched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield


def parse(text: Any, form: str = "turtle", **options: Any) -> Message:
    """Return the message that RDFParser makes of a text."""
    stage = RDFParser(format=form, **options)
    stage.start()
    return stage.process({"content": text})


def ask(query: str, dataset: str, message: Message | None = None, **options: Any) -> Any:
    """Return RDFQuery's answer."""
    stage = RDFQuery(query=query, **options)
    stage.start()
    try:
        return stage.process({"dataset": dataset, **(message or {})})["queryResults"]
    finally:
        stage.close()


def validator(shapes: str, folder: Path, **options: Any) -> SHACLValidator:
    """Return a validator with these shapes, started."""
    path = folder / "shapes.ttl"
    prefixes = "@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .\n"
    path.write_text(prefixes + shapes, encoding="utf-8")
    stage = SHACLValidator(shapes_file=path, **options)
    stage.start()
    return stage


@settings(max_examples=40, deadline=None)
@given(triples=TRIPLES, form=st.sampled_from(FORMATS))
def test_what_is_written_is_read_back(triples: list[Any], form: str) -> None:
    """A graph that is written in any format and parsed again says the same, its literals to the letter."""
    before = Graph()
    for triple in triples:
        before.add(triple)
    text = parse(before.serialize(format="nt"), "n-triples")["dataset"]
    written = RDFSerializer(format=form).process({"dataset": text})["content"]
    after = parse(written, form)["dataset"]
    assert isomorphic(Graph().parse(data=text, format="nt"), Graph().parse(data=after, format="nt"))


@settings(max_examples=25, deadline=None)
@given(triples=TRIPLES)
def test_equal_input_gives_equal_text(triples: list[Any]) -> None:
    """Blank nodes are numbered in the order in which they appear, so that a graph is the same text each time."""
    graph = Graph()
    for triple in triples:
        graph.add(triple)
    text = graph.serialize(format="nt")
    once = parse(text, "n-triples")["dataset"]
    assert parse(text, "n-triples")["dataset"] == once == parse(once, "n-quads")["dataset"]


def test_named_graphs_survive_and_are_refused_where_they_cannot() -> None:
    """TriG keeps its graphs; Turtle cannot hold them, and says so rather than losing their names."""
    message = parse("<urn:g> { <urn:a> <urn:b> _:x } <urn:a> <urn:b> 'c' .", "trig")
    assert message["dataset"] == '<urn:a> <urn:b> _:b0 <urn:g> .\n<urn:a> <urn:b> "c" .\n'
    written = RDFSerializer(format="trig").process(dict(message))["content"]
    assert parse(written, "trig")["dataset"] == message["dataset"]
    with pytest.raises(
        ValueError, match="cannot be written as turtle: the Turtle format does not support named graphs"
    ):
        RDFSerializer().process(message)


def test_prefixes_are_used() -> None:
    """What a text calls by a short name is written so again, and a setting adds names."""
    message = parse("@prefix ex: <http://example.org/> . ex:a ex:b <urn:own:c> .")
    own = RDFSerializer(prefixes=[Prefix("own", "urn:own:")]).process(message)["content"]
    assert own.endswith("ex:a ex:b own:c .\n")


@pytest.mark.parametrize(
    ("form", "text", "said"),
    [
        ("turtle", "<urn:a> <urn:b>\n <urn:c", r"not valid turtle: parser error at line 2"),
        ("turtle", "<a> <b> <c> .", "No scheme found"),
        ("json-ld", '{"a": ', "not valid json-ld: parser error at line 1"),
        ("json-ld", "[" * 200_000, "Max stack size"),
        ("turtle", "<urn:a> <urn:b> " + "[ <urn:b> " * 50_000, "Unexpected end"),
        ("n-triples", "<urn:a> <urn:b> 5 .", "not valid n-triples"),
        ("rdf-xml", '<!DOCTYPE r [<!ENTITY a "x">]><rdf:RDF/>', "it has a <!DOCTYPE>"),
        ("rdf-xml", "<a", "not valid rdf-xml"),
        ("turtle", 5, "there is no text to parse but int"),
    ],
)
def test_what_cannot_be_parsed_is_told(form: str, text: Any, said: str) -> None:
    """An error says where it is; depth and entities exhaust nothing."""
    with pytest.raises(ValueError, match=said):
        parse(text, form)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    "context", ["http://example.org/c", ["http://example.org/c"], {"@import": "http://example.org/c"}]
)
def test_no_context_is_fetched(context: Any) -> None:
    """A JSON-LD context that is named by its address is an error, however it is named."""
    with pytest.raises(ValueError, match=r"nothing is fetched; write the context out, or set :contextFile"):
        parse({"@context": context, "a": 1}, "json-ld")


def test_plain_json_becomes_rdf_with_a_context(tmp_path: Path) -> None:
    """A context in a file makes statements of objects and of lists of them."""
    (tmp_path / "c.json").write_text('{"@context": {"@base": "http://example.org/", "id": "@id", "n": "urn:n"}}')
    rows = [{"id": "a", "n": 1}, {"id": "b", "n": "x"}]
    made = parse(rows, "json-ld", context_file=tmp_path / "c.json")["dataset"]
    integer = "http://www.w3.org/2001/XMLSchema#integer"
    assert sorted(made.splitlines()) == [
        f'<http://example.org/a> <urn:n> "1"^^<{integer}> .',
        '<http://example.org/b> <urn:n> "x" .',
    ]


@pytest.mark.parametrize(("ending", "text"), [("ttl", "<#a> <urn:b> 'c' ."), ("jsonld", '{"@id": "#a", "urn:b": "c"}')])
def test_a_file_is_read_by_its_ending(tmp_path: Path, ending: str, text: str) -> None:
    """Relative addresses in a file start from the file."""
    path = tmp_path / f"data.{ending}"
    path.write_text(text)
    read = DatasetReader(dataset_file=path).process({})
    assert read["dataset"] == f'<{path.as_uri()}#a> <urn:b> "c" .\n'


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file, one of no known format, and one that is not valid are told with their path."""
    (tmp_path / "x.ttl").write_text("<a")
    for name, said in (("gone.ttl", "no such file"), ("x.doc", "set :format"), ("x.ttl", r"x\.ttl: not valid turtle")):
        with pytest.raises(TransmissionsError, match=said):
            DatasetReader(dataset_file=tmp_path / name).process({})


def test_a_configuration_is_an_object() -> None:
    """ConfigMap makes an object of every set of settings that has an address, with lists where values are several."""
    text = parse(
        "@prefix : <http://purl.org/stuff/transmissions/> . <urn:x/site> a :ConfigSet ; :dir 'a' ; :tag 'p', 'q' ."
        "[] a :ConfigSet ; :dir 'b' . <urn:x/own> a <urn:y#Group> ; :dir <urn:c> ."
    )["dataset"]
    assert ConfigMap().process({"dataset": text})["contentGroup"] == {"site": {"dir": "a", "tag": ["p", "q"]}}
    assert ConfigMap(config_class="Group").process({"dataset": text})["contentGroup"] == {"own": {"dir": "urn:c"}}


def test_groups_are_joined_with_their_blank_nodes_apart() -> None:
    """Nodes without an address of different parts stay different, equal statements are there once, groups end."""
    stage = RDFMerger()
    for text in ("_:a <urn:p> _:b .", "_:a <urn:p> _:b .", "<urn:s> <urn:p> <urn:o> .", "<urn:s> <urn:p> <urn:o> ."):
        assert stage.process(parse(text)) is None
    joined = stage.end_group(Mark({"n": 1}, "split"))
    assert joined["n"] == 1
    assert "done" not in joined
    lines = joined["dataset"].splitlines()
    assert len(lines) == 3
    assert len({part for line in lines for part in line.split() if part.startswith("_:")}) == 4
    assert stage.end_group(Mark({}, "split"))["dataset"] == ""


BOOKS = """<urn:b1> <urn:title> "Pipes" ; <urn:pages> 10, "x"^^<http://www.w3.org/2001/XMLSchema#integer> .
<urn:b2> <urn:title> "Röhren"@de ; <urn:pages> 1.5 ."""


def test_a_query_is_answered_in_the_standard_form() -> None:
    """SELECT and ASK answer in SPARQL's JSON form, CONSTRUCT and DESCRIBE with a graph, `rows` with plain objects."""
    data = parse(BOOKS)["dataset"]
    query = "SELECT ?b ?t WHERE { ?b <urn:title> ?t } ORDER BY ?b"
    assert ask(query, data)["results"]["bindings"] == [
        {"b": {"type": "uri", "value": "urn:b1"}, "t": {"type": "literal", "value": "Pipes"}},
        {"b": {"type": "uri", "value": "urn:b2"}, "t": {"type": "literal", "value": "Röhren", "xml:lang": "de"}},
    ]
    assert ask("ASK { <urn:b1> ?p ?o }", data) == {"head": {}, "boolean": True}
    assert ask("CONSTRUCT { ?t <urn:of> ?b } WHERE { ?b <urn:title> ?x BIND(<urn:t> AS ?t) }", data).splitlines() == [
        "<urn:t> <urn:of> <urn:b1> .",
        "<urn:t> <urn:of> <urn:b2> .",
    ]
    rows = ask("SELECT ?n WHERE { ?b <urn:pages> ?n }", data, answer="rows")
    assert sorted(map(str, (row["n"] for row in rows))) == ["1.5", "10", "x"]


def test_named_graphs_are_asked_by_name_or_together() -> None:
    """Outside of GRAPH, only the graph without a name is asked, unless all are to be."""
    data = parse("<urn:g> { <urn:a> <urn:b> 1 } <urn:c> <urn:b> 2 .", "trig")["dataset"]
    count = "SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o }"
    assert ask(count, data, answer="rows") == [{"n": 1}]
    assert ask(count, data, answer="rows", default_graph="union") == [{"n": 2}]
    assert ask("SELECT ?s WHERE { GRAPH <urn:g> { ?s ?p ?o } }", data, answer="rows") == [{"s": "urn:a"}]


HOSTILE = ['" . ?s ?p ?o } #', "x' UNION { ?s ?p ?o }", '"""', "\\", "?t", "> <urn:x", "a\nb", "}; DROP ALL", "{{ x }}"]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_bound_value_is_only_a_value(value: str) -> None:
    """What a message brings changes what is compared, never what is asked; as an address it is refused."""
    data = parse(BOOKS)["dataset"]
    query = "SELECT ?b WHERE { ?b <urn:title> ?t }"
    bind = {"variable": "t", "field": "given"}
    assert ask(query, data, {"given": value}, bind=[bind], answer="rows") == []
    assert ask(query, data, {"given": "Pipes"}, bind=[bind], answer="rows") == [{"b": "urn:b1"}]
    with pytest.raises(ValueError, match="given holds no address"):
        ask("SELECT ?t WHERE { ?b ?p ?t }", data, {"given": value}, bind=[{**bind, "variable": "b", "kind": "address"}])


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * WHERE { SERVICE <http://example.org/> { ?s ?p ?o } }", "SERVICE reaches for the network"),
        ("SELECT * WHERE { OPTIONAL { SERVICE ?s { ?s ?p ?o } } }", "SERVICE reaches"),
        ("ASK { FILTER EXISTS { SERVICE SILENT <http://x.example/> { ?s ?p ?o } } }", "SERVICE reaches"),
        ("SELECT * FROM <http://example.org/> WHERE { ?s ?p ?o }", "FROM names graphs elsewhere"),
        ("SELECT * FROM NAMED <http://example.org/> WHERE { ?s ?p ?o }", "FROM names graphs elsewhere"),
        ("LOAD <http://example.org/>", "not valid SPARQL"),
        ("DELETE WHERE { ?s ?p ?o }", "not valid SPARQL"),
        ("SELECT", "not valid SPARQL"),
        ("", "no query is given"),
    ],
)
def test_a_query_that_reaches_out_is_refused(query: str, said: str) -> None:
    """SERVICE, FROM, LOAD and updates are refused before the first message, and nothing is fetched."""
    with pytest.raises(TransmissionsError, match=said):
        ask(query, "")


def test_a_query_that_takes_too_long_is_ended() -> None:
    """A query of many million steps ends when its time is over; one with too many rows, when it has had them."""
    data = "".join(f"<urn:{number}> <urn:p> <urn:{number + 1}> .\n" for number in range(300))
    cross = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?p ?b . ?c ?q ?d . ?e ?r ?f . ?g ?s ?h }"
    with pytest.raises(TransmissionsError, match=r"the query took more than 0\.05 s"):
        ask(cross, data, timeout=0.05)
    with pytest.raises(TransmissionsError, match="more than 10 rows"):
        ask("SELECT * WHERE { ?a ?p ?b }", data, max_rows=10)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (5, ("5", "integer")),
        (2**70, (str(2**70), "integer")),
        (0.5, ("0.5", "double")),
        (float("nan"), ("nan", "double")),
        (True, ("true", "boolean")),
        ("5", ("5", "")),
        (None, ("null", "")),
        ([1, "b"], ('[1,"b"]', "")),
    ],
)
def test_a_bound_value_keeps_its_type(value: Any, shown: tuple[str, str]) -> None:
    """Numbers, however large, and truths get into a query as such; what is neither is text."""
    (row,) = ask("SELECT ?x { BIND(?v AS ?x) }", "", {"f": value}, bind=[Binding("v", "f")])["results"]["bindings"]
    assert (row["x"]["value"].lower(), row["x"].get("datatype", "").rpartition("#")[2]) == shown


PERSON = """<urn:S> a sh:NodeShape ; sh:targetClass <urn:T> ;
sh:property [ sh:path <urn:name> ; sh:minCount 1 ; sh:message "a name is needed" ],
[ sh:path <urn:age> ; sh:datatype xsd:integer ; sh:severity sh:Warning ] ."""


def test_a_graph_that_does_not_conform_is_marked_with_the_reasons(tmp_path: Path) -> None:
    """`conforms` says whether, the report why, as data and as SHACL's own graph; warnings alone let it conform."""
    stage = validator(PERSON, tmp_path, report_graph_field="graph")
    good = stage.process(parse('<urn:a> a <urn:T> ; <urn:name> "x" ; <urn:age> 5 .'))
    assert good is not None
    assert (good["conforms"], good["validationReport"]) == (True, [])
    bad = stage.process(parse('_:a a <urn:T> ; <urn:age> "old" .'))
    assert bad is not None
    assert not bad["conforms"]
    assert [(one["path"], one["severity"], one["message"][:16]) for one in bad["validationReport"]] == [
        ("urn:age", "warning", "Value is not Lit"),
        ("urn:name", "violation", "a name is needed"),
    ]
    assert len(Graph().parse(data=bad["graph"], format="turtle")) == 17
    warned = stage.process(parse('<urn:a> a <urn:T> ; <urn:name> "x" ; <urn:age> "old" .'))
    assert warned is not None
    assert (warned["conforms"], len(warned["validationReport"])) == (True, 1)
    assert stage.report() == {"conforming": 2, "failing": 1}


def test_what_does_not_conform_ends_or_fails_if_asked(tmp_path: Path) -> None:
    """`drop` leaves the message out with a warning, `fail` makes an error of it."""
    bad = parse("<urn:a> a <urn:T> .")
    dropping = validator(PERSON, tmp_path, on_invalid="drop")
    assert dropping.process(dict(bad)) is None
    assert len(dropping.problems) == 1
    with pytest.raises(TransmissionsError, match=r"does not conform: a name is needed \(node urn:a, path urn:name\)"):
        validator(PERSON, tmp_path, on_invalid="fail").process(dict(bad))


@pytest.mark.usefixtures("no_network")
def test_shapes_reach_for_nothing(tmp_path: Path) -> None:
    """Imports are not followed, and a query in a shape that reaches for a server is refused."""
    validator("<urn:x> <http://www.w3.org/2002/07/owl#imports> <http://example.org/> .", tmp_path).process(parse(""))
    query = "SELECT $this WHERE { $this a <urn:service> SERVICE <http://example.org/> { ?s ?p ?o } }"
    shape = '<urn:S> a sh:NodeShape ; sh:targetClass <urn:T> ; sh:sparql [ sh:select "%s" ] .'
    with pytest.raises(TransmissionsError, match="SERVICE in a shape reaches outside"):
        validator(shape % query, tmp_path)
    allowed = validator(shape % "SELECT $this WHERE { $this a <urn:service> }", tmp_path)
    found = allowed.process(parse("<urn:a> a <urn:T>, <urn:service> ."))
    assert found is not None
    assert not found["conforms"]


def test_a_tangle_of_blank_nodes_is_refused(tmp_path: Path) -> None:
    """Thirty nodes that all lead to one another would be copied by the million; that is seen before it is begun."""
    tangle = "".join(f"_:n{one} <urn:p> _:n{other} . " for one in range(30) for other in range(30))
    with pytest.raises(TransmissionsError, match="in too many ways"):
        validator(PERSON, tmp_path).process(parse(tangle + "_:n1 a <urn:T> ."))


def test_a_whole_pipeline_from_turtle_to_turtle(tmp_path: Path) -> None:
    """Read, construct, validate and write as stages of one pipeline."""
    (tmp_path / "in.ttl").write_text("@prefix ex: <http://example.org/> . ex:a ex:knows ex:b . ex:b ex:knows ex:c .")
    (tmp_path / "shapes.ttl").write_text("@prefix sh: <http://www.w3.org/ns/shacl#> .")
    (tmp_path / "p.ttl").write_text(
        """@prefix : <http://purl.org/stuff/transmissions/> .
        :p a :Transmission ; :pipe (:read :ask :check :text :write) .
        :read a :DatasetReader ; :settings [ :datasetFile "in.ttl" ] .
        :ask a :RDFQuery ; :settings [ :targetField "dataset" ; :query \"\"\"PREFIX ex: <http://example.org/>
            CONSTRUCT { ?x ex:knowsBy ?z } WHERE { ?x ex:knows/ex:knows ?z }\"\"\" ] .
        :check a :SHACLValidator ; :settings [ :shapesFile "shapes.ttl" ] .
        :text a :RDFSerializer .
        :write a :FileWriter ; :settings [ :destinationFile "out.ttl" ] ."""
    )
    transmissions.load(tmp_path / "p.ttl").run(target=tmp_path)
    assert (tmp_path / "out.ttl").read_text().endswith("ex:a ex:knowsBy ex:c .\n")
