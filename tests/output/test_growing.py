"""Files that grow line by line, and paths that are claimed before they are written."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from transmissions.errors import OutputFailed, OutputRefused
from transmissions.output import Output, System


def test_lines_are_added_behind_each_other(tmp_path: Path) -> None:
    """Each line comes behind what is there; the first makes the file and its folder."""
    with Output(tmp_path) as output:
        for line in (b"one\n", b"two\n", b"three\n"):
            output.grow("a/b.jsonl", line)
        assert output.bytes_written == 14
    assert (tmp_path / "a" / "b.jsonl").read_bytes() == b"one\ntwo\nthree\n"


def test_a_file_that_was_moved_away_is_made_anew(tmp_path: Path) -> None:
    """Whoever moves the file away keeps what it has; the next line begins another."""
    with Output(tmp_path) as output:
        output.grow("log", b"one\n")
        (tmp_path / "log").rename(tmp_path / "log.1")
        output.grow("log", b"two\n")
    assert (tmp_path / "log.1").read_bytes() == b"one\n"
    assert (tmp_path / "log").read_bytes() == b"two\n"


@pytest.mark.parametrize("written", [0, 1, 3])
def test_a_line_without_room_is_taken_back(tmp_path: Path, written: int) -> None:
    """When the disk is full in the middle of a line, the file has the lines before it, whole, and an error says so."""

    def full(descriptor: int, data: bytes) -> int:
        if os.fstat(descriptor).st_size > 4 or not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(descriptor, data[:written])

    (tmp_path / "log").write_bytes(b"one\n")
    with (
        Output(tmp_path, replace(System(), write=full)) as output,
        pytest.raises(OutputFailed, match=r"^log: cannot be written: no space left"),
    ):
        output.grow("log", b"two\n")
    assert (tmp_path / "log").read_bytes() == b"one\n"


def test_nothing_grows_through_a_link(tmp_path: Path) -> None:
    """A link in place of the file is refused, and what it leads to stays as it is."""
    (tmp_path / "elsewhere").write_bytes(b"mine\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "log").symlink_to(tmp_path / "elsewhere")
    with Output(tmp_path / "out") as output, pytest.raises(OutputRefused, match="a link has that name"):
        output.grow("log", b"line\n")
    assert (tmp_path / "elsewhere").read_bytes() == b"mine\n"


def test_what_one_claimed_others_cannot(tmp_path: Path) -> None:
    """A claimed path is its owner's, however it is written: neither claim, nor write, nor line of another is let in."""
    with Output(tmp_path) as output:
        output.claim("a/log", "one")
        output.claim("./a//log", "one")
        with pytest.raises(OutputRefused, match=r"a/log: refused: something else of this run writes it; rename"):
            output.claim("a/log", "other")
        with pytest.raises(OutputRefused, match="differs only by case"):
            output.claim("a/LOG", "other")
        with pytest.raises(OutputRefused, match="leads out of the target"):
            output.claim("../log", "one")
        with pytest.raises(OutputRefused):
            output.write("a/log", b"text", owner="other")
        with pytest.raises(OutputRefused):
            output.grow("a/log", b"text\n", owner="other")
        output.grow("a/log", b"text\n", owner="one")
        with pytest.raises(OutputRefused):
            output.grow("a/log", b"more\n", owner="other")
    assert (tmp_path / "a" / "log").read_bytes() == b"text\n"
    assert not list(tmp_path.glob("a/L*"))
