"""Lines by key, most of them in a file: a mapping like any other, wherever its lines are."""

from __future__ import annotations

import tempfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transmissions.output.lines import Lines

KEYS = st.sampled_from(["a", "b", "ü", ""])
STEPS = st.lists(st.tuples(st.sampled_from("spc"), KEYS, st.binary(max_size=40)), max_size=60)


def agree(lines: Lines, expected: dict[str, bytes]) -> None:
    """Check that lines are those of an ordinary mapping."""
    assert list(lines) == sorted(expected)
    assert {key: lines.get(key) for key in expected} == expected
    assert sorted(lines.values()) == sorted(expected.values())
    assert all(key in lines for key in expected)
    assert lines.get("none") is None


@given(STEPS, st.integers(1, 100), st.integers(0, 100))
def test_they_are_a_mapping(steps: list[tuple[str, str, bytes]], in_memory: int, wasted: int) -> None:
    """Whatever is set and forgotten, and however little may be held in memory, the last line of each key is found."""
    lines, expected = Lines(in_memory, wasted), dict[str, bytes]()
    for step, key, line in steps:
        if step == "s":
            lines[key] = expected[key] = line
        elif step == "p":
            assert lines.pop(key) == (expected.pop(key, None) is not None)
        elif not line:
            lines.clear()
            expected.clear()
        agree(lines, expected)


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the files that are made from now on."""
    made: list[Any] = []
    make = tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: made.append(make()) or made[-1])
    return made


def test_few_lines_make_no_file(files: list[Any]) -> None:
    """A small target needs no folder for temporary files."""
    lines = Lines()
    for number in range(1000):
        lines[str(number)] = b"x" * 100
    assert files == []


def test_replaced_lines_do_not_fill_the_disk(files: list[Any]) -> None:
    """A line that is replaced again and again takes no more than twice what counts, and what may be wasted."""
    lines = Lines(100, 1000)
    for number in range(10_000):
        lines["a"] = b"%9d\n" % number
        lines[str(number % 10)] = b"always there"
    assert sum(file.seek(0, 2) for file in files if not file.closed) < 3000
    assert len(files) > 10
    agree(lines, {"a": b"     9999\n"} | {str(number): b"always there" for number in range(10)})


@pytest.mark.parametrize("good", [0, 250])
def test_without_room_on_disk_they_stay_in_memory(monkeypatch: pytest.MonkeyPatch, good: int) -> None:
    """Where the file cannot be made, or takes no more, nothing is lost."""
    make = tempfile.TemporaryFile

    class Full:
        def __init__(self) -> None:
            if not good:
                raise OSError(28, "No space left on device")
            self.file = make()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def write(self, data: bytes) -> int:
            if self.file.tell() + len(data) > good:
                self.file.write(data[:10])
                raise OSError(28, "No space left on device")
            return self.file.write(data)

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    lines, expected = Lines(100), dict[str, bytes]()
    for number in range(100):
        lines[str(number)] = expected[str(number)] = b"%d" % number * 5
    agree(lines, expected)
