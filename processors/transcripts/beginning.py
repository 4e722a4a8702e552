"""What a file seems to be that was taken for a recorded stream, by its first bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["Beginning"]

_KINDS = (
    ((b"\x1f\x8b",), "it is compressed with gzip: `gunzip` it first"),
    ((b"\x28\xb5\x2f\xfd",), "it is compressed with zstd: `unzstd` it first"),
    ((b"PK\x03\x04",), "it is a zip archive: unpack it first"),
    ((b"\xff\xfe", b"\xfe\xff"), "it is UTF-16: save it as UTF-8"),
    ((b"{", b"["), "it looks like JSON: a recorded stream has lines that begin with `data:`, as `curl -N` shows them"),
    ((b"HTTP/",), "it begins with the head of a response, and nothing follows: was the request refused?"),
    ((b"<",), "it looks like HTML or XML: was the request refused?"),
)
_LENGTH = 16


class Beginning:
    """Chunks that go by, whose first bytes are kept.

    Args:
        chunks: the chunks.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._first = b""

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if len(self._first) < _LENGTH:
                self._first += chunk[: _LENGTH - len(self._first)]
            yield chunk

    def guess(self) -> str:
        """Return what it seems to be and what to do, to end a sentence with; nothing if there is no telling."""
        if not self._first:
            return "; it is empty"
        first = self._first.removeprefix(b"\xef\xbb\xbf").lstrip()
        return next((f"; {kind}" for starts, kind in _KINDS if first.startswith(starts)), "")
