"""IndexPage: a page that links to every conversation of a target, and the same for programs."""

from __future__ import annotations

import calendar
import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from processors.chat.markup import escaped
from transmissions import Message, Processor, setting

__all__ = ["IndexPage"]

_Pieces = Iterator[bytes]

_PAGE_HEAD = re.compile(rb"# [^\n]*\n\n\d+ conversations?[,\n]")
_LINES_HEAD = re.compile(rb'\{"key": "')
_HEAD_BYTES = 10_000


class _Place(NamedTuple):
    """Where a conversation stands in the index; what its line says is looked up when it is written."""

    created: str
    key: str
    messages: int


class IndexPage(Processor):
    r"""Write an index of the conversations that pass: a page by year and month, newest first, and a JSON line for each.

    Takes from each message its `source` with an `entry`, as MarkdownFormatter makes it; sends nothing on, and writes
    the two files at the end. With `:incremental true` it lists what the target holds, from this run and earlier ones;
    it stands behind the FileWriter then. The files are made anew each time; a file of the name that is no index stays.

    Example:
        :main a :EntryTransmission ; :pipe (:read :markdown :write :stage) .
        :read     a :ClaudeExport ; :settings [ :sourceFile "conversations.json" ] .
        :markdown a :MarkdownFormatter ; :settings [ :path "{created:%Y-%m-%d}-{title}.md" ] .
        :write    a :FileWriter .
        :stage    a :IndexPage ; :settings [ :title "My conversations" ] .
        file conversations.json [{"uuid": "6f1c2a00-0000-4000-8000-000000000001", "name": "Thaw", "created_at":
            "2025-03-01T09:00:00Z",
            "updated_at": "2025-03-01T09:01:00Z", "chat_messages": [
            {"uuid": "a1", "sender": "human", "text": "Will it rain?", "created_at": "2025-03-01T09:00:00Z"},
            {"uuid": "b2", "sender": "assistant", "text": "All day.", "created_at": "2025-03-01T09:01:00Z"}]}]
        written index.md "# My conversations\n\n1 conversation, 2 messages, 2025-03-01 to 2025-03-01\n\n## 2025\n\n###
            March\n\n-
            2025-03-01 [Thaw](2025-03-01-thaw.md) · 2 messages\n"
        written index.jsonl "{\"key\": \"6f1c2a00-0000-4000-8000-000000000001\", \"title\": \"Thaw\",
            \"created\": \"2025-03-01T09:00:00.000000Z\", \"updated\": \"2025-03-01T09:01:00.000000Z\",
            \"path\": \"2025-03-01-thaw.md\", \"messages\": 2}\n"

    Guarantee: idempotent; the same conversations in any order give the same index.
    """

    reads = ("source",)
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
            self._lines[str(source.get("key", ""))] = orjson.dumps(source["entry"])

    def finish(self) -> None:
        """Write the page and the lines."""
        entry: Callable[[str], dict[str, Any]]
        if self.incremental:
            # What was pruned is gone from the manifest; what passed in this run is in it.
            manifest = self.context.output.manifest
            known: Iterator[tuple[str, dict[str, Any]]] = manifest.entries()
            entry = lambda key: manifest.entry(key) or {}  # noqa: E731
        else:
            known = ((key, orjson.loads(line)) for key, line in self._lines.items())
            entry = lambda key: orjson.loads(self._lines[key])  # noqa: E731
        places = [
            _Place(str(one.get("created") or ""), key, _whole(one.get("messages")))
            for key, one in known
            if one.get("path")
        ]
        # Two sorts: the newest first, and of the same moment in the order of their keys.
        places.sort(key=lambda place: place.key.encode())
        places.sort(key=lambda place: place.created, reverse=True)
        for path, pieces in self._files(places, entry):
            if self._is_anothers(path):
                self.outputs["kept"] = self.outputs.get("kept", 0) + 1
                self.warn(f"{path} is there and is no index, so it stays; move it away, or set another name", file=path)
                continue
            # In pieces: an archive's index may be larger than all that is otherwise held.
            outcome = self.context.output.write(path, pieces)
            self.outputs[outcome] = self.outputs.get(outcome, 0) + 1

    def _is_anothers(self, path: str) -> bool:
        """Say whether a file is there that does not begin as what is written here."""
        head = (self.context.output.read(path) or b"")[:_HEAD_BYTES]
        return bool(head.strip()) and not (_PAGE_HEAD if path != self.lines_file else _LINES_HEAD).match(head)

    def _files(self, places: list[_Place], entry: Callable[[str], dict[str, Any]]) -> Iterator[tuple[str, _Pieces]]:
        if not places:
            return
        if self.file and len(places) <= self.longest:
            yield self.file, _page(self.title, places, entry)
        elif self.file:
            yield from self._months(places, entry)
        if self.lines_file:
            yield self.lines_file, (_line(place, entry(place.key)) for place in places)

    def _months(self, places: list[_Place], entry: Callable[[str], dict[str, Any]]) -> Iterator[tuple[str, _Pieces]]:
        """Yield a page for each month, and one that links to them."""
        stem, dot, suffix = self.file.rpartition(".")
        listed = [f"# {self.title}", "", _counted(len(places), "conversation")]
        year = ""
        for month, group in itertools.groupby(places, key=lambda place: place.created[:7] or "Undated"):
            if month[:4] != year:
                year = month[:4]
                listed += ["", f"## {year if month[:1].isdigit() else month}", ""]
            name = f"{calendar.month_name[int(month[5:])]} {year}" if month[:1].isdigit() else month
            page = f"{stem}-{month}{dot}{suffix}".lower()
            of_month = list(group)
            listed.append(f"- [{name}]({quote(page.rpartition('/')[2])}) · {_counted(len(of_month), 'conversation')}")
            yield page, _page(f"{self.title}: {name}", of_month, entry)
        yield self.file, iter(["\n".join([*listed, ""]).encode()])


def _line(place: _Place, entry: dict[str, Any]) -> bytes:
    names = ("title", "created", "updated", "path")
    row = {"key": place.key, **{name: str(entry.get(name) or "") for name in names}, "messages": place.messages}
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _page(title: str, places: list[_Place], entry: Callable[[str], dict[str, Any]]) -> _Pieces:
    """Yield the page of these conversations."""
    dated = [place.created[:10] for place in places if place.created]
    span = f", {dated[-1]} to {dated[0]}" if dated else ""
    messages = sum(place.messages for place in places)
    yield f"# {title}\n\n{_counted(len(places), 'conversation')}, {_counted(messages, 'message')}{span}\n".encode()
    for year, of_year in itertools.groupby(places, key=lambda place: place.created[:4] or "Undated"):
        yield f"\n## {year}\n".encode()
        for month, of_month in itertools.groupby(of_year, key=lambda place: place.created[5:7]):
            yield f"\n### {calendar.month_name[int(month)]}\n\n".encode() if month.isdigit() else b"\n"
            for place in of_month:
                one = entry(place.key)
                link = f"[{escaped(str(one.get('title') or ''))}]({quote(str(one.get('path')), safe='/-._~')})"
                date = f"{place.created[:10]} " if place.created else ""
                yield f"- {date}{link} · {_counted(place.messages, 'message')}\n".encode("utf-8", "replace")


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
