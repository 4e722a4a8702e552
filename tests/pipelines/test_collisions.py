"""Names that collide between conversations: nothing is lost, whatever happens to a run or to what it remembers."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import transmissions

DAY = "2025-06-01T00:00:00.000000Z"


def colliding(conversations: int = 12, messages: int = 200) -> list[dict[str, Any]]:
    """Return conversations that share one folder, with messages of one day whose ids begin alike."""
    source = random.Random(7)
    made: list[dict[str, Any]] = [
        {"uuid": f"abcd{n:04x}-0000-4000-8000-000000000000", "name": "", "created_at": DAY, "updated_at": DAY}
        for n in range(conversations)
    ]
    for one in made:
        one["chat_messages"] = []
    for number in range(messages):
        uuid = "".join(source.choices("ab", k=8)) + f"-0000-4000-8000-{number:012x}"
        chat = {"uuid": uuid, "sender": "human", "text": f"text {number}", "created_at": DAY}
        source.choice(made)["chat_messages"].append(chat)
    return made


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Write an export in which most names collide."""
    path = tmp_path / "export.json"
    path.write_text(json.dumps(colliding()), encoding="utf-8")
    return path


def convert(export: Path, target: Path) -> transmissions.Result:
    """Write a file for each message."""
    return transmissions.load("claude-messages").run(source=export, target=target)


def tree(folder: Path) -> dict[str, bytes]:
    """Return all files, with what the run remembers."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def ids(folder: Path) -> list[str]:
    """Return the id of the message in each file."""
    return sorted(path.read_text(encoding="utf-8").split("\n")[2] for path in folder.rglob("*.md"))


def test_no_message_is_lost_to_another_conversation(export: Path, tmp_path: Path) -> None:
    """R9: conversations that share a folder and whose messages share names lose none; a second run changes nothing."""
    out = tmp_path / "out"
    convert(export, out)
    assert ids(out) == sorted(chat["uuid"] for one in colliding() for chat in one["chat_messages"])
    assert {path.parent.name for path in out.rglob("*.md")} == {"abcd"}
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    again = convert(export, out)
    assert (again.outputs["written"], again.outputs["unchanged"]) == (0, 200)
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*")}


def test_the_same_input_gives_the_same_names_elsewhere(export: Path, tmp_path: Path) -> None:
    """R44: names that collide are told apart in the same way in another folder and under another order of hashes."""
    trees = []
    for seed in ("1", "2"):
        out = tmp_path / seed
        words = [sys.executable, "-m", "transmissions", "run", "claude-messages", str(export), str(out), "--quiet"]
        subprocess.run(words, check=True, env=os.environ | {"PYTHONHASHSEED": seed})
        trees.append(tree(out))
    assert trees[0] == trees[1]


def test_names_are_the_same_when_nothing_is_remembered(export: Path, tmp_path: Path) -> None:
    """R44: where the manifest is missing, a run finds every file as it would write it, and ends with the same tree."""
    out = tmp_path / "out"
    convert(export, out)
    whole = tree(out)
    shutil.rmtree(out / ".transmissions")
    assert convert(export, out).outputs["written"] == 0
    assert tree(out) == whole
    (out / ".transmissions" / "manifest.jsonl").write_bytes(b"")
    assert convert(export, out).outputs["written"] == 0
    assert tree(out) == whole


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
@pytest.mark.parametrize(("files", "forgotten"), [(1, False), (60, True), (120, False), (199, True)])
def test_names_are_the_same_after_a_kill(export: Path, tmp_path: Path, files: int, forgotten: bool) -> None:
    """R43, R44: a run that was killed and begun again, its notes lost or not, gives the names that any other gives."""
    convert(export, tmp_path / "whole")
    out = tmp_path / "out"
    words = [sys.executable, "-m", "transmissions", "run", "claude-messages", str(export), str(out), "--messages", "-"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        for _ in range(files):
            process.stdout.readline()
        process.kill()
    if forgotten:
        shutil.rmtree(out / ".transmissions")
    convert(export, out)
    assert tree(out) == tree(tmp_path / "whole")
