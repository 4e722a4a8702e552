"""What a drawing says of a run besides the pipeline itself: figures in the boxes and at the edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from transmissions.drawing.labels import buffer_label, printable
from transmissions.model import Stage

__all__ = ["PLAIN", "Notes", "figure_lines"]


@dataclass(frozen=True, slots=True)
class Notes:
    """Figures of a run.

    Args:
        stages: for each stage the lines that its box says in place of its buffer's bounds.
        edges: for each edge what stands beside it.
        marked: the stage that stands out; None for none.
        title: stands in place of the pipeline's; "" to leave it.
    """

    stages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    edges: Mapping[tuple[str, str], str] = field(default_factory=dict)
    marked: str | None = None
    title: str = ""

    def of(self, stage: str) -> list[str]:
        """Return the lines of figures of a stage."""
        return [printable(line) for line in self.stages.get(stage, ())]

    def at(self, source: str, target: str) -> str:
        """Return what stands beside an edge, or nothing."""
        return printable(self.edges.get((source, target), ""))


PLAIN = Notes()
"""A drawing of the pipeline alone."""


def figure_lines(stage: Stage, notes: Notes) -> list[str]:
    """Return what a stage's box says below its name and processor: its figures, or the buffer that it asks for."""
    if stage.name in notes.stages:
        return notes.of(stage.name)
    return [f"≡ {buffer_label(stage.buffer)}"] if stage.buffer else []
