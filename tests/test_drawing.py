"""Drawings: every format holds every stage and edge, whatever their names, and is well formed."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transmissions.drawing import FORMATS, Notes, draw_dot, draw_mermaid, draw_svg, draw_text
from transmissions.drawing.labels import display_width
from transmissions.drawing.layout import Bend, arrange, place
from transmissions.drawing.routing import STRAIGHT, tracks
from transmissions.model import Buffer, Definition, Stage, WhenFull
from transmissions.quantities import size_text

SVG = "{http://www.w3.org/2000/svg}"


def pipeline(
    *edges: tuple[str, str], alone: tuple[str, ...] = (), buffers: dict[str, Buffer] | None = None
) -> Definition:
    """Return a pipeline of NOPs with these edges."""
    names = dict.fromkeys([*alone, *(name for edge in edges for name in edge)])
    stages = tuple(Stage(name, "NOP", buffer=(buffers or {}).get(name)) for name in names)
    return Definition("demo", "demo.ttl", stages, edges, label="a demo")


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], list[tuple[str, str]]]:
    """Make stages in any order, and edges without a circle."""
    names = [f"n{number}" for number in range(draw(st.integers(1, 12)))]
    pairs = list(itertools.combinations(names, 2))
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=25)) if pairs else []
    return draw(st.permutations(names)), edges


def test_a_chain_is_drawn_as_one_straight_line() -> None:
    """A person sees the stages of a chain below each other, joined by arrows, with the buffer in its box."""
    buffer = Buffer(max_messages=8, max_bytes=2**20)
    drawn = draw_text(pipeline(("read", "write"), buffers={"write": buffer}))
    assert drawn.splitlines() == [
        "a demo",
        "       ┌───────┐",
        "       │ read  │",
        "       │ NOP   │",
        "       └───┬───┘",
        "           ▼",
        "┌──────────┴──────────┐",
        "│ write               │",
        "│ NOP                 │",
        "│ ≡ 8 messages, 1 MiB │",
        "└─────────────────────┘",
    ]


def test_a_branch_and_its_join_are_drawn() -> None:
    """A fan-out leaves its box at one place for each branch, and a fan-in enters likewise."""
    drawn = draw_text(pipeline(("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")))
    assert drawn.splitlines()[1:] == [
        "     ┌─────┐",
        "     │ a   │",
        "     │ NOP │",
        "     └┬───┬┘",
        "   ┌──┘   └──┐",
        "   ▼         ▼",
        "┌──┴──┐   ┌──┴──┐",
        "│ b   │   │ c   │",
        "│ NOP │   │ NOP │",
        "└──┬──┘   └──┬──┘",
        "   └──┐   ┌──┘",
        "      ▼   ▼",
        "     ┌┴───┴┐",
        "     │ d   │",
        "     │ NOP │",
        "     └─────┘",
    ]


@given(graphs())
def test_layers_go_down_and_long_edges_bend(graph: tuple[list[str], list[tuple[str, str]]]) -> None:
    """Every edge leads downwards through one node of each layer between its ends."""
    names, edges = graph
    layout = arrange(names, edges)
    layer = {node: index for index, nodes in enumerate(layout.layers) for node in nodes}
    assert sorted(node for node in layer if isinstance(node, str)) == sorted(names)
    assert set(layout.routes) == set(edges)
    for (source, target), route in layout.routes.items():
        assert (route[0], route[-1]) == (source, target)
        assert [layer[node] for node in route] == list(range(layer[source], layer[target] + 1))
        assert all(isinstance(node, Bend) for node in route[1:-1])


@given(graphs(), st.integers(0, 5))
def test_nodes_of_a_layer_never_overlap(graph: tuple[list[str], list[tuple[str, str]]], gap: int) -> None:
    """Neighbours keep their order and the gap between them."""
    layout = arrange(*graph)
    width = {node: 1 if isinstance(node, Bend) else 5 + 2 * len(node) for nodes in layout.layers for node in nodes}
    middle = place(layout, width.__getitem__, gap)
    for nodes in layout.layers:
        for left, right in itertools.pairwise(nodes):
            free = (middle[right] - width[right] // 2) - (middle[left] - width[left] // 2 + width[left])
            assert free >= gap


@given(st.lists(st.integers(0, 30), unique=True, max_size=9), st.randoms(use_true_random=False))
def test_lines_between_layers_share_no_row(starts: list[int], random: object) -> None:
    """Two lines in one row never touch, and straight lines need none."""
    ends = [start + random.randint(-3, 3) for start in starts]  # type: ignore[attr-defined]
    lines = [
        (a, b)
        for (a, b), first in zip(zip(starts, ends, strict=True), range(99), strict=False)
        if b not in ends[:first]
    ]
    given_rows = tracks(lines)
    for (one, row), (other, other_row) in itertools.combinations(zip(lines, given_rows, strict=True), 2):
        if row == other_row != STRAIGHT:
            assert max(one) < min(other) or max(other) < min(one)
    assert [row == STRAIGHT for row in given_rows] == [a == b for a, b in lines]


@given(graphs(), st.text(max_size=12))
def test_svg_is_valid_xml_with_every_box_and_edge(graph: tuple[list[str], list[tuple[str, str]]], label: str) -> None:
    """Whatever a label holds, the picture parses, and shows each stage and each edge once."""
    names, edges = graph
    stages = tuple(Stage(name, f"P{label}", buffer=Buffer() if name == "n0" else None) for name in names)
    root = ET.fromstring(draw_svg(Definition("d", "d.ttl", stages, tuple(edges), label=label)))
    groups = [group.get("class") for group in root.iter(f"{SVG}g")]
    assert groups.count("stage") == len(names)
    assert groups.count("buffer") == 1
    assert sum(path.get("class") == "edge" for path in root.iter(f"{SVG}path")) == len(edges)


@given(graphs(), st.text(max_size=12))
def test_text_holds_every_stage_and_an_arrow_for_every_edge(
    graph: tuple[list[str], list[tuple[str, str]]], label: str
) -> None:
    """Each stage has its box, and each edge that ends in one has its arrow."""
    names, edges = graph
    stages = tuple(Stage(name, "NOP") for name in names)
    drawn = draw_text(Definition("d", "d.ttl", stages, tuple(edges), label=label or "x"))
    assert all(f"│ {name} " in drawn for name in names)
    assert drawn.count("▼") == len(edges) + label.count("▼")


@given(st.text(min_size=1, max_size=20))
def test_names_cannot_leave_their_quotes(name: str) -> None:
    """A stage's name is text in Mermaid and DOT, whatever characters it has."""
    definition = Definition("d", "d.ttl", (Stage(name, "NOP"), Stage("z" * 30, "NOP")), ((name, "z" * 30),))
    mermaid = [line.strip() for line in draw_mermaid(definition).splitlines()]
    assert sum(bool(re.fullmatch(r's\d+\["[^"]*"\]', line)) for line in mermaid) == 2
    for line in mermaid[3:]:
        assert line.count('"') % 2 == 0
    for line in draw_dot(definition).splitlines():
        assert line.replace("\\\\", "").replace('\\"', "").count('"') % 2 == 0


