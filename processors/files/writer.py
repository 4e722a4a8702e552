"""FileWriter: writes messages into files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from transmissions.errors import OutputRefused, TransmissionsError
from transmissions.message import Message, require_field
from transmissions.output import content_hash
from transmissions.processor import Processor
from transmissions.settings import setting

__all__ = ["FileWriter"]

_MISSING = object()
_LARGEST_NAME_BYTES = 255
_LARGEST_EXTENSION = 20
_NEW_NAMES = 100


class FileWriter(Processor):
    """Write a message field to a file inside the run's target, and pass the message on.

    Text is written as UTF-8, bytes as they are, any other value as JSON. A file that holds the content already is not
    touched. With `:incremental`, the target remembers what was written: a file that a person has edited since is left
    alone, and the new content put beside it as `name.new.ext`; a file whose name changed leaves no copy under the old
    one. When two pieces of input claim one path with different content, the second is an error. A message that is
    not such a piece replaces what an earlier one wrote in the same run, and that is reported. A file that the run
    itself has read, or found by walking, is not overwritten, unless `:destinationFile` names it or `:overwriteInput`
    says so.

    In an application the message's `fullPath` or `filepath` comes before the setting, unless it names the file that
    the message was read from: no input is overwritten but by its own name in `:destinationFile`. A message with a
    field `dump` is written whole, to `message.json`, and ends here.

    Example:
        :stage a :FileWriter ; :settings [ :destinationFile "notes/today.md" ] .
        in {"content": "# Today"}
        out {"content": "# Today", "filepath": "notes/today.md"}
        written notes/today.md "# Today"

    Guarantee: idempotent: running again, after success or a crash at any moment, ends with the same bytes.
    """

    stateful = True
    takes_done = True
    writes = ("filepath",)

    destination_file: str | None = setting(
        None, "path in the target; without it, the message's `filepath`", application="output/output.md"
    )
    content_field: str = setting("content", "message field to write; `a.b` is field b of the object in a", reads=True)
    overwrite_input: bool = setting(
        False, "whether a file that this run has read may be overwritten by its own name", fixed=True
    )
    incremental: bool = setting(
        False, "remember in the target what was written, and of what", volatile=True, fixed=True
    )
    force: bool = setting(
        False, "with :incremental, overwrite also what a person has edited", volatile=True, fixed=True
    )
    prune: bool = setting(
        False, "with :incremental, remove the files of what is gone from the input", volatile=True, fixed=True
    )
    durable: bool = setting(
        False, "wait after each file until the disk has it, so that it outlives a power loss", volatile=True, fixed=True
    )

    def start(self) -> None:
        """Begin the counts."""
        self.outputs |= {"written": 0, "unchanged": 0, "failed": 0}
        if self.incremental:
            self.context.output.manifest.durable = self.durable

    def process(self, message: Message) -> Message | None:
        """Write the file."""
        if self.context.application is not None:
            return self._process_in_application(message)
        try:
            path = self._path(message)
            data = self._bytes(message, path)
            self._write(path, data, message.get("source"))
        except TransmissionsError:
            self._count("failed")
            raise
        message["filepath"] = path
        self.bytes_done += len(data)
        return message

    def _process_in_application(self, message: Message) -> Message | None:
        dumped = bool(message.get("dump"))
        try:
            named = "message.json" if dumped else self._destination(message)
            content = message if dumped else require_field(message, self.content_field)
            output, path = self.context.destination(named)
            data = self._as_bytes(dict(message) if dumped else content, path)
            self._count(output.write(path, data, durable=self.durable))
        except TransmissionsError:
            self._count("failed")
            raise
        self.bytes_done += len(data)
        return None if dumped else message

    def _destination(self, message: Message) -> str | Path:
        place = self.context.application
        assert place is not None
        inputs = {place.working / str(message[name]) for name in ("filePath", "fullPath") if message.get(name)}
        for name in ("fullPath", "filepath"):
            named = message.get(name)
            if isinstance(named, str) and named:
                # A walker's file is named twice, in full and from the application's folder.
                places = {Path(os.path.normpath(folder / named)) for folder in (place.working, place.folder)}
                if not places & inputs:
                    return named
        return self.destination_file or "output/output.md"

    def finish(self) -> None:
        """Clear away the files that nothing makes any more, and save what the target remembers."""
        if not self.incremental:
            return
        manifest = self.context.output.manifest
        gone = self._gone() if self.prune else []
        for key in gone:
            manifest.retire(key)
        for key, path, written in manifest.stale():
            if self._clear_away(path, written):
                self._count("renamed" if manifest.files_of(key) else "removed")
            manifest.settle(key, path)
        for key in gone:
            manifest.forget(key)
        for text in manifest.take_warnings():
            self.warn(text)
        manifest.save()

    @classmethod
    def fields_read(cls, settings: Mapping[str, Any]) -> set[str]:
        """Return the content's field, and `filepath` unless a file is set."""
        return super().fields_read(settings) | (set() if settings.get("destination_file") else {"filepath"})

    @classmethod
    def fields_written(cls, settings: Mapping[str, Any]) -> set[str]:
        """Return `filepath`."""
        return {"filepath"}

    def _path(self, message: Message) -> str:
        named = self.destination_file or message.get("filepath")
        if not named:
            raise TransmissionsError("no file is named: set :destinationFile, or let an earlier stage set `filepath`")
        return self.context.output.normalise(named)

    def _bytes(self, message: Message, path: str) -> bytes:
        content: Any = message
        for name in self.content_field.split("."):
            content = content.get(name, _MISSING) if isinstance(content, Mapping) else _MISSING
        if content is _MISSING:
            fields = ", ".join(sorted(map(str, message))) or "none"
            raise TransmissionsError(
                f"{path}: the message has no field `{self.content_field}`, which :contentField names; it has {fields}"
            )
        return self._as_bytes(content, path)

    def _as_bytes(self, content: Any, path: str) -> bytes:
        if isinstance(content, bytes):
            return content
        if not isinstance(content, str):
            content = _as_json(content, path)
        return content if isinstance(content, bytes) else self._encoded(content, path)

    def _encoded(self, text: str, path: str) -> bytes:
        try:
            return text.encode()
        except UnicodeEncodeError:
            self.warn("half characters (lone surrogates) were replaced by �", file=path)
            # Two halves that belong together are joined first; only what stays alone is replaced.
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()

    def _write(self, path: str, data: bytes, source: Any) -> None:
        output = self.context.output
        has_key = isinstance(source, dict) and "key" in source
        if not has_key and output.claimed(path):
            self._replace(path, data)
        elif self.incremental:
            self._write_remembered(path, data, source if has_key else {"key": f"file:{path}"})
        else:
            self._spare_input(path, data)
            self._count(output.write(path, data, durable=self.durable, owner=str(source["key"]) if has_key else ""))

    def _spare_input(self, path: str, data: bytes) -> None:
        output = self.context.output
        if self.destination_file or self.overwrite_input or not output.is_input(path) or output.read(path) == data:
            return
        raise OutputRefused(
            f"{path}: refused: this run has read that file, and would overwrite its own input; set another --target or "
            "`filepath`, or :overwriteInput true"
        )

    def _replace(self, path: str, data: bytes) -> None:
        if self.incremental:
            outcome = self._write_remembered(path, data, {"key": f"file:{path}"})
        else:
            outcome = self._count(self.context.output.write(path, data, durable=self.durable))
        if outcome == "written":
            self._count("replaced")
            self.warn("a later message replaced what an earlier one of this run had written", file=path)

    def _write_remembered(self, path: str, data: bytes, source: dict[str, Any]) -> str:
        outcome = self._write_recorded(path, data, source)
        manifest, key = self.context.output.manifest, str(source["key"])
        if outcome != "kept":
            return outcome
        if manifest.last_written(key, path) == content_hash(data):
            # The person had this content and changed it; nothing is new.
            self._record(path, content_hash(data), source)
            return outcome
        for number in range(1, _NEW_NAMES):
            beside = _beside(path, number)
            if self._write_recorded(beside, data, source) != "kept":
                manifest.keep(key, path)
                self.warn(
                    f"{path} was edited by a person and stays; the new content is in {beside}", file=path, new=beside
                )
                return outcome
        raise OutputRefused(f"{path}: refused: a person has edited it and {_NEW_NAMES} new versions; move some away")

    def _write_recorded(self, path: str, data: bytes, source: dict[str, Any]) -> str:
        output, manifest = self.context.output, self.context.output.manifest
        key, written = str(source["key"]), content_hash(data)

        def may_write(other_is_there: bool) -> bool:
            if other_is_there and not self.force and not self._is_ours(path, key):
                return False
            self._record(path, written, source)
            return True

        try:
            outcome = output.write(path, data, durable=self.durable, owner=key, before=may_write)
        except BaseException:
            manifest.withdraw(key, path)
            raise
        if outcome == "unchanged":
            self._record(path, written, source)
        return self._count(outcome)

    def _record(self, path: str, written: str, source: dict[str, Any]) -> None:
        self.context.output.manifest.record(
            str(source["key"]),
            str(source.get("digest", written)),
            path,
            written,
            parts=int(source.get("parts", 1)),
            entry=source.get("entry"),
        )

    def _is_ours(self, path: str, key: str) -> bool:
        there = self.context.output.read(path)
        # An empty file holds nobody's work; a power loss may leave one.
        return not there or self.context.output.manifest.is_ours(path, content_hash(there), key)

    def _gone(self) -> list[str]:
        manifest = self.context.output.manifest
        if manifest.lost_sight:
            self.warn("nothing was pruned: part of the input could not be read, so nobody knows what is gone")
            return []
        if manifest.met_any:
            return manifest.unseen()
        self.warn("nothing was pruned: the input held nothing at all, which is more likely a mistake")
        return []

    def _clear_away(self, path: str, written: str) -> bool:
        output = self.context.output
        there = output.read(path)
        if there is None:
            return False
        if there and content_hash(there) != written and not self.force:
            self._count("kept")
            self.warn(f"{path} is made no more, but was edited by a person, and stays", file=path)
            return False
        return output.remove(path)

    def _count(self, outcome: str) -> str:
        self.outputs[outcome] = self.outputs.get(outcome, 0) + 1
        return outcome


def _as_json(value: Any, path: str) -> str | bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2)
    except orjson.JSONEncodeError:
        pass
    try:
        # Slower, but it knows numbers of any size and half characters.
        return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise TransmissionsError(f"{path}: the content cannot be written as JSON: {error}") from None


def _beside(path: str, number: int) -> str:
    """Return the path for new content beside a file that stays: `a.new.md`, `a.new2.md`, ….

    >>> _beside("notes/a.md", 1)
    'notes/a.new.md'
    """
    head, slash, name = path.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension) > _LARGEST_EXTENSION:
        stem, dot, extension = name, "", ""
    end = f".new{number if number > 1 else ''}{dot}{extension}"
    room = _LARGEST_NAME_BYTES - len(end.encode())
    return f"{head}{slash}{stem.encode()[: max(room, 1)].decode(errors='ignore')}{end}"
