"""Loading: which pipeline a name means, all problems at once, nothing run or fetched, and no input that crashes it."""

from __future__ import annotations

import random
import socket
from pathlib import Path

import pytest

from transmissions import bundled, loading, vocabulary
from transmissions.errors import InvalidPipeline, NoSuchPipeline, TransmissionsError
from transmissions.processor import Processor
from transmissions.registry import Registry, load_processors
from transmissions.turtle import parse

REGISTRY = Registry(load_processors([Path(__file__).parent / "bad" / "processors.py"]))
PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"
TWO = PREFIX + ":one a :Transmission ; :pipe (:a) . :two a :Transmission ; :pipe (:b) . :a a :Pass . :b a :Pass .\n"
VALID = """\
@prefix : <http://purl.org/stuff/transmissions/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

:main a :EntryTransmission ;
    rdfs:label "all there is" ;
    :parameter [ :name "source" ; :required true ], [ :name "size" ; :datatype xsd:integer ; :default 3 ] ;
    :pipe (:read :cut :inner :show), (:cut :other) .
:inner a :Transmission ; :pipe (:x :y) .
:x a :Pass .
:y a :Cut ; :settings :cutConfig .
:read a :Read ; :settings [ :sourceFile "{{ source }}" ; :encoding "utf-8" ] .
:cut a :Cut ;
    :settings [ :limit "{{ size }}" ; :words ("a" "b") ; :mode :replace ; :every "PT5S" ; :exact true ;
        :changes [ :old "a" ; :times 2 ], [ :old "b" ] ] ;
    :buffer [ :maxMessages 10 ; :maxBytes 1000 ; :whenFull :block ] ;
    :onError :skip .
:other a :Show ; :settings [ :field "content" ] .
:show a :Show .
:cutConfig a :ConfigSet ; :limit 5 ; :share 0.5 .
"""


def written(folder: Path, text: str, name: str = "x.ttl") -> Path:
    """Return a file with this text."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_valid(tmp_path: Path) -> None:
    """A file with every term in it is valid, without a warning."""
    definition, problems = loading.check(written(tmp_path, VALID), REGISTRY)
    assert problems == []
    assert definition is not None and [stage.name for stage in definition.stages][:3] == ["read", "cut", "inner/x"]


def test_pick(tmp_path: Path) -> None:
    """`FILE#NAME` and `pick` choose a pipeline of a file; without them one has to be the one."""
    file = written(tmp_path, TWO)
    assert loading.load(f"{file}#two", REGISTRY)[0].name == "two"
    assert loading.load(file, REGISTRY, pick="one")[0].name == "one"
    with pytest.raises(InvalidPipeline, match="nothing says which"):
        loading.load(file, REGISTRY)
    with pytest.raises(NoSuchPipeline, match=r"did you mean two\?"):
        loading.load(f"{file}#too", REGISTRY)
    definitions, problems = loading.validate(file, REGISTRY)
    assert [definition.name for definition in definitions] == ["one", "two"] and problems == []


def test_entry_and_outermost(tmp_path: Path) -> None:
    """The entry pipeline is meant; without one, the pipeline that is no stage of another."""
    entry = TWO.replace(":two a :Transmission", ":two a :EntryTransmission")
    assert loading.load(written(tmp_path, entry), REGISTRY)[0].name == "two"
    nested = TWO.replace("(:a)", "(:a :two)")
    assert loading.load(written(tmp_path, nested), REGISTRY)[0].name == "one"
    assert loading.load(f"{tmp_path / 'x.ttl'}#two", REGISTRY)[0].name == "two"


def test_problems_outside_the_picked_one(tmp_path: Path) -> None:
    """A mistake in a pipeline that is not the picked one is told as well."""
    file = written(tmp_path, TWO.replace(":b a :Pass", ":b a :Pas"))
    assert [problem.code for problem in loading.check(file, REGISTRY, "one")[1]] == ["unknown-processor"]


def test_nothing_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is neither shipped nor a file is told with what there is."""
    written(tmp_path, TWO, "pipeline.ttl")
    monkeypatch.chdir(tmp_path)
    for source, words in [
        ("pipelin.ttl", "did you mean pipeline.ttl?"),
        ("no-such-pipeline-at-all", "trans list pipelines"),
        ("no/such/folder.ttl", "there is no file no/such/folder.ttl"),
        ("a\0b", "no pipeline is called"),
        ("x" * 5000, "no pipeline is called"),
        ("", "no pipeline is called"),
        ("../pipeline", "there is no file"),
    ]:
        with pytest.raises(NoSuchPipeline, match=words):
            loading.load(source, REGISTRY)
    with pytest.raises(InvalidPipeline, match="is a folder"):
        loading.load(tmp_path, REGISTRY)


def test_bundled() -> None:
    """Shipped pipelines are found by name alone, and each is Turtle."""
    for name in bundled.names():
        path, picked = loading.find(name)
        assert path.is_file() and picked is None
        parse(path.read_bytes(), path.name)
    assert bundled.find("../pyproject") is None


