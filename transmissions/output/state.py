"""The files in which a target's manifest is kept: the saved lines, the journal of the run that is on, and a lock."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from transmissions.errors import OutputFailed
from transmissions.output.paths import STATE
from transmissions.output.system import failed

if TYPE_CHECKING:
    from transmissions.output.target import Output

__all__ = ["JOURNAL", "SAVED", "State"]

SAVED = "manifest.jsonl"
JOURNAL = "journal.jsonl"
_LOCK = "lock"


class State:
    """The state folder of one target.

    Args:
        output: the target.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._journal: int | None = None
        self._guard: int | None = None
        self._torn = False

    @property
    def is_locked(self) -> bool:
        """Whether this run is the one that may use the folder."""
        return self._guard is not None

    def lock(self) -> None:
        """Become the one run that may use the folder; raises OutputFailed if another is, or if it is read-only."""
        guard = self._open(_LOCK, os.O_RDWR | os.O_CREAT)
        assert guard is not None
        if not _locked(guard):
            os.close(guard)
            raise OutputFailed(
                f"{self._output.target}: another run is writing here; wait until it has ended, or choose another target"
            )
        self._guard = guard

    def lines(self, name: str) -> Iterator[tuple[str, bytes]]:
        """Yield place (`file:line:1`) and bytes of each whole line; one without its end was cut off by a crash.

        Raises:
            OutputFailed: the file is there and cannot be read. To go on would take all files for a person's own.
        """
        descriptor = self._open(name, os.O_RDONLY)
        if descriptor is None:
            return
        try:
            with os.fdopen(descriptor, "rb") as file:
                for number, line in enumerate(file, 1):
                    if line.endswith(b"\n") and line != b"\n":
                        yield f"{self._output.target / STATE / name}:{number}:1", line[:-1]
        except OSError as error:
            raise failed(f"{STATE}/{name}", error) from error

    def resume_journal(self) -> bool:
        """Take over the journal that a run left, so that saving ends it; return whether there is one."""
        self._journal = self._open(JOURNAL, os.O_WRONLY | os.O_APPEND)
        self._torn = True
        return self._journal is not None

    def append(self, line: bytes, *, durable: bool) -> None:
        """Append a line to the journal, with one write; raises OutputFailed."""
        if self._journal is None:
            self._journal = self._open(JOURNAL, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            self._torn = False
        assert self._journal is not None
        # A line that was cut off must not spoil the one after it.
        start = b"\n" if self._torn else b""
        self._torn = True
        try:
            self._output.append(self._journal, start + line + b"\n", durable=durable)
        except OSError as error:
            raise failed(f"{STATE}/{JOURNAL}", error) from error
        self._torn = False

    def save(self, lines: Iterator[bytes], *, durable: bool) -> None:
        """Save the manifest's lines, if they changed; raises OutputFailed, and what was saved before is still there."""
        self._output.write_state(SAVED, _in_blocks(lines), durable=durable)

    def end_journal(self) -> None:
        """Remove the journal, if there is one: all that it says is saved; raises OutputFailed."""
        if self._journal is not None:
            journal, self._journal = self._journal, None
            os.close(journal)
            self._output.remove_state(JOURNAL)

    def release(self) -> None:
        """Let other runs use the folder."""
        for descriptor in (self._journal, self._guard):
            if descriptor is not None:
                os.close(descriptor)
        self._journal = self._guard = None

    def _open(self, name: str, flags: int) -> int | None:
        try:
            return self._output.open_state(name, flags, make=bool(flags & os.O_CREAT))
        except OSError as error:
            raise failed(f"{STATE}/{name}", error) from error


def _in_blocks(lines: Iterator[bytes], size: int = 1 << 18) -> Iterator[bytes]:
    block = bytearray()
    for line in lines:
        block += line
        if len(block) >= size:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def _locked(descriptor: int) -> bool:
    """Take the lock that the system gives to one process at a time, and takes back when that process ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
