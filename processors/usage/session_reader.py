"""What the readers of session logs share: from files to calls, each once, and to messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from processors.usage.calls import CallTable
from processors.usage.log_files import TOO_LONG, Block, find_logs, first_line, read_blocks, whose
from transmissions import Message, TransmissionsError, reason_of
from transmissions.usage.errors import InvalidUsage
from transmissions.usage.record import UsageRecord

__all__ = ["LogFile", "SessionReader", "as_message", "existing"]


def existing(folders: list[Path], title: str) -> list[Path]:
    """Return the folders that are there.

    Raises:
        TransmissionsError: none is.
    """
    found = [folder for folder in folders if folder.is_dir()]
    if not found:
        places = " or ".join(map(str, folders))
        raise TransmissionsError(f"{title} keeps no session logs in {places}")
    return found


class LogFile:
    """What takes the lines of one log.

    Args:
        path: the log.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def take(self, line: bytes, number: int) -> None:
        """Take a line.

        Args:
            line: the line, which is not empty.
            number: its number, from 1.

        Raises:
            InvalidUsage: its counts cannot be those of a call.
            ValueError: it is not JSON.
        """
        raise NotImplementedError

    def end(self) -> None:
        """Take note that there are no more lines."""


class SessionReader:
    """Read logs of one program, and count what became of them.

    Args:
        writer: whose logs: as `whose` names it.
        title: what a person calls the program.
        warn: reports what is doubtful.
        lose: reports what could not be used.
        progress: is given the bytes read so far, and how many there are.
    """

    def __init__(
        self,
        writer: str,
        title: str,
        warn: Callable[..., None],
        lose: Callable[..., None],
        progress: Callable[[int, int], None],
    ) -> None:
        self.writer = writer
        self.title = title
        self._warn = warn
        self._lose = lose
        self._progress = progress
        self._done = 0
        self._total = 0
        self.counts = {"files": 0, "lines": 0, "calls": 0, "lost": 0}
        self.foreign: list[str] = []

    def read(
        self,
        paths: list[Path],
        open_file: Callable[[Path, CallTable], LogFile],
        meet: Callable[[bytes], None] | None = None,
    ) -> Iterator[UsageRecord]:
        """Yield the calls of all logs in files and folders, each once.

        Args:
            paths: the files and folders.
            open_file: makes what takes the lines of one log.
            meet: is given the first line of each log before any is read.

        Raises:
            TransmissionsError: there is no such file, or no log in a folder.
        """
        logs = find_logs(paths, self._cannot_read)
        self._total = sum(log.size_bytes for log in logs)
        if meet is not None:
            for log in logs:
                meet(first_line(log.path))
        with closing(CallTable()) as table:
            for log in logs:
                self._read_file(log.path, log.named, open_file, table)
            for call in table.take():
                self.counts["calls"] += 1
                yield call.record()

    def _read_file(
        self, path: Path, named: bool, open_file: Callable[[Path, CallTable], LogFile], table: CallTable
    ) -> None:
        log: LogFile | None = None
        try:
            for block in read_blocks(path):
                if log is None:
                    if not self._is_ours(path, named, block):
                        return
                    log = open_file(path, table)
                    self.counts["files"] += 1
                self._read_block(log, block)
        except OSError as error:
            self._cannot_read(error, path)
        except TransmissionsError as error:
            self._lost(str(error), path, 0)
        if log is not None:
            log.end()

    def _is_ours(self, path: Path, named: bool, block: Block) -> bool:
        writer = whose(block.lines)
        if writer in (self.writer, "?"):
            return True
        self.foreign.append(str(path))
        if named:
            self._warn(f"{path}: is no session log of {self.title}", file=str(path), foreign=True)
        return False

    def _read_block(self, log: LogFile, block: Block) -> None:
        take = log.take
        for number, line in enumerate(block.lines, block.first):
            try:
                take(line, number)
            except InvalidUsage as error:
                self._lost(str(error), log.path, number)
            except ValueError:
                if line and not line.isspace():
                    self._broken(log, line, number, block)
        self.counts["lines"] += len(block.lines)
        self._done += block.size_bytes
        self._progress(self._done, max(self._total, self._done))

    def _broken(self, log: LogFile, line: bytes, number: int, block: Block) -> None:
        if line == TOO_LONG:
            self._lost("the line is too long to be one of a session", log.path, number)
        elif not block.whole and number == block.first + len(block.lines) - 1:
            # A session that goes on is written while it is read.
            self._warn("the last line is not written to its end", file=str(log.path), line=number)
        else:
            self._lost("the line is not JSON", log.path, number)

    def _cannot_read(self, error: OSError, path: Path) -> None:
        self._lost(f"cannot be read: {reason_of(error)}", path, 0)

    def _lost(self, text: str, path: Path, number: int) -> None:
        self.counts["lost"] += 1
        self._lose(text, file=str(path), **({"line": number} if number else {}))

    def report(self) -> dict[str, Any]:
        """Return what was read: files, lines, calls, and which files something else wrote."""
        return {**self.counts, "foreign": self.foreign}


def as_message(message: Message, record: UsageRecord) -> Message:
    """Return what is sent of a call: its usage, and by whom and when it was made, in fields of their own."""
    usage = record.as_json()
    made: Message = {
        "usage": usage,
        "model": record.model,
        "session": record.session,
        "project": record.project,
        "agent": record.agent,
        "time": usage.get("at"),
    }
    return {**message, **made}
