"""Lines by key, of which there may be more than are to be held in memory.

The newest are in memory, and the others in a file without a name, in the system's folder for temporary files
(`TMPDIR`); it is gone when the process ends, however that ends. Where there is no room for it, all stay in memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["Lines"]

_IN_MEMORY_BYTES = 1 << 20
_WASTED_BYTES = 1 << 26
"""Lines that were replaced are cleared away when they take this, and more than those that are left."""


class Lines:
    """A mapping from keys to lines; for one thread at a time. Reading raises OSError, if the disk fails.

    A line's place is the position at which it was written, as if all were one text; what stands from `_kept` on is in
    memory.

    Args:
        in_memory_bytes: lines are moved to the file when they take this.
        wasted_bytes: lines that were replaced may take this.
    """

    def __init__(self, in_memory_bytes: int = _IN_MEMORY_BYTES, wasted_bytes: int = _WASTED_BYTES) -> None:
        self._in_memory_bytes = in_memory_bytes
        self._wasted_bytes = wasted_bytes
        self._places: dict[str, int] = {}
        self._live_bytes = 0
        self._begin()

    def _begin(self) -> None:
        self._file: BinaryIO | None = None
        self._is_full = False
        self._kept = 0
        self._newest = bytearray()

    def __del__(self) -> None:
        self._close()

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __setitem__(self, key: str, line: bytes) -> None:
        self.pop(key)
        self._places[key] = self._kept + len(self._newest) << 32 | len(line)
        self._live_bytes += len(line)
        self._newest += line
        if len(self._newest) >= self._in_memory_bytes and not self._is_full:
            self._move()

    def __iter__(self) -> Iterator[str]:
        """Yield the keys, sorted."""
        return iter(sorted(self._places))

    def get(self, key: str) -> bytes | None:
        """Return the line of that key; None if there is none."""
        place = self._places.get(key)
        return None if place is None else self._read(place)

    def values(self) -> Iterator[bytes]:
        """Yield all lines that there are now, in no certain order."""
        for place in sorted(self._places.values()):
            yield self._read(place)

    def pop(self, key: str) -> bool:
        """Forget a line, and say whether there was one."""
        place = self._places.pop(key, None)
        self._live_bytes -= 0 if place is None else place & 0xFFFFFFFF
        return place is not None

    def clear(self) -> None:
        """Forget all lines."""
        self._places.clear()
        self._live_bytes = 0
        self._close()
        self._begin()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _read(self, place: int) -> bytes:
        start, size = place >> 32, place & 0xFFFFFFFF
        if start >= self._kept:
            return bytes(memoryview(self._newest)[start - self._kept :][:size])
        assert self._file is not None
        self._file.seek(start)
        return self._file.read(size)

    def _move(self) -> None:
        """Move the lines that are in memory to the file."""
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115
            self._file.seek(self._kept)
            self._file.write(self._newest)
            self._file.flush()
        except OSError:
            self._is_full = True
            return
        self._kept += len(self._newest)
        self._newest = bytearray()
        if self._kept - self._live_bytes > max(self._wasted_bytes, self._live_bytes):
            self._clear_away()

    def _clear_away(self) -> None:
        """Copy the lines that count to a file of their own."""
        fresh = Lines(self._in_memory_bytes, self._wasted_bytes)
        for key, place in sorted(self._places.items(), key=lambda one: one[1]):
            fresh[key] = self._read(place)
        self._places, self._kept, self._newest = fresh._places, fresh._kept, fresh._newest
        # The other one takes the file that is no longer wanted with it.
        self._file, fresh._file, self._is_full = fresh._file, self._file, fresh._is_full
