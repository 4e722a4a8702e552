"""The page on event streams says what is so: its examples run, and it names every figure, policy and error."""

from __future__ import annotations

import re
import threading
from dataclasses import fields
from pathlib import Path

import pytest

import transmissions.streams
from tests.streams.conftest import when
from transmissions.errors import StreamError
from transmissions.streams import StreamStatistics, WhenFull

PAGE = (Path(__file__).parents[2] / "docs" / "streams.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples(number: int) -> None:
    """Every example runs, what it asserts holds, and it leaves no thread behind."""
    before = threading.active_count()
    exec(compile(EXAMPLES[number], "docs/streams.md", "exec"), {})
    when(lambda: threading.active_count() <= before)


def test_every_name() -> None:
    """The page names all that `transmissions.streams` offers, every figure, and every policy in both forms."""
    names = {name for name in transmissions.streams.__all__ if name not in ("MAX_SPILL_BYTES", "StreamInfo")}
    names -= {"StreamStatistics", "size_of_message"}
    names |= {field.name for field in fields(StreamStatistics)}
    for name in names:
        assert f"`{name}`" in PAGE or f" {name}" in PAGE, name
    for policy in WhenFull:
        assert f"| `{policy.name}` | `:{policy}` |" in PAGE


def test_every_error_is_exported() -> None:
    """Whoever uses the library finds all its errors beside the stream."""
    for error in StreamError.__subclasses__():
        assert getattr(transmissions.streams, error.__name__) is error
