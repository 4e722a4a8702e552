"""IndexPage: a page that links to every conversation of a target, and the same for programs."""

from __future__ import annotations

import calendar
import itertools
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import orjson

from processors.chat.markup import escaped
from transmissions import Message, Processor, setting

__all__ = ["IndexPage"]


class IndexPage(Processor):
    """Make an index of the conversations that pass: a page by year and month, newest first, and a JSON line for each.

    Takes from each message its `source` with an `entry`, as MarkdownFormatter makes it; sends nothing until the end,
    and then the two files. With `:incremental true` it lists what the target holds, from this run and earlier ones.

    Guarantee: idempotent; the same conversations in any order give the same index.
    """

    reads = ("source",)
    writes = ("filepath", "content")
    stateful = True

    file: str = setting("index.md", "the page; empty for none")
    lines_file: str = setting("index.jsonl", "the JSON lines; empty for none")
    title: str = setting("Conversations", "heading of the page")
    longest: int = setting(5000, "with more conversations than this, each month gets a page of its own", minimum=1)
    incremental: bool = setting(False, "list all that the target holds, not only what passes")

    def start(self) -> None:
        """Begin with nothing."""
        # A line of JSON in bytes takes a fraction of what its values would take.
        self._lines: dict[str, bytes] = {}

    def process(self, message: Message) -> None:
        """Keep the message's entry."""
        source = message.get("source")
        if not self.incremental and isinstance(source, dict) and isinstance(source.get("entry"), dict):
            key = str(source.get("key", ""))
            self._lines[key] = _line(key, source["entry"])

    def finish(self) -> Iterator[Message]:
        """Yield the page and the lines."""
        if self.incremental:
            # What was pruned is gone from the manifest; what passed in this run is in it.
            lines = [_line(key, entry) for key, entry in self.context.output.manifest.entries() if entry.get("path")]
        else:
            lines = list(self._lines.values())
            self._lines.clear()
        # Two sorts: the newest first, and of the same moment in the order of their keys.
        lines.sort(key=lambda line: orjson.loads(line)["key"].encode())
        lines.sort(key=lambda line: orjson.loads(line)["created"].encode(), reverse=True)
        if lines and self.file:
            yield from self._pages(lines)
        if lines and self.lines_file:
            yield {"filepath": self.lines_file, "content": _text_of(lines)}

    def _pages(self, lines: list[bytes]) -> Iterator[Message]:
        """Yield one page, or one for each month and one that links to them."""
        if len(lines) <= self.longest:
            yield {"filepath": self.file, "content": _page(self.title, lines)}
            return
        stem, dot, suffix = self.file.rpartition(".")
        listed = [f"# {self.title}", "", _counted(len(lines), "conversation")]
        year = ""
        for month, of_month in itertools.groupby(lines, key=_month):
            if month[:4] != year:
                year = month[:4]
                listed += ["", f"## {year if month[:1].isdigit() else month}", ""]
            name = f"{calendar.month_name[int(month[5:])]} {year}" if month[:1].isdigit() else month
            page = f"{stem}-{month}{dot}{suffix}".lower()
            part = list(of_month)
            listed.append(f"- [{name}]({quote(page.rpartition('/')[2])}) · {_counted(len(part), 'conversation')}")
            yield {"filepath": page, "content": _page(f"{self.title}: {name}", part)}
        yield {"filepath": self.file, "content": "\n".join([*listed, ""])}


def _text_of(lines: list[bytes]) -> str:
    """Return the lines as one text; they are given up on the way, so that there are never three copies."""
    joined = b"".join(lines)
    lines.clear()
    return joined.decode()


def _month(line: bytes) -> str:
    return str(orjson.loads(line)["created"])[:7] or "Undated"


def _line(key: str, entry: dict[str, Any]) -> bytes:
    messages = entry.get("messages")
    row = {
        "key": key,
        **{name: str(entry.get(name) or "") for name in ("title", "created", "updated", "path")},
        "messages": messages if isinstance(messages, int) else 0,
    }
    # Escaped to ASCII: one emoji would make all of the text four times as large in memory.
    return json.dumps(row).encode() + b"\n"


def _page(title: str, lines: list[bytes]) -> str:
    """Return the page of these conversations."""
    page = bytearray()
    year = month = None
    dates: list[str] = []
    messages = 0
    for line in lines:
        entry = orjson.loads(line)
        created = entry["created"]
        messages += entry["messages"]
        if created:
            dates = [*dates[:1], created[:10]]
        if (this_year := created[:4] or "Undated") != year:
            year, month = this_year, None
            page += f"\n## {year}\n".encode()
        if (this_month := created[5:7]) != month:
            month = this_month
            page += f"\n### {calendar.month_name[int(month)]}\n\n".encode() if month.isdigit() else b"\n"
        link = f"[{escaped(entry['title'])}]({quote(entry['path'], safe='/-._~')})"
        date = f"{created[:10]} " if created else ""
        page += f"- {date}{link} · {_counted(entry['messages'], 'message')}\n".encode()
    span = f", {dates[-1]} to {dates[0]}" if dates else ""
    head = f"# {title}\n\n{_counted(len(lines), 'conversation')}, {_counted(messages, 'message')}{span}\n"
    return (head.encode() + page).decode()


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
