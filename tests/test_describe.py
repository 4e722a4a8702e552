"""Descriptions of processors, made from their classes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

import pytest

from transmissions.describe import describe, reference_page
from transmissions.processor import Message, Processor, processor
from transmissions.settings import Duration, setting


@dataclasses.dataclass(frozen=True)
class Rename:
    """Rename a field."""

    source: str
    upper: bool = False


class Sample(Processor):
    """Do a thing
    with a message.

    More about it.

    Guarantee: pure.
    """

    reads = ("title",)
    writes = ("*",)
    splits = True
    stateful = True

    field: str = setting("content", "the field to cut", reads=True)
    limit: int = setting(doc="characters to keep | at most", minimum=1)
    mode: Literal["soft", "hard"] = setting("soft", "how")
    path: Path | None = setting(None, "where")
    wait: Duration = setting(5.0, "how long")
    names: list[str] = setting([], "names", writes=True)
    renames: list[Rename] = setting(doc="what becomes of what")
    strict: bool = setting(False, "whether")
    quote: str = setting('a "b"\n', "a text")


def test_a_description_says_what_the_class_says() -> None:
    """Summary, details, guarantee and fields come from the class and nowhere else."""
    described = describe("Sample", Sample)
    assert described.summary == "Do a thing with a message."
    assert described.details == "More about it."
    assert described.guarantee == "pure."
    assert described.reads == ("title", "the one that :field names")
    assert described.writes == ("*", "the one that :names names")
    assert described.splits
    assert described.stateful


@pytest.mark.parametrize(
    ("name", "takes", "default"),
    [
        ("field", "text", '"content"'),
        ("limit", "a whole number, 1 or more", ""),
        ("mode", '"soft" or "hard"', '"soft"'),
        ("path", "a path", ""),
        ("wait", 'a duration, such as "PT5S" or a number of seconds', "5"),
        ("names", "text", ""),
        ("renames", "a node with :source, :upper", ""),
        ("strict", "true or false", "false"),
        ("quote", "text", '"a \\"b\\"\\n"'),
    ],
)
def test_a_setting_is_described_as_turtle_writes_it(name: str, takes: str, default: str) -> None:
    """Each setting says what it takes and its default, as one would write it."""
    one = next(one for one in describe("Sample", Sample).settings if one.name == name)
    assert (one.takes, one.default) == (takes, default)


def test_the_example_gives_every_required_setting_and_no_other() -> None:
    """The example is the least that is valid."""
    example = describe("Sample", Sample).example
    assert ':stage a :Sample ; :settings [ :limit 1 ; :renames [ :source "text" ] ] .' in example


def test_the_page_has_a_row_for_every_setting() -> None:
    """The Markdown table is whole: a bar in a text does not end its cell."""
    page = reference_page([describe("Sample", Sample)], {"Tests": ["Sample"]})
    assert "| Tests | [Sample](#sample) |" in page
    rows = [line for line in page.splitlines() if line.startswith("| `:")]
    assert len(rows) == len(Sample.settings())
    assert {line.replace("\\|", "").count("|") for line in rows} == {5}
    assert "- guarantee: pure." in page


def test_what_is_inherited_is_no_description() -> None:
    """A processor that says nothing of itself is not described as all processors are."""

    class Bare(Processor):
        def process(self, message: Message) -> Message:
            return message

    assert describe("Bare", Bare).summary == ""


def test_a_function_is_described_like_a_class() -> None:
    """What a function under @processor declares is described from its signature and docstring."""

    @processor
    def shout(message: dict[str, str], *, field: str = "content") -> dict[str, str]:
        """Make a field upper case."""
        return message

    described = describe("Shout", shout)
    assert (described.summary, [one.name for one in described.settings]) == ("Make a field upper case.", ["field"])
    assert described.as_json()["settings"][0]["default"] == '"content"'
