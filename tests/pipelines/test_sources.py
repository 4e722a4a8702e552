"""Exports given to the Claude pipelines in several files, under other names, with other settings than before."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import zstandard

import transmissions

Json = dict[str, Any]


def conversation(number: int, **fields: Any) -> Json:
    """Return a conversation of one message."""
    return {
        "uuid": f"{number:08x}-0000-4000-8000-000000000000",
        "name": f"Talk {number}",
        "created_at": "2025-01-02T03:04:05.000000Z",
        "updated_at": "2025-01-02T03:04:05.000000Z",
        "chat_messages": [{"uuid": f"{number:08x}-1111-4000-8000-000000000000", "sender": "human", "text": "Hello."}],
    } | fields


def export(path: Path, *conversations: Json) -> Path:
    """Write conversations to a file."""
    path.write_text(json.dumps(conversations), encoding="utf-8")
    return path


def pages(folder: Path) -> list[str]:
    """Return the names of the pages of conversations."""
    return sorted(path.name for path in folder.glob("2*/**/*.md"))


def trans(*words: object, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "transmissions", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", input=given, check=False)


def test_several_sources_on_the_command_line(tmp_path: Path) -> None:
    """R1: `--source` is repeated for several sources at once, standard input among them; the help says so."""
    one, two = export(tmp_path / "one.json", conversation(1)), export(tmp_path / "two.json", conversation(2))
    out = tmp_path / "out"
    words = ["run", "claude-archive", "--source", one, "--source", two, "--source", "-", "--target", out]
    done = trans(*words, given=json.dumps([conversation(3)]))
    assert done.returncode == 0, done.stderr
    assert pages(out) == [f"2025-01-02-talk-{n}-{n:08x}.md" for n in (1, 2, 3)]
    assert "may be repeated" in trans("run", "claude-archive", "--help").stdout
    refused = trans("run", "claude-archive", one, out, "--path", "a", "--path", "b")
    assert (refused.returncode, refused.stderr) == (2, "trans: --path is given twice\n")


@pytest.mark.parametrize("kind", [str, Path])
def test_several_sources_from_python(tmp_path: Path, kind: type) -> None:
    """R1, R3: a list of sources is read as one export: of a conversation that comes twice the newer state counts."""
    older = export(tmp_path / "older.json", conversation(1), conversation(2))
    newer = export(tmp_path / "newer.json", conversation(2, name="Renamed", updated_at="2025-03-01T00:00:00.000000Z"))
    sources = [kind(newer), kind(older)]
    transmissions.load("claude-archive").run(source=sources, target=tmp_path / "out")
    assert pages(tmp_path / "out") == ["2025-01-02-renamed-00000002.md", "2025-01-02-talk-1-00000001.md"]


@pytest.mark.parametrize("name", ["claude-archive", "claude-messages"])
def test_an_export_under_a_new_name_is_known(tmp_path: Path, name: str) -> None:
    """R40, R41: exports have a new name each time; only what changed in them is decoded and written."""
    january = export(tmp_path / "january.json", conversation(1), conversation(2))
    february = export(tmp_path / "february.json", conversation(1), conversation(2), conversation(3))
    pipeline = transmissions.load(name)
    pipeline.run(source=january, target=tmp_path / "out")
    result = pipeline.run(source=february, target=tmp_path / "out")
    assert result.processors["read"]["unchanged"] == 2
    assert result.stage("markdown").received == 1


def test_what_changes_no_page_redoes_none(tmp_path: Path) -> None:
    """R40: limits, `force` and `prune` change nothing of what is made, so the run after them has nothing to do."""
    pipeline = transmissions.load("claude-archive")
    options: Json = {"source": export(tmp_path / "e.json", conversation(1)), "target": tmp_path / "out"}
    pipeline.run(**options, force=True, prune=True, overrides={"read.max_entries": 9})
    assert pipeline.run(**options).processors["read"]["unchanged"] == 1
    assert pipeline.run(**options, thinking="hide").processors["read"]["unchanged"] == 0


class Large:
    """An export of 200 MB that ends once something was written; counts what was read until then."""

    size_bytes = 200_000_000

    def __init__(self, target: Path) -> None:
        self.target = target
        self.read_bytes = 0
        self.waiting = b"["

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        if self.read_bytes >= self.size_bytes or pages(self.target):
            return b""
        while len(self.waiting) < size:
            message = {"uuid": "m", "sender": "human", "text": "word " * 4000}
            number = self.read_bytes + len(self.waiting)
            self.waiting += json.dumps(conversation(number, chat_messages=[message])).encode() + b","
        piece, self.waiting = self.waiting[:size], self.waiting[size:]
        self.read_bytes += len(piece)
        return piece


def test_the_first_page_is_there_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R6: the first page is written before 2 % of the input has been read."""
    source = Large(tmp_path)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=source))
    result = transmissions.load("claude-archive").run(source="-", target=tmp_path)
    assert pages(tmp_path)
    assert result.partial
    assert 0 < source.read_bytes < 0.02 * source.size_bytes


def packed(path: Path, **members: bytes) -> Path:
    """Write a zip file of batches."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}/conversations.json", data)
    return path


@pytest.mark.parametrize("harm", ["damage", "encryption"])
def test_a_bad_member_of_a_zip_costs_only_itself(tmp_path: Path, harm: str) -> None:
    """R2, R35, R41: beside a member that cannot be read all others are; that is told, and nothing of it is pruned."""
    one, two = (json.dumps([conversation(number)]).encode() for number in (1, 2))
    export, out = packed(tmp_path / "export.zip", batch1=one, batch2=two), tmp_path / "out"
    transmissions.load("claude-archive").run(source=export, target=out)
    assert len(pages(out)) == 2
    data = bytearray(export.read_bytes())
    if harm == "damage":
        data[len("batch1/conversations.json") + 60] ^= 0xFF
    else:
        data[data.index(b"PK\x01\x02") + 8] |= 1
    export.write_bytes(data)
    result = transmissions.load("claude-archive").run(source=export, target=out, prune=True)
    assert result.partial
    assert [problem["file"] for problem in result.problems if problem["severity"] == "error"] == [
        f"{export}!batch1/conversations.json"
    ]
    assert len(pages(out)) == 2
    transmissions.load("claude-archive").run(source=export, target=tmp_path / "new")
    assert pages(tmp_path / "new") == ["2025-01-02-talk-2-00000002.md"]


def test_a_damaged_zstd_stream_is_told_of(tmp_path: Path) -> None:
    """R35: conversations before the damage are written, and the file is named."""
    lines = [json.dumps(conversation(number)).encode() + b"\n" for number in range(2)]
    data = zstandard.ZstdCompressor().compress(lines[0]) + b"\x28\xb5\x2f\xfd" + b"\xff" * 50
    (tmp_path / "export.jsonl.zst").write_bytes(data)
    result = transmissions.load("claude-archive").run(source=tmp_path / "export.jsonl.zst", target=tmp_path / "out")
    assert result.partial
    assert "damaged" in result.problems[0]["text"]
    assert len(pages(tmp_path / "out")) == 1
