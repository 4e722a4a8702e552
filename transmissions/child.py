"""A process of this same Python that this one talks to: how it is started, and how answers are told from other output.

Both ends are this program, so what they say to each other is trusted. Whatever else the process prints, such as what a
module prints when it is imported, is not taken for an answer.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import IO

__all__ = ["after_greeting", "python", "receive", "send", "take_streams"]

_GREETING = b"\0transmissions\0"
_SIZE_BYTES = 8


def python(code: str) -> list[str]:
    """Return the command that runs code in this Python, with its options and its search path.

    >>> python("pass")[-2:][0]
    '-c'
    """
    # Options such as -I keep code of others away; the standard library's own processes take them over like this.
    options = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [sys.executable, *options, "-c", f"import sys; sys.path[:] = {sys.path!r}; {code}"]


def after_greeting(stream: IO[bytes]) -> bool:
    """Skip what the process printed before it took its streams; say whether it did."""
    seen = b""
    while not seen.endswith(_GREETING):
        byte = stream.read(1)
        if not byte:
            return False
        seen = (seen + byte)[-len(_GREETING) :]
    return True


def send(stream: IO[bytes], data: bytes) -> None:
    """Send data; raises OSError."""
    stream.write(len(data).to_bytes(_SIZE_BYTES, "big") + data)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes:
    """Return the data that was sent; none at all at the end, or if it was cut off."""
    size = int.from_bytes(stream.read(_SIZE_BYTES), "big")
    data = stream.read(size)
    return data if len(data) == size else b""


def take_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Be that process: return where questions come from and where answers go, and keep all others away from there."""
    asked, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    answers.write(_GREETING)
    answers.flush()
    return asked, answers
