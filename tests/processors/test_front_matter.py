"""Front matter: what is written is read again, by us and by a library of YAML; what cannot be read is told."""

from __future__ import annotations

import string
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from processors.front_matter import FrontMatterReader, FrontMatterWriter, split

TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
PLAIN = TEXTS | st.booleans() | st.integers(-(10**15), 10**15)
NAMES = st.text(string.ascii_letters + string.digits + "_", min_size=1) | TEXTS.filter(bool)
OBJECTS = st.dictionaries(NAMES, PLAIN | st.lists(PLAIN, max_size=4), max_size=5)


def read(text: str) -> tuple[dict[str, Any], str, list[str]]:
    """Return what a text's front matter says, the rest of the text, and what was left out."""
    reader = FrontMatterReader()
    message = reader.process({"content": text})
    return message["frontMatter"], message["content"], [problem["text"] for problem in reader.problems]


@given(values=OBJECTS, text=TEXTS)
def test_what_is_written_is_read_again(values: dict[str, Any], text: str) -> None:
    """Whatever texts, numbers, truths and lists an object holds, they come back; a library of YAML reads the same."""
    written = FrontMatterWriter().process({"frontMatter": values, "content": text})["content"]
    assert read(written) == (values, f"\n{text}", [])
    assert (yaml.safe_load(split(written)[0]) or {}) == values


@given(text=st.text(st.sampled_from("a:-[],\"'#|> \n\t{}&!0.e")))
def test_no_front_matter_is_too_strange(text: str) -> None:
    """Any text is read or told of; the rest of the page is never touched."""
    values, rest, told = read(f"---\ntitle: x\n{text}\n---\nrest")
    if "\n---" not in f"\n{text}" and "\n..." not in f"\n{text}":
        assert rest == "rest"
    assert values.get("title") is not None or told or "title" in text


@pytest.mark.parametrize(
    "said",
    [
        "title: Pipes # a comment",
        "title: 'it''s'",
        'tags: [a, "b, c", 3]',
        "tags:\n  - a\n  - true\n",
        "tags:\n- a\n",
        "text: |\n  one\n  two\n",
        "text: >-\n  one\n  two\n\n  three\n",
        "empty:\nyes: true\nnumber: -1.5\nzip: 0123a\nurl: https://example.org/a#b",
    ],
)
def test_it_is_read_as_a_library_reads_it(said: str) -> None:
    """What stands in front matter means what it means in YAML."""
    expected = yaml.load(said, yaml.BaseLoader)
    values, _, told = read(f"---\n{said}\n---\n")
    assert told == []
    assert {name: as_yaml(value) for name, value in values.items()} == expected


def as_yaml(value: Any) -> Any:
    """Return a value as YAML writes it."""
    if isinstance(value, list):
        return [as_yaml(one) for one in value]
    if value is None or isinstance(value, bool):
        return {None: "", True: "true", False: "false"}[value]
    return str(value)


@pytest.mark.parametrize("said", ["map:\n  a: b", "flow: {a: b}", "anchor: &a b", 'open: "a', "list: [a, [b]]", "what"])
def test_what_is_not_read_is_told(said: str) -> None:
    """What is more than texts, numbers, truths and lists is left out and told, with its line; the rest is read."""
    values, _, told = read(f"---\ntitle: x\n{said}\nlast: y\n---\n")
    assert values == {"title": "x", "last": "y"}
    assert len(told) == 1
    assert ":3: left out of the front matter" in told[0]


@pytest.mark.parametrize("text", ["", "# Title\n", "---\nno end\n", "a\n---\nb: c\n---\n", "----\na: b\n---\n"])
def test_a_text_without_front_matter_stays(text: str) -> None:
    """Only a block at the very beginning, with its end, is front matter."""
    assert read(text) == ({}, text, [])
