"""The pipeline table-to-rdf: rows that conform become RDF, the others are told with line and reason."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyoxigraph
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import transmissions
from transmissions import Result

ROOT = Path(__file__).parents[2]
TOWNS = ROOT / "pipelines" / "examples" / "towns"
GOLDEN = Path(__file__).parent / "golden" / "table-to-rdf"


def convert(
    target: Path, source: Path = TOWNS / "towns.csv", mapping: Path = TOWNS / "context.json", **more: Any
) -> Result:
    """Run the pipeline with the shapes of the example."""
    options = {"shapes": TOWNS / "shapes.ttl", **more}
    return transmissions.load("table-to-rdf").run(source=source, target=target, mapping=mapping, **options)


def quads(path: Path) -> set[Any]:
    """Return what a file of Turtle says."""
    return {(quad.subject, quad.predicate, quad.object) for quad in pyoxigraph.parse(path=path)}


@pytest.mark.parametrize("mapping", ["context.json", "template.tmpl"])
def test_the_example_gives_the_golden_file(tmp_path: Path, mapping: str) -> None:
    """By a context and by a template, what conforms is written, and each other row is told with its line and why."""
    result = convert(tmp_path, mapping=TOWNS / mapping)
    assert (tmp_path / "data.ttl").read_bytes() == (GOLDEN / f"{mapping}.ttl").read_bytes()
    assert result.partial
    assert [problem["text"].rpartition("/")[2] for problem in result.problems] == [
        "towns.csv:3: left out: how many people there are is a whole number",
        "towns.csv:4: left out: a town has a name",
    ]


def test_json_lines_with_lines_that_are_none(tmp_path: Path) -> None:
    """Lines that are no JSON or no object, and objects that cannot be mapped, cost only themselves."""
    lines = ['{"id": "5", "name": "Two", "people": 1}', "{", "[1]", '{"id": 6, "name": "x"}', "", '{"other": 1}']
    (tmp_path / "in.jsonl").write_text("\n".join(lines), encoding="utf-8")
    result = convert(tmp_path / "out", tmp_path / "in.jsonl")
    assert len(quads(tmp_path / "out" / "data.ttl")) == 2
    told = sorted(problem["text"].partition("in.jsonl:")[2] for problem in result.problems)
    assert [one.partition(":")[0] for one in told] == ["2", "3", "4", "6"]
    assert "@id value must be a string" in told[2]
    assert "makes no statement" in told[3]


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    """Rows over several lines are told by the line that they begin in."""
    (tmp_path / "in.csv").write_text('id;name;people\n1;"two\nlines";5\n2;;5\n3;x\n', encoding="utf-8")
    result = convert(tmp_path / "out", tmp_path / "in.csv", delimiter=";")
    assert sorted(problem["text"].partition("in.csv:")[2][:2] for problem in result.problems) == ["4:", "5:"]


@pytest.mark.parametrize("form", ["n-triples", "json-ld", "rdf-xml"])
def test_other_formats_say_the_same(tmp_path: Path, form: str) -> None:
    """Whatever the output is written as, it holds the same statements."""
    convert(tmp_path, output=form, file={"n-triples": "a.nt", "json-ld": "a.jsonld", "rdf-xml": "a.rdf"}[form])
    (written,) = tmp_path.iterdir()
    assert quads(written) == quads(GOLDEN / "context.json.ttl")


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\x00", exclude_categories=["Cs", "Cc"]), min_size=1
)


@settings(max_examples=20, deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=5))
@pytest.mark.parametrize("mapping", ["context.json", "template.tmpl"])
def test_no_value_says_more_than_itself(
    tmp_path_factory: pytest.TempPathFactory, mapping: str, names: list[str]
) -> None:
    """Whatever texts are in a table, each comes out as itself, and nothing else does."""
    folder = tmp_path_factory.mktemp("values")
    with (folder / "in.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["id", "name", "people"], *([number, name, 1] for number, name in enumerate(names))])
    convert(folder, folder / "in.csv", TOWNS / mapping)
    said = [one for one in quads(folder / "data.ttl") if one[1].value.endswith("label")]
    assert sorted(json.dumps(one[2].value) for one in said) == sorted(map(json.dumps, names))
    assert len({one[0] for one in quads(folder / "data.ttl")}) == len(names)


def test_the_value_that_is_missing_is_named(tmp_path: Path) -> None:
    """Of a table with other columns, as one is that has other delimiters, it is said which column the mapping lacks."""
    (tmp_path / "t.csv").write_text("id;name;people\n1;Low Ford;3\n", encoding="utf-8")
    result = transmissions.load("table-to-rdf").run(
        source=tmp_path / "t.csv",
        target=tmp_path / "out",
        mapping=TOWNS / "template.tmpl",
        shapes=TOWNS / "shapes.ttl",
    )
    assert [problem["text"].rpartition(" ")[2] for problem in result.problems] == ["id"]
