"""Pages of several conversations in one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import transmissions

Json = dict[str, Any]


def conversation(number: int, created: str, text: str = "hello") -> Json:
    """Return a conversation of one message."""
    return {
        "uuid": f"{number:08x}-0000-4000-8000-000000000000",
        "name": f"Talk {number}",
        "created_at": created,
        "updated_at": created,
        "chat_messages": [{"uuid": f"m{number}", "sender": "human", "text": text, "created_at": created}],
    }


def journal(folder: Path, conversations: list[Json], **parameters: Any) -> dict[str, str]:
    """Return the files of a journal."""
    export = folder / "e.json"
    export.write_text(json.dumps(conversations))
    transmissions.load("claude-journal").run(source=str(export), target=str(folder / "out"), **parameters)
    return {str(path.relative_to(folder / "out")): path.read_text("utf-8") for path in (folder / "out").rglob("*.md")}


THREE = [
    conversation(1, "2025-01-02T10:00:00Z"),
    conversation(2, "2025-01-02T09:00:00Z", "earlier 🌊"),
    conversation(3, "2025-02-01T00:00:00Z"),
]


def test_conversations_of_a_day_share_a_file(tmp_path: Path) -> None:
    """R10: one file a day has the conversations that began on it, the oldest first."""
    files = journal(tmp_path, THREE)
    assert sorted(files) == ["2025/2025-01-02.md", "2025/2025-02-01.md"]
    day = files["2025/2025-01-02.md"]
    assert day.index("# Talk 2") < day.index("earlier 🌊") < day.index("\n\n---\n\n# Talk 1") < day.index("hello")


@pytest.mark.parametrize(("path", "files"), [("all.md", 1), ("{created:%Y-%m}.md", 2), ("{title}.md", 3)])
def test_the_template_says_what_shares_a_file(tmp_path: Path, path: str, files: int) -> None:
    """R10: a template without a field is one file for all; any field tells files apart."""
    made = journal(tmp_path, THREE, path=path)
    assert len(made) == files
    assert sum(text.count("# Talk") for text in made.values()) == 3


def test_order_does_not_matter_and_nothing_is_written_twice(tmp_path: Path) -> None:
    """R40, R44: in any order the same files come out, and a second run writes none."""
    files = journal(tmp_path, THREE)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.md")}
    assert journal(tmp_path, THREE[::-1]) == files
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.md")} == times


def test_a_newer_state_of_a_conversation_replaces_the_older(tmp_path: Path) -> None:
    """R3: of a conversation that comes twice, the newest state is in the file, once."""
    newer = conversation(3, "2025-02-01T00:00:00Z", "newer") | {"updated_at": "2025-03-01T00:00:00Z"}
    files = journal(tmp_path, [*THREE, newer])
    assert files["2025/2025-02-01.md"].count("# Talk 3") == 1
    assert "newer" in files["2025/2025-02-01.md"]


def test_an_export_that_is_not_recognised_can_be_called_one(tmp_path: Path) -> None:
    """R1: `format` overrides what a file seems to be; what is no conversation in it is reported."""
    odd = {"uuid": "u", "name": "Odd", "created_at": "2025-01-01T00:00:00Z", "mapping": {}}
    export = tmp_path / "e.json"
    export.write_text(json.dumps([odd, *THREE]))
    for name in ("claude-journal", "claude-archive", "claude-messages"):
        pipeline = transmissions.load(name)
        with pytest.raises(transmissions.StageError, match="a ChatGPT export"):
            pipeline.run(source=str(export), target=str(tmp_path / name))
        result = pipeline.run(source=str(export), target=str(tmp_path / name), format="claude")
        assert result.processors["read"]["conversations"] == 4
