"""Processors that copy and remove files, and make names and paths of them."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processors.values import as_text
from transmissions import (
    MISSING,
    Message,
    Processor,
    TransmissionsError,
    get_field,
    reason_of,
    require_field,
    set_field,
    setting,
)

__all__ = ["FileCopy", "FileRemove", "FilenameMapper", "PathOps", "PathPart"]


class FileCopy(Processor):
    """Copy a file, or a folder with all that is in it, into the run's target.

    Links to folders, and what is neither a file nor a folder, are left out. Of a folder that is copied into itself,
    what the copy holds already is not copied again.

    Example:
        :stage a :FileCopy ; :settings [ :source "letters" ; :destination "backup" ] .
        file letters/may.md "Dear all"
        file letters/old/april.md "Dear Sir"
        out {}
        written backup/may.md "Dear all"
        written backup/old/april.md "Dear Sir"

    Guarantee: idempotent; each file is whole or absent, and one that is equal already is not touched.
    """

    takes_done = True

    source: Path | None = setting(None, "what to copy; without it, the message's `fullPath` or `filepath`")
    destination: str = setting("", "where it goes; a file's name, or for a folder the folder's", writes=False)
    destination_field: str = setting("", "field that says where it goes, instead, as a dotted path", fixed=True)

    def process(self, message: Message) -> Message:
        """Copy, and return the message as it came."""
        named = self.source or message.get("fullPath") or message.get("filepath")
        destination = as_text(require_field(message, self.destination_field)) if self.destination_field else ""
        destination = destination or self.destination
        if not isinstance(named, str | Path) or not destination:
            raise TransmissionsError("FileCopy needs :source and :destination")
        source = self.context.find(named)
        if source.is_dir():
            output, inside = self.context.destination(destination)
            own = output.target.absolute() / output.normalise(inside)
            for path in _files_in(source, hidden=True):
                if path.absolute().is_relative_to(own) and source.absolute() != own:
                    continue
                self._copy(path, f"{destination}/{path.relative_to(source).as_posix()}")
        else:
            self._copy(source, destination)
        return message

    def _copy(self, source: Path, destination: str) -> None:
        try:
            data = source.read_bytes()
        except OSError as error:
            raise TransmissionsError(f"{source}: cannot be copied: {reason_of(error)}") from None
        output, path = self.context.destination(destination)
        outcome = output.write(path, data)
        self.outputs[outcome] = self.outputs.get(outcome, 0) + 1
        self.bytes_done += len(data)


class FileRemove(Processor):
    """Remove a file from the run's target, or what is in a folder of it; names that begin with a dot stay.

    Folders that are empty then go as well. Nothing outside the target, and in an application outside the target's and
    the application's folder, can be removed; nor either of these folders as a whole.

    Example:
        :stage a :FileRemove ; :settings [ :target "drafts" ] .
        file drafts/one.md "one"
        file drafts/old/two.md "two"
        file letter.md "stays"
        out {}
        gone drafts/one.md
        gone drafts/old/two.md
        written letter.md "stays"

    Guarantee: idempotent; what is not there is removed already.
    """

    takes_done = True

    target: str = setting("", "the file or folder; without it, the message's `fullPath` or `filepath`")

    def process(self, message: Message) -> Message:
        """Remove, and return the message as it came."""
        named = self.target or message.get("fullPath") or message.get("filepath")
        if not isinstance(named, str) or not named:
            raise TransmissionsError("FileRemove needs a :target: the file or folder to remove")
        output, path = self.context.destination(named)
        target, full = output.target.absolute(), Path(os.path.normpath(path))
        if full.is_relative_to(target):
            # A walker names its files in full.
            path = full.relative_to(target).as_posix()
        # Asked first: where the path leads is looked at only once it is known to be a safe one.
        place = output.target / output.normalise(path)
        if place.is_dir() and not place.is_symlink():
            for file in _files_in(place):
                self._count(output.remove(file.relative_to(output.target).as_posix()))
        else:
            self._count(output.remove(path))
        return message

    def _count(self, removed: bool) -> None:
        if removed:
            self.outputs["removed"] = self.outputs.get("removed", 0) + 1


def _files_in(folder: Path, *, hidden: bool = False) -> list[Path]:
    """Return the files in a folder and below it; with `hidden` also those below or with names that begin with a dot.

    All of them are looked up first: what is copied or removed meanwhile would change what is found.
    """
    found: list[Path] = []
    for root, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if hidden or not name.startswith("."))
        names = sorted(name for name in files if hidden or not name.startswith("."))
        found += [path for name in names if _is_plain(path := Path(root) / name)]
    return found


def _refuse(error: OSError) -> None:
    raise TransmissionsError(f"{error.filename}: cannot be read: {reason_of(error)}")


def _is_plain(path: Path) -> bool:
    # Reading a pipe would wait for ever; a link that leads nowhere is told when it is read.
    return path.is_file() or path.is_symlink()


_ENDINGS = {"html": ".mm.html", "svg": ".mm.svg"}


class FilenameMapper(Processor):
    """Give `filepath` the ending of what a Mermaid diagram is turned into: `.mm.html`, or `.mm.svg`.

    Example:
        :stage a :FilenameMapper ; :settings [ :format "svg" ] .
        in {"filepath": "plans/house.mmd"}
        out {"filepath": "plans/house.mm.svg"}

    Guarantee: pure.
    """

    takes_done = True
    reads = ("filepath",)
    writes = ("filepath",)

    format: str = setting("html", "what it is turned into: html or svg; any other ending stands as it is named")

    def process(self, message: Message) -> Message:
        """Return the message with the new path."""
        path = require_field(message, "filepath")
        if not isinstance(path, str) or not path:
            raise ValueError(f"the field filepath holds no path but {as_text(path)}")
        root, _ = posixpath.splitext(path)
        message["filepath"] = root + _ENDINGS.get(self.format, f".mm.{self.format.lstrip('.')}")
        return message


@dataclass(frozen=True)
class PathPart:
    """One part of what is put together: a fixed text, or what stands in a field."""

    string: str = ""
    field: str = ""


class PathOps(Processor):
    """Put texts and fields together, as a path with slashes between them or as they are.

    A field that is not there, or null, is left out; one that holds no text stands as JSON. In a path, empty parts and
    doubled slashes go, and `..` is resolved.

    Example:
        :stage a :PathOps ; :settings [ :targetField "filepath" ; :asPath true ;
            :values ( [ :string "pages" ] [ :field "meta.year" ] [ :field "slug" ] ) ] .
        in {"slug": "thaw.html", "meta": {"year": 2025}}
        out {"slug": "thaw.html", "meta": {"year": 2025}, "filepath": "pages/2025/thaw.html"}

    Guarantee: pure.
    """

    values: list[PathPart] = setting(
        (), "the parts, in order: nodes with `:string` (a text) or `:field` (a dotted path)"
    )
    as_path: bool = setting(False, "whether the parts are those of a path")
    target_field: str = setting("concat", "field that receives it, as a dotted path", writes=True)

    def process(self, message: Message) -> Message:
        """Return the message with the parts together."""
        parts = [self._part(message, one) for one in self.values]
        texts = [as_text(one) for one in parts if one is not MISSING and one is not None]
        set_field(message, self.target_field, _as_path(texts) if self.as_path else "".join(texts))
        return message

    def _part(self, message: Message, part: PathPart) -> Any:
        return get_field(message, part.field) if part.field else part.string

    @classmethod
    def fields_read(cls, settings: Mapping[str, Any]) -> set[str]:
        """Return nothing: a field that is not there is left out."""
        return set()


def _as_path(parts: list[str]) -> str:
    path = posixpath.normpath("/".join(filter(None, parts)) or ".")
    # Two slashes at the beginning, and only two, are kept by the rules for paths; here they come of joining.
    return f"/{path.lstrip('/')}" if path.startswith("//") else path
