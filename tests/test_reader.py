"""Reading pipelines: stages, edges, nesting, parameters, and values as their settings declare them."""

from __future__ import annotations

from pathlib import Path

import pytest

from transmissions import loading
from transmissions.errors import InvalidPipeline
from transmissions.model import Buffer, Definition, OnError, Template, WhenFull
from transmissions.registry import Registry, load_processors

PROCESSORS = load_processors([Path(__file__).parent / "bad" / "processors.py"])
PREFIX = """@prefix : <http://purl.org/stuff/transmissions/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""


def read(folder: Path, text: str, pick: str | None = None) -> Definition:
    """Return the pipeline that a text describes."""
    file = folder / "x.ttl"
    file.write_text(PREFIX + text, encoding="utf-8")
    return loading.load(file, Registry(PROCESSORS), pick)[0]


def test_paths_that_share_stages(tmp_path: Path) -> None:
    """A stage in two pipes is one stage; edges are kept once, in order."""
    made = read(
        tmp_path,
        ":p a :Transmission ; :pipe (:a :b :c), (:b :d), (:a :b :d) . "
        ":a a :Pass . :b a :Pass . :c a :Pass . :d a :Pass .",
    )
    assert [stage.name for stage in made.stages] == ["a", "b", "c", "d"]
    assert made.edges == (("a", "b"), ("b", "c"), ("b", "d"))
    assert {stage.processor for stage in made.stages} == {"Pass"}


def test_description(tmp_path: Path) -> None:
    """Name, label and comment come from the file; a pipeline without a name has that of its file."""
    made = read(tmp_path, '[] a :Transmission ; rdfs:label "L" ; rdfs:comment "C" ; :pipe (:a) . :a a :Pass .')
    assert (made.name, made.label, made.comment) == ("x", "L", "C")
    assert made.stage("a").location.line == 4


def test_nested(tmp_path: Path) -> None:
    """A nested pipeline is put in place of its stage, every use a copy of its own, to any depth and at any end."""
    made = read(
        tmp_path,
        """
        :outer a :EntryTransmission ; :pipe (:mid :a :inner) .
        :mid a :Transmission ; :pipe (:inner :b) .
        :inner a :Transmission ; :pipe (:c :d), (:c :e) .
        :a a :Pass . :b a :Pass . :c a :Pass . :d a :Pass . :e a :Pass .
        """,
    )
    assert [stage.name for stage in made.stages] == [
        "mid/inner/c", "mid/inner/d", "mid/inner/e", "mid/b", "a", "inner/c", "inner/d", "inner/e",
    ]  # fmt: skip
    assert set(made.edges) == {
        ("mid/inner/c", "mid/inner/d"), ("mid/inner/c", "mid/inner/e"),
        ("mid/inner/d", "mid/b"), ("mid/inner/e", "mid/b"), ("mid/b", "a"), ("a", "inner/c"),
        ("inner/c", "inner/d"), ("inner/c", "inner/e"),
    }  # fmt: skip


def test_nested_parameters(tmp_path: Path) -> None:
    """The parameters of nested pipelines become the outer one's, whose own declaration comes first."""
    made = read(
        tmp_path,
        """
        :outer a :EntryTransmission ; :pipe (:inner) ; :parameter [ :name "size" ; :default 7 ] .
        :inner a :Transmission ; :pipe (:cut) ; :parameter [ :name "size" ; :required true ], [ :name "word" ] .
        :cut a :Cut ; :settings [ :limit "{{ size }}" ; :field "{{ word }}" ] .
        """,
    )
    assert [(one.name, one.required, one.default) for one in made.parameters] == [
        ("size", False, "7"),
        ("word", False, None),
    ]


def test_nesting_is_bounded(tmp_path: Path) -> None:
    """A few lines of nesting that stand for billions of stages are refused at once."""
    text = ":p0 a :Transmission ; :pipe (:a) . :a a :Pass .\n"
    for n in range(1, 40):
        inner = " ".join(f":p{k}" for k in range(n))
        text += f":p{n} a :Transmission ; :pipe ({inner}) .\n"
    with pytest.raises(InvalidPipeline, match="more than 5000 stages"):
        read(tmp_path, text)


def test_stages_without_names(tmp_path: Path) -> None:
    """A stage written in place is called after its processor, and numbered where there are several."""
    made = read(tmp_path, ":p a :Transmission ; :pipe ([ a :Pass ] [ a :Pass ] [ a :Pass ]) .")
    assert [stage.name for stage in made.stages] == ["pass", "pass-2", "pass-3"]
    assert made.edges == (("pass", "pass-2"), ("pass-2", "pass-3"))


