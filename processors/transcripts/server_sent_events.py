"""Split bytes into server-sent events, by the rules of the WHATWG's HTML standard, section 9.2.6."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["ServerSentEvent", "split_events"]

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"
_NO_DATA = (b"event", b"id", b"retry")


@dataclass(slots=True)
class ServerSentEvent:
    """One event of a stream.

    Args:
        start: where in the stream its first line begins, in bytes from 0.
        end: where its last line ends, without the line's end.
        name: what its `event` lines say, the last one.
        data: its `data` lines, joined by line feeds; bytes that are not UTF-8 replaced by �.
        problem: "too large" if its data were beyond the limit and are left out, "unfinished" if the stream ends before
            the empty line that ends an event, "not UTF-8" if bytes were replaced.
        strays: lines that are no field of an event, nor comments; they say nothing.
    """

    start: int
    end: int = 0
    name: str = ""
    data: str = ""
    problem: Literal["", "too large", "unfinished", "not UTF-8"] = ""
    strays: int = 0


@dataclass(slots=True)
class _Gathered:
    """The lines of an event so far."""

    start: int
    name: bytes = b""
    data: list[bytes] = field(default_factory=list)
    size_bytes: int = 0
    too_large: bool = False
    strays: int = 0

    def take(self, line: bytes | None, limit_bytes: int) -> None:
        if line is None:
            self.too_large = True
            return
        name, colon, value = line.partition(b":")
        if not name and colon:
            return
        value = value.removeprefix(b" ")
        if name == b"data":
            self.size_bytes += len(value)
            if self.size_bytes > limit_bytes:
                self.too_large = True
                self.data.clear()
            else:
                self.data.append(value)
        elif name == b"event":
            self.name = value
        elif name not in _NO_DATA:
            self.strays += 1

    def event(self, end: int, *, finished: bool) -> ServerSentEvent | None:
        if not (self.data or self.too_large or self.strays):
            return None
        event = ServerSentEvent(self.start, end, self.name.decode("utf-8", "replace"), strays=self.strays)
        data = b"\n".join(self.data)
        try:
            event.data = data.decode()
        except UnicodeDecodeError:
            event.data = data.decode("utf-8", "replace")
            event.problem = "not UTF-8"
        if self.too_large:
            event.data, event.problem = "", "too large"
        elif not finished:
            event.problem = "unfinished"
        return event


def split_events(chunks: Iterable[bytes], limit_bytes: int) -> Iterator[ServerSentEvent]:
    """Yield the events of a stream, each as soon as the empty line behind it is read.

    Lines end in CRLF, LF or CR; a byte-order mark at the beginning and comments are passed over. In one thing this is
    kinder than the standard: what stands at the end without an empty line behind it is given, too, as unfinished.
    Lines without meaning make an event without data, so that somebody can tell of them.

    Args:
        chunks: the stream, in pieces of any size.
        limit_bytes: the most data that an event may have; memory is bounded by it and the largest chunk.
    """
    gathered: _Gathered | None = None
    end = 0
    for line, start, line_end in _lines(chunks, limit_bytes):
        if line != b"":
            gathered, end = gathered or _Gathered(start), line_end
            gathered.take(line, limit_bytes)
        elif gathered:
            event = gathered.event(end, finished=True)
            gathered = None
            if event is not None:
                yield event
    last = gathered.event(end, finished=False) if gathered else None
    if last is not None:
        yield last


def _lines(chunks: Iterable[bytes], limit_bytes: int) -> Iterator[tuple[bytes | None, int, int]]:
    """Yield each line, None for one that is too long, with its place; the last one, if not empty, needs no end."""
    # A line holds its field's name as well.
    longest = limit_bytes + 16
    pieces: list[bytes] = []
    held = offset = begin = 0
    first, after_cr = True, False

    def line(rest: bytes) -> bytes | None:
        nonlocal held, first
        whole = b"".join([*pieces, rest]) if held + len(rest) <= longest else None
        if first and whole is not None:
            whole = whole.removeprefix(_BOM)
        first, held = False, 0
        pieces.clear()
        return whole

    for chunk in chunks:
        if not chunk:
            continue
        start = 0
        if after_cr and chunk[:1] == b"\n":
            # The LF of a CRLF that was cut in two ends no further line.
            start, begin = 1, begin + 1
        for found in _LINE_END.finditer(chunk, start):
            yield line(chunk[start : found.start()]), begin, offset + found.start()
            start = found.end()
            begin = offset + start
        after_cr = chunk.endswith(b"\r")
        rest = chunk[start:]
        held += len(rest)
        if held <= longest:
            pieces.append(rest)
        else:
            pieces.clear()
        offset += len(chunk)
    if held:
        yield line(b""), begin, offset
