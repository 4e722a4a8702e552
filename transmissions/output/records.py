"""One record of a manifest: a piece of input and the files made of it; as a line of JSON and as an object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

__all__ = ["Record"]


class Record:
    """What is known of one piece of input.

    Args:
        key: names the piece.

    Attributes:
        digest: of the piece, as of when the files were made.
        parts: how many files make it complete.
        files: the files made of it, by path, with the hash of what was written.
        old: files that earlier versions of it made and that are not yet cleared away.
        kept: files that stay as a person left them, with the hash of what we last wrote there, or "".
        entry: what an index page says of it.
        replaced: digests of versions of the piece that stood in the same input and were replaced by this one.
    """

    __slots__ = ("digest", "entry", "files", "kept", "key", "old", "parts", "replaced")

    def __init__(self, key: str) -> None:
        self.key = key
        self.digest = ""
        self.parts = 0
        self.files: dict[str, str] = {}
        self.old: dict[str, str] = {}
        self.kept: dict[str, str] = {}
        self.entry: dict[str, Any] | None = None
        self.replaced: frozenset[str] = frozenset()

    @classmethod
    def of_line(cls, line: bytes) -> Record:
        """Return the record that a line describes; raises ValueError, TypeError, KeyError or AttributeError."""
        values = orjson.loads(line)
        record = cls(_text(values["key"]))
        record.digest = _text(values["digest"])
        record.parts = int(values["parts"])
        record.files = _texts(values["files"])
        record.old = _texts(values.get("old", {}))
        record.kept = _texts(values.get("kept", {}))
        record.entry = values.get("entry")
        record.replaced = frozenset(map(_text, values.get("replaced", ())))
        return record

    def as_line(self) -> bytes:
        """Return the record as JSON, without a line end; equal records give equal bytes."""
        values: dict[str, Any] = {"key": self.key, "digest": self.digest, "parts": self.parts, "files": self.files}
        rare = {"old": self.old, "kept": self.kept, "replaced": sorted(self.replaced)}
        values |= {name: value for name, value in rare.items() if value}
        if self.entry is not None:
            values["entry"] = self.entry
        # A copy: what orjson returns keeps several times the room that it needs, and lines are held by the thousand.
        return bytes(memoryview(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)))

    @property
    def complete(self) -> bool:
        """Whether all files of the piece were recorded."""
        return 0 < self.parts <= len(self.files)

    @property
    def empty(self) -> bool:
        """Whether it says nothing."""
        return not (self.files or self.old or self.kept)

    def says(self, digest: str, parts: int, entry: dict[str, Any] | None) -> bool:
        """Say whether it is about that version of the piece."""
        return self.digest == digest and self.parts == parts and self.entry == entry

    def begin(self, digest: str, parts: int, entry: dict[str, Any] | None, replaced: set[str]) -> None:
        """Start anew with a version of the piece; the files there are become old until they are made again."""
        self.old |= self.files
        self.files = {}
        self.digest, self.parts, self.entry = digest, parts, entry
        self.replaced = frozenset(replaced - {digest})

    def add(self, path: str, written: str) -> None:
        """Add a file."""
        self.files[path] = written
        self.old.pop(path, None)
        self.kept.pop(path, None)

    def known(self, path: str) -> list[str]:
        """Return the hashes of what was written to a path, as far as it matters, the latest first."""
        return [written for files in (self.files, self.old, self.kept) if (written := files.get(path))]

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield path and hash of everything that was written."""
        for files in (self.files, self.old, self.kept):
            yield from files.items()


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _texts(value: dict[str, str]) -> dict[str, str]:
    for path, written in value.items():
        _text(path), _text(written)
    return value
