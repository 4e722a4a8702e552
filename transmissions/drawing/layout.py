"""Lay a graph out in layers: who stands in which, in which order, and where from left to right.

An edge that spans several layers gets a bend in each layer between, so that it passes beside boxes, not through them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Bend", "Layout", "Node", "arrange", "place"]

_SWEEPS = 8


@dataclass(frozen=True, slots=True)
class Bend:
    """The place in one layer where a long edge passes by."""

    source: str
    target: str
    layer: int


Node = str | Bend
"""A stage's name, or a bend of an edge."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A graph in layers.

    Args:
        layers: the nodes of each layer, left to right; edges go from a layer to the next one.
        routes: for each edge the nodes that it goes through, its ends included.
    """

    layers: tuple[tuple[Node, ...], ...]
    routes: Mapping[tuple[str, str], tuple[Node, ...]]

    def links(self) -> list[tuple[Node, Node]]:
        """Return the steps of all routes, each from one layer to the next."""
        return [step for route in self.routes.values() for step in itertools.pairwise(route)]


def arrange(stages: Sequence[str], edges: Iterable[tuple[str, str]]) -> Layout:
    """Give each stage a layer below all that lead to it, and order each layer so that few edges cross.

    Args:
        stages: names, in the order in which equals stand from left to right.
        edges: pairs of these names.
    """
    kept = list(dict.fromkeys(edges))
    depth = _depths(stages, kept)
    # An edge that leads upwards closes a circle; a definition that passed validation has none.
    kept = [(a, b) for a, b in kept if depth[a] < depth[b]]
    layers: list[list[Node]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in stages:
        layers[depth[name]].append(name)
    routes: dict[tuple[str, str], tuple[Node, ...]] = {}
    for a, b in kept:
        bends = [Bend(a, b, layer) for layer in range(depth[a] + 1, depth[b])]
        for bend in bends:
            layers[bend.layer].append(bend)
        routes[a, b] = (a, *bends, b)
    layout = Layout(tuple(map(tuple, layers)), routes)
    return Layout(_untangle(layout), routes)


def place(layout: Layout, width: Callable[[Node], int], gap: int) -> dict[Node, int]:
    """Return the middle of every node from left to right, in whole units, with `gap` free between neighbours.

    Nodes move as close as they can to the middle of what they are linked with; none overlap, and the least left edge
    is 0.
    """
    near = _neighbours(layout.links())
    middle: dict[Node, float] = {}
    for layer in layout.layers:
        _spread(layer, dict.fromkeys(layer, 0.0), width, gap, middle)
    for sweep in range(_SWEEPS):
        for layer in layout.layers if sweep % 2 == 0 else layout.layers[::-1]:
            wanted = {node: _mean([middle[other] for other in near.get(node, ())], middle[node]) for node in layer}
            _spread(layer, wanted, width, gap, middle)
    left = min((middle[node] - width(node) / 2 for node in middle), default=0.0)
    return _whole(layout, {node: x - left for node, x in middle.items()}, width, gap)


def _depths(stages: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    behind: dict[str, list[str]] = {name: [] for name in stages}
    waiting = dict.fromkeys(stages, 0)
    for a, b in edges:
        behind[a].append(b)
        waiting[b] += 1
    depth = dict.fromkeys(stages, 0)
    ready = [name for name in stages if not waiting[name]]
    left = dict.fromkeys(name for name in stages if waiting[name])
    while ready or left:
        if not ready:
            ready.append(next(iter(left)))
            del left[ready[0]]
        name = ready.pop(0)
        for other in behind[name]:
            if other in left:
                depth[other] = max(depth[other], depth[name] + 1)
                waiting[other] -= 1
                if not waiting[other]:
                    del left[other]
                    ready.append(other)
    return depth


def _untangle(layout: Layout) -> tuple[tuple[Node, ...], ...]:
    above = _one_way((b, a) for a, b in layout.links())
    below = _one_way(layout.links())
    best = layers = [list(layer) for layer in layout.layers]
    fewest = _crossings(best, below)
    for sweep in range(_SWEEPS):
        layers = [list(layer) for layer in layers]
        if sweep % 2 == 0:
            for index in range(1, len(layers)):
                _sort_by(layers[index], layers[index - 1], above)
        else:
            for index in range(len(layers) - 2, -1, -1):
                _sort_by(layers[index], layers[index + 1], below)
        if (crossings := _crossings(layers, below)) < fewest:
            best, fewest = layers, crossings
    return tuple(map(tuple, best))


def _sort_by(layer: list[Node], fixed: Sequence[Node], near: Mapping[Node, Sequence[Node]]) -> None:
    at = {node: float(index) for index, node in enumerate(fixed)}
    own = {node: float(index) for index, node in enumerate(layer)}
    layer.sort(key=lambda node: _mean([at[other] for other in near.get(node, ())], own[node]))


def _crossings(layers: Sequence[Sequence[Node]], below: Mapping[Node, Sequence[Node]]) -> int:
    count = 0
    for upper, lower in itertools.pairwise(layers):
        at = {node: index for index, node in enumerate(lower)}
        ends = [at[other] for node in upper for other in sorted(below.get(node, ()), key=at.__getitem__)]
        count += sum(first > second for index, first in enumerate(ends) for second in ends[index + 1 :])
    return count


def _neighbours(links: Sequence[tuple[Node, Node]]) -> dict[Node, list[Node]]:
    return _one_way([*links, *((b, a) for a, b in links)])


def _one_way(links: Iterable[tuple[Node, Node]]) -> dict[Node, list[Node]]:
    near: dict[Node, list[Node]] = {}
    for a, b in links:
        near.setdefault(a, []).append(b)
    return near


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _spread(
    layer: Sequence[Node],
    wanted: Mapping[Node, float],
    width: Callable[[Node], int],
    gap: int,
    middle: dict[Node, float],
) -> None:
    """Put a layer's nodes where they want to be, pushed apart where they would overlap."""
    # Blocks of touching nodes, each where its members want it to be on average; blocks that collide become one.
    blocks: list[tuple[list[Node], float]] = []
    for node in layer:
        members, start = [node], wanted[node] - width(node) / 2
        while blocks and start < blocks[-1][1] + _length(blocks[-1][0], width, gap) + gap:
            members = blocks.pop()[0] + members
            start = _best_start(members, wanted, width, gap)
        blocks.append((members, start))
    for members, start in blocks:
        x = start
        for node in members:
            middle[node] = x + width(node) / 2
            x += width(node) + gap


def _length(members: Sequence[Node], width: Callable[[Node], int], gap: int) -> float:
    return sum(width(node) for node in members) + gap * (len(members) - 1)


def _best_start(members: Sequence[Node], wanted: Mapping[Node, float], width: Callable[[Node], int], gap: int) -> float:
    offset, starts = 0.0, []
    for node in members:
        starts.append(wanted[node] - width(node) / 2 - offset)
        offset += width(node) + gap
    return sum(starts) / len(starts)


def _whole(layout: Layout, middle: Mapping[Node, float], width: Callable[[Node], int], gap: int) -> dict[Node, int]:
    placed: dict[Node, int] = {}
    for layer in layout.layers:
        free = 0
        for node in layer:
            left = max(round(middle[node] - width(node) / 2), free)
            placed[node] = left + width(node) // 2
            free = left + width(node) + gap
    return placed
