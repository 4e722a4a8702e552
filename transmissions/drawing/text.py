"""Draw a pipeline with box characters, for a terminal: sources above, sinks below, one column a branch."""

from __future__ import annotations

from collections.abc import Sequence

from transmissions.drawing.labels import display_width, stage_lines, title
from transmissions.drawing.layout import Bend, Node, arrange, place
from transmissions.drawing.notes import PLAIN, Notes, figure_lines
from transmissions.drawing.routing import STRAIGHT, tracks
from transmissions.model import Definition, Stage

__all__ = ["draw_text"]

_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_LINES = {
    _UP | _DOWN: "│", _LEFT | _RIGHT: "─", _DOWN | _RIGHT: "┌", _DOWN | _LEFT: "┐", _UP | _RIGHT: "└",
    _UP | _LEFT: "┘", _UP | _DOWN | _RIGHT: "├", _UP | _DOWN | _LEFT: "┤", _DOWN | _LEFT | _RIGHT: "┬",
    _UP | _LEFT | _RIGHT: "┴", _UP | _DOWN | _LEFT | _RIGHT: "┼", _UP: "│", _DOWN: "│", _LEFT: "─", _RIGHT: "─",
}  # fmt: skip


class _Canvas:
    """A grid of characters, and of lines that join where they meet."""

    def __init__(self) -> None:
        self._lines: dict[tuple[int, int], int] = {}
        self._texts: dict[tuple[int, int], str] = {}

    def vertical(self, x: int, top: int, bottom: int) -> None:
        for y in range(top, bottom + 1):
            self._join(x, y, (_UP if y > top else 0) | (_DOWN if y < bottom else 0))

    def horizontal(self, y: int, left: int, right: int) -> None:
        for x in range(left, right + 1):
            self._join(x, y, (_LEFT if x > left else 0) | (_RIGHT if x < right else 0))

    def write(self, x: int, y: int, text: str) -> None:
        for character in text:
            if width := display_width(character):
                self._texts[x, y] = character
                # The second column of a wide character is taken by the first.
                self._texts.update({(x + more, y): "" for more in range(1, width)})
                x += width
            else:
                self._texts[x - 1, y] = self._texts.get((x - 1, y), "") + character

    def rows(self) -> list[str]:
        cells = {at: _LINES.get(bits, " ") for at, bits in self._lines.items()} | self._texts
        height = max((y for _, y in cells), default=-1) + 1
        width = max((x for x, _ in cells), default=-1) + 1
        return ["".join(cells.get((x, y), " ") for x in range(width)).rstrip() for y in range(height)]

    def _join(self, x: int, y: int, bits: int) -> None:
        self._lines[x, y] = self._lines.get((x, y), 0) | bits


def draw_text(definition: Definition, notes: Notes = PLAIN) -> str:
    """Return the pipeline as lines of text; with figures, a box says name and processor on one line."""
    return "\n".join([title(definition, notes.title), *_Drawing(definition, notes).rows()]) + "\n"


class _Drawing:
    """A pipeline on its way onto a canvas, one layer after the other."""

    def __init__(self, definition: Definition, notes: Notes) -> None:
        self.notes = notes
        self.lines = {stage.name: _lines(stage, notes) for stage in definition.stages}
        self.stages = {stage.name: stage for stage in definition.stages}
        self.layout = arrange(list(self.stages), definition.edges)
        self.width = self._widths()
        middle = place(self.layout, self.width.__getitem__, gap=3)
        self.left = {node: x - self.width[node] // 2 for node, x in middle.items()}
        self.floor: dict[Node, int] = {}
        self.canvas = _Canvas()

    def rows(self) -> list[str]:
        top = 0
        for number, layer in enumerate(self.layout.layers):
            height = max((len(self.lines[node]) for node in layer if isinstance(node, str)), default=0) + 2
            for node in layer:
                self._draw_node(node, top, height)
            top += height
            if number + 1 < len(self.layout.layers):
                top = self._draw_links(layer, top)
        return self.canvas.rows()

    def _widths(self) -> dict[Node, int]:
        links = self.layout.links()
        width: dict[Node, int] = {}
        for node in (node for layer in self.layout.layers for node in layer):
            if isinstance(node, Bend):
                width[node] = 1
                continue
            ports = max(sum(a == node for a, _ in links), sum(b == node for _, b in links))
            # An odd width has a middle, so that a chain is a straight line.
            width[node] = max(max(map(display_width, self.lines[node])) + 4, 2 * ports + 3, self._room(node)) | 1
        return width

    def _room(self, node: str) -> int:
        """Return how wide a box must be, for what stands right of each arrow that enters it to end above it."""
        said = [display_width(self.notes.at(a, b)) for a, b in self.layout.routes if b == node]
        return 2 * len(said) * (max(said) + 2) if any(said) else 0

    def _draw_node(self, node: Node, top: int, height: int) -> None:
        left, right = self.left[node], self.left[node] + self.width[node] - 1
        if isinstance(node, Bend):
            self.floor[node] = top + height - 1
            self.canvas.vertical(left, top - 1, top + height - 1)
            return
        lines = self.lines[node]
        bottom = self.floor[node] = top + len(lines) + 1
        for y in (top, bottom):
            self.canvas.horizontal(y, left, right)
        for x in (left, right):
            self.canvas.vertical(x, top, bottom)
        for number, line in enumerate(lines, 1):
            self.canvas.write(left + 2, top + number, line)

    def _draw_links(self, upper: Sequence[Node], top: int) -> int:
        """Draw what links one layer to the next; return the first row of the next."""
        links = [(a, b) for a, b in self.layout.links() if a in upper]
        pairs = list(zip(self._ports(links, 0), self._ports(links, 1), strict=True))
        rows = tracks(pairs)
        arrows = top + max(rows, default=STRAIGHT) + 1
        for (a, b), (start, end), row in zip(links, pairs, rows, strict=True):
            turn = arrows if row == STRAIGHT else top + row
            self.canvas.vertical(start, self.floor[a], turn)
            self.canvas.horizontal(turn, min(start, end), max(start, end))
            self.canvas.vertical(end, turn, arrows + 1)
            if isinstance(b, str):
                self.canvas.write(end, arrows, "▼")
                self.canvas.write(end + 2, arrows, self.notes.at(a if isinstance(a, str) else a.source, b))
        return arrows + 1

    def _ports(self, links: Sequence[tuple[Node, Node]], side: int) -> list[int]:
        """Return for each link the column where it leaves (side 0) or enters (side 1) its box: one column a link."""
        columns = [0] * len(links)
        for node in dict.fromkeys(link[side] for link in links):
            own = [index for index, link in enumerate(links) if link[side] == node]
            own.sort(key=lambda index: self._middle(links[index][1 - side]))
            for number, index in enumerate(own):
                columns[index] = self.left[node] + (2 * number + 1) * self.width[node] // (2 * len(own))
        return columns

    def _middle(self, node: Node) -> float:
        return self.left[node] + self.width[node] / 2


def _lines(stage: Stage, notes: Notes) -> list[str]:
    name, processor = stage_lines(stage)
    # A terminal is soon too low for a line more in every box.
    head = [f"{name} ({processor})"] if stage.name in notes.stages else [name, processor]
    return head + figure_lines(stage, notes)
