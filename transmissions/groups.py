"""Which groups reach a stage, and which it ends: the way of the marks that splitting stages send, through the graph.

It is worked out from the graph alone, before anything runs: for the plan, and for what is doubtful in a pipeline.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from transmissions.model import Definition
from transmissions.registry import Registry

__all__ = ["Marks", "follow_marks", "met_at"]


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks at one stage.

    Args:
        closes: the split whose marks end this stage's groups; None if its processor does not act on marks.
        copies: the splits whose marks may reach it, each with the number of edges over which a copy of a mark comes.
        leaving: the splits whose marks go on from it, itself among them if it splits.
    """

    closes: str | None
    copies: Mapping[str, int]
    leaving: frozenset[str]


def follow_marks(
    order: Iterable[str], before: Mapping[str, Sequence[str]], definition: Definition, registry: Registry
) -> dict[str, Marks]:
    """Return the marks at each stage, in order.

    Args:
        order: the names of all stages, each before those that it sends to.
        before: the stages that send to each.
        definition: the pipeline.
        registry: where the processors of its stages are found.
    """
    found: dict[str, Marks] = {}
    for name in order:
        stage = definition.stage(name)
        processor = registry.find(stage.processor)
        copies = Counter(split for sender in before[name] for split in found[sender].leaving)
        closes = _nearest_split(name, before, definition, registry) if processor.acts_on_marks() else None
        leaving = set(copies) | ({name} if processor.splits else set())
        if closes is not None and processor.ends_group(stage.settings):
            leaving.discard(closes)
        found[name] = Marks(closes, dict(copies), frozenset(leaving))
    return found


def met_at(name: str, marks: Mapping[str, Marks], before: Mapping[str, Sequence[str]]) -> str | None:
    """Return the first stage where branches of the split meet whose groups a stage ends, or None if none do.

    Args:
        name: the stage.
        marks: the marks at each stage, in order.
        before: the stages that send to each.
    """
    split = marks[name].closes
    if split is None:
        return None
    ways, seen = [name], {name}
    while ways:
        further = {one for one in before[ways.pop()] if split in marks[one].leaving and one != split} - seen
        seen |= further
        ways.extend(further)
    return next((one for one in marks if one in seen and marks[one].copies.get(split, 0) > 1), None)


def _nearest_split(
    name: str, before: Mapping[str, Sequence[str]], definition: Definition, registry: Registry
) -> str | None:
    """Return the splitting stage before `name` whose groups no stage between the two has ended."""
    # Each way back through the graph counts the groups that were ended on it.
    ways = deque((one, 0) for one in before[name])
    seen = set(ways)
    while ways:
        here, ended = ways.popleft()
        stage = definition.stage(here)
        processor = registry.find(stage.processor)
        if processor.splits:
            if not ended:
                return here
            ended -= 1
        elif processor.ends_group(stage.settings):
            ended += 1
        further = [way for far in before[here] if (way := (far, ended)) not in seen]
        seen.update(further)
        ways.extend(further)
    return None
