"""MermaidRenderer: draws flowcharts, the simple and most used kind of Mermaid diagrams, as SVG."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from transmissions import MISSING, Message, Processor, get_field, set_field, setting

__all__ = ["Flowchart", "MermaidRenderer", "drawn", "parsed"]

_LAYER_GAP = 60
_NODE_GAP = 30
_HEIGHT = 40
_SIGN_WIDTH = 8

_HEAD = re.compile(r"(?:flowchart|graph)(?:\s+(TB|TD|BT|RL|LR))?\s*;?", re.IGNORECASE)
_LINE = re.compile(r"""(?:"[^"]*"|[^\n;"]|"(?![^"]*"))+""")
_SHAPES = {
    "circle": (r"\(\(", r"\)\)"),
    "stadium": (r"\(\[", r"\]\)"),
    "store": (r"\[\(", r"\)\]"),
    "box_in_box": (r"\[\[", r"\]\]"),
    "slanted": (r"\[[/\\]", r"[/\\]\]"),
    "box": (r"\[", r"\]"),
    "round": (r"\(", r"\)"),
    "hexagon": (r"\{\{", r"\}\}"),
    "choice": (r"\{(?!@)", r"\}"),
    "flag": (r">", r"\]"),
}
_TEXT = r"""\s*"[^"]*"\s*|.*?"""
_NODE = re.compile(
    r"\s*(?P<name>\w+(?:[.\-]\w+)*)"
    rf"(?:{'|'.join(f'{opened}(?P<{shape}>{_TEXT}){closed}' for shape, (opened, closed) in _SHAPES.items())})?"
    r"(?:@\{.*?\})?(?::::?\w+)?\s*"
)
_ENDS = r"(?:[>]|[ox](?=\s))"
_EDGE = re.compile(
    rf"<?(?:-{{2,}}{_ENDS}|-{{3,}}|={{2,}}{_ENDS}|={{3,}}|-\.+-{_ENDS}?|~{{3,}})(?:\|(?P<label>[^|]*)\|)?"
    rf"|<?--(?P<inner>[^|>]+?)--+{_ENDS}?|<?==(?P<thick>[^|>]+?)==+{_ENDS}?|<?-\.(?P<dotted>[^|>]+?)\.+-{_ENDS}?"
)
_LEFT_OUT = re.compile(r"(?:style|class|classDef|click|linkStyle|subgraph|end|direction|%%|accTitle|accDescr)\b|%%")


@dataclass(slots=True)
class Flowchart:
    """A flowchart: names and texts of its nodes, and its edges with their texts.

    Args:
        across: whether it runs from left to right, not from top to bottom.
        nodes: each node's text and shape, by name, in the order in which they are first named.
        edges: from, to and text of each.
    """

    across: bool = False
    nodes: dict[str, tuple[str, str]] = field(default_factory=dict)
    edges: list[tuple[str, str, str]] = field(default_factory=list)


class MermaidRenderer(Processor):
    r"""Draw a Mermaid flowchart as SVG; a message without one goes on as it came.

    Nodes, their usual shapes, edges with texts, chains and `&` are drawn, from top to bottom, or with `LR` or `RL` from
    left to right; styles, icons and the frames of subgraphs are left out. Any other kind of diagram is an error.

    Example:
        :main a :EntryTransmission ; :pipe (:read :stage :write) .
        :read  a :FileReader ; :settings [ :sourceFile "house.mmd" ] .
        :stage a :MermaidRenderer .
        :write a :FileWriter ; :settings [ :destinationFile "house.svg" ] .
        file house.mmd "flowchart LR\n  door[Front door] -->|key| hall\n  hall --> kitchen & stairs"
        out {"content": "<svg…</svg>\n", "filepath": "house.svg"}
        written house.svg "<svg xmlns=\"http://www.w3.org/2000/svg\"…>Front door</text>…>kitchen</text>…</svg>\n"

    Guarantee: pure.
    """

    source_field: str = setting("content", "field with the diagram, as a dotted path")
    destination_field: str = setting("content", "field that receives the SVG, as a dotted path", writes=True)

    def process(self, message: Message) -> Message:
        """Return the message with the picture."""
        text = get_field(message, self.source_field)
        if text is MISSING or not isinstance(text, str):
            self.warn(f"there is no diagram in the field {self.source_field}; the message goes on as it came")
            return message
        set_field(message, self.destination_field, drawn(parsed(text)))
        return message


def parsed(text: str) -> Flowchart:
    """Return the flowchart that a text describes.

    Raises:
        ValueError: it is none, or a line of it cannot be read.
    """
    lines = [line.strip() for line in _LINE.findall(text)]
    lines = [line for line in lines if line and not line.startswith("%%")]
    head = _HEAD.fullmatch(lines[0]) if lines else None
    if head is None:
        raise ValueError('only flowcharts are drawn; they begin with "flowchart TD" or "flowchart LR"')
    chart = Flowchart(across=(head.group(1) or "TB").upper() in ("LR", "RL"))
    for line in lines[1:]:
        if not _LEFT_OUT.match(line):
            _read_line(line, chart)
    return chart


