"""Processors of the JavaScript project that there are none of: each is refused by name, with what to use instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from processors.refused import REFUSED
from transmissions.cli import main
from transmissions.cli.reference import bundled_processors

PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("place", ["p.ttl", "app/transmissions.ttl"])
def test_each_is_refused_with_its_reason(
    name: str, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a pipeline and in an application nothing runs, and the error says why and where in the file."""
    file = tmp_path / place
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{PREFIX}:p a :Transmission ; :pipe (:a) .\n:a a :{name} .")
    assert main(["run", str(file if place == "p.ttl" else file.parent)]) == 2
    said = capsys.readouterr().err
    assert f"{file.name}:3:6: the processor :{name} is refused" in said
    assert REFUSED[name] in said


def test_what_is_to_be_used_instead_is_there() -> None:
    """Every processor that a reason names exists, and none of those that are refused does."""
    there = bundled_processors().keys()
    named = {name for reason in REFUSED.values() for name in re.findall(r":([A-Z]\w+)", reason)}
    assert named <= there
    assert not REFUSED.keys() & there
