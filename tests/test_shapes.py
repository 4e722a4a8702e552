"""Shapes: made from the settings of processors, valid SHACL, and as strict as the settings are."""

from __future__ import annotations

from pathlib import Path

import pyshacl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import Graph
from rdflib.namespace import RDF, SH

from transmissions import loading, shapes
from transmissions.errors import SettingError
from transmissions.registry import Registry, load_processors
from transmissions.vocabulary import NAMESPACE

PROCESSORS = load_processors([Path(__file__).parent / "bad" / "processors.py"])
PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .\n"


def cut_with(folder: Path, written: str) -> list[str]:
    """Return the codes of the errors of a pipeline whose stage has these settings."""
    file = folder / "x.ttl"
    file.write_text(f"{PREFIX}:p a :Transmission ; :pipe (:cut) .\n:cut a :Cut ; :settings [ {written} ] .\n")
    problems = loading.check(file, Registry(PROCESSORS))[1]
    return [problem.code for problem in problems if problem.severity == "error"]


@pytest.mark.parametrize("name", sorted(PROCESSORS))
def test_shapes_are_shacl(name: str) -> None:
    """The shape of every processor, as text, is valid SHACL by SHACL's own shapes."""
    text = shapes.shape_text(name, PROCESSORS[name])
    graph = Graph().parse(data=text, format="turtle") + shapes.base_shapes()
    conforms, _, report = pyshacl.validate(Graph(), shacl_graph=graph, meta_shacl=True)
    assert conforms, report


def test_shape_has_every_setting() -> None:
    """A shape names each setting of its processor, with its documentation."""
    graph = shapes.processor_shape("Cut", PROCESSORS["Cut"])
    paths = set(graph.objects(None, SH.path))
    for setting in PROCESSORS["Cut"].settings().values():
        assert NAMESPACE[setting.turtle_name] in paths
        assert any(str(text) == setting.doc for text in graph.objects(None, SH.description))
    assert (NAMESPACE.CutShape, RDF.type, SH.NodeShape) in graph


def test_shape_alone_finds_mistakes() -> None:
    """The published shape, in any SHACL validator, refuses an unknown setting and a wrong value."""
    shape = shapes.processor_shape("Cut", PROCESSORS["Cut"])
    for written, good in [(":limit 3", True), (":limt 3", False), (":limit 0", False), (':words "a", "b"', True)]:
        data = Graph().parse(data=f"{PREFIX}:cut a :Cut ; :settings [ {written} ] .", format="turtle")
        assert pyshacl.validate(data, shacl_graph=shape)[0] is good


@pytest.mark.parametrize(
    "written",
    [
        ":limit 5",
        ':limit "5"',
        ':share 1 ; :every 2.5 ; :exact "true"',
        ":share 1.0e-1 ; :every 3",
        ':every "PT5S"^^xsd:duration',
        ':every "P1DT2H"',
        ":mode :replace",
        ':mode "replace"',
        ":field <http://example.org/x>",
        ':words "a", "b"',
        ':words ("a" "b")',
        ":words ()",
        ':changes ([ :old "a" ] [ :old "b" ; :times 2 ])',
        ':changes [ :old "a" ], [ :old "b" ]',
        ":extra 5 ; :note 'x'",
        ":extra true",
        "a :ConfigSet ; :limit 5",
    ],
)
def test_accepted(tmp_path: Path, written: str) -> None:
    """A setting may be written in every way that its type allows."""
    assert cut_with(tmp_path, written) == []


@pytest.mark.parametrize(
    ("written", "code"),
    [
        (":limit 5.5", "wrong-value"),
        (':limit "5"^^xsd:duration', "wrong-value"),
        (":limit [ :a 1 ]", "wrong-value"),
        (":extra :name", "wrong-value"),
        (':field "x"@en', "wrong-value"),
        (':limit "x"^^xsd:integer', "wrong-value"),
        (":changes [ :old 'a' ; :old 'b' ]", "given-twice"),
        ("<http://example.org/limit> 5", "unknown-setting"),
        (':changes [ :old "a" ; :times "3000x" ]', "wrong-value"),
        (":words [ :a 1 ]", "wrong-value"),
        (":mode 5", "wrong-value"),
        (":exact 'maybe'", "wrong-value"),
    ],
)
def test_refused(tmp_path: Path, written: str, code: str) -> None:
    """What does not fit is refused once, under the fixed name of its kind."""
    assert cut_with(tmp_path, written) == [code]


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(st.integers(-5, 2000).map(str), st.booleans().map(str), st.sampled_from(["x", "", "5.0", " 7 ", "1e2"]))
)
def test_shape_and_setting_agree(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Text is refused in a file whenever the setting itself refuses it."""
    try:
        PROCESSORS["Cut"].settings()["limit"].check(text)
        fits = True
    except SettingError:
        fits = False
    codes = cut_with(tmp_path_factory.mktemp("shapes"), f':limit "{text}"')
    assert codes == ([] if fits else ["wrong-value"])


def test_long_pipes(tmp_path: Path) -> None:
    """A pipe of a thousand stages is checked like a short one."""
    names = [f":s{n}" for n in range(1000)]
    file = tmp_path / "long.ttl"
    file.write_text(f"{PREFIX}:p a :Transmission ; :pipe ({' '.join(names)}) .\n{', '.join(names[:1])} a :Pass .\n"
                    + "".join(f"{name} a :Pass .\n" for name in names[1:]))  # fmt: skip
    definition, problems = loading.check(file, Registry(PROCESSORS))
    assert not problems and definition is not None and len(definition.stages) == 1000