def test_nested_pipelines_are_groups() -> None:
    """Mermaid and DOT frame the stages of a nested pipeline."""
    nested = pipeline(("read", "outer/a"), ("outer/a", "outer/inner/b"))
    assert draw_mermaid(nested).count("subgraph") == 2
    assert draw_mermaid(nested).count("  end\n") == 2
    assert 'label="inner";' in draw_dot(nested)


def test_buffers_are_marked_in_every_format() -> None:
    """A buffer that a stage asks for is seen, with its bounds and policy."""
    buffered = pipeline(("a", "b"), buffers={"b": Buffer(7, 1536, when_full=WhenFull.DROP_OLDEST)})
    for draw in FORMATS.values():
        assert "7 messages, 1.5 KiB, dropOldest" in draw(buffered)


@pytest.mark.parametrize("form", FORMATS)
def test_a_pipeline_of_one_stage_is_drawn(form: str) -> None:
    """A pipeline without edges has a drawing too."""
    assert "only" in FORMATS[form](pipeline(alone=("only",)))


def test_wide_characters_take_two_columns() -> None:
    """The right edge of a box stays straight for East Asian and combining characters."""
    lines = draw_text(pipeline(("読む", "e\u0301crire"))).splitlines()[1:]
    assert {display_width(line) for line in lines if line.startswith(("│", "┌", "└"))} == {11}


@pytest.mark.parametrize(("size", "text"), [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (2**30, "1 GiB")])
def test_sizes_read_well(size: int, text: str) -> None:
    """Sizes have a unit that suits them."""
    assert size_text(size) == text


@given(graphs(), st.integers(0, 10**9))
def test_figures_of_edges_stand_beside_their_arrows(graph: tuple[list[str], list[tuple[str, str]]], most: int) -> None:
    """In text, what stands beside an edge is read whole, next to an arrow, however many edges there are."""
    names, edges = graph
    labels = {edge: f"<{most - number:,}>" for number, edge in enumerate(edges)}
    stages = tuple(Stage(name, "NOP") for name in names)
    drawn = draw_text(Definition("d", "d.ttl", stages, tuple(edges)), Notes(edges=labels))
    assert sorted(re.findall(r"▼ (<\S+>)", drawn)) == sorted(labels.values())
    assert all(f"│ {name} " in drawn for name in names)


def test_figures_stand_in_the_boxes() -> None:
    """With figures, a box of text says name and processor on a line, and the figures below."""
    notes = Notes({"a": ("busy 1 %",), "b": ("≡ 3/8", "busy 97 %")}, {("a", "b"): "12/s"}, "b", "a demo: 3 s")
    drawn = draw_text(pipeline(("a", "b"), buffers={"b": Buffer(8)}), notes)
    assert drawn.splitlines() == [
        "a demo: 3 s",
        "┌───────────┐",
        "│ a (NOP)   │",
        "│ busy 1 %  │",
        "└─────┬─────┘",
        "      ▼ 12/s",
        "┌─────┴─────┐",
        "│ b (NOP)   │",
        "│ ≡ 3/8     │",
        "│ busy 97 % │",
        "└───────────┘",
    ]


@given(graphs(), st.text(max_size=12))
def test_figures_are_in_every_format(graph: tuple[list[str], list[tuple[str, str]]], text: str) -> None:
    """Whatever they hold, figures of stages and edges are in the drawing, and it is well formed."""
    names, edges = graph
    stages = tuple(Stage(name, "NOP", buffer=Buffer()) for name in names)
    definition = Definition("d", "d.ttl", stages, tuple(edges))
    notes = Notes(
        dict.fromkeys(names, ("figure", text)), {edge: f"e{number}e" for number, edge in enumerate(edges)}, "n0"
    )
    root = ET.fromstring(draw_svg(definition, notes))
    shown = ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]
    assert shown.count("figure") == len(names)
    assert [group.get("class") for group in root.iter(f"{SVG}g")].count("stage slowest") == 1
    for drawn in (draw_dot(definition, notes), draw_mermaid(definition, notes), "\n".join(shown)):
        assert drawn.count("figure") == len(names)
        assert all(f"e{number}e" in drawn for number in range(len(edges)))
        assert "messages" not in drawn
    assert "penwidth=3" in draw_dot(definition, notes)
    assert f"style s{names.index('n0')} stroke:" in draw_mermaid(definition, notes)
