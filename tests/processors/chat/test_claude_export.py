"""Reading exports: every container and encoding, and a report for whatever cannot be used."""

from __future__ import annotations

import codecs
import io
import json
import stat
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from processors.chat.archive import ArchiveError
from processors.chat.claude_export import ClaudeExport
from transmissions.output import Output

Talk = Callable[..., dict[str, Any]]


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    """Write a zip file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def dumped(*conversations: object) -> bytes:
    """Return conversations as an array."""
    return json.dumps(conversations).encode()


def test_message_says_where_a_conversation_comes_from(read: Any, export: Any, talk: Talk) -> None:
    """A message holds the conversation as exported, its key, and the bytes that it stands in."""
    path = export([talk(1), talk(2)])
    found = read(path)
    assert found.conversations == [talk(1), talk(2)]
    assert found.messages[0]["source"] == {"key": talk(1)["uuid"]}
    start, end = found.messages[1]["location"]["bytes"]
    assert json.loads(path.read_bytes()[start:end]) == talk(2)
    assert found.processor.bytes_total == path.stat().st_size
    assert found.processor.bytes_done > 0


def test_what_was_detected_is_told(read: Any, export: Any, talk: Talk) -> None:
    """R1: the log says what each file is, and by what that was told."""
    log: list[str] = []
    read(export([talk(1)]), log=log)
    assert 'a Claude export (its first element is an object with the key "chat_messages")' in log[0]


@pytest.mark.parametrize("kind", ["lines", "zstd", "wrapper", "one object", "one line", "bom", "utf-16", "utf-16-be"])
def test_containers(read: Any, export: Any, talk: Talk, kind: str) -> None:
    """R1, R36: JSON lines, zstd, a wrapper, a single conversation, a byte order mark and UTF-16 are read."""
    two, one = [talk(1), talk(2)], [talk(1)]
    lines = "".join(json.dumps(each) + "\n" for each in two).encode()
    data, expected = {
        "lines": (lines, two),
        "zstd": (zstandard.ZstdCompressor().compress(lines), two),
        "wrapper": (json.dumps({"version": 1, "conversations": two, "more": []}).encode(), two),
        "one object": (json.dumps(talk(1), indent=2).encode(), one),
        "one line": (json.dumps(talk(1)).encode(), one),
        "bom": (codecs.BOM_UTF8 + dumped(*two), two),
        "utf-16": (json.dumps(two).encode("utf-16"), two),
        "utf-16-be": (json.dumps(two, indent=1).encode("utf-16-be"), two),
    }[kind]
    found = read(export(data, "some.bin"))
    assert found.conversations == expected
    assert not found.problems


def test_standard_input(read: Any, talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """R1: `-` reads standard input."""
    stdin = io.TextIOWrapper(io.BytesIO(dumped(talk(1), talk(2))))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert len(read("-").messages) == 2


def test_zip_is_read_in_place_in_numeric_order(read: Any, talk: Talk, tmp_path: Path) -> None:
    """R2, R3: members are read without being extracted, `batch-2` before `batch-10`; other parts are passed over."""
    path = zipped(
        tmp_path / "export.zip",
        {
            "batch-10/conversations.json": dumped(talk(3)),
            "batch-2/conversations.json": dumped(talk(2)),
            "users.json": b'[{"uuid":"u","full_name":"x","email_address":"y"}]',
            "projects.json": b'[{"uuid":"p","docs":[],"prompt_template":""}]',
            "memories.json": b"[]",
        },
    )
    found = read(path)
    assert found.uuids == [talk(2)["uuid"], talk(3)["uuid"]]
    assert not found.problems
    assert sorted(one.name for one in tmp_path.iterdir()) == ["export.zip"]


def test_zip_in_a_zip_is_read_once(read: Any, talk: Talk, tmp_path: Path) -> None:
    """R2: zip files in a zip file are opened, those within them are not, and that is told."""
    inner = zipped(tmp_path / "inner.zip", {"conversations.json": dumped(talk(1))})
    deeper = zipped(tmp_path / "deeper.zip", {"inner.zip": inner.read_bytes(), "conversations.json": dumped(talk(2))})
    outer = zipped(tmp_path / "outer.zip", {"a.zip": inner.read_bytes(), "b.zip": deeper.read_bytes()})
    found = read(outer)
    assert found.uuids == [talk(1)["uuid"], talk(2)["uuid"]]
    assert [problem["file"] for problem in found.problems] == [f"{outer}!b.zip!inner.zip"]


@pytest.mark.parametrize(
    "name", ["../conversations.json", "/conversations.json", "C:\\conversations.json", "a/../../b.json"]
)
def test_zip_member_that_leads_out_is_refused(read: Any, talk: Talk, tmp_path: Path, name: str) -> None:
    """R2: a member whose name leads out of the archive is not read, and that is told."""
    path = zipped(tmp_path / "export.zip", {name: dumped(talk(1)), "conversations.json": dumped(talk(2))})
    found = read(path)
    assert found.uuids == [talk(2)["uuid"]]
    assert "leads out of the archive" in found.problems[0]["text"]


def test_symbolic_link_and_encryption_in_a_zip_are_refused(read: Any, talk: Talk, tmp_path: Path) -> None:
    """R2: symbolic links and encrypted members are not read, and that is told."""
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("link.json")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("secret.json", dumped(talk(1)))
        archive.writestr("conversations.json", dumped(talk(2)))
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"secret.json") - 46
    data[entry + 8] |= 1
    path.write_bytes(data)
    found = read(path)
    assert found.uuids == [talk(2)["uuid"]]
    assert sorted(problem["text"].split(": ")[1].split(",")[0] for problem in found.problems) == [
        "a symbolic link",
        "encrypted",
    ]


def test_zip_limits(read: Any, talk: Talk, tmp_path: Path) -> None:
    """R2: too many members are refused; so is one that is too large, or compressed as only a bomb is."""
    bomb = b"[" + b" " * 3_000_000 + b"]"
    path = zipped(tmp_path / "export.zip", {"conversations.json": dumped(talk(1)), "z.json": bomb})
    with pytest.raises(ArchiveError, match="has 2 members; :maxEntries allows 1"):
        read(path, max_entries=1)
    assert "zip bomb" in read(path).problems[0]["text"]
    assert ":maxMemberBytes" in read(path, max_member_bytes=100_000).problems[0]["text"]


def test_folder_and_several_sources(read: Any, export: Any, talk: Talk, tmp_path: Path) -> None:
    """R1: a folder is searched for conversations, and several sources are read one after the other."""
    export([talk(1)], "in/data-2/conversations.json")
    export([talk(2)], "in/data-10/conversations.json")
    export({"what": "ever"}, "in/other.json")
    other = export([talk(3)], "more.json")
    found = read(tmp_path / "in", other)
    assert found.uuids == [talk(number)["uuid"] for number in (1, 2, 3)]
    assert "JSON of an unknown kind" in found.problems[0]["text"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([{"mapping": {}, "title": "x"}], "a ChatGPT export"),
        ([{"id": 1, "chat": {"history": {}}}], "an Open WebUI export"),
        ([{"header": "x", "time": "y", "products": []}], "a Gemini Takeout"),
        ([{"uuid": "p", "name": "x", "docs": []}], "the projects of a Claude export"),
        ([{"account_uuid": "a", "conversations_memory": ""}], "Claude's memories"),
        ({"conversationId": "x", "messages": []}, "a LibreChat export"),
        ({"chunkedPrompt": {}}, "an AI Studio prompt"),
        ({"sessionId": "s", "projectHash": "h"}, "a Gemini CLI session"),
        ({"uuid": "d", "messages": [], "project": {}}, "a Claude design chat"),
        ({"conversations": [{"conversation": {}, "responses": []}]}, "a Grok export"),
        ({"conversations": [{"mapping": {}}]}, "a ChatGPT export"),
        ({"type": "session_meta", "payload": {}}, "a Codex session"),
        ({"type": "user", "sessionId": "s"}, "a Claude Code session"),
        ({"messages": [{"role": "user"}]}, "a file of OpenAI messages"),
        ({"what": "ever"}, 'with the keys "what"'),
        (b"hello", "no JSON"),
        (b"", "an empty file"),
        (b" \n ", "an empty file"),
        ([1, 2], "its elements are no objects"),
    ],
)
def test_what_is_not_claude_is_named(read: Any, export: Any, content: Any, said: str) -> None:
    """R36: what is no Claude export is refused, and the error says what it looks like."""
    with pytest.raises(ArchiveError, match="not the conversations of a Claude export") as error:
        read(export(content))
    assert said in str(error.value)


def test_missing_file_and_folder_without_export(read: Any, tmp_path: Path) -> None:
    """R36: a missing source, and a folder without conversations, are errors that say so."""
    with pytest.raises(ArchiveError, match="no such file or folder"):
        read(tmp_path / "none.json")
    with pytest.raises(ArchiveError, match="nothing to read"):
        read(tmp_path)


@pytest.mark.parametrize("data", [b"[]", b' {"conversations": []} ', b"[ \n ]"])
def test_export_without_conversations(read: Any, export: Any, data: bytes) -> None:
    """R36: an export without conversations is none of an error."""
    found = read(export(data))
    assert found.messages == []
    assert found.problems == []


BAD = {
    "lone surrogate": rb'"\ud83d"',
    "invalid UTF-8": b'"\xff\xfe"',
    "NaN": b"NaN",
    "control character": b'"\x00\x01"',
    "not a value": b"nope",
    "truncated": b'"',
}


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_conversation_of_a_thousand(read: Any, export: Any, talk: Talk, kind: str) -> None:
    """R37, R39: one bad conversation is repaired or reported, with its bytes; the 999 others are as ever."""
    pieces = [json.dumps(talk(number)).encode() for number in range(1000)]
    pieces[500] = pieces[500].replace(b'"Talk 500"', BAD[kind])
    data = b"[" + b",".join(pieces) + b"]"
    path = export(data)
    found = read(path)
    good = [number for number in range(1000) if number != 500]
    others = [one for one in found.conversations if one["uuid"] != talk(500)["uuid"]]
    assert others == [talk(number) for number in good]
    (problem,) = found.problems
    start, end = problem["bytes"]
    assert data[start:end] == pieces[500]
    assert problem["conversation"] == talk(500)["uuid"]
    counts = found.counts
    assert counts["conversations"] + counts["lost"] == 1000


def test_repaired_conversation_has_replacement_characters(read: Any, export: Any, talk: Talk) -> None:
    """R37: half characters and bad bytes become U+FFFD, NaN becomes null, and JSON takes what comes out."""
    raw = (
        json.dumps([talk(1)])
        .encode()
        .replace(b'"Talk 1"', b'"a\xff\\ud83db"')
        .replace(b'"account": {', b'"n": NaN, "account": {')
    )
    (repaired,) = read(export(raw)).conversations
    assert repaired["name"] == "a\ufffd\ufffdb"
    assert repaired["n"] is None
    json.dumps(repaired, ensure_ascii=False).encode()


def test_truncated_file(read: Any, export: Any, talk: Talk) -> None:
    """R35: of a truncated file all whole conversations come, and one problem has the offset and the count."""
    data = dumped(*(talk(number) for number in range(5)))
    found = read(export(data[:-100]))
    assert len(found.messages) == 4
    (problem,) = found.problems
    assert problem["severity"] == "error"
    assert problem["bytes"][1] == len(data) - 100
    assert "after 4 whole conversations" in problem["text"]


def test_too_large_conversation_is_reported(read: Any, export: Any, talk: Talk, say: Any) -> None:
    """A conversation over the limit is reported with its bytes, and the others come."""
    found = read(export([talk(1), talk(2, say(1, "x" * 5000)), talk(3)]), max_conversation_bytes=3000)
    assert found.uuids == [talk(1)["uuid"], talk(3)["uuid"]]
    assert ":maxConversationBytes" in found.problems[0]["text"]


def test_duplicates_newest_then_longest(read: Any, export: Any, talk: Talk, say: Any) -> None:
    """R3: of a conversation that comes twice the one changed last counts, then the one with more messages."""
    old, new = talk(1, updated_at="2025-01-01T00:00:00Z"), talk(1, updated_at="2025-03-01T00:00:00.000000Z")
    longer = talk(1, say(1), say(2), say(3), updated_at="2025-03-01T00:00:00.000000Z")
    found = read(export([new, old]), export([new, longer], "b.json"))
    assert found.conversations == [new, longer]
    assert found.counts["duplicates"] == 3


def test_conversation_without_id_has_a_key_of_its_content(read: Any, export: Any, talk: Talk) -> None:
    """R38: a conversation without an id gets a key that depends on what it holds, and on nothing else."""
    one, other = talk(1), talk(1, name="other")
    del one["uuid"], other["uuid"]
    keys = [message["source"]["key"] for message in read(export([one, other])).messages]
    again = [message["source"]["key"] for message in read(export([other, one])).messages]
    assert keys == again[::-1]
    assert keys[0] != keys[1]


def test_unchanged_conversations_are_skipped(read: Any, export: Any, talk: Talk, tmp_path: Path) -> None:
    """R40, R41: with `incremental`, a conversation whose files are there is not decoded again; a changed one is."""
    target = tmp_path / "out"
    found = read(export([talk(1), talk(2)]), incremental=True, target=target)
    output = found.processor.context.output
    for message in found.messages:
        key, digest = message["source"]["key"], message["source"]["digest"]
        output.write(f"{key}.md", b"x", before=lambda there: True)
        output.manifest.record(key, digest, f"{key}.md", "irrelevant", parts=1, entry={"path": f"{key}.md"})
    output.manifest.save()
    output.close()
    changed = talk(2, name="Changed")
    again = read(export([talk(1), changed, talk(3)]), incremental=True, target=target)
    assert again.conversations == [changed, talk(3)]
    assert again.counts["unchanged"] == 1
    assert again.processor.outputs == {"unchanged": 1}


def test_older_export_does_not_replace_what_is_newer(read: Any, export: Any, talk: Talk, tmp_path: Path) -> None:
    """R3, R41: what the target holds of a conversation is not replaced by an older state of it."""
    target = tmp_path / "out"
    output = Output(target)
    entry = {"updated": "2025-06-01T00:00:00.000000Z", "messages": 9, "path": "a.md"}
    output.write("a.md", b"x")
    output.manifest.record(talk(1)["uuid"], "digest", "a.md", "hash", parts=1, entry=entry)
    output.manifest.save()
    output.close()
    found = read(export([talk(1)]), incremental=True, target=target)
    assert found.messages == []
    assert found.counts["older"] == 1


def test_first_conversation_comes_before_the_file_is_read(export: Any, talk: Talk) -> None:
    """R6: a conversation comes as soon as it is read, not at the end of the file."""
    path = export([talk(number, name="x" * 20_000) for number in range(500)])
    processor = ClaudeExport(source_file=[path])
    processor.start()
    next(iter(processor.process({})))
    assert processor.bytes_done < path.stat().st_size / 50
