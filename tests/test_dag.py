"""The graph of a pipeline: nodes, edges, circles, and fields that nobody writes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transmissions import dag
from transmissions.model import Definition, Parameter, Stage, Template
from transmissions.processor import Mark, Message, Processor
from transmissions.registry import Registry
from transmissions.settings import setting


class Make(Processor):
    """Write two fields."""

    writes = ("content", "path")


class Use(Processor):
    """Read one field and write another."""

    field: str = setting("content", reads=True)
    result: str = setting("result", writes=True)

    def process(self, message: Message) -> Message:
        """Pass the message on."""
        return message


class Anything(Processor):
    """Write whatever it likes."""

    writes = ("*",)


class Split(Processor):
    """Split a message."""

    splits = True


class Gather(Processor):
    """Gather the parts of a message, and hand them on if it is told to."""

    parts: bool = setting(False)

    @classmethod
    def ends_group(cls, settings: Mapping[str, Any]) -> bool:
        """Only without its parts is a group over."""
        return not settings.get("parts")

    def end_group(self, mark: Mark) -> Message:
        """Return the whole."""
        return mark


REGISTRY = Registry({"Make": Make, "Use": Use, "Anything": Anything, "Split": Split, "Gather": Gather})


def pipeline(processors: dict[str, str], *edges: tuple[str, str], **fields: object) -> Definition:
    """Return a pipeline of stages with these processors; a field given by stage name is what the stage reads."""
    stages = tuple(
        Stage(name, cls, {"field": fields[name]} if name in fields else {}) for name, cls in processors.items()
    )
    return Definition("p", "p.ttl", stages, edges)


def test_graph() -> None:
    """The graph has the stages in their order, each with its data, and the edges."""
    definition = pipeline({"a": "Make", "b": "Use", "c": "Use"}, ("a", "b"), ("a", "c"))
    graph = dag.assemble(definition)
    assert list(graph) == ["a", "b", "c"]
    assert set(graph.edges) == {("a", "b"), ("a", "c")}
    assert graph.nodes["b"]["stage"] is definition.stages[1]


def test_circle() -> None:
    """A circle is told from the stage that comes first; two circles are told both."""
    definition = pipeline(
        dict.fromkeys("abcdef", "Anything"), ("a", "b"), ("b", "c"), ("c", "b"), ("d", "e"), ("e", "f"), ("f", "d")
    )
    messages = sorted(problem.message for problem in dag.check(definition, REGISTRY))
    assert messages == [
        "stages form a circle: :b -> :c -> :b",
        "stages form a circle: :d -> :e -> :f -> :d",
    ]


@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
def test_circles_are_found(pairs: set[tuple[int, int]]) -> None:
    """There is a problem exactly when the graph has a circle, and it names real edges."""
    edges = tuple((f"s{first}", f"s{second}") for first, second in sorted(pairs))
    definition = pipeline({f"s{n}": "Anything" for n in range(8)}, *edges)
    problems = [problem for problem in dag.check(definition, REGISTRY) if problem.code == "circle"]
    assert bool(problems) != nx.is_directed_acyclic_graph(nx.DiGraph(edges))
    for problem in problems:
        names = problem.message.removeprefix("stages form a circle: ").replace(":", "").split(" -> ")
        assert all(edge in edges for edge in pairwise(names))


@pytest.mark.parametrize(
    ("definition", "missing"),
    [
        (pipeline({"a": "Make", "b": "Use"}, ("a", "b")), []),
        (pipeline({"a": "Make", "b": "Use"}, ("a", "b"), b="content.title.text"), []),
        (pipeline({"a": "Make", "b": "Use"}, ("a", "b"), b="contents"), ["contents"]),
        (pipeline({"a": "Anything", "b": "Use"}, ("a", "b"), b="contents"), []),
        (pipeline({"b": "Use"}), ["content"]),
        (pipeline({"a": "Make", "b": "Use", "c": "Use"}, ("a", "b"), ("b", "c"), c="result"), []),
        (pipeline({"a": "Make", "b": "Use", "c": "Use"}, ("a", "b"), ("a", "c"), c="result"), ["result"]),
        (pipeline({"a": "Make", "b": "Use"}, ("a", "b"), b=Template("{{ x }}")), []),
    ],
)
def test_fields(definition: Definition, missing: list[str]) -> None:
    """A field that is read and that no stage before writes is a warning, unless one before may write anything."""
    problems = dag.check(definition, REGISTRY)
    assert all(problem.severity == "warning" for problem in problems)
    assert [problem.message.split('"')[1] for problem in problems] == missing


def test_parameters_are_fields() -> None:
    """The message that starts a run has the parameters as fields."""
    definition = Definition("p", "p.ttl", (Stage("b", "Use"),), parameters=(Parameter("content"),))
    assert dag.check(definition, REGISTRY) == []


class Read(Processor):
    """Read a field, unless a place is set."""

    place: str | None = setting(None, "where input is")

    @classmethod
    def fields_read(cls, settings: Mapping[str, Any]) -> set[str]:
        """Return the field, unless a place is set."""
        return set() if settings.get("place") else {"place"}


@pytest.mark.parametrize(("place", "missing"), [(None, True), ("in.txt", False), (Template("{{ source }}"), False)])
def test_a_setting_that_is_a_parameter_counts_as_given(place: object, missing: bool) -> None:
    """A processor that reads a field only where a setting is left out reads none where the setting is a parameter."""
    definition = Definition("p", "p.ttl", (Stage("a", "Read", {} if place is None else {"place": place}),))
    assert bool(dag.check(definition, Registry({"Read": Read}))) == missing


def pipes(processors: dict[str, str], *pipes: str, **settings: dict[str, object]) -> Definition:
    """Return a pipeline from pipes as text, `"split a end"`; stages that are not named otherwise are `Anything`."""
    edges = dict.fromkeys(edge for pipe in pipes for edge in pairwise(pipe.split()))
    names = dict.fromkeys(name for pipe in pipes for name in pipe.split())
    stages = tuple(Stage(name, processors.get(name, "Anything"), settings.get(name, {})) for name in names)
    return Definition("p", "p.ttl", stages, tuple(edges))


GROUPS = {"split": "Split", "inner": "Split", "end": "Gather", "left": "Gather", "right": "Gather"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["split a join end", "split b join"], ["groups of :split may mix before :end: branches meet at :join"]),
        (["split a join x end", "split join"], ["groups of :split may mix before :end: branches meet at :join"]),
        (["split a end", "split b end"], ["groups of :split may mix in :end: branches meet there"]),
        (
            ["split inner a join left end", "inner b join"],
            [
                "groups of :inner may mix before :left: branches meet at :join",
                "groups of :split may mix before :end: branches meet at :join",
            ],
        ),
        (["split a end"], []),
        (["split a left join", "split b right join"], []),
        (["split a left join end", "split b right join"], []),
        (["x split a end", "split b other"], []),
        (["x a join split end", "x b join"], []),
        (["x inner a split end", "x inner b split"], []),
        (["a join end", "b join"], []),
    ],
)
def test_groups_that_may_mix_are_told(given: list[str], told: list[str]) -> None:
    """Where branches of one split meet before the stage that gathers its parts, a group may hold parts of the next."""
    problems = [one for one in dag.check(pipes(GROUPS, *given), REGISTRY) if one.code == "mixed-groups"]
    assert [problem.message for problem in problems] == told
    assert {problem.severity for problem in problems} <= {"warning"}


def test_groups_whose_parts_go_on_mix_as_well() -> None:
    """To gather and hand on ends no group, but what is gathered is mixed all the same; so it is behind the branches."""
    mixed = pipes(GROUPS, "split a join end", "split b join", end={"parts": True})
    assert [one.code for one in dag.check(mixed, REGISTRY)] == ["mixed-groups"]
    apart = pipes(GROUPS, "split a left join", "split b right join", left={"parts": True}, right={"parts": True})
    assert dag.check(apart, REGISTRY) == []
