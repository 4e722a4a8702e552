"""A window on a stream of bytes that forgets what is done and grows with what is not."""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["WINDOW_BYTES", "DepthScan", "Window"]

WINDOW_BYTES = 1 << 20

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(")?|[{}\[\]]', re.DOTALL)
_STRING_REST = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_QUOTE, _BACKSLASH, _OPENING = 0x22, 0x5C, (0x7B, 0x5B)


class Window:
    """What has been read of a stream from the current position on.

    Args:
        read: returns up to so many bytes more, and b"" at the end.
        step_bytes: how much is read at a time, at least.
        offset: offset in the stream of the first byte that `read` gives.

    Attributes:
        data: what is held; `data[position:]` is not done yet.
        position: index in `data` of the first byte that is not done.
        ended: whether everything has been read.
    """

    __slots__ = ("_base", "_read", "_step", "data", "ended", "position")

    def __init__(self, read: Callable[[int], bytes], step_bytes: int = WINDOW_BYTES, offset: int = 0) -> None:
        self._read = read
        self._step = max(1, step_bytes)
        self._base = offset
        self.data = b""
        self.position = 0
        self.ended = False

    @property
    def held(self) -> int:
        """Bytes held and not done."""
        return len(self.data) - self.position

    @property
    def offset(self) -> int:
        """Offset of the position in the stream."""
        return self._base + self.position

    def fill(self) -> bool:
        """Read more; return whether there was any. Indexes into `data` shift, distances from `position` stay."""
        if self.ended:
            return False
        rest = self.data[self.position :]
        # Reading as much again as is held keeps the copying linear, however much is held.
        more = self._read(max(self._step, len(rest)))
        if not more:
            self.ended = True
            return False
        self._base += self.position
        self.position = 0
        self.data = rest + more
        return True

    def skip_all(self) -> None:
        """Be done with everything held."""
        self.position = len(self.data)


class DepthScan:
    """Find the end of a JSON object or array exactly, by strings, escapes and depth, over any number of pieces."""

    __slots__ = ("depth", "escaped", "in_string")

    def __init__(self) -> None:
        self.depth = 0
        self.in_string = False
        self.escaped = False

    def feed(self, data: bytes, start: int = 0) -> int:
        """Scan `data` from `start` on; return the index behind the value's end, or -1 if it goes on after `data`."""
        if self.in_string:
            start = self._finish_string(data, start)
        if self.in_string:
            return -1
        depth = self.depth
        for found in _TOKEN.finditer(data, start):
            token = data[found.start()]
            if token == _QUOTE:
                if found.lastindex is None:
                    self.in_string, self.escaped, self.depth = True, found.end() < len(data), depth
                    return -1
            elif token in _OPENING:
                depth += 1
            else:
                depth -= 1
                if depth <= 0:
                    return found.end()
        self.depth = depth
        return -1

    def _finish_string(self, data: bytes, start: int) -> int:
        """Go on inside a string; return the index behind its closing quote, or the end of `data`."""
        if start >= len(data):
            return start
        found = _STRING_REST.match(data, start + 1 if self.escaped else start)
        end = found.end() if found else start
        if end >= len(data):
            self.escaped = False
            return len(data)
        self.in_string = self.escaped = data[end] == _BACKSLASH
        return end + 1
