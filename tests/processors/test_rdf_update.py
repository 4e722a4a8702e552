"""RDFUpdate: it changes the default graph as SPARQL says, nothing else, by no text of a message, and within a time."""

from __future__ import annotations

from typing import Any

import pyoxigraph
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.rdf.asking import Binding
from processors.rdf.updates import RDFUpdate, changed_by
from transmissions import TransmissionsError

NODES = st.sampled_from(["<urn:a>", "<urn:b>", "_:x", "_:b0"])
# The other store writes numbers its own way, so that there is none here that could be written otherwise.
OBJECTS = NODES | st.sampled_from(['"1"', '"1"@en', '"5"^^<http://www.w3.org/2001/XMLSchema#integer>'])
GRAPHS = st.sampled_from(["", "<urn:g>"])
QUADS = st.lists(st.tuples(NODES, st.sampled_from(["<urn:p>", "<urn:q>"]), OBJECTS, GRAPHS), max_size=10)
UPDATES = [
    "INSERT DATA { <urn:a> <urn:p> 5 , [] . _:b0 <urn:q> <urn:a> }",
    'DELETE DATA { <urn:a> <urn:p> "1" }',
    "DELETE WHERE { ?s <urn:p> ?o }",
    "DELETE { ?s <urn:p> ?o } INSERT { ?s <urn:q> ?o } WHERE { ?s <urn:p> ?o FILTER(isLiteral(?o)) }",
    "INSERT { ?o <urn:q> ?s } WHERE { ?s <urn:p> ?o FILTER(!isLiteral(?o)) } ; DELETE WHERE { <urn:b> ?p ?o }",
    "DELETE { ?s ?p ?o } INSERT { ?s ?p [ <urn:was> ?o ] } WHERE { ?s ?p ?o }",
]


def changed(update: str, dataset: str, message: dict[str, Any] | None = None, **options: Any) -> str:
    """Return the graph that comes of an update."""
    stage = RDFUpdate(update=update, **options)
    stage.start()
    found: str = stage.process({"dataset": dataset, **(message or {})})["dataset"]
    return found


def canonical(quads: Any) -> set[str]:
    """Return quads with their blank nodes named by what is said of them."""
    dataset = pyoxigraph.Dataset(quads)
    dataset.canonicalize(pyoxigraph.CanonicalizationAlgorithm.RDFC_1_0)
    return set(map(str, dataset))


@settings(deadline=None)
@given(QUADS, st.sampled_from(UPDATES))
def test_an_update_does_what_a_store_would_do(quads: list[tuple[str, ...]], update: str) -> None:
    """Another engine's store holds the same afterwards, named graphs included."""
    text = "".join(f"{' '.join(quad)} .\n" for quad in quads)
    store = pyoxigraph.Store()
    store.load(text.encode(), format=pyoxigraph.RdfFormat.N_QUADS)
    order = {"update": update, "graph": text, "field": "dataset", "bindings": [], "max_statements": 100}
    got = pyoxigraph.parse(changed_by(order).encode(), format=pyoxigraph.RdfFormat.N_QUADS)
    store.update(update)
    assert canonical(got) == canonical(store)


@pytest.mark.parametrize("value", ['a" } ; DELETE WHERE { ?s ?p ?o } #', "a\n\\", "?s", "<urn:x>", 5])
def test_a_value_of_a_message_is_that_value(value: Any) -> None:
    """Whatever signs it has, it is inserted, and changes nothing else."""
    left = changed(
        "INSERT { ?s <urn:q> ?new } WHERE { ?s <urn:p> ?o }",
        '<urn:a> <urn:p> "1" .\n',
        {"value": value},
        bind=[Binding("new", "value")],
    )
    found = {quad.predicate.value: quad.object for quad in pyoxigraph.parse(left, format=pyoxigraph.RdfFormat.N_QUADS)}
    assert found["urn:p"].value == "1"
    assert isinstance(found["urn:q"], pyoxigraph.Literal)
    assert found["urn:q"].value == str(value)


@pytest.mark.parametrize(
    ("update", "text"),
    [
        ("LOAD <http://127.0.0.1:1/>", "LOAD reaches for the network"),
        ("INSERT { ?s ?p ?o } WHERE { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }", "SERVICE reaches for the network"),
        ("INSERT { ?s ?p ?o } USING <http://127.0.0.1:1/> WHERE { ?s ?p ?o }", "speaks of named graphs"),
        ("INSERT { ?s ?p ?o } WHERE { OPTIONAL { GRAPH ?g { ?s ?p ?o } } }", "speaks of named graphs"),
        ("INSERT DATA { GRAPH <urn:g> { <urn:a> <urn:b> 1 } }", "speaks of named graphs"),
        ("WITH <urn:g> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }", "speaks of named graphs"),
        ("DELETE WHERE { ?s ?p ?o } ; CLEAR ALL", "speaks of named graphs"),
        ("SELECT * WHERE { ?s ?p ?o }", "not valid SPARQL"),
        ("", "no update is given"),
    ],
)
def test_what_reaches_further_is_refused(update: str, text: str) -> None:
    """The network and other graphs are refused before the first message, as is what is no update."""
    with pytest.raises(TransmissionsError, match=text):
        RDFUpdate(update=update).start()


def test_an_update_has_bounds() -> None:
    """One that takes too long is stopped, and a graph that would be too large goes no further."""
    many = "".join(f"<urn:{number}> <urn:p> <urn:o> .\n" for number in range(1000))
    every = "INSERT { ?a <urn:q> ?c } WHERE { ?a ?p ?b . ?c ?p ?d . ?e ?p ?f }"
    with pytest.raises(TransmissionsError, match=r"the update took more than 0\.05 s; see :timeout"):
        changed(every, many, timeout=0.05)
    with pytest.raises(TransmissionsError, match="the graph has more than 999 statements"):
        changed("INSERT DATA { <urn:a> <urn:b> 1 }", many, max_statements=999)
