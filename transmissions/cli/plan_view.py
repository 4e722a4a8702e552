"""Show what a run would do, without doing it: the plan, for a person or as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from transmissions.cli.messages import as_json, read_messages
from transmissions.describe import as_turtle
from transmissions.settings import turtle_name

if TYPE_CHECKING:
    from transmissions.cli.execution import Wanted
    from transmissions.pipeline import Pipeline
    from transmissions.plan import Plan, PlannedStage

__all__ = ["print_plan"]


def print_plan(pipeline: Pipeline, wanted: Wanted) -> int:
    """Print what would run, and return the exit code."""
    if wanted.messages_in is not None and wanted.messages_in != "-":
        read_messages(wanted.messages_in)
    plan = pipeline.plan(target=wanted.target, overrides=wanted.overrides or None, **wanted.parameters)
    if wanted.json:
        # The text, since a secret may stand in a node or a list of a setting's value.
        typer.echo(_redacted(as_json(_plan_as_json(plan), indent=True).decode()))
    else:
        application = pipeline.application
        folder = wanted.target if application is None else application.for_target(wanted.target).place().working
        typer.echo(_plan_text(plan, folder))
    return 0


def _plan_text(plan: Plan, target: Path | None) -> str:
    """Return the plan for a person: which stages run in one loop, what buffers stand between, all settings."""
    from transmissions.drawing.labels import buffer_label

    lines = [f"{plan.pipeline}: nothing was run; this would be, writing into {target or 'the current folder'}"]
    for number, segment in enumerate(plan.segments, 1):
        names = " → ".join(stage.name for stage in segment.stages) or "(hands the first messages out)"
        goes = f", then loop {', '.join(str(place + 1) for place in segment.targets)}" if segment.targets else ""
        buffer = f"; buffer in front: {buffer_label(segment.buffer)}" if segment.buffer else ""
        lines.append(f"  loop {number}: {names}{goes}{buffer}")
        for stage in segment.stages:
            lines.append(f"    {stage.name}: {stage.processor.__name__}")
            lines += [f"      :{name} {value}" for name, value in _settings(stage)]
    return _redacted("\n".join(lines))


def _settings(stage: PlannedStage) -> list[tuple[str, str]]:
    given = stage.settings
    return [
        (one.turtle_name, _shown(given[name]) if name in given else f"{_shown(one.default)} (default)".lstrip())
        for name, one in stage.processor.settings().items()
    ]


def _shown(value: Any) -> str:
    return "" if value is None else as_turtle(value)


def _plan_as_json(plan: Plan) -> dict[str, Any]:
    """Return the plan as JSON values."""
    from transmissions.drawing.labels import buffer_label

    return {
        "pipeline": plan.pipeline,
        "fingerprint": plan.fingerprint,
        "segments": [
            {
                "stages": [
                    {
                        "stage": stage.name,
                        "processor": stage.processor.__name__,
                        "settings": {turtle_name(name): value for name, value in stage.settings.items()},
                    }
                    for stage in segment.stages
                ],
                "buffer": buffer_label(segment.buffer) if segment.buffer else None,
                "targets": list(segment.targets),
            }
            for segment in plan.segments
        ],
    }


def _redacted(text: str) -> str:
    from transmissions.secrets import redact

    return redact(text)