def _read_line(line: str, chart: Flowchart) -> None:
    before: list[str] = []
    label, place = "", 0
    while True:
        group: list[str] = []
        while True:
            node = _NODE.match(line, place)
            if node is None:
                raise ValueError(f"the diagram's line {line!r} cannot be read from {line[place:]!r} on")
            group.append(_noted(node, chart))
            place = node.end()
            if not line.startswith("&", place):
                break
            place += 1
        chart.edges += [(one, other, label) for one in before for other in group]
        if place >= len(line):
            return
        edge = _EDGE.match(line, place)
        if edge is None:
            raise ValueError(f"the diagram's line {line!r} cannot be read from {line[place:]!r} on")
        before, place = group, edge.end()
        label = next((text.strip() for text in edge.groups() if text), "").strip('"')


def _noted(node: re.Match[str], chart: Flowchart) -> str:
    name = node.group("name")
    given = [(shape, text) for shape, text in node.groupdict().items() if shape != "name" and text is not None]
    if given:
        shape, text = given[0]
        text = re.sub(r"\bfab?:fa-[\w-]+\s*|<br\s*/?>", " ", text.strip().strip('"'))
        chart.nodes[name] = (" ".join(text.split()), shape)
    else:
        chart.nodes.setdefault(name, (name, "box"))
    return name


def drawn(chart: Flowchart) -> str:
    """Return a flowchart as an SVG picture; what follows another stands below it, or to the right of it."""
    places = dict(_places(chart))
    right = max((x + width for x, _, width in places.values()), default=0) + _NODE_GAP
    bottom = max((y + _HEIGHT for _, y, _ in places.values()), default=0) + _NODE_GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{right}" height="{bottom}" viewBox="0 0 {right} {bottom}" '
        'font-family="sans-serif" font-size="13">',
        '<defs><marker id="arrow" viewBox="0 0 10 10" refX="10" refY="5" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0L10 5L0 10z"/></marker></defs>',
        *(part for edge in chart.edges for part in _edge(edge, places, across=chart.across)),
        *(part for name, (text, shape) in chart.nodes.items() for part in _node(text, shape, places[name])),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


Place = tuple[int, int, int]


def _places(chart: Flowchart) -> Iterator[tuple[str, Place]]:
    """Yield where each node stands: left, top and width."""
    layers: dict[int, list[str]] = {}
    for name, layer in _layers(chart).items():
        layers.setdefault(layer, []).append(name)
    along = _NODE_GAP
    for layer in sorted(layers):
        across = _NODE_GAP
        widths = {name: max(60, len(chart.nodes[name][0]) * _SIGN_WIDTH + 24) for name in layers[layer]}
        for name in layers[layer]:
            yield name, (along, across, widths[name]) if chart.across else (across, along, widths[name])
            across += (_HEIGHT if chart.across else widths[name]) + _NODE_GAP
        along += (max(widths.values()) if chart.across else _HEIGHT) + _LAYER_GAP


def _layers(chart: Flowchart) -> dict[str, int]:
    """Return how many edges at most lead to each node; an edge back counts nothing."""
    position = {name: number for number, name in enumerate(chart.nodes)}
    layers = dict.fromkeys(chart.nodes, 0)
    forward = sorted(
        ((one, other) for one, other, _ in chart.edges if position[one] < position[other]),
        key=lambda edge: position[edge[0]],
    )
    for one, other in forward:
        layers[other] = max(layers[other], layers[one] + 1)
    return layers


def _node(text: str, shape: str, place: Place) -> Iterator[str]:
    x, y, width = place
    middle, centre = x + width // 2, y + _HEIGHT // 2
    if shape == "choice":
        points = f"{x},{centre} {middle},{y - 6} {x + width},{centre} {middle},{y + _HEIGHT + 6}"
        yield f'<polygon points="{points}" fill="#fff" stroke="#333"/>'
    else:
        radius = {"box": 0, "box_in_box": 0, "slanted": 0, "flag": 0, "store": 8, "round": 8}.get(shape, _HEIGHT // 2)
        size = f'x="{x}" y="{y}" width="{width}" height="{_HEIGHT}"'
        yield f'<rect {size} rx="{radius}" fill="#fff" stroke="#333"/>'
    yield _text(text, middle, centre)


def _edge(edge: tuple[str, str, str], places: dict[str, Place], *, across: bool) -> Iterator[str]:
    (x, y, width), (x2, y2, width2) = places[edge[0]], places[edge[1]]
    start = (x + width, y + _HEIGHT // 2) if across else (x + width // 2, y + _HEIGHT)
    end = (x2, y2 + _HEIGHT // 2) if across else (x2 + width2 // 2, y2)
    yield f'<path d="M{start[0]} {start[1]}L{end[0]} {end[1]}" stroke="#333" fill="none" marker-end="url(#arrow)"/>'
    if edge[2]:
        yield _text(edge[2], (start[0] + end[0]) // 2, (start[1] + end[1]) // 2)


def _text(text: str, x: int, y: int) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="middle" dominant-baseline="middle">{html.escape(text)}</text>'
