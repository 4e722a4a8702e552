"""Processors of entries: make one of a Markdown file, pack files into one, take in an address that was sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

from transmissions import MISSING, Mark, Message, Processor, get_field, require_field, set_field, setting

__all__ = ["FileContainer", "MakeEntry", "SquirtReceiver"]

_HEADING = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


class MakeEntry(Processor):
    """Make an entry, in `contentBlocks`, of a Markdown file that was read before.

    It has `title` (the first heading, or else the file's name), `slug`, `uri`, `relPath` (without its ending),
    `created` and `modified` (of the file's facts in `meta`; a date in the file's name comes before them), `content`,
    and `creator` and `graph` if they are set.

    Guarantee: pure.
    """

    reads = ("content", "filepath")
    writes = ("contentBlocks",)

    raw_dir: str = setting("", "folder in which such files are; what of a path is below it is the entry's path")
    render_path: str = setting("", "what stands before the entry's path in `relPath`")
    base_uri: str = setting("http://hyperdata.it/", "what the entry's address begins with")
    graph: str = setting("", "address of the graph that it belongs to")
    creator_name: str = setting("", "who wrote it")
    creator_uri: str = setting("", "the writer's address")

    def process(self, message: Message) -> Message:
        """Return the message with the entry."""
        text = str(require_field(message, "content"))
        path = self._path(str(message.get("relPath") or require_field(message, "filepath")))
        heading = _HEADING.search(text)
        slug = path.name
        named = _DATE.match(slug)
        created = named.group() if named else get_field(message, "meta.created", None)
        modified = get_field(message, "meta.modified", None)
        entry = {
            "title": heading.group(1) if heading else slug.replace("-", " ").replace("_", " ").strip().capitalize(),
            "slug": slug,
            "uri": self.base_uri + quote(str(path)),
            "relPath": str(PurePosixPath(self.render_path) / path),
            "created": created,
            "modified": modified or created,
            "content": text,
            "graph": self.graph,
            "creator": self.creator_uri or self.creator_name,
            "creatorName": self.creator_name,
        }
        there = message.get("contentBlocks")
        kept = {name: value for name, value in entry.items() if value not in (None, "")}
        message["contentBlocks"] = {**there, **kept} if isinstance(there, dict) else kept
        return message

    def _path(self, named: str) -> PurePosixPath:
        path = PurePosixPath(named)
        raw = PurePosixPath(self.raw_dir)
        parts = path.parts
        for start in range(len(parts) if self.raw_dir else 0):
            if parts[start : start + len(raw.parts)] == raw.parts:
                path = PurePosixPath(*parts[start + len(raw.parts) :])
                break
        return path.with_suffix("") if path.suffix else path


class FileContainer(Processor):
    """Pack the files of a group into one: behind them goes a message with all of them in `content`, to be written.

    `content` has `files` (what each path holds) and `summary` (how many there are, by their endings). The parts end
    here.

    Guarantee: pure; holds the files of one group in memory.
    """

    stateful = True
    writes = ("content", "filepath")

    destination: str = setting("container.json", "path of the file that they are packed into")
    target_dir: str = setting("", "folder of that file")
    content_field: str = setting("content", "field with what a file holds, as a dotted path", reads=True)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._files: dict[str, Any] = {}

    @classmethod
    def fields_read(cls, settings: Mapping[str, Any]) -> set[str]:
        """Return `filepath` and the content's field."""
        return super().fields_read(settings) | {"filepath"}

    def process(self, message: Message) -> None:
        """Keep a file."""
        content = get_field(message, self.content_field)
        if content is not MISSING and message.get("filepath"):
            self._files[str(message["filepath"])] = content

    def end_group(self, mark: Mark) -> Message:
        """Return the message with the files of its group."""
        files, self._files = self._files, {}
        endings: dict[str, int] = {}
        for path in files:
            ending = PurePosixPath(path).suffix or "none"
            endings[ending] = endings.get(ending, 0) + 1
        whole = {key: value for key, value in mark.items() if key != "done"}
        whole["content"] = {"files": files, "summary": {"totalFiles": len(files), "fileTypes": endings}}
        whole["filepath"] = str(PurePosixPath(self.target_dir) / self.destination)
        return whole


class SquirtReceiver(Processor):
    """Take in an address that was sent: check it, and put it with its title into `processedUrl`.

    `success` says whether it is an address of the web.

    Guarantee: pure.
    """

    writes = ("processedUrl", "success")

    me: str = setting("", "who takes it in", fixed=True)
    app_name: str = setting("squirt", "the application that it is for", fixed=True)
    url_field: str = setting("url", "field with the address, as a dotted path", reads=True, fixed=True)

    def process(self, message: Message) -> Message:
        """Return the message with what was taken in."""
        address = str(require_field(message, self.url_field)).strip()
        try:
            parts = urlsplit(address)
            sound = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            sound = False
        message["success"] = sound
        if sound:
            taken = {"url": address, "title": str(message.get("title") or ""), "domain": str(parts.hostname)}
            set_field(message, "processedUrl", taken)
        return message
