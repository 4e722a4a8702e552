"""Session logs: which files there are, whose they are, and their lines, read in large blocks."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from transmissions import TransmissionsError

__all__ = ["TOO_LONG", "Block", "Log", "decode", "find_logs", "first_line", "read_blocks", "whose"]

BLOCK_BYTES = 1 << 18
HEAD_BYTES = 1 << 15
LONGEST_LINE_BYTES = 64 << 20
"""A longer line is no line of a session; to hold it would cost more memory than all else."""
TOO_LONG = b"\0"
"""Stands for such a line; it is no JSON."""

_SUFFIXES = (".jsonl", ".jsonl.zst")
_JUDGED_LINES = 50
_PIECES_OF_A_HEAD = 64
_CODEX_TYPES = frozenset(
    {
        "session_meta",
        "response_item",
        "event_msg",
        "turn_context",
        "compacted",
        "world_state",
        "inter_agent_communication",
    }
)
_CLAUDE_KEYS = frozenset({"sessionId", "parentUuid", "leafUuid"})
_CLAUDE_TYPES = frozenset({"user", "assistant", "summary", "file-history-snapshot", "progress"})


class Block(NamedTuple):
    """Some lines of a file.

    Args:
        first: the number of the first, from 1.
        lines: without their line feeds.
        whole: whether the last line was ended by a line feed.
        size_bytes: how much of the file it is.
    """

    first: int
    lines: list[bytes]
    whole: bool
    size_bytes: int


class Log(NamedTuple):
    """A log that was found.

    Args:
        path: the file.
        size_bytes: its size.
        named: whether it was named itself, and not found in a folder.
    """

    path: Path
    size_bytes: int
    named: bool


def find_logs(paths: Iterable[Path], lose: Callable[[OSError, Path], None]) -> list[Log]:
    """Return the log files, each once and in the order of their names.

    Args:
        paths: files, taken whatever they are called, and folders, searched for .jsonl and .jsonl.zst at any depth.
        lose: is told of a file or folder that cannot be looked at, and why; it costs no other.

    Raises:
        TransmissionsError: there is no such file, or a folder holds no log.
    """
    lost: list[Path] = []

    def told(error: OSError, path: Path) -> None:
        lost.append(path)
        lose(error, path)

    found: dict[tuple[int, int], Log] = {}
    for path in paths:
        lost.clear()
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            raise TransmissionsError(f"{path}: there is no such file or folder (looked in {Path.cwd()})") from None
        except OSError as error:
            told(error, path)
            continue
        if is_folder:
            logs = _logs_in(path, told)
            if not logs and not lost:
                raise TransmissionsError(f"{path}: there is no .jsonl file in this folder")
        else:
            logs = [path]
        for log in logs:
            try:
                about = log.stat()
            except FileNotFoundError:
                continue
            except OSError as error:
                told(error, log)
                continue
            # In a folder, a pipe or a device is no log, whatever it is called: reading it may never end.
            if log == path or stat.S_ISREG(about.st_mode):
                same = (about.st_dev, about.st_ino)
                before = found.get(same, Log(log, about.st_size, False))
                found[same] = before._replace(named=before.named or log == path)
    # Sub-agents come after the sessions that sent them, whatever the names are.
    return sorted(found.values(), key=lambda one: ("subagents" in one.path.parts, str(one.path)))


def _logs_in(folder: Path, lose: Callable[[OSError, Path], None]) -> list[Path]:
    def told(error: OSError) -> None:
        lose(error, Path(error.filename or folder))

    places = os.walk(folder, onerror=told)
    return [Path(place, name) for place, _, names in places for name in sorted(names) if name.endswith(_SUFFIXES)]


def _chunks(path: Path) -> Generator[bytes, None, None]:
    """Yield what is in a file; a little at first, for those who only want to know what it is."""
    size_bytes = HEAD_BYTES
    if path.suffix != ".zst":
        with path.open("rb", buffering=0) as file:
            while data := file.read(size_bytes):
                yield data
                size_bytes = BLOCK_BYTES
        return
    try:
        import zstandard
    except ImportError:
        raise TransmissionsError("to read .zst, pip install 'transmissions-engine[zstd]'") from None
    try:
        with zstandard.open(path, "rb") as unpacked:
            while data := unpacked.read(size_bytes):
                yield data
                size_bytes = BLOCK_BYTES
    except zstandard.ZstdError:
        raise TransmissionsError("it is damaged, or not compressed as its name says") from None


def read_blocks(path: Path) -> Iterator[Block]:
    """Yield the lines of a log, many at a time; one that is too long comes as `TOO_LONG`.

    Raises:
        OSError: the log cannot be read.
        TransmissionsError: it is compressed, and damaged, or the library for that is not installed.
    """
    first, waiting = 1, 0
    pieces: list[bytes] = []
    for data in _chunks(path):
        lines = data.split(b"\n")
        rest = lines.pop()
        if lines:
            if waiting:
                lines[0] = _joined([*pieces, lines[0]])
            yield Block(first, lines, True, waiting + len(data) - len(rest))
            first += len(lines)
            pieces, waiting = [], 0
        if rest:
            waiting += len(rest)
            if waiting <= LONGEST_LINE_BYTES:
                pieces.append(rest)
            else:
                pieces = [TOO_LONG]
    if waiting:
        yield Block(first, [_joined(pieces)], False, waiting)


def _joined(pieces: list[bytes]) -> bytes:
    return TOO_LONG if pieces[0] == TOO_LONG else b"".join(pieces)


def first_line(path: Path) -> bytes:
    """Return the first line of a log; b"" if it cannot be read, which is reported when the log is."""
    pieces = []
    with contextlib.suppress(OSError, TransmissionsError), contextlib.closing(_chunks(path)) as chunks:
        for data in chunks:
            end = data.find(b"\n")
            pieces.append(data if end < 0 else data[:end])
            if end >= 0 or len(pieces) > _PIECES_OF_A_HEAD:
                break
    return b"".join(pieces)


def decode(line: bytes) -> Any:
    """Return the JSON value of a line.

    Raises:
        ValueError: it is none.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        pass
    try:
        # Slower, but it takes a byte that is no UTF-8, and half a character, as a cut text leaves it.
        return json.loads(line.decode("utf-8-sig", "replace"), parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


def whose(lines: Sequence[bytes]) -> str:
    """Tell from the first lines of a file what wrote it: "claude-code", "codex", "" for something else, "?" if nothing
    in them can be read.
    """
    read_any = False
    for line in lines[:_JUDGED_LINES]:
        try:
            value = decode(line)
        except ValueError:
            continue
        read_any = True
        if isinstance(value, dict) and (name := _writer_of(value)):
            return name
    return "" if read_any else "?"


def _writer_of(value: dict[str, Any]) -> str:
    kind = value.get("type")
    if isinstance(value.get("payload"), dict) and (kind in _CODEX_TYPES or "timestamp" in value):
        return "codex"
    if value.get("record_type") or ("instructions" in value and "timestamp" in value):
        return "codex"
    if not _CLAUDE_KEYS.isdisjoint(value) or (kind in _CLAUDE_TYPES and ("message" in value or kind == "summary")):
        return "claude-code"
    return "claude-code" if kind == "file-history-snapshot" else ""
