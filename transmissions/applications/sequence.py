"""Transmissions one after another: each starts, once the one before is at its end, with the first message of that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from transmissions.message import Message
from transmissions.model import Definition, Stage
from transmissions.problem import Location
from transmissions.processor import Processor

__all__ = ["FIRST", "First", "in_sequence"]

FIRST = "(first)"
"""The processor that stands between two transmissions; no Turtle file can name it."""


class First(Processor):
    """Keep the first message that leaves a transmission, and hand it on when the transmission is at its end."""

    stateful = True

    def __init__(self) -> None:
        super().__init__()
        self._first: Message | None = None
        self._others = 0

    def process(self, message: Message) -> None:
        """Keep the message if it is the first."""
        if self._first is None:
            # As a plain message: to the next transmission a mark of this one means nothing.
            self._first = dict(message)
        else:
            self._others += 1

    def finish(self) -> Iterator[Message]:
        """Yield what was kept."""
        if self._first is not None:
            yield self._first

    def report(self) -> dict[str, Any]:
        """Return how many messages went no further."""
        return {"went_no_further": self._others} if self._others else {}


def in_sequence(definitions: Sequence[Definition], name: str) -> Definition:
    """Return one definition in which transmissions run one after another.

    Args:
        definitions: the transmissions, in order.
        name: the name of the whole.
    """
    stages: list[Stage] = []
    edges: list[tuple[str, str]] = []
    locations: dict[tuple[str, str], Location] = {}
    ends: list[str] = []
    taken: set[str] = set()
    for number, one in enumerate(definitions):
        names = {stage.name: _free(stage.name, taken) for stage in one.stages}
        own = [(names[first], names[second]) for first, second in one.edges]
        if number:
            gate = _free(f"{definitions[number - 1].name}/first", taken)
            stages.append(Stage(gate, FIRST))
            starts = [new for new in names.values() if all(new != second for _, second in own)]
            edges += [(end, gate) for end in ends] + [(gate, start) for start in starts]
        stages += [replace(stage, name=names[stage.name]) for stage in one.stages]
        edges += own
        locations |= {(names[a], names[b]): at for (a, b), at in one.edge_locations.items()}
        ends = [new for new in names.values() if all(new != first for first, _ in own)]
    first = definitions[0]
    return replace(
        first,
        name=name,
        stages=tuple(stages),
        edges=tuple(edges),
        label=first.label if len(definitions) == 1 else "",
        comment=first.comment if len(definitions) == 1 else "",
        edge_locations=locations,
    )


def _free(name: str, taken: set[str]) -> str:
    number, free = 2, name
    while free in taken:
        number, free = number + 1, f"{name}-{number}"
    taken.add(free)
    return free