def test_values(tmp_path: Path) -> None:
    """Values arrive as the types that the processor declares, lists in their order."""
    made = read(
        tmp_path,
        """
        :p a :Transmission ; :pipe (:read :cut) .
        :read a :Read ; :settings :readConfig .
        :readConfig a :ConfigSet ; :sourceFile "data/in.txt" ; :encoding "latin-1" .
        :cut a :Cut ; :settings [
            :limit "12" ; :share 1 ; :every "PT1M30S" ; :mode :replace ; :exact "true" ;
            :words ("z" "a" "m" "a") ; :extra 0 ; :note "" ;
            :changes ( [ :old "x" ; :new "y" ; :times 2 ] [ :old "z" ] )
        ] .
        """,
    )
    assert made.stage("read").settings == {"source_file": tmp_path / "data/in.txt", "encoding": "latin-1"}
    settings = dict(made.stage("cut").settings)
    first, second = settings.pop("changes")  # type: ignore[misc]
    assert (first.old, first.new, first.times, second.old, second.new) == ("x", "y", 2, "z", "")
    assert settings == {
        "limit": 12, "share": 1.0, "every": 90.0, "mode": "replace", "exact": True,
        "words": ["z", "a", "m", "a"], "extra": 0, "note": "",
    }  # fmt: skip
    assert made.stage("cut").setting_locations["limit"].line == 9


def test_paths_do_not_depend_on_where_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path in a file starts from the folder of the file, wherever the reader is; `-` is standard input."""
    text = ':p a :Transmission ; :pipe (:read) . :read a :Read ; :settings [ :sourceFile "in.txt" ] .'
    read(tmp_path, text)
    monkeypatch.chdir(tmp_path)
    for source in ("x.ttl", tmp_path / "x.ttl"):
        made, _ = loading.load(source, Registry(PROCESSORS))
        assert made.stage("read").settings["source_file"] == tmp_path / "in.txt"
    assert read(tmp_path, text.replace("in.txt", "-")).stage("read").settings["source_file"] == Path("-")
    assert (
        read(tmp_path, text.replace('"in.txt"', "<in.txt>")).stage("read").settings["source_file"]
        == tmp_path / "in.txt"
    )


def test_templates_are_kept(tmp_path: Path) -> None:
    """Text with places to fill stays text until a run fills it; only that of a path has a folder."""
    made = read(
        tmp_path,
        """
        :p a :Transmission ; :pipe (:read :cut) ; :parameter [ :name "n" ] .
        :read a :Read ; :settings [ :sourceFile "{{ n }}.txt" ] .
        :cut a :Cut ; :settings [ :limit "{{n}}" ; :words "a", "{{ n }}" ; :note "{{ env.HOME }}" ] .
        """,
    )
    assert made.stage("read").settings["source_file"] == Template("{{ n }}.txt", tmp_path)
    assert made.stage("cut").settings["limit"] == Template("{{n}}")
    assert made.stage("cut").settings["words"] == ["a", Template("{{ n }}")]


def test_parameters(tmp_path: Path) -> None:
    """Parameters keep the order of the file and everything that is said of them."""
    made = read(
        tmp_path,
        """
        :p a :Transmission ; :pipe (:a) ;
            :parameter [ :name "z" ; :required true ; rdfs:comment "the last letter" ],
                [ :name "size" ; :datatype xsd:integer ; :default 3 ],
                [ :name "mode" ; :choice "fast", "safe" ; :default "safe" ] .
        :a a :Pass .
        """,
    )
    first, second, third = made.parameters
    assert (first.name, first.required, first.comment, first.default) == ("z", True, "the last letter", None)
    assert (second.name, second.datatype, second.default) == ("size", "integer", "3")
    assert (third.choices, third.default) == (("fast", "safe"), "safe")


def test_a_parameter_takes_several_values_where_its_setting_does(tmp_path: Path) -> None:
    """A parameter that stands alone as a value of a setting for several may be given several; no other may."""
    made = read(
        tmp_path,
        """
        :p a :Transmission ; :pipe (:a) ;
            :parameter [ :name "alone" ], [ :name "beside" ], [ :name "within" ], [ :name "one" ] .
        :a a :Cut ; :settings [ :words "{{ alone }}", "{{beside}}", "a {{ within }}" ; :limit "{{ one }}" ] .
        """,
    )
    assert [one.name for one in made.parameters if one.several] == ["alone", "beside"]


def test_buffer_and_errors(tmp_path: Path) -> None:
    """A stage's buffer and error policy are read; without them there are none and `:fail`."""
    made = read(
        tmp_path,
        """
        :p a :Transmission ; :pipe (:a :b) .
        :a a :Pass .
        :b a :Pass ; :onError :skip ;
            :buffer [ :maxMessages 9 ; :maxBytes 100 ; :highWaterMark 80 ; :lowWaterMark 20 ; :whenFull :dropOldest ] .
        """,
    )
    assert (made.stage("a").buffer, made.stage("a").on_error) == (None, OnError.FAIL)
    assert made.stage("b").on_error is OnError.SKIP
    assert made.stage("b").buffer == Buffer(9, 100, 80, 20, WhenFull.DROP_OLDEST)


def test_other_vocabularies_are_left_alone(tmp_path: Path) -> None:
    """What other vocabularies say of pipelines and stages is no business of ours."""
    made = read(
        tmp_path,
        '@prefix dc: <http://purl.org/dc/terms/> .\n:p a :Transmission ; dc:title "t" ; :pipe (:a) .\n'
        ':a a :Pass ; dc:title "t" ; rdfs:label "l" ; rdfs:seeAlso <http://example.org/> .',
    )
    assert len(made.stages) == 1
