"""Processors of entries: make one of a Markdown file, pack files into one, take in an address that was sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

from processors.values import require_text
from transmissions import MISSING, Mark, Message, Processor, get_field, require_field, set_field, setting

__all__ = ["FileContainer", "MakeEntry", "SquirtReceiver"]

_HEADING = re.compile(r"^#[ \t]+(.*?[^\s#].*?)[ \t]*#*\s*?$", re.MULTILINE)
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


class MakeEntry(Processor):
    r"""Make an entry, in `contentBlocks`, of a Markdown file that was read before.

    It has `title` (the first heading, or else the file's name), `slug`, `uri`, `relPath` (without its ending),
    `created` and `modified` (of the file's facts in `meta`; a date in the file's name comes before them), `content`,
    and `creator` and `graph` if they are set.

    Example:
        :main a :EntryTransmission ; :pipe (:read :stage) .
        :read  a :FileReader .
        :stage a :MakeEntry ; :settings [ :rawDir "raw" ; :renderPath "articles" ; :baseURI "http://example.org/" ;
            :creatorName "The editors" ] .
        file raw/notes/2025-03-01_thaw.md "# The thaw\n\nIt rained."
        in {"filepath": "raw/notes/2025-03-01_thaw.md"}
        out {"filepath": "raw/notes/2025-03-01_thaw.md", "content": "# The thaw\n\nIt rained.",
            "contentBlocks": {"title": "The thaw", "slug": "2025-03-01_thaw", "uri": "http://example.org/notes/2025-03-01_thaw",
            "relPath": "articles/notes/2025-03-01_thaw", "created": "2025-03-01", "modified": "2025-03-01",
            "content": "# The thaw\n\nIt rained.", "creator": "The editors", "creatorName": "The editors"}}

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
        text = require_text(message, "content", "a FileReader before this stage sets it")
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
        # A file may be empty, and is an entry still: what comes behind looks for its text.
        kept = {name: value for name, value in entry.items() if value not in (None, "") or name == "content"}
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
    r"""Pack the files of a group into one: behind them goes a message with all of them in `content`, to be written.

    `content` has `files` (what each `filepath` holds) and `summary` (how many there are, by their endings). The parts
    end here; one that names no file, or holds nothing, is left out with a warning. Without a stage before it that
    splits, it packs the files of the whole run into one message at its end.

    Example:
        :main a :EntryTransmission ; :pipe (:stage :write) .
        :stage a :FileContainer ; :settings [ :destination "all.json" ; :targetDir "out" ] .
        :write a :FileWriter .
        in {"filepath": "a.md", "content": "A"}
        in {"filepath": "b/c.md", "content": "C"}
        out {"content": {"files": {"a.md": "A", "b/c.md": "C"}, "summary": {"totalFiles": 2, "fileTypes": {".md": 2}}},
            "filepath": "out/all.json"}
        written out/all.json "{\n  \"files\": {\n    \"a.md\": \"A\",…"

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
        content, path = get_field(message, self.content_field), str(message.get("filepath") or "")
        if not path or content is MISSING:
            lacking = self.content_field if path else "filepath"
            self.warn(f"a message without the field {lacking} is no file, and was left out", file=path)
            return
        if self._files.get(path, content) != content:
            self.warn("a later message with the same filepath replaced an earlier one", file=path)
        self._files[path] = content

    def end_group(self, mark: Mark) -> Message:
        """Return the message with the files of its group."""
        return self._packed({key: value for key, value in mark.items() if key != "done"})

    def finish(self) -> Iterator[Message]:
        """Yield what no group has claimed."""
        # In an application nothing goes on that no group has claimed.
        if self._files and self.context.application is None:
            yield self._packed({})

    def _packed(self, whole: Message) -> Message:
        files, self._files = self._files, {}
        endings: dict[str, int] = {}
        for path in files:
            ending = PurePosixPath(path).suffix or "none"
            endings[ending] = endings.get(ending, 0) + 1
        whole["content"] = {"files": files, "summary": {"totalFiles": len(files), "fileTypes": endings}}
        whole["filepath"] = str(PurePosixPath(self.target_dir) / self.destination)
        return whole


class SquirtReceiver(Processor):
    """Take in an address that was sent: check it, and put it with its title into `processedUrl`.

    `success` says whether it is an address of the web; if it is not, there is no `processedUrl`. Nothing is fetched.

    Example:
        :stage a :SquirtReceiver .
        in {"url": "https://example.org/page", "title": "A page"}
        in {"url": "javascript:alert(1)"}
        out {"url": "https://example.org/page", "title": "A page", "success": true,
            "processedUrl": {"url": "https://example.org/page", "title": "A page", "domain": "example.org"}}
        out {"url": "javascript:alert(1)", "success": false}

    Guarantee: pure.
    """

    writes = ("processedUrl", "success")

    me: str = setting("", "who takes it in, for people; it has no effect", fixed=True)
    app_name: str = setting("squirt", "the application that it is for, for people; it has no effect", fixed=True)
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
