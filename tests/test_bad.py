"""Bad pipelines and exactly what is said about them: `bad/NAME.ttl` beside `bad/NAME.txt`.

To write the texts anew after a change of wording, and then read the difference:
`UPDATE_GOLDEN=1 pytest tests/test_bad.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from transmissions import loading
from transmissions.problem import Problem, render
from transmissions.registry import Registry, load_processors

BAD = Path(__file__).parent / "bad"
NAMES = sorted(path.stem for path in BAD.glob("*.ttl"))


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry(load_processors([BAD / "processors.py"]))


def problems_of(name: str, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> list[Problem]:
    """Return what is wrong with a file of the folder, named as from within it."""
    monkeypatch.chdir(BAD)
    definition, problems = loading.check(f"{name}.ttl", registry)
    assert (definition is None) == any(problem.severity == "error" for problem in problems)
    return problems


@pytest.mark.parametrize("name", NAMES)
def test_text(name: str, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every problem of a file is told at once, sorted by line, in the words that stand beside it."""
    text = render(problems_of(name, registry, monkeypatch)) + "\n"
    golden = BAD / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_json(name: str, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The JSON form of each problem has its place, kind and wording, and its place is inside the file."""
    lines = (BAD / f"{name}.ttl").read_bytes().decode("utf-8", "replace").splitlines()
    for problem in problems_of(name, registry, monkeypatch):
        data = problem.as_json()
        assert data["file"] == f"{name}.ttl"
        assert data["message"] == problem.message and data["hint"] == problem.hint
        assert data["code"] == problem.code and problem.code.replace("-", "").isalnum()
        assert data["severity"] in ("error", "warning")
        assert 1 <= problem.location.line <= len(lines)
        assert 1 <= problem.location.column <= len(lines[problem.location.line - 1]) + 1


def test_every_text_has_its_file() -> None:
    """No expected text is left behind by a file that is gone."""
    assert sorted(path.stem for path in BAD.glob("*.txt")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_wording(name: str) -> None:
    """No message shows a full address of the vocabulary, a Python class, a traceback, or an exclamation."""
    text = (BAD / f"{name}.txt").read_text(encoding="utf-8")
    told = [line for line in text.splitlines() if not line.strip()[:1].isdigit()]
    for word in ("Traceback", "rdflib", "Error:", "BNode", "PosixPath", "URIRef", "!", "None"):
        assert not any(word in line for line in told)
