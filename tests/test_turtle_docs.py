"""The reference of the language: its examples are valid, and it leaves out no term."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from transmissions import loading, vocabulary
from transmissions.registry import Registry

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "turtle.md").read_text(encoding="utf-8")
PAGES = (PAGE, (DOCS / "applications.md").read_text(encoding="utf-8"))
EXAMPLES = [one for page in PAGES for one in re.findall(r"^```turtle\n(.*?)^```", page, re.DOTALL | re.MULTILINE)]


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples(tmp_path: Path, number: int) -> None:
    """Every example of the page is a whole file without an error."""
    file = tmp_path / "example.ttl"
    file.write_text(EXAMPLES[number], encoding="utf-8")
    definition, problems = loading.check(file, Registry())
    assert definition is not None, "\n".join(map(str, problems))


def test_every_term() -> None:
    """The page names every term of the vocabulary."""
    groups = (vocabulary.PIPELINE_TERMS, vocabulary.STAGE_TERMS, vocabulary.PARAMETER_TERMS, vocabulary.BUFFER_TERMS)
    for term in [*vocabulary.CLASSES, *(term for group in groups for term in group)]:
        assert f":{vocabulary.local_name(term)}" in PAGE
