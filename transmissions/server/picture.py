"""A job's pipeline as places on a plane: what a page needs to draw it, and to fill in figures as they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transmissions.drawing.labels import display_width
from transmissions.drawing.layout import Layout, Node, arrange, place

__all__ = ["BOX_HEIGHT", "picture_of"]

BOX_HEIGHT = 88
_LEAST_WIDTH = 190
_CHARACTER = 8
_GAP = 24
_BETWEEN = 46
_MARGIN = 12
_MOST_STAGES = 500


def picture_of(facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return boxes and edges with their places, in pixels; None for what is no pipeline or is too large to draw.

    Args:
        facts: those of a job that `transmissions.pipeline_job` began: `stages` and `edges`.
    """
    try:
        stages = {str(one["stage"]): str(one["processor"]) for one in facts["stages"]}
        edges = [(str(first), str(second)) for first, second in facts["edges"]]
    except (KeyError, TypeError, ValueError):
        return None
    if not stages or len(stages) > _MOST_STAGES or not {name for edge in edges for name in edge} <= stages.keys():
        return None
    layout = arrange(list(stages), edges)
    widths = {name: _width(name, processor) for name, processor in stages.items()}
    middle = place(layout, lambda node: widths[node] if isinstance(node, str) else _GAP, _GAP)
    tops = _tops(layout)
    boxes = [
        {"stage": name, "processor": processor, "x": middle[name] + _MARGIN, "y": tops[name], "width": widths[name]}
        for name, processor in stages.items()
    ]
    return {
        "width": max(middle[name] + widths[name] // 2 for name in stages) + 2 * _MARGIN,
        "height": max(tops.values()) + BOX_HEIGHT + _MARGIN,
        "box_height": BOX_HEIGHT,
        "boxes": boxes,
        "edges": [
            {"from": first, "to": second, "points": _points(route, middle, tops)}
            for (first, second), route in layout.routes.items()
        ],
    }


def _width(name: str, processor: str) -> int:
    return max(_LEAST_WIDTH, _CHARACTER * max(display_width(name), display_width(processor)) + 3 * _GAP)


def _tops(layout: Layout) -> dict[Node, int]:
    return {
        node: _MARGIN + number * (BOX_HEIGHT + _BETWEEN) for number, layer in enumerate(layout.layers) for node in layer
    }


def _points(route: tuple[Node, ...], middle: Mapping[Node, int], tops: Mapping[Node, int]) -> list[list[int]]:
    first, *bends, last = route
    points = [[middle[first] + _MARGIN, tops[first] + BOX_HEIGHT]]
    for bend in bends:
        points += [[middle[bend] + _MARGIN, tops[bend]], [middle[bend] + _MARGIN, tops[bend] + BOX_HEIGHT]]
    return [*points, [middle[last] + _MARGIN, tops[last]]]
