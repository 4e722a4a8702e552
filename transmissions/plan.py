"""Fuse straight runs of stages, so that one loop runs each.

A checked definition goes in and a plan comes out; nothing runs here. A plan is data: it names processor classes and
settings, and instances are made where it runs.
"""

from __future__ import annotations

import hashlib
import heapq
import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any

from transmissions.groups import follow_marks
from transmissions.model import Buffer, Definition, OnError, Stage
from transmissions.processor import Processor
from transmissions.registry import Registry

__all__ = ["Plan", "PlannedStage", "Segment", "make_plan"]

_LONGEST_SEGMENT = 200
"""Stages in one segment at most: those that split messages nest calls, and Python's stack is finite."""


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """A stage with its processor class and its settings' final values.

    Args:
        name: the stage's name.
        processor: the class; instances are made where the plan runs.
        settings: by Python name.
        on_error: what an error in it does.
        place: `file:line:column` of the stage, for errors.
        closes: the split whose marks end this stage's groups; None if its processor does not act on marks.
        copies: the splits whose marks may reach it, each with the number of edges over which a copy of a mark comes.
    """

    name: str
    processor: type[Processor]
    settings: Mapping[str, Any]
    on_error: OnError = OnError.FAIL
    place: str = ""
    closes: str | None = None
    copies: Mapping[str, int] = field(default_factory=dict)

    @property
    def sees_marks(self) -> bool:
        """Whether marks may reach it."""
        return bool(self.copies)


@dataclass(frozen=True, slots=True)
class Segment:
    """Stages that run as one, in one thread.

    Args:
        stages: in order; none in the segment that hands the run's messages to several first stages.
        buffer: the event stream in front; None where the run's messages come in.
        targets: the segments that what leaves this one goes to, by their place in the plan.
    """

    stages: tuple[PlannedStage, ...]
    buffer: Buffer | None = None
    targets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run executes.

    Args:
        pipeline: the pipeline's name.
        segments: each before the segments that it sends to.
        fingerprint: equal for plans that make the same of the same input.
    """

    pipeline: str
    segments: tuple[Segment, ...]
    fingerprint: str

    @property
    def stages(self) -> tuple[PlannedStage, ...]:
        """All stages, in the order of the segments."""
        return tuple(stage for segment in self.segments for stage in segment.stages)

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """The names of all stages, each with its processor's."""
        return tuple((stage.name, stage.processor.__name__) for stage in self.stages)

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """Pairs of the names of stages, the first of which sends to the second."""
        inside = [pair for segment in self.segments for pair in pairwise(segment.stages)]
        between = [
            (segment.stages[-1], self.segments[target].stages[0])
            for segment in self.segments
            for target in segment.targets
            if segment.stages
        ]
        return tuple((first.name, second.name) for first, second in inside + between)


def make_plan(definition: Definition, registry: Registry, *, fuse: bool = True) -> Plan:
    """Make the plan of a checked definition whose settings have their final values.

    Args:
        definition: the definition.
        registry: where its processors are found.
        fuse: False puts an event stream on every edge.

    Raises:
        CycleError: the stages form a circle.
    """
    graph = _Graph(definition)
    stages = _planned_stages(graph, definition, registry)
    buffers = {name: _buffer(definition.stage(name), stages[name]) for name in graph.order}
    chains: list[list[str]] = []
    chain_of: dict[str, int] = {}
    for name in graph.order:
        before = graph.before[name]
        if (
            fuse
            and len(before) == 1
            and _can_fuse(before[0], name, graph, stages, buffers)
            and (len(chains[chain_of[before[0]]]) < _LONGEST_SEGMENT)
        ):
            chain_of[name] = chain_of[before[0]]
            chains[chain_of[name]].append(name)
        else:
            chain_of[name] = len(chains)
            chains.append([name])
    segments = [
        Segment(
            tuple(stages[name] for name in chain),
            (buffers[chain[0]] or Buffer()) if graph.before[chain[0]] else buffers[chain[0]],
            tuple(chain_of[after] for after in graph.after[chain[-1]]),
        )
        for chain in chains
    ]
    return Plan(
        definition.name,
        _with_one_entry(segments),
        _fingerprint(definition.name, list(stages.values()), sorted(definition.edges)),
    )


