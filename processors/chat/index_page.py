"""IndexPage: a page that links to every conversation of a target, and the same for programs."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from processors.chat.markup import escaped
from transmissions import Message, Processor, setting

__all__ = ["IndexPage"]


class _Entry(NamedTuple):
    """One line of the index."""

    created: str
    key: str
    title: str
    updated: str
    path: str
    messages: int


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
    incremental: bool = setting(False, "list all that the target holds, not only what passes")

    def start(self) -> None:
        """Begin with nothing."""
        self._entries: dict[str, _Entry] = {}

    def process(self, message: Message) -> None:
        """Keep the message's entry."""
        source = message.get("source")
        if isinstance(source, dict) and isinstance(source.get("entry"), dict):
            self._keep(str(source.get("key", "")), source["entry"])

    def finish(self) -> Iterator[Message]:
        """Yield the page and the lines."""
        if self.incremental:
            # What was pruned is gone from the manifest; what passed in this run is in it.
            kept, self._entries = self._entries, {}
            for key, entry in self.context.output.manifest.entries():
                self._keep(key, entry)
            self._entries = self._entries or kept
        # Two sorts: the newest first, and of the same moment in the order of their keys.
        entries = sorted(sorted(self._entries.values(), key=lambda entry: entry.key), key=_moment, reverse=True)
        if not entries:
            return
        if self.file:
            yield {"filepath": self.file, "content": _page(self.title, entries)}
        if self.lines_file:
            yield {"filepath": self.lines_file, "content": _lines(entries)}

    def _keep(self, key: str, entry: dict[str, Any]) -> None:
        path = str(entry.get("path") or "")
        if path:
            messages = entry.get("messages")
            self._entries[key] = _Entry(
                str(entry.get("created") or ""),
                key,
                str(entry.get("title") or ""),
                str(entry.get("updated") or ""),
                path,
                messages if isinstance(messages, int) else 0,
            )


def _moment(entry: _Entry) -> str:
    return entry.created


def _page(title: str, entries: list[_Entry]) -> str:
    dated = [entry.created[:10] for entry in entries if entry.created]
    span = f", {dated[-1]} to {dated[0]}" if dated else ""
    messages = sum(entry.messages for entry in entries)
    lines = [f"# {title}", "", f"{_counted(len(entries), 'conversation')}, {_counted(messages, 'message')}{span}"]
    year = month = None
    for entry in entries:
        if (this_year := entry.created[:4] or "Undated") != year:
            year, month = this_year, None
            lines += ["", f"## {year}"]
        if (this_month := entry.created[5:7]) != month:
            month = this_month
            lines += ["", f"### {calendar.month_name[int(month)]}", ""] if month.isdigit() else [""]
        date = f"{entry.created[:10]} " if entry.created else ""
        link = f"[{escaped(entry.title)}]({quote(entry.path, safe='/-._~')})"
        lines.append(f"- {date}{link} · {_counted(entry.messages, 'message')}")
    return "\n".join([*lines, ""])


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _lines(entries: Iterable[_Entry]) -> str:
    names = ("key", "title", "created", "updated", "messages", "path")
    return "".join(
        orjson.dumps({name: getattr(entry, name) for name in names}, option=orjson.OPT_APPEND_NEWLINE).decode()
        for entry in entries
    )
