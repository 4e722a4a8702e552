"""Messages that a command line gives to a run and takes from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from transmissions.cli.messages import MessageWriter, read_messages, write_whole
from transmissions.errors import ParameterError


def test_messages_are_an_object_or_several(tmp_path: Path) -> None:
    """`-m` takes an object, a list of objects, or a file with either or with one a line."""
    (tmp_path / "one.json").write_text('{"a": 1}')
    (tmp_path / "lines.jsonl").write_text('{"a": 1}\n\n{"a": 2}\n')
    assert list(read_messages('{"a": 1}')) == [{"a": 1}]
    assert list(read_messages('[{"a": 1}, {}]')) == [{"a": 1}, {}]
    assert list(read_messages(f"@{tmp_path / 'one.json'}")) == [{"a": 1}]
    assert list(read_messages(f"@{tmp_path / 'lines.jsonl'}")) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{a}", "-m: not JSON"),
        ("3", "-m: a message is a JSON object, got 3"),
        ('[{"a": 1}, "b"]', '-m: a message is a JSON object, got "b"'),
        ("@nowhere.json", "-m @nowhere.json: no such file"),
    ],
)
def test_what_is_no_message_is_refused(text: str, message: str) -> None:
    """The refusal says what was given."""
    with pytest.raises(ParameterError) as refused:
        list(read_messages(text))
    assert str(refused.value).startswith(message)


def test_a_wrong_line_of_a_file_is_named(tmp_path: Path) -> None:
    """The line number leads to the line that is not JSON."""
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n{"a": }\n')
    with pytest.raises(ParameterError, match=r"x\.jsonl, line 2: not JSON"):
        list(read_messages(f"@{tmp_path / 'x.jsonl'}"))


def test_a_file_of_messages_appears_when_it_is_whole(tmp_path: Path) -> None:
    """Nobody sees half a file of messages; what JSON lacks is written as text."""
    writer = MessageWriter(tmp_path / "sub" / "out.jsonl")
    writer.write({"path": Path("a"), "n": 1, "text": "é"})
    assert not (tmp_path / "sub" / "out.jsonl").exists()
    writer.write({"lone": "\ud800", "large": 2**70})
    writer.close()
    lines = (tmp_path / "sub" / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"path": "a", "n": 1, "text": "é"},
        {"lone": "\ud800", "large": 2**70},
    ]
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["out.jsonl"]


def test_a_file_of_messages_that_is_not_closed_is_taken_away(tmp_path: Path) -> None:
    """When a run cannot begin, nothing is left behind."""
    with MessageWriter(tmp_path / "out.jsonl") as writer:
        writer.write({"n": 1})
    assert list(tmp_path.iterdir()) == []


def test_a_report_is_whole_or_absent(tmp_path: Path) -> None:
    """Writing replaces the old file at once and leaves nothing beside it."""
    (tmp_path / "r.json").write_text("old")
    write_whole(tmp_path / "r.json", b"new")
    assert (tmp_path / "r.json").read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 1
