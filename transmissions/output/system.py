"""The few operating-system calls through which all writing goes, and what their refusals are called.

A test can make any one of them fail.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from transmissions.errors import OutputFailed, reason_of

__all__ = ["SYSTEM", "System", "failed", "naming_file"]

_HINTS = {
    "ENOSPC": "; free some space and run again: what is written stays",
    "EDQUOT": "; free some space and run again: what is written stays",
    "EACCES": "; see who owns the folder, or choose another target",
    "EPERM": "; see who owns the folder, or choose another target",
    "EROFS": "; choose another target",
    "EISDIR": "; a folder has that name",
    "ENOTDIR": "; a part of the target's path is a file",
}


@dataclass(frozen=True, slots=True)
class System:
    """The calls, each as the function of that name in `os`.

    Args:
        anchored: whether folders can be held open and files be named relative to them, without following links. Where
            the platform cannot, files are named by their whole path, after a look at where that path leads.
    """

    open: Callable[..., int] = os.open
    close: Callable[[int], None] = os.close
    read: Callable[[int, int], bytes] = os.read
    write: Callable[..., int] = os.write
    fsync: Callable[[int], None] = os.fsync
    ftruncate: Callable[[int, int], None] = os.ftruncate
    replace: Callable[..., None] = os.replace
    unlink: Callable[..., None] = os.unlink
    mkdir: Callable[..., None] = os.mkdir
    rmdir: Callable[..., None] = os.rmdir
    stat: Callable[..., os.stat_result] = os.stat
    listdir: Callable[[Any], list[str]] = os.listdir
    anchored: bool = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW") and hasattr(os, "O_DIRECTORY")


SYSTEM = System()
"""The real one."""


class naming_file:  # noqa: N801 (it is used as a word: `with naming_file(path)`)
    """Turns the system's refusals into one line that names the file."""

    __slots__ = ("path",)

    def __init__(self, path: object) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            raise failed(str(self.path), error) from error


def failed(path: str, error: OSError, what: str = "written") -> OutputFailed:
    """Return the error that says in one line why a file cannot be written, or whatever else was to be done with it."""
    hint = _HINTS.get(errno.errorcode.get(error.errno or 0, ""), "")
    return OutputFailed(f"{path}: cannot be {what}: {reason_of(error)}{hint}")
