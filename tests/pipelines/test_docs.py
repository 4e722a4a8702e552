"""The page on the pipelines that ship says what is so."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from transmissions import bundled
from transmissions.cli import main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE) for line in block.splitlines()
]
EXIT_CODES = {"markdown-site": 0, "feed-to-markdown": 0, "table-to-rdf": 2, "link-checker": 2}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with a copy of what the page's commands read."""
    shutil.copytree(ROOT / "pipelines" / "examples", tmp_path / "pipelines" / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_does_what_it_says(
    command: str, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends as the page says, writes what was not there, and again nothing new; the problems shown are those told."""
    words = shlex.split(command)[1:]
    assert main(words) == EXIT_CODES[words[1]]
    said = capsys.readouterr().err
    shown = [line for line in PAGE.splitlines() if line.startswith((f"{words[2]}:", f"{words[2]}/"))]
    assert all(f" {line}\n" in said for line in shown)
    if words[1] != "link-checker":
        assert list((checkout / words[3]).iterdir())
        main(words)
        assert "files: 0 written" in capsys.readouterr().err or words[1] == "feed-to-markdown"


def test_every_pipeline_is_on_a_page() -> None:
    """Each pipeline that ships is named on a page of the documentation, and says what it and its parameters are for."""
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md") if path.name != "cli.md")
    for name in bundled.names():
        assert re.search(rf"`{name}`|trans run {name}\b", pages), name
        turtle = (ROOT / "pipelines" / f"{name}.ttl").read_text(encoding="utf-8")
        assert "rdfs:label" in turtle
        assert turtle.count("rdfs:comment") > turtle.count(":name "), name
