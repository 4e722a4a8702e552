"""Processors that find files: walk a folder, and filter paths."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from processors.patterns import glob_matches, matches
from transmissions import MISSING, Message, Processor, TransmissionsError, copy_message, get_field, reason_of, setting

__all__ = ["DirWalker", "FileFilter"]


class DirWalker(Processor):
    """Send one message for each file in a folder and the folders below it, then the message itself as the mark.

    Each part holds `filename`, `subdir` (the second folder of its path, if there is one), `relPath` and `filepath`
    (the path from the application's folder; in a plain pipeline, from the folder walked), `fullPath`, `slug` (the name
    up to its first dot) and `count`; the mark holds how many there were. Files come in the order of their names, byte
    by byte, folders where they stand among them. Links to folders are not followed.

    A pattern is compared with a file's or folder's name and with its path below the folder walked; `*` stands for any
    characters. Below a folder that is excluded, nothing is looked at.

    Example:
        :stage a :DirWalker ; :settings [ :sourceDir "letters" ; :includePattern "*.md" ; :excludePattern "drafts" ] .
        file letters/may.md "Dear all"
        file letters/2024/june.en.md "Dear Sir"
        file letters/drafts/july.md "Dear"
        file letters/photo.jpg "not looked into"
        out {"filename": "june.en.md", "relPath": "2024/june.en.md", "fullPath": "…/letters/2024/june.en.md",
            "filepath": "2024/june.en.md", "slug": "june", "count": 0}
        out {"filename": "may.md", "relPath": "may.md", "fullPath": "…/letters/may.md", "filepath": "may.md", "slug":
            "may",
            "count": 1}
        out {"count": 2, "done": true}

    Guarantee: pure: the same files give the same messages.
    """

    splits = True
    takes_done = True
    writes = ("filename", "subdir", "relPath", "filepath", "fullPath", "slug", "count")

    source_dir: Path = setting(Path(), "folder to walk; in an application, from the target's or the application's")
    include_pattern: list[str] = setting(("*.md", "*.js", "*.json", "*.ttl"), "files to send")
    exclude_pattern: list[str] = setting((".git", "node_modules", "lib"), "files and folders to leave out")
    target_path: Path | None = setting(None, "folder that a relative `:sourceDir` starts from, instead")
    limit: int | None = setting(None, "send at most this many files", minimum=0)
    count_by: int = setting(
        1, "what each file adds to `count`; the original counts every file twice", minimum=1, application=2, fixed=True
    )

    skip_target: bool = setting(
        False,
        "whether to leave out the run's target, if it is in the folder; that it is the folder itself is refused",
        fixed=True,
    )

    def process(self, message: Message) -> Iterator[Message]:
        """Yield the files, then the mark."""
        below = self.source_dir if self.target_path is None else self.target_path / self.source_dir
        root = self.context.find(below, below_root=True)
        if not root.is_dir():
            what = "is no folder" if root.exists() else "there is no such folder"
            raise TransmissionsError(f"{root}: {what}; :sourceDir names the folder to walk")
        if self.skip_target and root.resolve() == self.context.output.target.resolve():
            raise TransmissionsError(f"{root}: is read and would be written into; name another folder with --target")
        place = self.context.application
        base = root if place is None else place.folder
        count = 0
        for path in self._walk(root, root):
            if self.limit is not None and count >= self.limit:
                break
            self.context.output.note_input(path)
            part = {**copy_message(message), **_facts(path, base), "count": count * self.count_by}
            if place is not None:
                part["done"] = False
            yield part
            count += 1
        yield self.mark({**message, "count": count * self.count_by})

    def _walk(self, folder: Path, root: Path) -> Iterator[Path]:
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            self.lose(f"{folder}: cannot be read: {reason_of(error)}", folder=str(folder))
            return
        for entry in entries:
            path = folder / entry.name
            shown = path.relative_to(root).as_posix()
            if _is_meant(entry.name, shown, self.exclude_pattern):
                continue
            if entry.is_dir(follow_symlinks=False):
                if self.skip_target and path.resolve() == self.context.output.target.resolve():
                    continue
                yield from self._walk(path, root)
            elif entry.is_file() and _is_meant(entry.name, shown, self.include_pattern):
                yield path


def _is_meant(name: str, path: str, patterns: list[str]) -> bool:
    return any(matches(name, pattern) or matches(path, pattern) for pattern in patterns)


def _facts(path: Path, base: Path) -> dict[str, Any]:
    relative = Path(os.path.relpath(path, base)).as_posix()
    folders = relative.split("/")[:-1]
    facts = {"filename": path.name, "relPath": relative, "fullPath": str(path.absolute()), "filepath": relative}
    facts["slug"] = path.name.partition(".")[0]
    return facts | ({"subdir": folders[1]} if len(folders) > 1 else {})


class FileFilter(Processor):
    """Let on only the messages whose `filepath` the message's own rules include, and do not exclude.

    The rules are globs in `fileSpec.fileFilter.include` and `.exclude`, as a reader before has put them there; those in
    the settings are added. What goes on has `match` set to true.

    Example:
        :stage a :FileFilter ; :settings [ :includePattern "**/*.md" ; :excludePattern "drafts/**" ] .
        in {"filepath": "letters/may.md"}
        in {"filepath": "drafts/july.md"}
        in {"filepath": "letters/photo.jpg"}
        out {"filepath": "letters/may.md", "match": true}

    Guarantee: pure.
    """

    reads = ("filepath",)
    writes = ("match",)

    include_pattern: list[str] = setting((), "further globs of paths that go on", fixed=True)
    exclude_pattern: list[str] = setting((), "further globs of paths that do not", fixed=True)

    def process(self, message: Message) -> Message | None:
        """Return the message, or nothing."""
        path = message.get("filepath")
        if not isinstance(path, str):
            return None
        rules = get_field(message, "fileSpec.fileFilter", {})
        include = [*_globs(rules, "include"), *self.include_pattern]
        exclude = [*_globs(rules, "exclude"), *self.exclude_pattern]
        if include and not any(glob_matches(path, glob) for glob in include):
            return None
        if any(glob_matches(path, glob) for glob in exclude):
            return None
        return {**message, "match": True}

    @classmethod
    def fields_read(cls, settings: Mapping[str, Any]) -> set[str]:
        """Return `filepath`, and `fileSpec` unless the settings hold rules."""
        return {"filepath"} | (set() if settings.get("include_pattern") else {"fileSpec"})


def _globs(rules: Any, kind: str) -> list[str]:
    value = get_field(rules, kind, MISSING) if isinstance(rules, dict) else MISSING
    if value is MISSING:
        return []
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]
