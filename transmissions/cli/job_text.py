"""Jobs and their events as lines that a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from transmissions.cli.log import facts_text, shorten
from transmissions.drawing.labels import printable
from transmissions.quantities import time_text

if TYPE_CHECKING:
    from transmissions.jobs import Job, JobEvent

__all__ = ["event_line", "job_lines", "job_row", "name_of"]

_LONGEST = 200


def name_of(job: Job) -> str:
    """Return what it is a job of: its pipeline, or what its stream is called."""
    named = job.facts.get("pipeline")
    return printable(named) if isinstance(named, str) and named else printable(job.stream)


def job_row(job: Job, now: float) -> list[str]:
    """Return a job as the cells of a row: id, what it is, status, when it began, how long it took, events."""
    seconds = (now if job.ended is None else job.ended) - job.created
    return [
        job.id,
        name_of(job),
        str(job.status),
        _moment(job.created),
        time_text(max(0.0, seconds)),
        f"{job.events:,}",
    ]


def job_lines(job: Job, now: float) -> list[str]:
    """Return all that is to be said of a job before what it did."""
    _, name, status, began, took, events = job_row(job, now)
    ended = f" after {took}" if job.ended is not None else f" for {took}"
    lines = [f"job {job.id}: {name}", f"  {status}{ended}" + (f": {_one_line(job.reason)}" if job.reason else "")]
    lines.append(f"  began {began}, {events} events")
    for title in ("parameters", "target", "file"):
        if told := job.facts.get(title):
            text = facts_text(told).strip(" ()") if isinstance(told, dict) else _one_line(str(told))
            lines.append(f"  {title}: {text}")
    return lines


def event_line(event: JobEvent) -> str:
    """Return an event as one line: number, time of day, type, and what it says."""
    clock = datetime.fromtimestamp(event.time).astimezone().strftime("%H:%M:%S")
    return f"{event.seq:>6} {clock} {printable(event.type):<8} {_said(event.type, event.data)}".rstrip()


def _said(kind: str, data: Mapping[str, Any]) -> str:
    if kind == "counters" and isinstance(data.get("stages"), list):
        stages = [one for one in data["stages"] if isinstance(one, dict)]
        return "  ".join(f":{one.get('stage')} {one.get('received')}→{one.get('emitted')}" for one in stages)
    if kind == "end":
        reason = data.get("reason")
        return f"{data.get('status')}" + (f": {_one_line(str(reason))}" if reason else "")
    if isinstance(data.get("text"), str):
        stage = f":{data['stage']} " if data.get("stage") else ""
        facts = data.get("facts")
        return stage + _one_line(data["text"]) + (facts_text(facts) if isinstance(facts, dict) else "")
    return _one_line(facts_text(dict(data)).strip(" ()"))


def _one_line(text: str) -> str:
    return printable(shorten(text, _LONGEST))


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
