"""A run's accounts: what was skipped, lost and made, put together for its result, and checked that it adds up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transmissions.errors import StageError
from transmissions.runtime.inlet import Inlet
from transmissions.runtime.result import StageStatistics
from transmissions.runtime.segment_run import SegmentRun
from transmissions.runtime.stage_run import StageRun
from transmissions.secrets import redact_all

__all__ = ["as_problem", "differences", "live_statistics", "outputs_of", "problems_of"]


def live_statistics(stage: StageRun, inlet: Inlet | None) -> StageStatistics:
    """Return a stage's counters as they are now, with those of its processor and of the event stream in front."""
    statistics = stage.counted()
    statistics.bytes = stage.processor.bytes_done
    statistics.bytes_total = stage.processor.bytes_total
    statistics.buffer = None if inlet is None else inlet.stream.statistics()
    return statistics


def problems_of(stage: StageRun) -> list[dict[str, Any]]:
    """Return what a stage's processor reported as repaired or lost."""
    name = stage.planned.name
    found = [{"stage": name, **redact_all(problem)} for problem in stage.processor.problems]
    if dropped := stage.processor.problems_dropped:
        found.append({"stage": name, "severity": "error", "text": f"{dropped} more problems are not listed"})
    return found


def as_problem(error: StageError) -> dict[str, Any]:
    """Return a stage's error as the report lists it."""
    return {
        "stage": error.stage,
        "severity": "error",
        "phase": error.phase,
        "text": error.what,
        "place": error.place,
        "message": error.message,
    }


def outputs_of(stages: Mapping[str, StageRun]) -> dict[str, int]:
    """Return what became of everything written, summed over the stages."""
    outputs: dict[str, int] = {}
    for stage in stages.values():
        for outcome, number in stage.processor.outputs.copy().items():
            outputs[outcome] = outputs.get(outcome, 0) + number
    return outputs


def differences(stages: list[StageStatistics], segments: list[SegmentRun], inlets: Mapping[int, Inlet]) -> list[str]:
    """Return where a complete run's counters do not add up; anything here is a defect of the engine.

    Args:
        stages: the final counters.
        segments: the run's segments, in the order of the plan.
        inlets: the event streams, by the segment that each stands in front of; -1 where messages leave the pipeline.
    """
    wrong = [
        f"stage :{counted.stage}: received {counted.received} = passed {counted.passed} + filtered "
        f"{counted.filtered} + failed {counted.failed}"
        for counted in stages
        if counted.received != counted.passed + counted.filtered + counted.failed
    ]
    for place, inlet in inlets.items():
        counted = inlet.stream.statistics()
        emitted = sum(segment.stages[-1].counted().emitted for segment in _before(place, segments) if segment.stages)
        if all(segment.stages for segment in _before(place, segments)) and emitted != counted.sent:
            wrong.append(f"{inlet.stream.name}: emitted {emitted}, sent {counted.sent}")
        received = counted.received if place < 0 else segments[place].stages[0].counted().received
        if counted.sent != received + counted.drops + counted.depth + counted.spill_depth:
            wrong.append(f"{inlet.stream.name}: sent {counted.sent}, received {received}, drops {counted.drops}")
    return wrong


def _before(place: int, segments: list[SegmentRun]) -> list[SegmentRun]:
    return [run for run in segments if place in run.segment.targets or (place < 0 and not run.segment.targets)]
