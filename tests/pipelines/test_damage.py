"""Damaged exports on the command line: one bad conversation costs itself at most, and is told of with its bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from transmissions.cli import main

COUNT = 1000
BAD = 500


def conversation(number: int) -> bytes:
    """Return a conversation of one message, as JSON."""
    return json.dumps(
        {
            "uuid": f"{number:08x}-0000-4000-8000-000000000000",
            "name": f"Talk {number}",
            "created_at": "2025-01-02T03:04:05.000000Z",
            "updated_at": "2025-01-02T03:04:05.000000Z",
            "chat_messages": [{"uuid": f"m{number}", "sender": "human", "text": "Hello."}],
        }
    ).encode()


class Converted(NamedTuple):
    """What the command line made of an export."""

    code: int
    pages: int
    report: dict[str, Any]
    said: str


def convert(data: bytes, folder: Path, capsys: pytest.CaptureFixture[str]) -> Converted:
    """Run `trans run claude-archive` on an export."""
    (folder / "export.json").write_bytes(data)
    words = ["run", "claude-archive", folder / "export.json", folder / "out", "--report", folder / "report.json"]
    code = main([str(word) for word in words])
    report = json.loads((folder / "report.json").read_bytes())
    return Converted(code, len(list(folder.glob("out/2*/**/*.md"))), report, capsys.readouterr().err)


def told_once(converted: Converted, severity: str, start: int, end: int) -> bool:
    """Say whether there is one problem, with these bytes, in the report and on standard error."""
    (problem,) = converted.report["problems"]
    assert (problem["severity"], problem["bytes"]) == (severity, [start, end])
    return f"[{start}, {end}]" in converted.said and "report.json" in converted.said


@pytest.mark.parametrize(
    "damage",
    [rb'"Talk \ud83d"', b'"Talk \xff\xfe"', b"NaN", b'"Talk \x00\x01"', b"-Infinity"],
    ids=["lone surrogate", "invalid UTF-8", "NaN", "control characters", "infinity"],
)
@pytest.mark.parametrize("place", [0, BAD, COUNT - 1])
def test_one_repaired_of_a_thousand(
    damage: bytes, place: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """R37, R39: what JSON does not allow inside a value is replaced: 1,000 pages, one warning, exit code 0."""
    pieces = [conversation(number) for number in range(COUNT)]
    pieces[place] = pieces[place].replace(b'"Talk %d"' % place, damage)
    start = 1 + sum(len(piece) + 1 for piece in pieces[:place])
    converted = convert(b"[" + b",".join(pieces) + b"]", tmp_path, capsys)
    assert (converted.code, converted.pages) == (0, COUNT)
    assert told_once(converted, "warning", start, start + len(pieces[place]))


@pytest.mark.parametrize(
    "damage",
    [b"nope", b'"', b"}", b"{", b"01", b"\x00" * 40],
    ids=["no value", "open string", "early end", "no end", "bad number", "zeros"],
)
def test_one_lost_of_a_thousand(damage: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """R37, R39: a conversation that is no JSON is reported, the 999 others are written, and the exit code is 2."""
    pieces = [conversation(number) for number in range(COUNT)]
    pieces[BAD] = pieces[BAD].replace(b'"Talk %d"' % BAD, damage)
    start = 1 + sum(len(piece) + 1 for piece in pieces[:BAD])
    converted = convert(b"[" + b",".join(pieces) + b"]", tmp_path, capsys)
    assert (converted.code, converted.pages) == (2, COUNT - 1)
    assert converted.report["processors"]["read"]["lost"] == 1
    assert told_once(converted, "error", start, start + len(pieces[BAD]))


def test_a_truncated_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """R35: of an export that ends too early all whole conversations are written; offset and count are told, code 2."""
    data = b"[" + b",".join(conversation(number) for number in range(COUNT)) + b"]"
    converted = convert(data[:-100], tmp_path, capsys)
    assert (converted.code, converted.pages) == (2, COUNT - 1)
    last = conversation(COUNT - 1)
    assert told_once(converted, "error", len(data) - 1 - len(last), len(data) - 100)
    assert f"after {COUNT - 1} whole conversations" in converted.said


def test_numbers_of_any_size_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """R37: a number of more than 64 bits is no damage."""
    big = conversation(1).replace(b'"name"', b'"number": 123456789012345678901234567890, "name"')
    converted = convert(b"[" + big + b"]", tmp_path, capsys)
    assert (converted.code, converted.pages, converted.report["problems"]) == (0, 1, [])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "an empty file"),
        (b'{"what": "ever"}', "JSON of an unknown kind"),
        (b'[{"mapping": {}, "title": "x"}]', "a ChatGPT export"),
        (b"PK\x03\x04 and no more", "not a readable zip file"),
        (b"[[[[" * 100_000, "its elements are no objects"),
    ],
)
def test_what_is_no_export_ends_with_one(
    data: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """R36, R45: nothing that can be used is exit code 1, with what the file looks like."""
    converted = convert(data, tmp_path, capsys)
    assert (converted.code, converted.pages) == (1, 0)
    assert said in converted.said
    assert "Traceback" not in converted.said


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """R36: a byte order mark and UTF-16 are read like UTF-8."""
    converted = convert((b"[" + conversation(1) + b"]").decode().encode(encoding), tmp_path, capsys)
    assert (converted.code, converted.pages, converted.report["problems"]) == (0, 1, [])


@pytest.mark.parametrize("data", [b"[]", b'{"conversations": []}'])
def test_an_export_of_nothing(data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """R36: an export without conversations is a success without pages."""
    assert convert(data, tmp_path, capsys)[:2] == (0, 0)
