"""Parameters: filling templates, checking what was given, overrides, and the environment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transmissions import parameters, secrets
from transmissions.errors import InvalidPipeline, ParameterError
from transmissions.model import Definition, Parameter, Stage, Template
from transmissions.problem import Location
from transmissions.processor import Processor
from transmissions.registry import Registry
from transmissions.settings import setting


@dataclass(frozen=True)
class Pair:
    """Two texts."""

    old: str
    new: str = ""


class Work(Processor):
    """Have a setting of each kind."""

    text: str = setting("t")
    count: int = setting(5, minimum=1)
    share: float = setting(0.5)
    flag: bool = setting(False)
    file: Path | None = setting(None)
    words: list[str] = setting([])
    pairs: list[Pair] = setting([])
    need: str = setting("x")


class Strict(Processor):
    """Need a setting."""

    limit: int = setting(minimum=1)


REGISTRY = Registry({"Work": Work, "Strict": Strict})
BASE = Path("/pipelines")
DECLARED = (
    Parameter("source", "the file", required=True),
    Parameter("size", datatype="integer"),
    Parameter("flag", datatype="boolean"),
    Parameter("share", datatype="decimal"),
    Parameter("mode", choices=("fast", "safe"), default="safe"),
    Parameter("outputFolder"),
    Parameter("home", default="files"),
)


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Leave no secret of one test to another."""
    yield
    secrets.forget_all()


def pipeline(processor: str = "Work", **settings: Any) -> Definition:
    """Return a pipeline of one stage, text with braces in its settings being templates."""

    def made(value: Any) -> Any:
        if isinstance(value, list):
            return [made(one) for one in value]
        if isinstance(value, dict):
            return {name: made(one) for name, one in value.items()}
        return Template(value) if isinstance(value, str) and "{{" in value else value

    stage = Stage("work", processor, {name: made(value) for name, value in settings.items()}, Location("p.ttl", 7, 1))
    return Definition("demo", "p.ttl", (stage,), parameters=DECLARED)


def filled(definition: Definition, overrides: dict[str, object] | None = None, **given: object) -> dict[str, Any]:
    """Return the settings of the stage once the pipeline is resolved."""
    given = {"source": "in.txt", **given}
    return dict(parameters.resolve(definition, given, REGISTRY, overrides).stage("work").settings)


@pytest.mark.parametrize(
    ("name", "template", "given", "value"),
    [
        ("text", "{{ source }}", {}, "in.txt"),
        ("text", "from {{source}} in {{ mode }} mode", {}, "from in.txt in safe mode"),
        ("count", "{{ size }}", {"size": "12"}, 12),
        ("count", "{{ size }}", {"size": 12}, 12),
        ("count", "1{{ size }}", {"size": 2}, 12),
        ("flag", "{{ flag }}", {"flag": "true"}, True),
        ("flag", "{{ flag }}", {"flag": False}, False),
        ("text", "flag={{ flag }}", {"flag": True}, "flag=true"),
        ("share", "{{ share }}", {"share": "0.25"}, 0.25),
        ("text", r"\{{ source }} and {{ mode }}", {}, "{{ source }} and safe"),
        ("text", "a{{ size }}b", {}, "ab"),
        ("text", "{{ outputFolder }}", {"output_folder": "o"}, "o"),
        ("text", "{{ outputFolder }}", {"output-folder": "o"}, "o"),
        ("words", ["a", "{{ mode }}", "{{ size }}"], {}, ["a", "safe"]),
        ("words", "{{ outputFolder }}", {"outputFolder": ["a", "b"]}, ["a", "b"]),
        ("pairs", [{"old": "{{ mode }}", "new": "n"}], {}, [Pair("safe", "n")]),
    ],
)
def test_filled(name: str, template: Any, given: dict[str, object], value: object) -> None:
    """Every kind of setting can be filled, with a value of its own type."""
    assert filled(pipeline(**{name: template}), **given)[name] == value


def test_absent_leaves_the_default() -> None:
    """A setting that is one parameter, not given and without default, keeps the processor's default."""
    assert "count" not in filled(pipeline(count="{{ size }}"))
    assert filled(pipeline(count="{{ size }}"), size=None) == {}


def test_required_setting_of_an_absent_parameter() -> None:
    """A required setting cannot be left to a parameter that is not given."""
    with pytest.raises(ParameterError, match="stage :work needs :limit, so give --size VALUE"):
        filled(pipeline("Strict", limit="{{ size }}"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"source": None}, "needs --source VALUE: the file"),
        ({"sorce": "x"}, 'no parameter "sorce"; did you mean --source?'),
        ({"zzz": "x"}, "it has --source, --size"),
        ({"size": "many"}, '--size must be a whole number, got "many"'),
        ({"flag": "perhaps"}, "--flag must be true or false"),
        ({"mode": "slow"}, '--mode must be one of "fast", "safe", got "slow"'),
    ],
)
def test_refused(given: dict[str, object], words: str) -> None:
    """What does not fit is refused with the option's name, what it takes, and the nearest name."""
    with pytest.raises(ParameterError) as caught:
        filled(pipeline(), **given)
    assert words in str(caught.value)


