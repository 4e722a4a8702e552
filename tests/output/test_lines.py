"""Lines by key, most of them in a file: a mapping like any other, wherever its lines are."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transmissions.errors import OutputFailed
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
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **options: made.append(make(**options)) or made[-1])
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


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let files of this process be no longer than that."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.skipif(sys.platform == "win32", reason="file sizes can be limited on POSIX only")
@pytest.mark.parametrize("size", [0, 1, 99, 250, 8300])
def test_what_the_disk_does_not_take_stays_in_memory(size: int) -> None:
    """Where the file takes no more, or nothing at all, nothing is lost, and what was replaced is let go of."""
    lines, expected = Lines(100), dict[str, bytes]()
    with files_of_at_most(size):
        for number in range(2000):
            lines[str(number % 100)] = expected[str(number % 100)] = b"%d" % number * 5
        agree(lines, expected)
    assert len(lines._newest) < 10_000
    agree(lines, expected)


def test_without_a_folder_for_temporary_files_they_stay_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run needs no such folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    lines, expected = Lines(100), dict[str, bytes]()
    for number in range(2000):
        lines[str(number % 100)] = expected[str(number % 100)] = b"%d" % number * 5
    agree(lines, expected)
    assert len(lines._newest) < 10_000


def test_a_file_that_cannot_be_read_is_an_error_that_says_so(files: list[Any]) -> None:
    """What the disk no longer gives is told, and never taken for a line."""
    lines = Lines(100)
    lines["a"] = b"x" * 100
    files[0].truncate(50)
    with pytest.raises(OutputFailed, match="temporary files: cannot be read: it ends too early"):
        lines.get("a")
    lines.clear()
    agree(lines, {})
