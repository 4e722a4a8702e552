"""Hostile names in an export, through the whole pipeline: every file inside the target, and none lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import transmissions

HOSTILE: list[Any] = [
    "../../x", "/etc/passwd", "C:\\x", "a/b", "", None, "x" * 300, "con.txt", "..", ".", "NUL", "a\x00b", "a:b", 7,
    ["x"], "\u202e.exe", "é" * 200, "\ud83d", "index", "INDEX", "index-2025-01", ".transmissions", ".~trn-1", "~",
    "-rf", "a. ",
]  # fmt: skip


def conversation(number: int, name: Any) -> dict[str, Any]:
    """Return a conversation that has the name wherever it can have one."""
    create = {"command": "create", "id": name, "title": name, "type": "text/plain", "content": f"made {number}"}
    message = {
        "uuid": f"{number:08x}-1111-4000-8000-000000000000",
        "sender": name,
        "content": [{"type": "tool_use", "name": "artifacts", "input": create}],
        "attachments": [{"file_name": name, "extracted_content": f"attached {number}"}],
        "created_at": "2025-01-02T03:04:05Z",
    }
    return {
        "uuid": f"{number:08x}-0000-4000-8000-000000000000",
        "name": name,
        "model": name,
        "created_at": "2025-01-02T03:04:05Z",
        "updated_at": "2025-01-02T03:04:05Z",
        "chat_messages": [message],
    }


@pytest.mark.parametrize("path", ["{title}.md", "{name}.md", "{name}/{name}.md", "{name}/{uuid}.md", "{model}", ""])
@pytest.mark.parametrize("pipeline", ["claude-archive", "claude-messages"])
def test_hostile_names(tmp_path: Path, pipeline: str, path: str) -> None:
    """R31, R33: whatever titles, artifacts and attachments are called, all is written, in the target only."""
    export = tmp_path / "in" / "export.json"
    export.parent.mkdir()
    export.write_text(json.dumps([conversation(number, name) for number, name in enumerate(HOSTILE)]))
    out = tmp_path / "deep" / "er" / "out"
    options = {"artifacts": "all", "attachments": "files"} | ({"path": path} if path else {})
    result = transmissions.load(pipeline).run(source=export, target=out, **options)
    assert "replaced" not in result.outputs
    written = [one for one in tmp_path.rglob("*") if one.is_file() and ".transmissions" not in one.parts]
    assert {one for one in written if out not in one.parents} == {export}
    assert all(len(one.name.encode()) <= 255 for one in written)
    contents = {one.read_text(encoding="utf-8") for one in written}
    for number in range(len(HOSTILE)):
        assert f"made {number}" in contents
        assert f"attached {number}" in contents
        # The link to a conversation stands in its page, and in no index.
        assert any(f"https://claude.ai/chat/{number:08x}-" in content for content in contents)
    times = {one: one.stat().st_mtime_ns for one in written}
    transmissions.load(pipeline).run(source=export, target=out, **options)
    assert times == {one: one.stat().st_mtime_ns for one in written}
