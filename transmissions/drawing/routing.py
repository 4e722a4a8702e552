"""Route lines between two rows of ports on a grid, so that no two of them run along each other."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["STRAIGHT", "tracks"]

STRAIGHT = -1
"""The track of a line that ends in the column where it starts, and so needs none."""


def tracks(lines: Sequence[tuple[int, int]]) -> list[int]:
    """Give each line a row of its own to cross over in, counted from 0 downwards, or `STRAIGHT`.

    A line that starts in the column where another one ends crosses over above that one, else the two would share a
    piece of the column.

    Args:
        lines: for each line the column where it starts, above, and where it ends, below; no two start in one column
            and no two end in one.

    >>> tracks([(0, 4), (4, 8), (9, 9)])
    [1, 0, -1]
    """
    given = [STRAIGHT] * len(lines)
    taken: list[list[tuple[int, int]]] = []
    by_start = {start: index for index, (start, _) in enumerate(lines)}
    for index in _upper_first(lines, by_start):
        start, end = lines[index]
        if start == end:
            continue
        low, high = min(start, end), max(start, end)
        above = by_start.get(end, index)
        track = 0 if above == index else given[above] + 1
        while track < len(taken) and any(low <= right and left <= high for left, right in taken[track]):
            track += 1
        taken += [[] for _ in range(track + 1 - len(taken))]
        taken[track].append((low, high))
        given[index] = track
    return given


def _upper_first(lines: Sequence[tuple[int, int]], by_start: dict[int, int]) -> list[int]:
    order: list[int] = []
    seen: set[int] = set()
    for index in range(len(lines)):
        chain: list[int] = []
        following: int | None = index
        while following is not None and following not in seen:
            seen.add(following)
            chain.append(following)
            following = by_start.get(lines[following][1])
        order += reversed(chain)
    return order
