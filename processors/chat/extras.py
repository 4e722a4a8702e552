"""What a conversation gives beside its pages: artifacts and attachments as files."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from processors.chat.artifacts import Artifacts, Version
from transmissions.output.names import safe_name

__all__ = ["Extras"]


@dataclass(slots=True)
class Extras:
    """What one conversation gives beside its pages.

    Args:
        folder: the conversation's own name among folders, safe.
        files: contents by path, in the order in which they came.
        artifacts: all versions so far.
        made: the versions so far, by the place that made them.
        hashes: the paths of attachments by the hash of what they hold: the same content is stored once.
    """

    folder: str
    files: dict[str, str] = field(default_factory=dict)
    artifacts: Artifacts = field(default_factory=Artifacts)
    hashes: dict[bytes, str] = field(default_factory=dict)
    made: dict[tuple[int, int, int], Version | None] = field(default_factory=dict)

    def from_tool(self, place: tuple[int, int, int], name: str, given: dict[str, Any]) -> Version | None:
        """Return the version that the use of a tool makes, the same each time; None if it makes none.

        Args:
            place: the identity of its message, the number of its block, and of the part of its text.
            name: the tool's.
            given: what it was given.
        """
        if place not in self.made:
            self.made[place] = self.artifacts.from_tool(name, given)
        return self.made[place]

    def from_tag(self, place: tuple[int, int, int], attributes: dict[str, str], content: str) -> Version:
        """Return the version that a tag in a text makes, the same each time."""
        version = self.made.get(place)
        if version is None:
            version = self.made[place] = self.artifacts.from_tag(attributes, content)
        return version

    def path_of(self, version: Version) -> str:
        """Return where a version of an artifact goes."""
        return f"artifacts/{self.folder}/{version.file_name}"

    def store(self, content: str, name: str, message_uuid: str) -> str:
        """Return the path of the file that holds an attachment; the same content has one file."""
        digest = sha256(content.encode("utf-8", "replace")).digest()
        if digest in self.hashes:
            return self.hashes[digest]
        folder = f"attachments/{self.folder}/{safe_name(message_uuid, 'message')}"
        safe = safe_name(name, "unnamed", 240)
        path, number = f"{folder}/{safe}", 1
        taken = {one.casefold() for one in self.files}
        while path.casefold() in taken:
            number += 1
            stem, dot, suffix = safe.rpartition(".")
            path = f"{folder}/{stem}-{number}{dot}{suffix}" if stem else f"{folder}/{safe}-{number}"
        self.files[path] = content
        self.hashes[digest] = path
        return path
