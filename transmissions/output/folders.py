"""The folders of a target: made when first needed, held open a few at a time, and never reached through a link."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from pathlib import Path

from transmissions.errors import OutputFailed, OutputRefused
from transmissions.output.paths import TEMPORARY
from transmissions.output.system import System

__all__ = ["Folder", "Folders"]

_HELD_OPEN = 64
_OF_PROCESS = re.compile(re.escape(TEMPORARY) + r"(\d+)-([0-9a-f]+)-\d+").fullmatch


class Folder:
    """A folder of the target, open.

    Args:
        path: relative to the target, with slashes; "" for the target itself.
        fd: its descriptor; None where the platform has none for folders.
        prefix: what stands before a name in it when a file is opened; "" if `fd` is given.
        swept: whether it holds no unfinished files of processes that have ended.
    """

    __slots__ = ("fd", "path", "prefix", "swept")

    def __init__(self, path: str, fd: int | None, prefix: str, swept: bool) -> None:
        self.path = path
        self.fd = fd
        self.prefix = prefix
        self.swept = swept


class Folders:
    """The folders of one target.

    Args:
        target: the folder that contains them all; it may itself be a link.
        system: the operating system's calls.
        token: tells the unfinished files of this process from those of an earlier one with its number.
    """

    def __init__(self, target: Path, system: System, token: str) -> None:
        self._target = target
        self._system = system
        self._token = token
        self._open: dict[str, Folder] = {}
        self._root: Folder | None = None
        self._swept: set[int] = set()

    def __contains__(self, path: str) -> bool:
        return path in self._open

    def get(self, path: str, *, make: bool, durable: bool = False) -> Folder | None:
        """Return the folder of that normalised, safe path, or None if there is none and it is not to be made.

        Raises:
            OutputRefused: a link stands in the way.
            OutputFailed: a file stands in the way.
            OSError: the system refuses.
        """
        found = self._open.get(path) if path else self._root
        if found is None:
            found = self._find(path.split("/") if path else [], make, durable)
        if make and found is not None and not found.swept:
            self._sweep(found)
        return found

    def drop(self, path: str) -> None:
        """Forget the folder of that path and those below it, because they may be gone."""
        for held in [held for held in self._open if held == path or held.startswith(path + "/") or not path]:
            self._release(self._open.pop(held))
        if not path and self._root is not None:
            self._release(self._root)
            self._root = None

    def remove_empty(self, path: str) -> None:
        """Remove the folder of that path and those above it, as far as they are empty; the target itself stays."""
        while path:
            parent, _, name = path.rpartition("/")
            folder = self.get(parent, make=False)
            if folder is None:
                return
            self.drop(path)
            try:
                self._system.rmdir(folder.prefix + name, dir_fd=folder.fd)
            except OSError:
                return
            path = parent

    def _find(self, parts: list[str], make: bool, durable: bool) -> Folder | None:
        folder = self._open_target(make, durable)
        path = ""
        for part in parts:
            if folder is None:
                return None
            path = f"{path}/{part}" if path else part
            folder = self._open.get(path) or self._open_below(folder, part, path, make, durable)
        return folder

    def _open_target(self, make: bool, durable: bool) -> Folder | None:
        if self._root is None:
            target = self._target.absolute()
            if not target.is_dir():
                if not make:
                    return None
                self._make_target(target, durable)
            if self._system.anchored:
                fd = self._system.open(str(target), os.O_RDONLY | os.O_DIRECTORY)
                self._root = Folder("", fd, "", False)
            else:
                self._root = Folder("", None, str(target) + os.sep, False)
        return self._root

    def _make_target(self, target: Path, durable: bool) -> None:
        missing = [folder for folder in (target, *target.parents) if not folder.exists()]
        for folder in reversed(missing):
            with contextlib.suppress(FileExistsError):
                self._system.mkdir(str(folder))
            if durable and self._system.anchored:
                fd = self._system.open(str(folder.parent), os.O_RDONLY | os.O_DIRECTORY)
                try:
                    self._system.fsync(fd)
                finally:
                    self._system.close(fd)

    def _open_below(self, parent: Folder, name: str, path: str, make: bool, durable: bool) -> Folder | None:
        made = False
        try:
            folder = self._open_one(parent, name, path)
        except FileNotFoundError:
            if not make:
                return None
            with contextlib.suppress(FileExistsError):
                self._system.mkdir(parent.prefix + name, dir_fd=parent.fd)
                made = True
            if durable and parent.fd is not None:
                self._system.fsync(parent.fd)
            folder = self._open_one(parent, name, path)
        folder.swept = made or hash(path) in self._swept
        while len(self._open) >= _HELD_OPEN:
            self._release(self._open.pop(next(iter(self._open))))
        self._open[path] = folder
        return folder

    def _open_one(self, parent: Folder, name: str, path: str) -> Folder:
        full = parent.prefix + name
        if not self._system.anchored:
            self._check_kind(parent, name, path)
            if not Path(full).resolve().is_relative_to(self._target.resolve()):
                raise OutputRefused(_link(path))
            return Folder(path, None, full + os.sep, False)
        try:
            fd = self._system.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent.fd)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
                self._check_kind(parent, name, path)
            raise
        return Folder(path, fd, "", False)

    def _check_kind(self, parent: Folder, name: str, path: str) -> None:
        status = self._system.stat(parent.prefix + name, dir_fd=parent.fd, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            raise OutputRefused(_link(path))
        if not stat.S_ISDIR(status.st_mode):
            raise OutputFailed(f"{path}: a folder is needed here, but a file has that name; move the file away")

    def _sweep(self, folder: Folder) -> None:
        """Remove unfinished files of processes that have ended."""
        for name in self._system.listdir(folder.prefix if folder.fd is None else folder.fd):
            found = _OF_PROCESS(name) if name.startswith(TEMPORARY) else None
            if found and self._has_ended(int(found[1]), found[2]):
                with contextlib.suppress(OSError):
                    self._system.unlink(folder.prefix + name, dir_fd=folder.fd)
        folder.swept = True
        self._swept.add(hash(folder.path))

    def _has_ended(self, process: int, token: str) -> bool:
        if process == os.getpid():
            return token != self._token
        if os.name == "nt":
            # A file that a living process writes cannot be removed there; and signal 0 would not be harmless.
            return True
        try:
            os.kill(process, 0)
        except (ProcessLookupError, OverflowError):
            return True
        except OSError:
            return False
        return False

    def _release(self, folder: Folder) -> None:
        if folder.fd is not None:
            with contextlib.suppress(OSError):
                self._system.close(folder.fd)


def _link(path: str) -> str:
    return f"{path}: refused: it is a link, and what is written through a link may land outside the target; remove it"
