"""The reference pages in docs/ say what the commands and processors say of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from transmissions.cli import main
from transmissions.cli.reference import bundled_processors, cli_page, processors_page, vocabulary_file
from transmissions.describe import describe

DOCS = Path(__file__).parents[2] / "docs"
MAKE = "run: python -m transmissions.cli.reference docs"


def test_the_page_of_commands_is_up_to_date() -> None:
    """docs/cli.md holds the present help of every command."""
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == cli_page(), MAKE


def test_the_page_of_processors_is_up_to_date() -> None:
    """docs/processors.md holds the present description of every bundled processor."""
    assert (DOCS / "processors.md").read_text(encoding="utf-8") == processors_page(), MAKE


def test_the_vocabulary_is_up_to_date() -> None:
    """docs/vocabulary.ttl holds every bundled processor and setting."""
    assert (DOCS / "vocabulary.ttl").read_text(encoding="utf-8") == vocabulary_file(), MAKE


@pytest.mark.parametrize("name", bundled_processors())
def test_every_processor_and_setting_is_documented(name: str) -> None:
    """A bundled processor says what it does, what may be relied on, and what each setting is for."""
    described = describe(name, bundled_processors()[name]())
    assert described.summary.endswith(".")
    assert described.guarantee
    assert [one.name for one in described.settings if not one.doc] == []


@pytest.mark.parametrize("name", bundled_processors())
def test_every_example_is_valid(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a person copies from a reference page passes validation."""
    (tmp_path / "example.ttl").write_text(describe(name, bundled_processors()[name]()).example, encoding="utf-8")
    code = main(["validate", str(tmp_path / "example.ttl")])
    assert code == 0, capsys.readouterr().out
