"""Messages that wait on disk, first in, first out, in files without a name.

The files have no name from the moment they are made, so that nobody else can open them, and the operating system frees
them when the process ends, however it ends. They lie in the system's folder for temporary files (`TMPDIR`).
"""

from __future__ import annotations

import pickle
import struct
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

__all__ = ["Spill"]

_HEADER = struct.Struct("<QQ")
"""In front of each message: the bytes of its record, and its size as the stream counts it."""
_CHUNK_BYTES = 1 << 18
_SEGMENTS = 16
"""Disk space is given back a segment at a time: this part of all that there may be."""


@dataclass(slots=True)
class _Segment:
    file: BinaryIO
    written: int = 0
    read: int = 0


class Spill:
    """A first-in, first-out queue on disk; one thread at a time.

    Args:
        max_bytes: the most disk space it takes.

    Attributes:
        depth: messages that it holds.
        used: bytes of disk space that it takes.
        failures: how often the disk could not take what was to be written; it stays with the sender then.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.depth = 0
        self.used = 0
        self.failures = 0
        self._segment_bytes = max(1, max_bytes // _SEGMENTS)
        self._segments: deque[_Segment] = deque()
        self._chunk = b""
        self._position = 0

    def append(self, messages: Sequence[Any], position: int, size_of: Callable[[Any], int]) -> int:
        """Write messages from `position` on, some or all that there is room for, and return where that ended.

        Raises:
            ValueError: the message at `position` cannot be written at all.
        """
        records = bytearray()
        end = position
        while end < len(messages) and len(records) < self._segment_bytes:
            try:
                record = pickle.dumps(messages[end], pickle.HIGHEST_PROTOCOL)
                header = _HEADER.pack(len(record), size_of(messages[end]))
            except Exception as error:
                if end == position:
                    raise ValueError(f"a message cannot be written to disk: {error}") from error
                break
            if self.used + len(records) + len(header) + len(record) > self.max_bytes:
                break
            records += header
            records += record
            end += 1
        if end == position or not self._write(records):
            return position
        self.depth += end - position
        return end

    def _write(self, records: bytearray) -> bool:
        try:
            if not self._segments or self._segments[-1].written >= self._segment_bytes:
                self._segments.append(_Segment(tempfile.TemporaryFile(buffering=0)))  # noqa: SIM115
            tail = self._segments[-1]
            # Where an earlier attempt broke off, its part is written over.
            tail.file.seek(tail.written)
            remaining = memoryview(records)
            while remaining:
                remaining = remaining[tail.file.write(remaining) :]
        except OSError:
            self.failures += 1
            return False
        tail.written += len(records)
        self.used += len(records)
        return True

    def next_size(self) -> int:
        """Return the size of the message that `pop` gives next."""
        self._need(_HEADER.size)
        size: int = _HEADER.unpack_from(self._chunk, self._position)[1]
        return size

    def pop(self) -> Any:
        """Take out the message that has waited longest.

        Raises:
            IndexError: it holds none.
            OSError: the disk does not give back what was written.
        """
        if not self.depth:
            raise IndexError("nothing was spilled")
        self._need(_HEADER.size)
        length = _HEADER.unpack_from(self._chunk, self._position)[0]
        self._need(_HEADER.size + length)
        begin = self._position + _HEADER.size
        self._position = begin + length
        # The files have no name: nobody but this process can have written into them.
        message = pickle.loads(memoryview(self._chunk)[begin : self._position])  # noqa: S301
        self.depth -= 1
        if not self.depth:
            self.clear()
        return message

    def _need(self, length: int) -> None:
        """See that the chunk holds that many bytes from the present position on."""
        while len(self._chunk) - self._position < length:
            head = self._segments[0]
            if head.read == head.written:
                # Records never lie across two segments, so nothing of this one is left in the chunk.
                head.file.close()
                self._segments.popleft()
                self.used -= head.written
                self._chunk, self._position = b"", 0
                continue
            missing = length - (len(self._chunk) - self._position)
            head.file.seek(head.read)
            more = head.file.read(min(max(_CHUNK_BYTES, missing), head.written - head.read))
            if not more:
                raise OSError("a spilled message has gone from the disk")
            head.read += len(more)
            self._chunk = self._chunk[self._position :] + more
            self._position = 0

    def clear(self) -> None:
        """Forget what it holds, and give the disk space back."""
        for segment in self._segments:
            segment.file.close()
        self._segments.clear()
        self._chunk, self._position = b"", 0
        self.depth = self.used = 0

    def __del__(self) -> None:
        # A stream may be left with messages in it: that is no resource forgotten, so it is no warning either.
        self.clear()
