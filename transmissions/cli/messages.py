"""Messages in and out of a run as JSON, one a line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import orjson

from transmissions.errors import ParameterError, reason_of
from transmissions.message import Message
from transmissions.output.system import naming_file

__all__ = ["MessageWriter", "as_json", "read_messages", "write_whole"]


def read_messages(text: str) -> Iterable[Message]:
    """Return the messages that `-m` names: JSON itself, `@FILE`, or `-` for standard input, read as it comes.

    Raises:
        ParameterError: it is not JSON, or no object; for standard input, when that line is reached.
    """
    if text == "-":
        return _lines(sys.stdin.buffer, "standard input")
    if text.startswith("@"):
        path = Path(text[1:])
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ParameterError(f"-m {text}: {reason_of(error)}") from None
        try:
            return _messages(orjson.loads(data), str(path))
        except orjson.JSONDecodeError:
            return list(_lines(iter(data.splitlines()), str(path)))
    try:
        return _messages(orjson.loads(text), "-m")
    except orjson.JSONDecodeError as error:
        raise ParameterError(
            f'-m: not JSON: {error}; a message is an object, such as \'{{"content": "hi"}}\''
        ) from None


def _lines(lines: Iterable[bytes], origin: str) -> Iterator[Message]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise ParameterError(f"{origin}, line {number}: not JSON: {error}") from None
            yield _message(value, f"{origin}, line {number}")


def _messages(value: Any, origin: str) -> list[Message]:
    return [_message(one, origin) for one in (value if isinstance(value, list) else [value])]


def _message(value: Any, origin: str) -> Message:
    if not isinstance(value, dict):
        raise ParameterError(f"{origin}: a message is a JSON object, got {shown(value)}")
    return value


def shown(value: Any) -> str:
    """Return a JSON value, shortened."""
    text = orjson.dumps(value).decode()
    return text if len(text) <= 60 else text[:59] + "…"


class MessageWriter:
    """Writes messages as JSON lines to stdout, each at once, or to a file that appears when it is closed.

    Left without having been closed, it takes away what it began.

    Args:
        path: the file; None for stdout.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._place: Path | None = None
        self._partial: Path | None = None
        self._stream: BinaryIO = sys.stdout.buffer
        if path is not None and _is_device(path):
            self._stream = path.open("wb")
        elif path is not None:
            self._place, self._partial = _whereabouts(path)
            self._stream = self._partial.open("wb")

    def __enter__(self) -> MessageWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path is not None:
            # A disk that was full for a message is full for what is left of it, too.
            with suppress(OSError):
                self._stream.close()
        if self._partial is not None:
            self._partial.unlink(missing_ok=True)

    def write(self, message: Message) -> None:
        """Write one message; values that JSON lacks are written as text.

        Raises:
            OutputFailed: the file cannot be written.
        """
        line = as_json(message) + b"\n"
        if self._path is None:
            self._stream.write(line)
            self._stream.flush()
            return
        with naming_file(f"--messages {self._path}"):
            self._stream.write(line)

    def close(self) -> None:
        """Let the file appear under its name.

        Raises:
            OutputFailed: it cannot be written.
        """
        if self._path is not None:
            with naming_file(f"--messages {self._path}"):
                self._stream.close()
                if self._partial is not None and self._place is not None:
                    self._partial.replace(self._place)


def as_json(value: Any, *, indent: bool = False) -> bytes:
    """Return a value as JSON; what JSON lacks is written as text."""
    option = orjson.OPT_NON_STR_KEYS | (orjson.OPT_INDENT_2 if indent else 0)
    try:
        return orjson.dumps(value, default=str, option=option)
    except TypeError:
        # A lone surrogate, which only an escape can write, or a whole number of more than 64 bits.
        return json.dumps(value, default=str, indent=2 if indent else None).encode()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is whole or absent, whatever happens meanwhile; raises OSError."""
    if _is_device(path):
        path.write_bytes(data)
        return
    path, partial = _whereabouts(path)
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _is_device(path: Path) -> bool:
    """Say whether a path is something that takes what is written, as devices and pipes do, and must not be replaced."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _whereabouts(path: Path) -> tuple[Path, Path]:
    """Return where a file is, behind links, and the name beside it that it has until it is whole; make its folder."""
    if not path.name:
        raise ValueError("this is no name of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    path = path.resolve()
    return path, path.with_name(f".{path.name}.{os.getpid()}.part")
