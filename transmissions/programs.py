"""The one door to other programs: none is started but those that whoever runs the pipeline allows by name.

There is no shell behind it: a program gets its arguments as they are, and text on its standard input.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from transmissions.errors import ProgramFailed, ProgramRefused, reason_of

__all__ = ["Finished", "Programs"]

_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.0005, 0.05
_KEPT = ("PATH", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "TZ")
"""What of the environment a program is given unasked; all else may hold secrets."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended.

    Args:
        status: its exit code; negative for the signal that ended it.
        output: what it wrote to standard output.
        errors: what it wrote to standard error.
    """

    status: int
    output: bytes
    errors: bytes


@dataclass(frozen=True, slots=True)
class Programs:
    """Which programs a run may start; none, unless it names them.

    Args:
        names: names of programs, looked for on the search path, or whole paths.
    """

    names: frozenset[str] = frozenset()

    @classmethod
    def allowing(cls, names: Iterable[str]) -> Programs:
        """Return what is allowed by a list of names and paths."""
        return cls(frozenset(names))

    def find(self, name: str) -> str:
        """Return the path of a program.

        Raises:
            ProgramRefused: it is not allowed.
            ProgramFailed: there is none.
        """
        if name not in self.names:
            raise ProgramRefused(f"{name}: refused: this run may not start it; --allow-program {name} allows it")
        found = shutil.which(name)
        # What stands in the current folder is what somebody put there.
        if found is None or not Path(found).is_absolute():
            raise ProgramFailed(f"{name}: there is no such program on this machine")
        return found

    def run(
        self,
        name: str,
        arguments: Sequence[str] = (),
        *,
        given: bytes = b"",
        timeout_s: float = 30.0,
        max_bytes: int = 16_777_216,
        environment: Iterable[str] = (),
        stopping: Callable[[], bool] = bool,
    ) -> Finished:
        """Run a program to its end, in an empty folder and with an environment of its own, and return how it ended.

        Args:
            name: its name, as allowed.
            arguments: its arguments; no shell looks at them.
            given: what it reads from standard input.
            timeout_s: seconds after which it is killed, with all that it started.
            max_bytes: the most that it may write to each of standard output and standard error.
            environment: names of further variables of the environment that it is given.
            stopping: asked again and again; once it says so, the program is killed.

        Raises:
            ProgramRefused: it is not allowed.
            ProgramFailed: there is none, it took too long, or it wrote too much.
        """
        command = [self.find(name), *arguments]
        if any("\0" in one for one in arguments):
            raise ProgramRefused(f"{name}: refused: an argument holds a NUL")
        kept = {key: os.environ[key] for key in (*_KEPT, *environment) if key in os.environ}
        with tempfile.TemporaryDirectory() as folder:
            try:
                process = subprocess.Popen(  # noqa: S603 - the door through which all of them go
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    cwd=folder,
                    env={"LC_ALL": "C.UTF-8", "HOME": folder, **kept},
                    start_new_session=True,
                )
            except OSError as error:
                raise ProgramFailed(f"{name}: cannot be started: {reason_of(error)}") from None
            return _Running(name, process, max_bytes).ended(given, timeout_s, stopping)


class _Running:
    """A program that runs: what it reads and writes goes by three threads, so that none waits for another."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], max_bytes: int) -> None:
        self._name = name
        self._process = process
        self._max_bytes = max_bytes
        self._too_much = threading.Event()
        self._written: dict[str, bytes] = {"output": b"", "errors": b""}

    def ended(self, given: bytes, timeout_s: float, stopping: Callable[[], bool]) -> Finished:
        process = self._process
        threads = [
            threading.Thread(target=self._feed, args=(process.stdin, given), daemon=True),
            threading.Thread(target=self._drain, args=(process.stdout, "output"), daemon=True),
            threading.Thread(target=self._drain, args=(process.stderr, "errors"), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            self._wait(time.monotonic() + timeout_s, timeout_s, stopping)
        finally:
            self._kill()
            process.wait()
            for thread in threads:
                thread.join(1.0)
        if self._too_much.is_set():
            raise ProgramFailed(f"{self._name}: it wrote more than {self._max_bytes} bytes, and was ended")
        return Finished(process.returncode, self._written["output"], self._written["errors"])

    def _wait(self, deadline: float, timeout_s: float, stopping: Callable[[], bool]) -> None:
        pause = _SHORTEST_PAUSE_S
        while not self._has_ended() and not self._too_much.is_set():
            if stopping():
                raise ProgramFailed(f"{self._name}: ended, because the run ends")
            if time.monotonic() >= deadline:
                raise ProgramFailed(f"{self._name}: it took more than {timeout_s:g} s, and was ended")
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S, max(0.0, deadline - time.monotonic()))

    def _has_ended(self) -> bool:
        # Left as it is until its children are killed too: the system gives its number to nobody else so long.
        if hasattr(os, "waitid"):
            flags = os.WEXITED | os.WNOWAIT | os.WNOHANG
            return os.waitid(os.P_PID, self._process.pid, flags) is not None
        return self._process.poll() is not None

    def _kill(self) -> None:
        # What the program started may outlive it, and hold its pipes.
        with suppress(OSError):
            if os.name == "nt":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)

    def _feed(self, pipe: IO[bytes], given: bytes) -> None:
        # A program need not read all that it is given.
        with suppress(OSError), pipe:
            pipe.write(given)

    def _drain(self, pipe: IO[bytes], which: str) -> None:
        parts: list[bytes] = []
        size = 0
        with suppress(OSError, ValueError), pipe:
            while part := pipe.read1(65536):  # type: ignore[attr-defined]
                size += len(part)
                if size > self._max_bytes:
                    self._too_much.set()
                    break
                parts.append(part)
        self._written[which] = b"".join(parts)
