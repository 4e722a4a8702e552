"""RDFConfig: what a graph says of a group becomes an object, whatever the graph is like."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.rdf.configuration import RDFConfig
from processors.rdf.readers import RDFParser
from transmissions import TransmissionsError

PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"


def config(turtle: str, **options: Any) -> Any:
    """Return what a text in Turtle says of its groups."""
    message = RDFParser().process({"content": PREFIX + turtle})
    return RDFConfig(**options).process(message)["config"]


def test_nodes_within_nodes_become_objects_within_objects() -> None:
    """Values that are described are objects, with their address if they have one; several values are lists."""
    found = config("""
        :one a :ConfigGroup ; :title "One" ; :tag "a", "b" ; :part :p, [ :n 5 ] ; :order ( "x" [ :y "z" ] () ) .
        :p a :ConfigSet ; :key "k" ; :elsewhere <http://example.org/x> .
        :two a :ConfigGroup .
        :three a :Other ; :title "no" .
    """)
    assert found == {
        "one": {
            "title": "One",
            "tag": ["a", "b"],
            "part": [
                {
                    "@id": "http://purl.org/stuff/transmissions/p",
                    "key": "k",
                    "elsewhere": "http://example.org/x",
                },
                {"n": "5"},
            ],
            "order": ["x", {"y": "z"}, []],
        },
        "two": {},
    }


def test_a_class_of_ones_own_may_be_named() -> None:
    """By its address or by the last part of it."""
    turtle = '<urn:x#a> a <urn:x#Site> ; <urn:x#title> "A" .'
    assert config(turtle, group_class="Site") == config(turtle, group_class="urn:x#Site") == {"a": {"title": "A"}}
    assert config(turtle) == {}


def test_circles_come_to_an_end() -> None:
    """A node that comes again on the way to itself is its address; a list without an end is as long as its nodes."""
    found = config(":a a :ConfigGroup ; :next :b . :b :next :a, :b .")
    address = "http://purl.org/stuff/transmissions/"
    assert found == {"a": {"next": {"@id": f"{address}b", "next": [f"{address}a", f"{address}b"]}}}
    rdf = "@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> ."
    assert config(f'{rdf} :a a :ConfigGroup ; :l :m . :m rdf:first "x" ; rdf:rest :m .') == {"a": {"l": ["x"]}}
    assert config(f'{rdf} :a a :ConfigGroup ; :l :m . :m rdf:first "x" .') == {"a": {"l": ["x"]}}


def test_a_small_graph_makes_no_large_object() -> None:
    """Where every node names the next one twice, the object would be of any size: it has a bound."""
    turtle = ":n0 a :ConfigGroup .\n" + "\n".join(f":n{i} :l :n{i + 1} ; :r :n{i + 1} ." for i in range(40))
    with pytest.raises(TransmissionsError, match="the groups hold more than 100000 values; see :maxValues"):
        config(turtle)
    with pytest.raises(TransmissionsError, match="more than 1 values"):
        config(':a a :ConfigGroup ; :b "1", "2" .', max_values=1)


@given(st.lists(st.tuples(*[st.integers(0, 5)] * 3), max_size=15))
def test_any_graph_becomes_json(triples: list[tuple[int, int, int]]) -> None:
    """However nodes name one another, there is an answer, and it holds the direct values of each group."""
    turtle = "".join(f":n{s} a :ConfigGroup ; :p{p} :n{o} .\n" for s, p, o in triples)
    found = config(turtle, max_values=10_000_000) if triples else {}
    assert json.loads(json.dumps(found)) == found
    assert {(int(s[1:]), int(p[1:])) for s, group in found.items() for p in group} == {(s, p) for s, p, _ in triples}


def test_a_long_way_is_no_way_too_long() -> None:
    """A chain of nodes is followed for some way, and then left at an address."""
    found = config(":n0 a :ConfigGroup .\n" + "\n".join(f":n{i} :next :n{i + 1} ." for i in range(3000)))
    depth, node = 0, found["n0"]
    while isinstance(node, dict):
        depth, node = depth + 1, node["next"]
    assert (depth, isinstance(node, str)) == (51, True)
