"""Who wrote which path in this run, in a few bytes a path, so that nothing is overwritten unnoticed."""

from __future__ import annotations

import unicodedata
from array import array
from typing import Literal

__all__ = ["Claims", "fold"]

_HASH = (1 << 64) - 1
_TAG = (1 << 32) - 1


class Claims:
    """A table of claimed paths: 16 bytes a slot, at most two thirds full, instead of hundreds for a set of texts.

    It keeps hashes, not paths: among 300,000 paths a false alarm has a chance of about one in 400 million.
    """

    def __init__(self) -> None:
        self._paths = array("Q", bytes(8 * 64))
        self._owners = array("Q", bytes(8 * 64))
        self._count = 0

    def claim(self, path: str, owner: str) -> Literal["new", "again", "taken", "twin"]:
        """Claim a normalised path for an owner ("" for nobody in particular).

        Returns:
            `new`: nobody had it. `again`: the same owner, or nobody in particular, had it. `taken`: another owner has
            it. `twin`: a path that differs from it only by case, or only in how its letters are composed, was claimed.
        """
        folded = _folded(path)
        exact = hash(path) & _TAG
        holder = hash(owner) & _TAG if owner else 0
        slot = self._slot(folded)
        if not self._paths[slot]:
            self._paths[slot] = folded
            self._owners[slot] = exact << 32 | holder
            self._count += 1
            if self._count * 3 > len(self._paths) * 2:
                self._grow()
            return "new"
        found = self._owners[slot]
        if found >> 32 != exact:
            return "twin"
        if holder and not found & _TAG:
            self._owners[slot] = exact << 32 | holder
        return "taken" if holder and found & _TAG not in (0, holder) else "again"

    def __contains__(self, path: str) -> bool:
        return bool(self._paths[self._slot(_folded(path))])

    def _slot(self, folded: int) -> int:
        paths, mask = self._paths, len(self._paths) - 1
        slot = folded & mask
        while paths[slot] and paths[slot] != folded:
            slot = slot + 1 & mask
        return slot

    def _grow(self) -> None:
        paths, owners = self._paths, self._owners
        self._paths = array("Q", bytes(16 * len(paths)))
        self._owners = array("Q", bytes(16 * len(paths)))
        for folded, owner in zip(paths, owners, strict=True):
            if folded:
                slot = self._slot(folded)
                self._paths[slot] = folded
                self._owners[slot] = owner


def fold(path: str) -> str:
    """Return what two paths have in common that are one file on a system that ignores case or composition.

    >>> fold("Notes.md") == fold("NOTES.md")
    True
    """
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", path).casefold()


def _folded(path: str) -> int:
    # 0 marks an empty slot.
    return hash(fold(path)) & _HASH or 1
