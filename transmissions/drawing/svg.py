"""Draw a pipeline as an SVG picture that reads well on light and on dark pages."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from transmissions.drawing.labels import buffer_label, display_width, printable, stage_lines, title
from transmissions.drawing.layout import Bend, Layout, Node, arrange, place
from transmissions.drawing.notes import PLAIN, Notes, figure_lines
from transmissions.model import Definition, Stage

__all__ = ["draw_svg"]

_CHARACTER_PX = 8
_BOX_HEIGHT_PX = 46
_LINE_PX = 16
_BETWEEN_PX = 66
_MARGIN_PX = 24
_TITLE_PX = 36
_STYLE = """
  text { font: 14px ui-sans-serif, system-ui, sans-serif; fill: #1f2430; text-anchor: middle }
  .title { font-size: 16px; font-weight: 600 }
  .processor, .buffer text, .figure { font-size: 12px; fill: #5b6475 }
  .stage rect { fill: #eef3fb; stroke: #4a6fa5; stroke-width: 1.5 }
  .slowest rect { stroke: #c0392b; stroke-width: 3 }
  .edge { fill: none; stroke: #6b7488; stroke-width: 1.5 }
  .buffer rect { fill: #fff7df; stroke: #b58a1b }
  #arrow path { fill: #6b7488 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6e9f0 }
    .processor, .buffer text, .figure { fill: #a9b3c6 }
    .stage rect { fill: #243044; stroke: #7fa3d9 }
    .slowest rect { stroke: #ff7b6b }
    .edge { stroke: #98a2b8 }
    .buffer rect { fill: #3b3317; stroke: #d4ab3f }
    #arrow path { fill: #98a2b8 }
  }
"""


@dataclass(frozen=True, slots=True)
class _Picture:
    """Where everything stands, in pixels."""

    layout: Layout
    middle: dict[Node, int]
    layer: dict[Node, int]
    notes: Notes
    box_height: int

    def x(self, node: Node) -> int:
        return self.middle[node] + _MARGIN_PX

    def top(self, node: Node) -> int:
        return _MARGIN_PX + _TITLE_PX + self.layer[node] * (self.box_height + _BETWEEN_PX)

    def bottom(self, node: Node) -> int:
        return self.top(node) + self.box_height


def draw_svg(definition: Definition, notes: Notes = PLAIN) -> str:
    """Return the pipeline as an SVG document."""
    stages = {stage.name: stage for stage in definition.stages}
    layout = arrange(list(stages), definition.edges)
    middle = place(layout, lambda node: 12 if isinstance(node, Bend) else _width(stages[node], notes), gap=28)
    places = {node: index for index, layer in enumerate(layout.layers) for node in layer}
    more = max((len(notes.stages.get(name, ())) for name in stages), default=0)
    picture = _Picture(layout, middle, places, notes, _BOX_HEIGHT_PX + more * _LINE_PX)
    named = title(definition, notes.title)
    right = max((middle[node] + _width(stages[node], notes) // 2 for node in stages), default=0)
    width = max(right, display_width(named) * 9, *(middle[n] for n in middle), 80) + 2 * _MARGIN_PX
    height = picture.box_height + max(0, len(layout.layers) - 1) * (picture.box_height + _BETWEEN_PX)
    height += 2 * _MARGIN_PX + _TITLE_PX
    heading = _text(width // 2, _MARGIN_PX + 8, named, "title")
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">',
        f"<title>{_xml(named)}</title>",
        f"<style>{_STYLE}</style>",
        '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0 10 5 0 10z"/></marker></defs>',
        heading,
        *(_edge(picture, route) for route in layout.routes.values()),
        *(_box(picture, stage) for stage in definition.stages),
        *(_pill(picture, stage) for stage in definition.stages if stage.buffer and stage.name not in notes.stages),
        *(_figure(picture, route) for edge, route in layout.routes.items() if notes.at(*edge)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _width(stage: Stage, notes: Notes) -> int:
    texts = stage_lines(stage) + figure_lines(stage, notes)
    return max(96, max(map(display_width, texts)) * _CHARACTER_PX + 28)


def _edge(picture: _Picture, route: tuple[Node, ...]) -> str:
    x, y = picture.x(route[0]), picture.bottom(route[0])
    path = [f"M{x} {y}"]
    for node in route[1:]:
        next_x, next_y = picture.x(node), picture.top(node)
        bow = (next_y - y) // 2
        path.append(f"C{x} {y + bow} {next_x} {next_y - bow} {next_x} {next_y}")
        if isinstance(node, Bend):
            next_y = picture.bottom(node)
            path.append(f"V{next_y}")
        x, y = next_x, next_y
    return f'<path class="edge" d="{" ".join(path)}" marker-end="url(#arrow)"/>'


def _box(picture: _Picture, stage: Stage) -> str:
    notes = picture.notes
    x, y, width = picture.x(stage.name), picture.top(stage.name), _width(stage, notes)
    name, processor = stage_lines(stage)
    kind = "stage slowest" if stage.name == notes.marked else "stage"
    lines = [
        _text(x, y + 37 + _LINE_PX * number, line, "figure") for number, line in enumerate(notes.of(stage.name), 1)
    ]
    return (
        f'<g class="{kind}"><rect x="{x - width // 2}" y="{y}" width="{width}" height="{picture.box_height}" rx="8"/>'
        f"{_text(x, y + 20, name)}{_text(x, y + 37, processor, 'processor')}{''.join(lines)}</g>"
    )


def _pill(picture: _Picture, stage: Stage) -> str:
    assert stage.buffer is not None
    label = buffer_label(stage.buffer)
    x, y, width = picture.x(stage.name), picture.top(stage.name) - 34, display_width(label) * 7 + 16
    return (
        f'<g class="buffer"><title>the buffer in front of {_xml(stage.name)}</title>'
        f'<rect x="{x - width // 2}" y="{y}" width="{width}" height="20" rx="10"/>{_text(x, y + 14, label)}</g>'
    )


def _figure(picture: _Picture, route: tuple[Node, ...]) -> str:
    """Write what stands beside an edge, in the middle of its last bow."""
    *_, before, last = route
    source = route[0] if isinstance(route[0], str) else ""
    label = picture.notes.at(source, str(last))
    x = (picture.x(before) + picture.x(last)) // 2 + display_width(label) * 4 + 6
    return _text(x, (picture.bottom(before) + picture.top(last)) // 2 + 4, label, "figure")


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{attribute}>{_xml(text)}</text>'


def _xml(text: str) -> str:
    return escape(printable(text))