def test_sorted_and_complete(tmp_path: Path) -> None:
    """Problems come in the order of the file, each with its line."""
    text = VALID.replace(":limit 5", ":limit 0").replace(":x a :Pass", ":x a :Pas").replace('"content"', "7")
    _, problems = loading.check(written(tmp_path, text), REGISTRY)
    assert [problem.location.line for problem in problems] == [10, 18, 20]
    assert all(problem.source == text.splitlines()[problem.location.line - 1] for problem in problems)


class Broken(Registry):
    """A registry one of whose processors cannot be loaded."""

    def find(self, name: str) -> type[Processor]:
        """Return the processor of that name, but for one."""
        if name == "Show":
            raise TransmissionsError("processor :Show of a-plugin cannot be loaded: no module named nowhere")
        return super().find(name)


def test_broken_processor(tmp_path: Path) -> None:
    """A processor that cannot be loaded is a problem of each stage that uses it, beside all the others."""
    own = load_processors([Path(__file__).parent / "bad" / "processors.py"])
    text = VALID.replace(":share 0.5", ":shar 0.5")
    _, problems = loading.check(written(tmp_path, text), Broken(own))
    assert [problem.code for problem in problems] == ["broken-processor", "broken-processor", "unknown-setting"]


def test_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses in a file are names: no import, context or type in it opens a connection."""

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    text = VALID + (
        "@prefix owl: <http://www.w3.org/2002/07/owl#> .\n"
        "<http://example.org/> a owl:Ontology ; owl:imports <http://example.org/other>, <file:///etc/passwd> .\n"
    )
    assert loading.check(written(tmp_path, text), REGISTRY)[1] == []


def test_shapes_in_the_file_are_not_obeyed(tmp_path: Path) -> None:
    """SHACL in a pipeline file has no effect, not even as a script."""
    text = VALID + (
        "@prefix sh: <http://www.w3.org/ns/shacl#> .\n"
        '<http://example.org/s> a sh:NodeShape ; sh:targetClass :Cut ; sh:sparql [ sh:select "nonsense" ] .\n'
    )
    assert loading.check(written(tmp_path, text), REGISTRY)[1] == []


PIECES = [
    "", "[", "]", "(", ")", ".", ";", ",", '"', "a", ":", ":pipe", ":settings", "[]", "()", "{{ x }}", "{{", "\\", "<",
    "_:b", "rdf:rest", ":main", ":cut", ":inner", "5", "-1e9", '"x"@en', '"y"^^xsd:integer', "\0", "\r", "\ud800", "é",
    "true",
    "<file:///etc/passwd>", ":buffer 5 ;", ":pipe (:main) ;", ":settings :main ;", ":onError [] ;", "xsd:integer", "#",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(250))
def test_mutations(tmp_path: Path, seed: int) -> None:
    """A pipeline with random damage is valid, or has problems with places; nothing else ever comes out."""
    chance = random.Random(seed)
    text = VALID
    for _ in range(chance.randint(1, 4)):
        words = text.split(" ")
        at = chance.randrange(len(words))
        match chance.randrange(4):
            case 0:
                words[at] = chance.choice(PIECES)
            case 1:
                del words[at]
            case 2:
                words.insert(at, chance.choice(PIECES))
            case _:
                other = chance.randrange(len(words))
                words[at], words[other] = words[other], words[at]
        text = " ".join(words)
    file = tmp_path / "x.ttl"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    definition, problems = loading.check(file, REGISTRY)
    assert definition is not None or problems
    lines = text.count("\n") + text.count("\r") + 1
    assert all(problem.message and 1 <= problem.location.line <= lines for problem in problems)


def test_hostile_lists(tmp_path: Path) -> None:
    """Lists that are circles, forks or stumps are problems, wherever a list may stand."""
    rdf = "@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .\n"
    cut = ":p a :Transmission ; :pipe (:cut) . :cut a :Cut ; :settings [ :words _:l ; :changes _:l ; :limit _:l ] .\n"
    for cells in [
        "_:l rdf:first :cut ; rdf:rest _:l .",
        "_:l rdf:first :cut, 5 ; rdf:rest rdf:nil .",
        "_:l rdf:first :cut ; rdf:rest rdf:nil, _:l .",
        "_:l rdf:rest _:m . _:m rdf:rest _:l ; rdf:first _:l .",
    ]:
        for text in (f":p a :Transmission ; :pipe _:l . :cut a :Pass .\n{cells}", cut + cells):
            definition, problems = loading.check(written(tmp_path, PREFIX + rdf + text), REGISTRY)
            assert definition is None and problems


def test_vocabulary_is_published() -> None:
    """The published vocabulary is Turtle and describes every term there is."""
    document = parse(vocabulary.turtle(), "vocabulary.ttl")
    described = set(document.graph.subjects())
    groups = (vocabulary.PIPELINE_TERMS, vocabulary.STAGE_TERMS, vocabulary.PARAMETER_TERMS, vocabulary.BUFFER_TERMS)
    for term in [*vocabulary.PIPELINE_CLASSES, vocabulary.CONFIG_SET, *(term for group in groups for term in group)]:
        assert term in described
