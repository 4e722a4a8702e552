"""FileReader: reads files into messages."""

from __future__ import annotations

import codecs
import mimetypes
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from transmissions.errors import TransmissionsError, reason_of
from transmissions.message import Message, set_field
from transmissions.processor import Processor
from transmissions.settings import setting

__all__ = ["FileReader"]


class FileReader(Processor):
    """Read a file's text, or the JSON value in it, into a message field.

    The file is held in memory whole; for chat exports of any size there are readers that stream them.

    Without `:sourceFile` it reads what `filepath` names; what a DirWalker has found is read where it was found, and
    keeps its `filepath`. In an application the message's `fullPath` or `filepath` comes before the setting, and what
    was read is named in `filePath`.

    Example:
        :stage a :FileReader ;
            :settings [ :sourceFile "towns.json" ; :mediaType "application/json" ; :targetField "towns" ] .
        file towns.json [{"name": "Brig", "people": 13000}]
        out {"towns": [{"name": "Brig", "people": 13000}], "filepath": "…/towns.json"}

    Guarantee: pure: the same file gives the same message.
    """

    source_file: Path | None = setting(
        None, "file to read; without it, the message's `filepath`", application=Path("input/input.md")
    )
    media_type: str = setting("text/plain", "what the file holds; `application/json` is parsed, all else is text")
    target_field: str = setting("content", "message field that receives it", writes=True)
    encoding: str = setting("utf-8", "how its text is encoded", fixed=True)
    meta_field: str = setting("", "message field that receives what the system knows of the file; none if empty")
    cache: bool = setting(False, "keep what was read, and read it again only when the file has changed")

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._cached: dict[Path, tuple[int, int, bytes]] = {}

    def start(self) -> None:
        """Refuse an encoding that does not exist, before the first message."""
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise TransmissionsError(
                f'no encoding is called "{self.encoding}"; :encoding takes names such as "utf-8" and "latin-1"'
            ) from None

    def process(self, message: Message) -> Message:
        """Read the file that the setting or the message names."""
        path = self._path(message)
        try:
            data = self._read(path)
            meta = facts_of(path) if self.meta_field else None
        except IsADirectoryError:
            raise TransmissionsError(f"{path}: cannot be read: it is a folder; name a file in it") from None
        except FileNotFoundError:
            raise TransmissionsError(f"{path}: there is no such file (looked in {self._looked_in()})") from None
        except (OSError, ValueError) as error:
            raise TransmissionsError(f"{path}: cannot be read: {reason_of(error)}") from None
        self.bytes_done += len(data)
        is_json = self.media_type.partition(";")[0].strip().lower() == "application/json"
        set_field(message, self.target_field, _json(data, path) if is_json else _text(data, path, self.encoding))
        if meta is not None:
            set_field(message, self.meta_field, meta)
        self.context.output.note_input(path)
        if self.context.application is not None:
            message["filePath"] = str(path)
        elif self.source_file or not _found_by_walker(message):
            message["filepath"] = str(path)
        return message

    def _read(self, path: Path) -> bytes:
        if not self.cache:
            return path.read_bytes()
        status = path.stat()
        known = self._cached.get(path)
        if known is None or known[:2] != (status.st_mtime_ns, status.st_size):
            known = self._cached[path] = (status.st_mtime_ns, status.st_size, path.read_bytes())
        return known[2]

    def _path(self, message: Message) -> Path:
        named = self.source_file or message.get("filepath")
        if self.context.application is not None:
            named = message.get("fullPath") or message.get("filepath") or self.source_file
        elif not self.source_file and _found_by_walker(message):
            named = message["fullPath"]
        if not isinstance(named, str | Path) or not str(named):
            raise TransmissionsError("no file is named: set :sourceFile, or let an earlier stage set `filepath`")
        return self.context.find(named)

    def _looked_in(self) -> Path:
        return Path.cwd() if self.context.application is None else self.context.application.working

    @classmethod
    def fields_read(cls, settings: Mapping[str, Any]) -> set[str]:
        """Return `filepath`, unless a file is set."""
        return set() if settings.get("source_file") else {"filepath"}

    @classmethod
    def fields_written(cls, settings: Mapping[str, Any]) -> set[str]:
        """Return the target field, that of the facts, and `filepath`."""
        meta = {str(settings["meta_field"]).split(".")[0]} if settings.get("meta_field") else set()
        return super().fields_written(settings) | {"filepath"} | meta


def _found_by_walker(message: Message) -> bool:
    """Say whether `filepath` is still the path, from the folder walked, of the file that `fullPath` names."""
    full, path = message.get("fullPath"), message.get("filepath")
    if not isinstance(full, str) or not full:
        return False
    return not path or (isinstance(path, str) and f"/{Path(full).as_posix()}".endswith(f"/{path}"))


def facts_of(path: Path) -> dict[str, Any]:
    """Return what the system knows of a file: its names, kind, size, times, rights and owners."""
    status = path.stat()
    times = {"created": status.st_ctime, "modified": status.st_mtime, "accessed": status.st_atime}
    return {
        "filename": path.name,
        "mediaType": mimetypes.guess_type(path.name)[0] or _KINDS.get(path.suffix.lower(), "application/octet-stream"),
        "filepath": str(path),
        "size": status.st_size,
        **{name: datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds") for name, time in times.items()},
        "isDirectory": False,
        "isFile": True,
        "permissions": oct(status.st_mode & 0o777)[2:],
        "owner": status.st_uid,
        "group": status.st_gid,
    }


_KINDS = {".md": "text/markdown", ".ttl": "text/turtle", ".n3": "text/n3", ".yaml": "application/yaml"}


def _text(data: bytes, path: Path, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise TransmissionsError(
            f"{path}: not {encoding}: byte {error.start} is 0x{data[error.start]:02x}; "
            "set :encoding to what the file is in"
        ) from None
    return text.removeprefix("\ufeff")


def _json(data: bytes, path: Path) -> Any:
    try:
        return orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise TransmissionsError(f"{path}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}") from None
