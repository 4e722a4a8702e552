"""A command on a terminal of its own, read by an emulator; and a pipeline that goes on when it is let."""

from __future__ import annotations

import contextlib
import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pyte
import pytest

LIMIT_S = 20
QUIET_S = 0.05
TAKE_TERMINAL = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "transmissions", *sys.argv[1:]])
"""


PROCESSORS = '''
import itertools

from transmissions import Processor, setting


class Lines(Processor):
    """Yield lines without end.

    Guarantee: pure.
    """

    writes = ("line",)

    def process(self, message):
        for number in itertools.count():
            yield {"line": f"line {number}"}


class Parse(Processor):
    """Split a line in words.

    Guarantee: pure.
    """

    def process(self, message):
        return {"words": message["line"].split()}


class Count(Processor):
    """Swallow messages.

    Guarantee: pure.
    """

    say: str = setting("", "what to print at line 5000")

    def process(self, message):
        if self.say and message["words"][1] == "5000":
            print(self.say, flush=True)
        return None


class Store(Processor):
    """Let a message by for every byte that comes through a file; at its end, fail.

    Guarantee: pure.
    """

    gate: str = setting("gate", "the file that the bytes are read from")

    def start(self):
        self.bytes = open(self.gate, "rb", buffering=0)

    def process(self, message):
        if not self.bytes.read(1):
            raise EOFError("the gate is shut")
        return message

    def close(self):
        self.bytes.close()
'''
PIPELINE = """\
@prefix : <http://purl.org/stuff/transmissions/> .

:import a :Transmission ;
    :pipe (:read :parse :store), (:parse :count) .

:read  a :Lines .
:parse a :Parse .
:store a :Store ; :buffer [ :maxMessages 64 ] .
:count a :Count .
"""


class Terminal:
    """A pseudo-terminal with `trans` on it.

    Args:
        words: the command line.
        size: columns and rows.
        environment: variables on top of this process' own.
    """

    def __init__(self, *words: str, size: tuple[int, int] = (100, 40), **environment: str) -> None:
        import termios

        self._master, self._slave = os.openpty()
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.resize(*size)
        self.attributes = termios.tcgetattr(self._slave)
        kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *words],
            stdin=self._slave, stdout=self._slave, stderr=self._slave, start_new_session=True,
            env=kept | {"TERM": "xterm-256color", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | environment,
        )  # fmt: skip

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)
        os.close(self._slave)

    def resize(self, columns: int, rows: int) -> None:
        """Make the terminal larger or smaller; lines that are too long for it are broken, as many terminals do."""
        import fcntl
        import termios

        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        before = [self.screen.display[row].rstrip() for row in range(self.screen.cursor.y + 1)]
        self.screen.resize(rows, columns)
        self.screen.reset()
        starts = [(line, start) for line in before for start in range(0, max(1, len(line)), columns)]
        self._stream.feed("\r\n".join(line[start : start + columns] for line, start in starts).encode())

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    @property
    def text(self) -> str:
        """What is seen now."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def read_until(self, wanted: Callable[[str], Any], each: Callable[[], Any] = lambda: None) -> str:
        """Return what is seen as soon as it is wanted; `each` is called between two looks.

        It is looked at when nothing more comes, so that no drawing is seen half.
        """
        deadline = time.monotonic() + LIMIT_S
        while True:
            while select.select([self._master], [], [], QUIET_S)[0]:
                self._take(os.read(self._master, 65536))
            if wanted(self.text):
                return self.text
            assert time.monotonic() < deadline, f"this was not shown in time; at last it was\n{self.text}"
            each()

    def wait(self) -> int:
        """Return the exit code, once all that was shown is read."""
        os.set_blocking(self._master, False)
        while self.process.poll() is None:
            select.select([self._master], [], [], 0.05)
            self._take_rest()
        self._take_rest()
        return self.process.returncode

    @property
    def is_as_before(self) -> bool:
        """Whether keys, cursor and screen are as they were before the command began."""
        import termios

        hidden, shown = self.raw.rfind(b"\x1b[?25l"), self.raw.rfind(b"\x1b[?25h")
        on_first_screen = self.raw.count(b"\x1b[?1049h") == self.raw.count(b"\x1b[?1049l")
        return termios.tcgetattr(self._slave) == self.attributes and shown >= hidden and on_first_screen

    def _take_rest(self) -> None:
        try:
            while piece := os.read(self._master, 65536):
                self._take(piece)
        except BlockingIOError:
            pass

    def _take(self, piece: bytes) -> None:
        self.raw += piece
        self._stream.feed(piece)


class Gate:
    """Lets messages by, as many as bytes are written."""

    def __init__(self) -> None:
        # Opened for both, so that neither side waits for the other, and nobody misses the other when it is gone.
        self._descriptor = os.open("gate", os.O_RDWR | os.O_NONBLOCK)

    def open(self, messages: int) -> None:
        """Let so many messages by."""
        # So many may pass already that the pipe is full.
        with contextlib.suppress(BlockingIOError):
            os.write(self._descriptor, b"." * messages)

    def close(self) -> None:
        os.close(self._descriptor)


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Go to a folder with a pipeline whose last stage takes a message for every byte of a pipe."""
    pytest.importorskip("termios", reason="pipes that have a name are those of POSIX")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "import.ttl").write_text(PIPELINE, encoding="utf-8")
    (tmp_path / "own.py").write_text(PROCESSORS, encoding="utf-8")
    os.mkfifo("gate")
    opened = Gate()
    yield opened
    opened.close()


@pytest.fixture
def terminal() -> type[Terminal]:
    """Give the class of terminals."""
    pytest.importorskip("termios", reason="terminals are those of POSIX")
    return Terminal
