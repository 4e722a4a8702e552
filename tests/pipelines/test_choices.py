"""What becomes of artifacts, attachments, thinking and tools, by the parameters of the pipelines that ship."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from transmissions.cli import main

CONTENT: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "my thought"},
    {"type": "tool_use", "id": "t", "name": "search", "input": {"query": "my query"}},
    {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "my result"}]},
    {
        "type": "tool_use",
        "name": "artifacts",
        "input": {"command": "create", "id": "art", "type": "text/plain", "content": "old code"},
    },
    {
        "type": "tool_use",
        "name": "artifacts",
        "input": {"command": "update", "id": "art", "old_str": "old", "new_str": "new"},
    },
    {"type": "token_budget"},
    {"type": "text", "text": "my answer"},
]
MESSAGE = {
    "uuid": "m",
    "sender": "assistant",
    "text": "flat\n\n```\nThis block is not supported on your current device yet.\n```",
    "content": CONTENT,
    "attachments": [{"file_name": "notes.txt", "extracted_content": "my notes"}],
}
EXPORT = [{"uuid": "c", "name": "Talk", "created_at": "2025-01-02T03:04:05Z", "chat_messages": [MESSAGE]}]


@pytest.mark.parametrize("pipeline", ["claude-archive", "claude-messages"])
@pytest.mark.parametrize(
    ("options", "shown", "hidden", "files"),
    [
        ("--thinking hide --tools hide", [], ["my thought", "my query", "my result"], []),
        ("--thinking fold --tools fold", ["<details>", "my thought", "my query", "my result"], [], []),
        ("--thinking show --tools show --attachments list", ["my thought", "my query"], ["<details>"], []),
        ("--artifacts none", ["art"], ["old code", "new code"], []),
        ("--artifacts inline", ["old code"], [], []),
        ("--artifacts latest", ["art.v2.txt"], ["old code"], ["art.v2.txt=new code"]),
        ("--artifacts all", ["art.v1.txt", "art.v2.txt"], [], ["art.v1.txt=old code", "art.v2.txt=new code"]),
        ("--attachments list", ["notes.txt"], ["my notes"], []),
        ("--attachments inline", ["notes.txt", "my notes"], [], []),
        ("--attachments files", ["notes.txt)"], ["my notes"], ["notes.txt=my notes"]),
        ("--attachments both", ["notes.txt)", "my notes"], [], ["notes.txt=my notes"]),
    ],
)
def test_choices(
    pipeline: str, options: str, shown: list[str], hidden: list[str], files: list[str], tmp_path: Path
) -> None:
    """R7, R14, R15, R16: each choice shows, folds, hides or stores what it says; nothing stands for blocks."""
    (tmp_path / "export.json").write_text(json.dumps(EXPORT))
    words = ["run", pipeline, str(tmp_path / "export.json"), str(tmp_path / "out"), *options.split(), "--quiet"]
    assert main(words) == 0
    stored = [one for one in (tmp_path / "out").rglob("*.txt") if one.is_file()]
    assert sorted(f"{one.name}={one.read_text()}" for one in stored) == files
    (page,) = [one for one in (tmp_path / "out").rglob("*.md") if one.name != "index.md"]
    text = page.read_text(encoding="utf-8")
    assert [one for one in [*shown, "my answer"] if one not in text] == []
    assert [one for one in [*hidden, "not supported", "token_budget", "flat"] if one in text] == []
