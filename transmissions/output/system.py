"""The few operating-system calls through which all writing goes, so that a test can make any one of them fail."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["SYSTEM", "System"]


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
    replace: Callable[..., None] = os.replace
    unlink: Callable[..., None] = os.unlink
    mkdir: Callable[..., None] = os.mkdir
    rmdir: Callable[..., None] = os.rmdir
    stat: Callable[..., os.stat_result] = os.stat
    listdir: Callable[[Any], list[str]] = os.listdir
    anchored: bool = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW") and hasattr(os, "O_DIRECTORY")


SYSTEM = System()
"""The real one."""
