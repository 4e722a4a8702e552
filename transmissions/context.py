"""What a run gives each stage: its name, the door to files, its counters, and where its warnings go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transmissions.output import Output

__all__ = ["Context"]


def _silent(level: str, text: str, facts: Mapping[str, Any]) -> None:
    """Drop a log record; what a processor outside a run does."""


def _no_statistics() -> dict[str, Any]:
    return {}


def _never() -> bool:
    return False


@dataclass(slots=True)
class Context:
    """A stage's view of the run it is part of.

    Args:
        stage: the stage's name.
        pipeline: the pipeline's name.
        output: the only door to files that are written, rooted in the run's target.
        fingerprint: equal in two runs if pipeline, settings and versions are; what is unchanged under it need not be
            made again.
        statistics: the stage's counters so far, the very numbers of the run report: `received`, `emitted`,
            `filtered`, `failed`, `busy_s`, `blocked_s`, `bytes`, `backpressure_events`, `buffer`.
        log: takes a level, a text and facts; "notice" is for what a person asked to see, and is shown unless all is to
            be quiet; the others are "debug", "info", "warning" and "error".
        run: the id of the run, which no other run has.
        stopping: says whether the run takes nothing more in, because it failed or was aborted; who waits, asks it.
    """

    stage: str = ""
    pipeline: str = ""
    output: Output = field(default_factory=lambda: Output(Path()))
    fingerprint: str = ""
    statistics: Callable[[], Mapping[str, Any]] = _no_statistics
    log: Callable[[str, str, Mapping[str, Any]], None] = _silent
    run: str = ""
    stopping: Callable[[], bool] = _never
