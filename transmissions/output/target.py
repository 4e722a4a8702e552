"""Write files whole or not at all, inside one folder.

A file gets a temporary name first and its own name when all of it is there. Content that is there already is not
written again. Nothing is written through a link, so nothing lands outside.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal

from transmissions.errors import OutputFailed, OutputRefused
from transmissions.output.claims import Claims
from transmissions.output.folders import Folder, Folders
from transmissions.output.manifest import Manifest
from transmissions.output.paths import STATE, TEMPORARY, check_name, check_path
from transmissions.output.system import SYSTEM, System, naming_file

__all__ = ["Output"]

_TOKEN = f"{time.time_ns():x}"
_NUMBERS = itertools.count()
_CHUNK = 1 << 20
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_APPEND = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
Content = bytes | bytearray | memoryview | str
_WHOLE = (bytes, bytearray, memoryview, str)


class Output:
    """A target folder, made at the first write. Safe to use from several threads.

    Paths are texts relative to it, with slashes. Refused are paths that lead out of it, by name or through a link;
    names that mean something else on some platform; two paths in one run that differ only by case.

    Guarantee: a file is whole or absent, at any moment, also after a crash of the process; with `durable`, also after
    a power loss. One that `grow` adds to has whole lines.

    Args:
        target: the folder; may be a link to one.
        system: the operating system's calls; another one than the real one makes faults happen in tests.

    Attributes:
        files_written: files whose content changed.
        files_unchanged: files that held the content already.
        bytes_written: bytes of content in `files_written`.
    """

    def __init__(self, target: Path, system: System = SYSTEM) -> None:
        self.target = target
        self.files_written = 0
        self.files_unchanged = 0
        self.bytes_written = 0
        self._system = system
        self._folders = Folders(target, system, _TOKEN)
        self._claims = Claims()
        self._inputs: set[tuple[int, int]] = set()
        self._lock = threading.RLock()
        self._manifest: Manifest | None = None

    @property
    def manifest(self) -> Manifest:
        """What runs recorded about the files in this target; opened, and locked, at the first question."""
        with self._lock:
            if self._manifest is None:
                self._manifest = Manifest(self, self._lock)
            return self._manifest

    def write(
        self,
        path: str,
        data: Content | Iterable[bytes],
        *,
        durable: bool = False,
        owner: str = "",
        before: Callable[[bool], bool] | None = None,
    ) -> Literal["written", "unchanged", "kept"]:
        """Give a file its content, unless it has it already.

        Args:
            path: relative to the target.
            data: all of it; text becomes UTF-8. Pieces of bytes are written as they come and never held together.
            durable: whether to wait until the disk has it.
            owner: who claims the path; a path that one owner claimed in this run is refused to others.
            before: asked just before anything is written; told whether a file with other content is there. If it says
                no, the file is left as it is, and `kept` returned.

        Raises:
            OutputRefused: the path is unsafe or taken.
            OutputFailed: the system refuses; what was there before is still there.
        """
        with self._lock, naming_file(path):
            head, name = self._split(path)
            claim = self._claims.claim(f"{head}/{name}" if head else name, owner)
            if claim == "twin":
                raise OutputRefused(f"{path}: refused: this run wrote another file whose name differs only by case")
            place = (self._made(head, durable), name)
            there: Literal["absent", "same", "other"]
            if isinstance(data, _WHOLE):
                content = _encoded(data, path)
                there = self._compare(place, content, path)
                pieces: Iterable[bytes] | None = (content,)
            else:
                there = "absent" if self._status(place, path) is None else "other"
                pieces = self._pieces_if_changed(place, data, path)
            if there == "same" or pieces is None:
                self.files_unchanged += 1
                return "unchanged"
            if claim == "taken":
                raise OutputRefused(
                    f"{path}: refused: in this run it was made of something else; rename one of the two"
                )
            if before is not None and not before(there == "other"):
                return "kept"
            self._put(place, pieces, durable)
            return "written"

    def grow(self, path: str, line: bytes, *, owner: str = "") -> None:
        """Append a line to a file, with one write; make the file if there is none.

        A line that does not fit on the disk is taken back, so that only whole lines stay. A process that is killed
        while it writes may leave the last line without its end.

        Args:
            path: relative to the target.
            line: with its end.
            owner: as for `write`.

        Raises:
            OutputRefused: the path is unsafe or taken.
            OutputFailed: the system refuses; the file has the lines that it had.
        """
        with self._lock, naming_file(path):
            self.claim(path, owner)
            place = self._find(path)
            status = None if place is None else self._status(place, path)
            if place is None or status is None:
                self.write(path, line, owner=owner)
                return
            folder, name = place
            fd = self._system.open(folder.prefix + name, _APPEND, dir_fd=folder.fd)
            try:
                self.append(fd, line)
            except BaseException:
                with contextlib.suppress(OSError):
                    self._system.ftruncate(fd, status.st_size)
                raise
            finally:
                self._system.close(fd)
            self.bytes_written += len(line)

    def claim(self, path: str, owner: str) -> None:
        """Claim a path for an owner before anything is written there.

        Raises:
            OutputRefused: it is unsafe, or another owner claimed it, or one that differs from it only by case.
        """
        with self._lock:
            found = self._claims.claim(self.normalise(path), owner)
        if found == "twin":
            raise OutputRefused(f"{path}: refused: this run writes another file whose name differs only by case")
        if found == "taken":
            raise OutputRefused(f"{path}: refused: something else of this run writes it; rename one of the two")

    def normalise(self, path: str) -> str:
        """Return the one way to write a path; raises OutputRefused if it is unsafe.

        >>> Output(Path("out")).normalise("./notes//today.md")
        'notes/today.md'
        """
        head, name = self._split(path)
        return f"{head}/{name}" if head else name

    def claimed(self, path: str) -> bool:
        """Say whether this run wrote that file, or would have if it had not held the content already."""
        return self.normalise(path) in self._claims

    def note_input(self, path: Path) -> None:
        """Remember a file, wherever it is, as one that this run takes its input from."""
        with contextlib.suppress(OSError):
            status = path.stat()
            self._inputs.add((status.st_dev, status.st_ino))

    def is_input(self, path: str) -> bool:
        """Say whether a file is one that this run takes its input from, under whatever name; raises as `write`."""
        with self._lock, naming_file(path):
            place = self._find(path) if self._inputs else None
            status = self._status(place, path) if place else None
            return status is not None and (status.st_dev, status.st_ino) in self._inputs

    def read(self, path: str) -> bytes | None:
        """Return a file's content, or None if there is no such file; raises as `write`."""
        with self._lock, naming_file(path):
            place = self._find(path)
            if place is None or self._status(place, path) is None:
                return None
            return b"".join(self._chunks(place))

    def exists(self, path: str) -> bool:
        """Say whether there is a file of that path; raises as `write`."""
        with self._lock, naming_file(path):
            place = self._find(path)
            return place is not None and self._status(place, path) is not None

    def are_one(self, path: str, other: str) -> bool:
        """Say whether two paths name one file, as they may where case does not count; raises as `write`."""
        with self._lock, naming_file(path):
            if path == other:
                return True
            places = self._find(path), self._find(other)
            status, another = (self._status(place, path) if place else None for place in places)
            return status is not None and another is not None and os.path.samestat(status, another)

    def remove(self, path: str) -> bool:
        """Remove a file, and the folders that are empty then; return whether there was one; raises as `write`."""
        with self._lock, naming_file(path):
            place = self._find(path)
            if place is None or self._status(place, path) is None:
                return False
            folder, name = place
            self._system.unlink(folder.prefix + name, dir_fd=folder.fd)
            self._folders.remove_empty(folder.path)
            return True

    def holds(self, path: str) -> bool:
        """Say as fast as can be whether a file of that path is there; for paths that were written before."""
        with self._lock:
            try:
                root = self._folders.get("", make=False)
                if root is None:
                    return False
                status = self._system.stat(root.prefix + path, dir_fd=root.fd, follow_symlinks=False)
            except OSError:
                return False
            return stat.S_ISREG(status.st_mode)

    def close(self) -> None:
        """Save the manifest, if it was used, and release what is held open; writing again opens it again.

        Raises:
            OutputFailed: the manifest cannot be saved; the next run will recover it.
        """
        with self._lock:
            manifest, self._manifest = self._manifest, None
            try:
                if manifest is not None:
                    manifest.close()
            finally:
                self._folders.drop("")

    def open_state(self, name: str, flags: int, *, make: bool = True) -> int | None:
        """Open a file of the target's state folder and return its descriptor; None if it is not there.

        Raises:
            OSError: the system refuses.
        """
        with self._lock:
            folder = self._folders.get(STATE, make=make)
            if folder is None:
                return None
            try:
                return self._system.open(folder.prefix + name, flags | _READ, 0o666, dir_fd=folder.fd)
            except FileNotFoundError:
                return None

    def append(self, descriptor: int, line: bytes, *, durable: bool = False) -> None:
        """Append a line to an open file of the state folder, with one write.

        Raises:
            OSError: the system refuses.
        """
        written = self._system.write(descriptor, line)
        while written < len(line):
            written += self._system.write(descriptor, line[written:])
        if durable:
            self._system.fsync(descriptor)

    def write_state(self, name: str, data: Iterable[bytes], *, durable: bool = False) -> None:
        """Give a file of the state folder its content, unless it has it already; raises as `write`."""
        with self._lock, naming_file(f"{STATE}/{name}"):
            place = (self._made(STATE, durable), name)
            pieces = self._pieces_if_changed(place, data, f"{STATE}/{name}")
            if pieces is not None:
                self._put(place, pieces, durable, count=False)

    def remove_state(self, name: str) -> None:
        """Remove a file of the state folder, if it is there; raises as `write`."""
        with self._lock, naming_file(f"{STATE}/{name}"):
            folder = self._folders.get(STATE, make=False)
            if folder is not None:
                with contextlib.suppress(FileNotFoundError):
                    self._system.unlink(folder.prefix + name, dir_fd=folder.fd)

    def __enter__(self) -> Output:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # Descriptors must not outlive an output that nobody closed; there is nothing to save then.
        with contextlib.suppress(Exception):
            self._folders.drop("")

    def _split(self, path: str) -> tuple[str, str]:
        """Return folder and name of a path, normalised; raises OutputRefused if it is unsafe."""
        check_path(path)
        head, _, name = path.rpartition("/")
        check_name(name, path)
        if head and head not in self._folders:
            parts = [part for part in head.split("/") if part not in ("", ".")]
            for part in parts:
                check_name(part, path)
            head = "/".join(parts)
        if head[:1] == "." and head.partition("/")[0].lower() == STATE:
            raise OutputRefused(
                f"{path}: refused: {STATE} holds what runs remember of the target; choose another folder"
            )
        return head, name

    def _made(self, head: str, durable: bool) -> Folder:
        folder = self._folders.get(head, make=True, durable=durable)
        assert folder is not None
        return folder

    def _find(self, path: str) -> tuple[Folder, str] | None:
        head, name = self._split(path)
        folder = self._folders.get(head, make=False)
        return None if folder is None else (folder, name)

    def _status(self, place: tuple[Folder, str], path: str) -> os.stat_result | None:
        folder, name = place
        try:
            status = self._system.stat(folder.prefix + name, dir_fd=folder.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(status.st_mode):
            if stat.S_ISDIR(status.st_mode):
                raise OutputFailed(f"{path}: a file is needed here, but a folder has that name; move the folder away")
            kind = "link" if stat.S_ISLNK(status.st_mode) else "device or pipe"
            raise OutputRefused(f"{path}: refused: a {kind} has that name, and only plain files are written; remove it")
        return status

    def _compare(self, place: tuple[Folder, str], content: bytes, path: str) -> Literal["absent", "same", "other"]:
        status = self._status(place, path)
        if status is None:
            return "absent"
        if status.st_size != len(content):
            return "other"
        if len(content) > _CHUNK:
            return "same" if self._pieces_if_changed(place, (content,), path) is None else "other"
        folder, name = place
        fd = self._system.open(folder.prefix + name, _READ, dir_fd=folder.fd)
        try:
            return "same" if self._system.read(fd, len(content) + 1) == content else "other"
        finally:
            self._system.close(fd)

    def _chunks(self, place: tuple[Folder, str]) -> Iterator[bytes]:
        folder, name = place
        fd = self._system.open(folder.prefix + name, _READ, dir_fd=folder.fd)
        try:
            while chunk := self._system.read(fd, _CHUNK):
                yield chunk
        finally:
            self._system.close(fd)

    def _pieces_if_changed(
        self, place: tuple[Folder, str], pieces: Iterable[bytes], path: str
    ) -> Iterator[bytes] | None:
        """Return all the pieces, those read meanwhile included, if the file's content is another; else None."""
        if self._status(place, path) is None:
            return iter(pieces)
        rest = iter(pieces)
        folder, name = place
        fd = self._system.open(folder.prefix + name, _READ, dir_fd=folder.fd)
        try:
            equal = 0
            for piece in rest:
                there = _read_fully(self._system, fd, len(piece))
                if there != piece:
                    return itertools.chain(self._beginning(place, equal), (piece,), rest)
                equal += len(piece)
            longer = bool(self._system.read(fd, 1))
        finally:
            self._system.close(fd)
        return self._beginning(place, equal) if longer else None

    def _beginning(self, place: tuple[Folder, str], length: int) -> Iterator[bytes]:
        for chunk in self._chunks(place):
            if length <= 0:
                return
            yield chunk[:length]
            length -= len(chunk)

    def _put(self, place: tuple[Folder, str], pieces: Iterable[bytes], durable: bool, count: bool = True) -> None:
        folder, name = place
        system = self._system
        temporary = f"{TEMPORARY}{os.getpid()}-{_TOKEN}-{next(_NUMBERS)}"
        try:
            fd = system.open(folder.prefix + temporary, _CREATE, 0o666, dir_fd=folder.fd)
        except FileNotFoundError:
            # Somebody removed the folder since it was opened.
            self._folders.drop(folder.path)
            folder = self._made(folder.path, durable)
            fd = system.open(folder.prefix + temporary, _CREATE, 0o666, dir_fd=folder.fd)
        size = 0
        try:
            try:
                for piece in pieces:
                    written = system.write(fd, piece)
                    while written < len(piece):
                        written += system.write(fd, memoryview(piece)[written:])
                    size += written
                if durable:
                    system.fsync(fd)
            finally:
                system.close(fd)
            system.replace(folder.prefix + temporary, folder.prefix + name, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
        except BaseException:
            with contextlib.suppress(OSError):
                system.unlink(folder.prefix + temporary, dir_fd=folder.fd)
            raise
        if durable and folder.fd is not None:
            system.fsync(folder.fd)
        if count:
            self.files_written += 1
            self.bytes_written += size


def _encoded(data: Content, path: str) -> bytes:
    if isinstance(data, bytes):
        return data
    if isinstance(data, str):
        try:
            return data.encode()
        except UnicodeEncodeError as error:
            raise OutputRefused(
                f"{path}: refused: the text has half a character (a lone surrogate) at {error.start}; replace it"
            ) from None
    return bytes(data)


def _read_fully(system: System, fd: int, length: int) -> bytes:
    read = system.read(fd, length)
    while len(read) < length and (more := system.read(fd, length - len(read))):
        read += more
    return read
