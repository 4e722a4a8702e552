"""Lines by key, of which there may be more than are to be held in memory.

The newest are in memory, and the others in a file without a name, in the system's folder for temporary files
(`TMPDIR`); it is gone when the process ends, however that ends. Where there is no room for it, all stay in memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO

from transmissions.output.system import failed

__all__ = ["Lines"]

_IN_MEMORY_BYTES = 1 << 20
_WASTED_BYTES = 1 << 26
_SIZE_BITS = 32


class Lines:
    """A mapping from keys to lines; for one thread at a time.

    A line's place is one number, for there are many: the position at which it was written, as if all lines were one
    text, and behind that, in `_SIZE_BITS` bits, its size. What stands from `_moved` on is in memory.

    Args:
        in_memory_bytes: lines are moved to the file when they take this.
        wasted_bytes: lines that were replaced are cleared away when they take this, and more than those that count.
    """

    def __init__(self, in_memory_bytes: int = _IN_MEMORY_BYTES, wasted_bytes: int = _WASTED_BYTES) -> None:
        self._in_memory_bytes = in_memory_bytes
        self._wasted_bytes = wasted_bytes
        self._places: dict[str, int] = {}
        self._live_bytes = 0
        self._file: IO[bytes] | None = None
        self._is_full = False
        self._moved = 0
        self._newest = bytearray()

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __setitem__(self, key: str, line: bytes) -> None:
        """Set the line of a key; raises as `get`, since lines may be cleared away for it."""
        self.pop(key)
        self._places[key] = (self._moved + len(self._newest)) << _SIZE_BITS | len(line)
        self._live_bytes += len(line)
        self._newest += line
        if len(self._newest) >= self._in_memory_bytes:
            self._move()
            most = max(self._in_memory_bytes if self._is_full else self._wasted_bytes, self._live_bytes)
            if self._moved + len(self._newest) - self._live_bytes > most:
                self._clear_away()

    def __iter__(self) -> Iterator[str]:
        """Yield the keys, sorted."""
        return iter(sorted(self._places))

    def get(self, key: str) -> bytes | None:
        """Return the line of that key; None if there is none.

        Raises:
            OutputFailed: the file cannot be read.
        """
        place = self._places.get(key)
        return None if place is None else self._read(place)

    def values(self) -> Iterator[bytes]:
        """Yield all lines, in no certain order; none may be set meanwhile. Raises as `get`."""
        for place in sorted(self._places.values()):
            yield self._read(place)

    def pop(self, key: str) -> bool:
        """Forget a line, and say whether there was one."""
        place = self._places.pop(key, None)
        self._live_bytes -= 0 if place is None else _size(place)
        return place is not None

    def clear(self) -> None:
        """Forget all lines."""
        self._become(Lines(self._in_memory_bytes, self._wasted_bytes))

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()

    def _read(self, place: int) -> bytes:
        start, size = place >> _SIZE_BITS, _size(place)
        if start >= self._moved:
            return bytes(memoryview(self._newest)[start - self._moved :][:size])
        assert self._file is not None
        try:
            self._file.seek(start)
            line = self._file.read(size)
            if len(line) < size:
                raise OSError("it ends too early")
        except OSError as error:
            raise failed("the file of what was written, in the folder for temporary files", error, "read") from error
        return line

    def _move(self) -> None:
        """Move the lines that are in memory to the file, if it takes them."""
        if self._is_full:
            return
        try:
            if self._file is None:
                # Without a buffer: what a full disk did not take must not be tried again with whatever is read next.
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
            self._file.seek(self._moved)
            left = memoryview(self._newest)
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            self._is_full = True
            return
        self._moved += len(self._newest)
        self._newest = bytearray()

    def _clear_away(self) -> None:
        """Copy the lines that count to a file of their own."""
        fresh = Lines(self._in_memory_bytes, self._wasted_bytes)
        for key, place in sorted(self._places.items(), key=lambda one: one[1]):
            fresh[key] = self._read(place)
        self._become(fresh)

    def _become(self, fresh: Lines) -> None:
        """Take over what another one holds, and close the file of this one."""
        if self._file is not None:
            self._file.close()
        self._file, fresh._file = fresh._file, None
        self._is_full = fresh._is_full
        self._places, self._live_bytes = fresh._places, fresh._live_bytes
        self._moved, self._newest = fresh._moved, fresh._newest


def _size(place: int) -> int:
    return place & ((1 << _SIZE_BITS) - 1)
