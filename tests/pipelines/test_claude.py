"""The Claude pipelines that ship, on the example that ships: golden trees, and what a second run does."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest

import transmissions
from transmissions import Result

HERE = Path(__file__).parent
EXAMPLE = HERE.parent.parent / "pipelines" / "examples" / "claude-export.json"


def run(name: str, source: Path, target: Path, **parameters: Any) -> Result:
    """Run a bundled pipeline."""
    return transmissions.load(name).run(source=source, target=target, **parameters)


def tree(folder: Path) -> dict[str, str]:
    """Return the contents of a folder's files by path, without the state that runs keep."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".transmissions" not in path.parts
    }


def random_uuid(source: random.Random) -> str:
    """Return an id."""
    digits = f"{source.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def conversations(count: int, messages: int, seed: int = 1) -> list[dict[str, Any]]:
    """Return so many conversations, with so many messages in all, most of them empty, all of one day."""
    source = random.Random(seed)
    made: list[dict[str, Any]] = [
        {
            "uuid": random_uuid(source),
            "name": "",
            "created_at": "2025-06-01T00:00:00.000000Z",
            "updated_at": "2025-06-01T00:00:00.000000Z",
            "chat_messages": [],
        }
        for _ in range(count)
    ]
    for number in range(messages):
        text = "" if number % 50 else f"text {number}"
        time = "2025-06-01T00:00:00.000000Z"
        # Long conversations make the first three digits of ids collide.
        place = number if number < count else int(count * source.random() ** 4)
        chat = {"uuid": random_uuid(source), "text": text, "sender": "human", "created_at": time}
        made[place]["chat_messages"].append(chat | {"content": [{"type": "text", "text": text}]})
    return made


@pytest.mark.parametrize("name", ["claude-archive", "claude-messages"])
def test_example_gives_the_golden_tree(name: str, tmp_path: Path) -> None:
    """The bundled example becomes the very files that are kept beside this test."""
    result = run(name, EXAMPLE, tmp_path)
    assert result.status == "complete"
    assert not [problem for problem in result.problems if problem["severity"] == "error"]
    assert tree(tmp_path) == tree(HERE / "golden" / name)


@pytest.mark.parametrize("name", ["claude-archive", "claude-messages"])
def test_second_run_writes_nothing(name: str, tmp_path: Path) -> None:
    """R40, R44: a second run writes no file and changes no time; a run elsewhere gives the same bytes."""
    first = run(name, EXAMPLE, tmp_path / "a")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").rglob("*.md")}
    again = run(name, EXAMPLE, tmp_path / "a")
    assert again.outputs.get("written", 0) == 0
    assert again.outputs["unchanged"] == first.outputs["written"]
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "a").rglob("*.md")}
    run(name, EXAMPLE, tmp_path / "b")
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_every_conversation_and_every_message_has_a_file(tmp_path: Path) -> None:
    """R9, R34: 85 conversations with 557 messages, most of them empty, give 85 pages and 557 files."""
    export = tmp_path / "export.json"
    export.write_text(json.dumps(conversations(85, 557), indent=2))
    run("claude-archive", export, tmp_path / "pages")
    run("claude-messages", export, tmp_path / "messages")
    assert len([path for path in tree(tmp_path / "pages") if path.startswith("2025/")]) == 85
    files = tree(tmp_path / "messages")
    assert len(files) == 557
    assert any(len(path) > len("0000/2025-06-01_000.md") for path in files), "no names collided: the test tests nothing"
    wanted = {chat["uuid"] for one in conversations(85, 557) for chat in one["chat_messages"]}
    assert {content.split("\n")[2] for content in files.values()} == wanted


def test_changed_conversation_alone_is_written(tmp_path: Path) -> None:
    """R41: a changed conversation is written anew, under its new title, and its old page is gone; others are kept."""
    ones = conversations(3, 6)
    ones[0] |= {"name": "Old title"}
    export = tmp_path / "export.json"
    export.write_text(json.dumps(ones))
    run("claude-archive", export, tmp_path / "out")
    changed = ones[0] | {"name": "New title", "updated_at": "2025-07-01T00:00:00.000000Z"}
    export.write_text(json.dumps([changed, ones[1]]))
    result = run("claude-archive", export, tmp_path / "out")
    pages = [path for path in tree(tmp_path / "out") if path.startswith("2025/")]
    assert sum("new-title" in path for path in pages) == 1
    assert not any("old-title" in path for path in pages)
    assert len(pages) == 3, "a conversation that the new export lacks is kept"
    assert result.stage("markdown").received == 1
    index = tree(tmp_path / "out")["index.md"]
    assert "New title" in index and "Old title" not in index
    pruned = run("claude-archive", export, tmp_path / "out", prune=True)
    assert len([path for path in tree(tmp_path / "out") if path.startswith("2025/")]) == 2
    assert pruned.status == "complete"
    assert "2 conversations" in tree(tmp_path / "out")["index.md"]


