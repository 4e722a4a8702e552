"""Running again on the command line: nothing new writes nothing, a person's work stays, what is gone stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transmissions.cli import main

Run = Callable[..., dict[str, Any]]


def conversation(number: int, **fields: Any) -> dict[str, Any]:
    """Return a conversation of one message."""
    return {
        "uuid": f"{number:08x}-0000-4000-8000-000000000000",
        "name": f"Talk {number}",
        "created_at": "2025-01-02T03:04:05.000000Z",
        "updated_at": "2025-01-02T03:04:05.000000Z",
        "chat_messages": [{"uuid": f"{number:08x}-1111-4000-8000-000000000000", "sender": "human", "text": "Hello."}],
    } | fields


@pytest.fixture(params=["claude-archive", "claude-messages"])
def run(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Convert conversations on the command line, and return the report."""

    def convert(*conversations: dict[str, Any], options: str = "") -> dict[str, Any]:
        (tmp_path / "export.json").write_text(json.dumps(conversations), encoding="utf-8")
        words = [request.param, str(tmp_path / "export.json"), str(tmp_path / "out"), *options.split(), "--json"]
        assert main(["run", *words]) == 0
        report: dict[str, Any] = json.loads(capsys.readouterr().out)
        return report

    return convert


def pages(folder: Path) -> list[Path]:
    """Return the pages of conversations or messages."""
    return sorted(path for path in folder.rglob("*.md") if path.name != "index.md")


def test_a_second_run_touches_nothing(run: Run, tmp_path: Path) -> None:
    """R40: the same export again writes no file, and no time of any file or folder changes."""
    first = run(conversation(1), conversation(2))
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("out/**/*")}
    again = run(conversation(1), conversation(2))
    assert again["outputs"] == {"written": 0, "unchanged": first["outputs"]["written"], "failed": 0}
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("out/**/*")}


def test_what_the_export_lacks_is_kept_unless_pruned(run: Run, tmp_path: Path) -> None:
    """R41: pages of conversations that a new export lacks stay; `--prune` removes them, by either form of a flag."""
    run(conversation(1), conversation(2))
    run(conversation(2))
    assert len(pages(tmp_path)) == 2
    run(conversation(2), options="--no-prune")
    assert len(pages(tmp_path)) == 2
    run(conversation(2), options="--prune")
    assert len(pages(tmp_path)) == 1


@pytest.mark.parametrize("run", ["claude-archive"], indirect=True)
def test_an_index_of_a_persons_own_stays(run: Run, tmp_path: Path) -> None:
    """A file that was there before, under the name of an index, is nobody's to overwrite; an index is made anew."""
    target = tmp_path / "out"
    target.mkdir()
    (target / "index.md").write_text("# My notes\n\nkeep me\n")
    report = run(conversation(1))
    assert (target / "index.md").read_text() == "# My notes\n\nkeep me\n"
    assert "index.md is there and is no index" in report["problems"][0]["text"]
    (target / "index.md").unlink()
    assert run(conversation(1))["problems"] == []
    run(conversation(1), conversation(2))
    assert "2 conversations" in (target / "index.md").read_text()


def test_a_persons_edit_stays(run: Run, tmp_path: Path) -> None:
    """R42: an edited page is never overwritten; news goes beside it and is reported; `--force` overwrites."""
    run(conversation(1))
    (page,) = pages(tmp_path)
    page.write_text("my notes", encoding="utf-8")
    assert run(conversation(1))["problems"] == []
    report = run(conversation(1, name="Talk 1", summary="s", model="m", updated_at="2025-02-01T00:00:00.000000Z"))
    assert "was edited by a person and stays" in report["problems"][0]["text"]
    beside = page.with_suffix(".new.md")
    assert (page.read_text(encoding="utf-8"), beside.exists()) == ("my notes", True)
    run(conversation(1), options="--prune")
    assert page.read_text(encoding="utf-8") == "my notes"
    news = conversation(1, updated_at="2025-03-01T00:00:00.000000Z")
    run(news, options="--force")
    assert "Hello." in page.read_text(encoding="utf-8")


def test_the_counts_add_up(run: Run) -> None:
    """R39: every message read is written, or counted under the reason why it is not."""
    twice = {"uuid": "m", "sender": "human", "text": "Hello."}
    branches = [{"uuid": f"b{n}", "sender": "human", "text": "t", "parent_message_uuid": "root"} for n in range(3)]
    root = {"uuid": "root", "sender": "human", "text": "r"}
    report = run(conversation(1, chat_messages=[twice, twice, None]), conversation(2, chat_messages=[root, *branches]))
    counts = report["processors"]["markdown"]
    assert (counts["messages"], counts["left_out"]) == (7, 2)
    assert counts["messages"] == counts["messages_written"] + counts["other_branches"] + counts["left_out"]
    assert {problem["text"].split(";")[0] for problem in report["problems"]} >= {
        "a message comes twice",
        "something between the messages is none",
    }
    for stage in report["stages"]:
        assert stage["received"] >= stage["failed"] + stage["filtered"]
