"""Which conversation has taken which path, remembered in few bytes."""

from __future__ import annotations

from array import array

__all__ = ["Claims"]

_BUCKETS = 4096
_MASK = (1 << 63) - 1


class Claims:
    """Paths that are taken, and by whom; 16 bytes each, so that hundreds of thousands can be remembered."""

    def __init__(self) -> None:
        self._buckets: dict[int, array[int]] = {}

    def owner_is_other(self, path: str, key: str) -> bool:
        """Say whether a path, in any case of letters, was taken by another key."""
        bucket = self._buckets.get(hash(path.casefold()) % _BUCKETS)
        if bucket is None:
            return False
        mark, owner = hash(path.casefold()) & _MASK, hash(key) & _MASK
        return any(bucket[place] == mark and bucket[place + 1] != owner for place in range(0, len(bucket), 2))

    def take(self, path: str, key: str) -> None:
        """Remember that a key took a path."""
        bucket = self._buckets.setdefault(hash(path.casefold()) % _BUCKETS, array("q"))
        bucket.extend((hash(path.casefold()) & _MASK, hash(key) & _MASK))