class _Graph:
    """Which stages stand before and after each, and an order in which each comes before what it sends to.

    Of stages that could come next, the one that the pipes name first does.
    """

    def __init__(self, definition: Definition) -> None:
        self.before: dict[str, list[str]] = {stage.name: [] for stage in definition.stages}
        self.after: dict[str, list[str]] = {stage.name: [] for stage in definition.stages}
        for first, second in definition.edges:
            self.after[first].append(second)
            self.before[second].append(first)
        self.order = list(self._ordered())

    def _ordered(self) -> Iterator[str]:
        names = list(self.before)
        place = {name: index for index, name in enumerate(names)}
        sorter = TopologicalSorter(self.before)
        sorter.prepare()
        ready: list[int] = []
        while sorter.is_active():
            for name in sorter.get_ready():
                heapq.heappush(ready, place[name])
            name = names[heapq.heappop(ready)]
            yield name
            sorter.done(name)


def _planned_stages(graph: _Graph, definition: Definition, registry: Registry) -> dict[str, PlannedStage]:
    """Return the stages in order, each knowing which marks reach it and over how many edges."""
    planned: dict[str, PlannedStage] = {}
    for name, marks in follow_marks(graph.order, graph.before, definition, registry).items():
        stage = definition.stage(name)
        processor = registry.find(stage.processor)
        place = str(stage.location) if stage.location.file else ""
        planned[name] = PlannedStage(
            name, processor, dict(stage.settings), stage.on_error, place, marks.closes, marks.copies
        )
    return planned


def _buffer(stage: Stage, planned: PlannedStage) -> Buffer | None:
    return stage.buffer or planned.processor.buffer(planned.settings)


def _can_fuse(
    before: str,
    name: str,
    graph: _Graph,
    stages: Mapping[str, PlannedStage],
    buffers: Mapping[str, Buffer | None],
) -> bool:
    # A fork ends its chain: each branch needs backpressure of its own. An async stage has a loop to itself.
    alone = stages[before].processor.kind().is_async or stages[name].processor.kind().is_async
    return len(graph.after[before]) == 1 and buffers[name] is None and not alone


def _with_one_entry(segments: list[Segment]) -> tuple[Segment, ...]:
    """Put a segment of no stages in front, if several take the run's messages in, or one that asked for a buffer."""
    followers = {target for segment in segments for target in segment.targets}
    entries = [index for index in range(len(segments)) if index not in followers]
    if [segments[index].buffer for index in entries] == [None]:
        return tuple(segments)
    moved = [
        replace(segment, buffer=segment.buffer or Buffer(), targets=tuple(target + 1 for target in segment.targets))
        for segment in segments
    ]
    return (Segment((), None, tuple(index + 1 for index in entries)), *moved)


def _fingerprint(name: str, stages: list[PlannedStage], edges: list[tuple[str, str]]) -> str:
    described = [
        {
            "stage": stage.name,
            "processor": f"{stage.processor.__module__}:{stage.processor.__qualname__}",
            "code": _code_of(stage.processor),
            "settings": {
                key: repr(value)
                for key, value in stage.settings.items()
                if not stage.processor.settings()[key].volatile
            },
        }
        for stage in stages
    ]
    text = json.dumps([name, _engine_version(), described, edges], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _code_of(processor: type[Processor]) -> str:
    """Return the hash of the file that defines a processor: another version may make something else of the same."""
    try:
        return hashlib.sha256(Path(inspect.getfile(processor)).read_bytes()).hexdigest()
    except (OSError, TypeError):
        return ""


def _engine_version() -> str:
    try:
        return version("transmissions-engine")
    except PackageNotFoundError:
        return ""