def test_edited_page_is_kept(tmp_path: Path) -> None:
    """R42: a page that a person has edited is not overwritten, unless that is asked for."""
    export = tmp_path / "export.json"
    ones = conversations(1, 2)
    ones[0]["name"] = "Title"
    export.write_text(json.dumps(ones))
    run("claude-archive", export, tmp_path / "out")
    (page,) = (tmp_path / "out").glob("2025/**/*.md")
    page.write_text("my notes")
    ones[0]["summary"] = "changed"
    export.write_text(json.dumps(ones))
    run("claude-archive", export, tmp_path / "out")
    assert page.read_text() == "my notes"
    assert "changed" in page.with_suffix(".new.md").read_text()
    run("claude-archive", export, tmp_path / "out", force=True)
    assert "changed" in page.read_text()


def test_damaged_export_is_told_of(tmp_path: Path) -> None:
    """R35, R37, R39: a truncated export gives all whole conversations, and a result that says it is partial."""
    export = tmp_path / "export.json"
    data = json.dumps(conversations(20, 40)).encode()
    export.write_bytes(data[:-50])
    result = run("claude-archive", export, tmp_path / "out")
    assert result.partial
    assert len([path for path in tree(tmp_path / "out") if path.startswith("2025/")]) == 19
    (problem,) = [problem for problem in result.problems if problem["severity"] == "error"]
    assert problem["bytes"][1] == len(data) - 50


def test_nothing_is_pruned_for_what_could_not_be_read(tmp_path: Path) -> None:
    """R41: pruning leaves the page of a conversation that is broken, cut off or older in the new export."""
    ones = conversations(4, 8)
    export = tmp_path / "export.json"
    export.write_text(json.dumps(ones))
    run("claude-archive", export, tmp_path / "out")
    before = tree(tmp_path / "out")
    export.write_text(json.dumps([ones[0], ones[1] | {"updated_at": "2025-01-01T00:00:00Z"}, *ones[2:]]))
    run("claude-archive", export, tmp_path / "out", prune=True)
    assert tree(tmp_path / "out") == before
    export.write_text(json.dumps(ones)[:-20])
    result = run("claude-archive", export, tmp_path / "out", prune=True)
    assert tree(tmp_path / "out") == before
    assert any("nothing was pruned" in problem["text"] for problem in result.problems)


def test_conversation_that_comes_twice(tmp_path: Path) -> None:
    """R3, R40: the newer of two states is what is kept, in any order, and a second run has nothing to do."""
    old = conversations(1, 2)[0] | {"name": "Old"}
    new = old | {"name": "New", "updated_at": "2025-07-01T00:00:00.000000Z"}
    trees = []
    for place, order in enumerate(([old, new], [new, old])):
        export = tmp_path / f"{place}.json"
        export.write_text(json.dumps(order))
        run("claude-archive", export, tmp_path / f"out{place}")
        again = run("claude-archive", export, tmp_path / f"out{place}")
        assert again.outputs.get("written", 0) == 0
        trees.append(tree(tmp_path / f"out{place}"))
    assert trees[0] == trees[1]
    assert [path for path in trees[0] if path.startswith("2025/")] == [f"2025/06/2025-06-01-new-{old['uuid'][:8]}.md"]


def test_parameters_reach_the_pages(tmp_path: Path) -> None:
    """Each parameter of the pipelines does what its comment says."""
    run("claude-archive", EXAMPLE, tmp_path / "a", thinking="hide", tools="hide", artifacts="all", attachments="files")
    files = tree(tmp_path / "a")
    assert sum(path.startswith("artifacts/") for path in files) == 3
    assert sum(path.startswith("attachments/") for path in files) == 1
    assert not any("<summary>" in content for content in files.values())
    run("claude-messages", EXAMPLE, tmp_path / "b", text_field=True)
    assert not any("* **sender**" in content for content in tree(tmp_path / "b").values())
    run("claude-archive", EXAMPLE, tmp_path / "c", path="{uuid}.md", keep_empty=False, branches="files")
    names = [path for path in tree(tmp_path / "c") if not path.startswith("index")]
    assert len(names) == 5 and sum(".branch-2" in name for name in names) == 1


def test_manifest_and_tree_are_the_same_in_two_places(tmp_path: Path) -> None:
    """R44: not only the pages, what a run remembers is the same as well, byte for byte."""
    hashes = []
    for place in "ab":
        run("claude-archive", EXAMPLE, tmp_path / place)
        hashes.append(hashlib.sha256((tmp_path / place / ".transmissions" / "manifest.jsonl").read_bytes()).hexdigest())
    assert hashes[0] == hashes[1]
