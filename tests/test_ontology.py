"""The vocabulary as RDF: a class for every processor, a property for every setting, equal each time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from rdflib import Graph, Literal
from rdflib.namespace import RDF, RDFS, XSD

from transmissions.cli import main
from transmissions.cli.reference import bundled_processors
from transmissions.ontology import ontology, ontology_text
from transmissions.processor import Processor
from transmissions.settings import setting
from transmissions.vocabulary import CONFIG_SET, GUARANTEE, NAMESPACE, PROCESSOR, SETTING_OF


@dataclass(frozen=True)
class Part:
    """A node of a setting."""

    inner: str


class One(Processor):
    """Do one thing.

    Guarantee: pure.
    """

    shared: int = setting(1, "of one")
    size: int = setting(1, "how large")
    parts: list[Part] = setting((), "its parts")
    name: str = setting("", "its name")


class Other(Processor):
    """Do another."""

    shared: str = setting("", "of the other")
    size: int = setting(2, "how large")


def values(graph: Graph, name: str, predicate: object) -> set[str]:
    """Return what the vocabulary says of a term."""
    return {str(value) for value in graph.objects(NAMESPACE[name], predicate)}  # type: ignore[arg-type]


def test_processors_are_classes_and_settings_properties() -> None:
    """Each has its label and comment; a property has the processors that take it, its domain and its range."""
    graph = ontology({"One": One, "Other": Other})
    assert values(graph, "One", RDFS.subClassOf) == {str(PROCESSOR)}
    assert values(graph, "One", RDFS.comment) == {"Do one thing."}
    assert values(graph, "One", GUARANTEE) == {"pure."}
    assert values(graph, "size", RDFS.comment) == {"how large"}
    assert values(graph, "size", RDFS.range) == {str(XSD.integer)}
    assert values(graph, "size", RDFS.domain) == {str(CONFIG_SET)}
    assert values(graph, "size", SETTING_OF) == {str(NAMESPACE.One), str(NAMESPACE.Other)}


def test_processors_that_mean_different_things_are_told_apart() -> None:
    """A property of two processors has the comments of both, and a range that holds for both."""
    graph = ontology({"One": One, "Other": Other})
    assert values(graph, "shared", RDFS.comment) == {"of :One: of one", "of :Other: of the other"}
    assert values(graph, "shared", RDFS.range) == {str(RDFS.Literal)}


def test_nodes_and_terms_of_pipelines_keep_their_meaning() -> None:
    """Parts of a node are properties without a domain; a term of pipelines that is a setting too stays what it was."""
    graph = ontology({"One": One})
    assert (NAMESPACE.inner, RDF.type, RDF.Property) in graph
    assert values(graph, "inner", RDFS.domain) == set()
    assert values(graph, "parts", RDFS.range) == set()
    assert values(graph, "name", RDFS.domain) == set()
    assert len(values(graph, "name", RDFS.comment)) == 2


def test_the_text_is_the_same_each_time_and_is_turtle() -> None:
    """Equal processors give equal text, which reads back as the graph."""
    text = ontology_text({"Other": Other, "One": One})
    assert text == ontology_text({"One": One, "Other": Other})
    assert len(Graph().parse(data=text, format="turtle")) == len(ontology({"One": One, "Other": Other}))


def test_the_command_prints_all_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`trans vocabulary` has every bundled processor with every setting, and those of one's own."""
    own = tmp_path / "own.py"
    own.write_text(
        "from transmissions import processor\n@processor\n"
        "def shout(message, *, how_loud: int = 1):\n    '''Shout.'''\n    return message\n"
    )
    assert main(["vocabulary", "--processors", str(own)]) == 0
    graph = Graph().parse(data=capsys.readouterr().out, format="turtle")
    assert (NAMESPACE.Shout, RDFS.comment, Literal("Shout.")) in graph
    assert (NAMESPACE.howLoud, SETTING_OF, NAMESPACE.Shout) in graph
    for name, load in bundled_processors().items():
        assert (NAMESPACE[name], RDF.type, RDFS.Class) in graph
        for one in load().settings().values():
            assert (NAMESPACE[one.turtle_name], SETTING_OF, NAMESPACE[name]) in graph, f"{name} {one.turtle_name}"
            assert (NAMESPACE[one.turtle_name], RDFS.comment, None) in graph
