"""Which process works on a job, and whether it surely does not live any more."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path

__all__ = ["is_gone", "lives", "this_worker"]


@cache
def _place() -> str:
    """Return what tells this machine, its boot and this namespace of process ids from others; "" if that is unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""
    return f"{socket.gethostname()}/{boot}/{namespace}"


def _begun(pid: int) -> str:
    """Return when a process of this machine began, in ticks since its boot; "" if there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    # One that is dead, and only waits to be asked about by its parent, works no more.
    return "" if fields[0] in "ZX" else fields[19]


def this_worker() -> str:
    """Return the name of this process: another process, also a later one of the same number, has another."""
    return f"{_place()}#{os.getpid()}.{_begun(os.getpid())}"


def is_gone(worker: str) -> bool:
    """Say whether a worker has surely died; False also for whatever cannot be known from here."""
    return _is_there(worker) is False


def lives(worker: str) -> bool:
    """Say whether a worker surely lives, be it stopped; False also for whatever cannot be known from here."""
    return _is_there(worker) is True


def _is_there(worker: str) -> bool | None:
    place, _, process = worker.rpartition("#")
    pid, _, begun = process.partition(".")
    if not place or place != _place() or not pid.isdecimal() or not begun:
        return None
    return _begun(int(pid)) == begun
