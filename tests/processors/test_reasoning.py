"""What Eye concludes, and when it stops."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.reasoning import Eye
from transmissions import TransmissionsError

PREFIX = "@prefix : <http://example.org/#> .\n"
pytestmark = pytest.mark.filterwarnings("ignore:Dataset.default_context is deprecated:DeprecationWarning")


def concluded(data: str, query: str, **settings: int) -> tuple[list[str], list[str]]:
    """Return the statements of the result, and of what was inferred."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        message = Eye(**settings).process({"data": PREFIX + data, "query": PREFIX + query})
    found = [
        sorted(line for line in message[name].splitlines() if line and "@prefix" not in line)
        for name in ("result", "inferred")
    ]
    return found[0], found[1]


def test_a_blank_node_in_a_conclusion_is_a_new_one_each_time() -> None:
    """Two that have a mother do not have the same one, and one node has one name in both texts."""
    result, inferred = concluded(
        ":a a :P . :b a :P . :c :has [ a :W ] . { ?x a :P } => { ?x :mother [ a :W ] } .",
        "{ ?x :mother ?y } => { ?x :mother ?y } . { ?x :has ?y } => { ?x :has ?y } .",
    )
    assert [line.split()[:2] for line in result] == [[":a", ":mother"], [":b", ":mother"], [":c", ":has"]]
    assert len({line.split()[2] for line in result}) == 3
    assert inferred == result[:2]


def test_a_rule_that_makes_nodes_for_ever_is_stopped() -> None:
    """Conclusions that lead to new nodes without end are an error that names the bound."""
    with pytest.raises(TransmissionsError, match="more than 50 triples; look for a rule that makes new nodes"):
        concluded(":a a :P . { ?x a :P } => { ?x :mother [ a :P ] } .", "{ ?x a :P } => { ?x a :P } .", max_triples=50)


def test_no_facts_lead_to_nothing() -> None:
    """Empty texts are valid, and conclude nothing."""
    assert concluded("", "") == ([], [])


@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_what_follows_step_by_step_is_the_closure(edges: set[tuple[int, int]]) -> None:
    """A rule of two premises over its own conclusions comes to the transitive closure, computed otherwise."""
    closure = set(edges)
    while more := {(a, d) for a, b in closure for c, d in closure if b == c} - closure:
        closure |= more
    data = "".join(f":n{a} :to :n{b} .\n" for a, b in edges)
    result, inferred = concluded(
        data + "{ ?x :to ?y . ?y :to ?z } => { ?x :to ?z } .", "{ ?x :to ?y } => { ?x :to ?y } ."
    )
    assert result == sorted(f":n{a} :to :n{b}." for a, b in closure)
    assert inferred == sorted(f":n{a} :to :n{b}." for a, b in closure - edges)