def test_all_refusals_at_once() -> None:
    """One error tells everything that is wrong with what was given."""
    with pytest.raises(ParameterError) as caught:
        parameters.resolve(pipeline(), {"size": "x", "nope": 1}, REGISTRY)
    assert len(str(caught.value).splitlines()) == 3


def test_setting_refuses() -> None:
    """A value that the parameter takes and the setting does not is told with both names."""
    with pytest.raises(ParameterError) as caught:
        filled(pipeline(count="{{ size }}"), size=0)
    assert str(caught.value) == "p.ttl:7:1: --size must be a whole number, 1 or more, got 0, for :count of stage :work"


@pytest.mark.parametrize(
    ("template", "given", "path"),
    [
        ("{{ source }}", {"source": "mine.txt"}, "mine.txt"),
        ("{{ source }}/x", {"source": "mine"}, "mine/x"),
        ("data/{{ mode }}.txt", {}, "/pipelines/data/safe.txt"),
        ("{{ home }}", {}, "/pipelines/files"),
        ("{{ home }}/a", {}, "/pipelines/files/a"),
        ("{{ home }}", {"home": "mine"}, "mine"),
        ("{{ home }}", {"home": "-"}, "-"),
        ("{{ source }}", {"source": "/abs"}, "/abs"),
    ],
)
def test_paths(template: str, given: dict[str, object], path: str) -> None:
    """A path that a person gave starts from where they are, one in the file from the folder of the file."""
    assert filled(pipeline(file=Template(template, BASE)), **given)["file"] == Path(path)


def test_start_values() -> None:
    """The values of parameters come typed, by their own names, absent ones left out."""
    found = parameters.values(pipeline(), {"source": "a", "size": "3", "output-folder": "o"})
    assert found == {"source": "a", "size": 3, "mode": "safe", "outputFolder": "o", "home": "files"}


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the environment fills a setting and is hidden in every text from then on."""
    monkeypatch.setenv("DEMO_KEY", 'sk-"12 34"')
    assert filled(pipeline(text="{{ env.DEMO_KEY }}"))["text"] == 'sk-"12 34"'
    for shown in ('key=sk-"12 34".', r'{"key": "sk-\"12 34\""}', "?key=sk-%2212%2034%22"):
        assert "12" not in secrets.redact(shown) and secrets.HIDDEN in secrets.redact(shown)


def test_environment_never_in_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that does not fit is refused without being shown."""
    monkeypatch.setenv("DEMO_KEY", "very-secret")
    with pytest.raises(ParameterError) as caught:
        filled(pipeline(count="{{ env.DEMO_KEY }}"))
    assert "very-secret" not in str(caught.value) and "env.DEMO_KEY must be a whole number" in str(caught.value)


def test_environment_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is not set is told with the place that asks for it."""
    monkeypatch.delenv("DEMO_KEY", raising=False)
    with pytest.raises(InvalidPipeline) as caught:
        filled(pipeline(text="{{ env.DEMO_KEY }}"))
    (problem,) = caught.value.problems
    assert (problem.location.line, problem.code) == (7, "missing-variable")


def test_short_values_are_no_secrets() -> None:
    """Values of a few characters are not hidden: they would hide half of every text."""
    secrets.remember("abc")
    assert secrets.redact("abcdef") == "abcdef"
    secrets.remember("abcd")
    secrets.remember("abcdefgh")
    assert secrets.redact("abcdefgh abcd") == f"{secrets.HIDDEN} {secrets.HIDDEN}"


@pytest.mark.parametrize(
    ("key", "value", "name", "expected"),
    [
        ("work.count", "7", "count", 7),
        (":work.:count", 7, "count", 7),
        ("work.words", '["a", "b"]', "words", ["a", "b"]),
        ("work.words", "a", "words", ["a"]),
        ("work.pairs", '[{"old": "x"}]', "pairs", [Pair("x")]),
        ("work.file", "here.txt", "file", Path("here.txt")),
        ("work.flag", "true", "flag", True),
    ],
)
def test_overrides(key: str, value: object, name: str, expected: object) -> None:
    """A setting given for one run comes before the pipeline's, checked and typed."""
    assert filled(pipeline(count=3, text="{{ mode }}"), {key: value})[name] == expected


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("wrk.count", 1, "did you mean work.count?"),
        ("count", 1, "STAGE.SETTING"),
        ("work.cout", 1, "did you mean work.count?"),
        ("work.zzz", 1, "it has text, count"),
        ("work.count", "0", "must be a whole number, 1 or more"),
    ],
)
def test_overrides_refused(key: str, value: object, words: str) -> None:
    """An override of nothing, or with a wrong value, is refused with the nearest name."""
    with pytest.raises(ParameterError) as caught:
        filled(pipeline(), {key: value})
    assert words in str(caught.value)


@given(st.text(alphabet="{}a \\.", max_size=30))
def test_any_text_is_filled_once(text: str) -> None:
    """What is filled in is never read as a template again, and text without places is left alone."""
    if not parameters.is_template(text):
        assert parameters.placeholders(text) == []
    value = "{{ mode }}"
    assert filled(pipeline(text=Template("<{{ source }}>")), source=value)["text"] == f"<{value}>"
