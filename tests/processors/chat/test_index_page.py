"""The index: every conversation once, newest first, with links that work."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote

from processors.chat.index_page import IndexPage
from transmissions.context import Context
from transmissions.output import Output


def sent(key: str, created: str, title: str = "T", path: str = "", messages: int = 2) -> dict[str, Any]:
    """Return a message as FileWriter sends it on."""
    entry = {"title": title, "created": created, "updated": created, "path": path or f"{key}.md", "messages": messages}
    return {"filepath": f"{key}.md", "content": "x", "source": {"key": key, "parts": 1, "entry": entry}}


def index(*messages: dict[str, Any], **settings: Any) -> dict[str, str]:
    """Return the files of an index."""
    with TemporaryDirectory() as folder:
        processor = IndexPage(**settings)
        processor.context = Context(output=Output(Path(folder)))
        processor.start()
        for message in messages:
            assert processor.process(message) is None
        processor.finish()
        return {path.name: path.read_text("utf-8") for path in Path(folder).iterdir()}


def test_page_by_year_and_month() -> None:
    """R28: the page has years and months, the newest first, and says how many there are."""
    page = index(
        sent("a", "2024-05-01T00:00:00.000000Z", messages=1),
        sent("b", "2025-01-31T00:00:00.000000Z", "B [x] *y*"),
        sent("c", "2025-01-02T00:00:00.000000Z"),
        sent("d", ""),
    )["index.md"]
    assert page == (
        "# Conversations\n\n4 conversations, 7 messages, 2024-05-01 to 2025-01-31\n\n"
        "## 2025\n\n### January\n\n- 2025-01-31 [B \\[x\\] \\*y\\*](b.md) · 2 messages\n"
        "- 2025-01-02 [T](c.md) · 2 messages\n\n"
        "## 2024\n\n### May\n\n- 2024-05-01 [T](a.md) · 1 message\n\n"
        "## Undated\n\n- [T](d.md) · 2 messages\n"
    )


def test_links_are_encoded() -> None:
    """R28: a link to a path with spaces, brackets and letters of any script leads to that path."""
    path = "2025/a (b) 数据 #1.md"
    page = index(sent("a", "2025-01-01T00:00:00.000000Z", path=path))["index.md"]
    link = page.split("](")[1].split(") ·")[0]
    assert link.isascii() and not set(" ()#") & set(link)
    assert unquote(link) == path


def test_lines_for_programs() -> None:
    """R28: the JSON lines have what the page has."""
    lines = index(sent("a", "2024-05-01T00:00:00.000000Z"), sent("b", "2025-05-01T00:00:00.000000Z"))["index.jsonl"]
    rows = [json.loads(line) for line in lines.splitlines()]
    assert [row["key"] for row in rows] == ["b", "a"]
    assert rows[0]["path"] == "b.md" and rows[0]["messages"] == 2


def test_order_of_arrival_does_not_matter() -> None:
    """R44: the same conversations in any order give the same bytes, and each is listed once."""
    messages = [sent(key, "2025-01-01T00:00:00.000000Z") for key in "abca"]
    assert index(*messages) == index(*reversed(messages))
    assert index(*messages)["index.md"].count(".md)") == 3


def test_many_conversations_get_a_page_for_each_month() -> None:
    """R28: an index that would be too long has a page for each month, and one that links to them."""
    months = ("2023-01", "2025-03", "2025-03", "2025-01", "")
    messages = [
        sent(f"k{place}", f"{month}-01T00:00:00.000000Z" if month else "") for place, month in enumerate(months)
    ]
    files = index(*messages, longest=3)
    pages = ["index-2023-01.md", "index-2025-01.md", "index-2025-03.md", "index-undated.md", "index.jsonl", "index.md"]
    assert sorted(files) == pages
    assert "## 2025\n\n- [March 2025](index-2025-03.md) · 2 conversations\n" in files["index.md"]
    assert "## Undated\n\n- [Undated](index-undated.md) · 1 conversation\n" in files["index.md"]
    assert files["index-2025-03.md"].count("](k") == 2


def test_nothing_gives_nothing() -> None:
    """R28: without conversations there is no index."""
    assert index() == {}


def test_kept_conversations_are_listed(tmp_path: Path) -> None:
    """R41: with `incremental` the index has what earlier runs wrote and this one did not touch."""
    output = Output(tmp_path)
    for key, year in (("old", "2023"), ("new", "2025")):
        message = sent(key, f"{year}-01-01T00:00:00.000000Z")
        output.manifest.record(key, "d", f"{key}.md", "h", parts=1, entry=message["source"]["entry"])
    processor = IndexPage(incremental=True, lines_file="")
    processor.context = Context(output=output)
    processor.start()
    processor.process(sent("new", "2025-01-01T00:00:00.000000Z"))
    processor.finish()
    page = (tmp_path / "index.md").read_text("utf-8")
    assert "(old.md)" in page and "(new.md)" in page
    assert processor.outputs == {"written": 1}
    processor.finish()
    assert processor.outputs == {"written": 1, "unchanged": 1}
