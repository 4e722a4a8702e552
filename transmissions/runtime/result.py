"""What a run did: its status, the counters of every stage, and all that was lost, skipped or changed on the way."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from transmissions.streams import StreamStatistics

__all__ = ["Result", "StageStatistics", "Status"]


class Status(StrEnum):
    """How a run ended."""

    COMPLETE = "complete"
    ERROR = "error"
    ABORTED = "aborted"


@dataclass(slots=True)
class StageStatistics:
    """The counters of one stage, live or final.

    Args:
        stage: its name.
        processor: its processor's name.
        received: messages given to it.
        emitted: messages that left it.
        filtered: received messages that led to none.
        failed: received messages on which its processor raised.
        passed: received messages that led to one or more.
        busy_s: seconds spent in its processor, the present call included; starting and closing it is not counted.
        blocked_s: seconds spent waiting for room in the streams behind it, the present wait included.
        backpressure_events: how often it had to wait for such room.
        bytes: bytes of input or output that its processor handled, where it knows them.
        bytes_total: bytes that there are to handle, where it knows them.
        buffer: the event stream in front of it; None if it is fused to the stage before it.
    """

    stage: str
    processor: str
    received: int = 0
    emitted: int = 0
    filtered: int = 0
    failed: int = 0
    passed: int = 0
    busy_s: float = 0.0
    blocked_s: float = 0.0
    backpressure_events: int = 0
    bytes: int = 0
    bytes_total: int | None = None
    buffer: StreamStatistics | None = None

    def copy(self) -> StageStatistics:
        """Return a copy that stays as it is."""
        return replace(self)

    def as_json(self) -> dict[str, Any]:
        """Return the counters as the report's JSON has them."""
        values = asdict(self)
        if self.buffer is None:
            del values["buffer"]
        return values


@dataclass(slots=True)
class Result:
    """The outcome of one run; `as_json()` is the report that `--report` writes.

    Args:
        run: the run's identifier.
        pipeline: the pipeline's name.
        status: how it ended.
        started: when, ISO 8601 in UTC.
        seconds: how long it took.
        stages: the counters of every stage, in the order of the pipeline.
        problems: what was lost, skipped, repaired or failed: `{"stage", "severity", "text", …}` each.
        outputs: what became of the things written: `written`, `unchanged`, `failed`, …
        processors: by stage, what its processor's `report()` returned.
        error: the error that ended the run, as text; "" if none did.
        on_purpose: whether a stage of its own aborted it.
        edges: pairs of the names of stages, the first of which sends to the second.
    """

    run: str
    pipeline: str
    status: Status
    started: str
    seconds: float
    stages: list[StageStatistics] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    outputs: dict[str, int] = field(default_factory=dict)
    processors: dict[str, dict[str, Any]] = field(default_factory=dict)
    error: str = ""
    on_purpose: bool = False
    edges: tuple[tuple[str, str], ...] = ()

    @property
    def partial(self) -> bool:
        """Whether the run ended, but part of its input could not be used as it was."""
        return self.status is Status.COMPLETE and any(problem["severity"] == "error" for problem in self.problems)

    def stage(self, name: str) -> StageStatistics:
        """Return the counters of the stage of that name; raises KeyError."""
        for stage in self.stages:
            if stage.stage == name:
                return stage
        raise KeyError(name)

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "run": self.run,
            "pipeline": self.pipeline,
            "status": str(self.status),
            "partial": self.partial,
            "started": self.started,
            "seconds": round(self.seconds, 6),
            "error": self.error,
            "stages": [stage.as_json() for stage in self.stages],
            "edges": self._edges_as_json(),
            "problems": self.problems,
            "outputs": {"written": 0, "unchanged": 0, "failed": 0} | self.outputs,
            "processors": self.processors,
        }

    def _edges_as_json(self) -> list[dict[str, Any]]:
        # Each branch behind a stage is sent all that leaves it.
        emitted = {stage.stage: stage.emitted for stage in self.stages}
        return [{"from": first, "to": second, "messages": emitted[first]} for first, second in self.edges]
