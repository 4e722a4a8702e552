"""`trans jobs`: list, show, follow, abort and remove the jobs of a store."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from transmissions.cli.choices import check_choice
from transmissions.cli.command import Command, Group
from transmissions.cli.options import Debug, JobStoreOption, Json
from transmissions.errors import ParameterError
from transmissions.problem import nearest

if TYPE_CHECKING:
    from transmissions.jobs import Job, JobManager

__all__ = ["register"]

_LIST_EXAMPLES = """\b
Examples:
  trans jobs list
  trans jobs list --status running --json
  trans jobs list --job-store redis://127.0.0.1:6379/0
"""
_SHOW_EXAMPLES = """\b
Examples:
  trans jobs show JOB
  trans jobs show JOB --json
"""
_FOLLOW_EXAMPLES = """\b
Examples:
  trans jobs follow JOB
  trans jobs follow JOB --after 41 --json
"""
_ABORT_EXAMPLES = """\b
Examples:
  trans jobs abort JOB
  trans jobs abort JOB --reason "the wrong export"
"""
_CLEAN_EXAMPLES = """\b
Examples:
  trans jobs clean
  trans jobs clean --ended
  trans jobs clean JOB
"""
_LONGEST_SHOWN = 60
_TITLES = ["job", "pipeline", "status", "began", "took", "events"]

JobId = Annotated[
    str, typer.Argument(metavar="JOB", show_default=False, help="Its id, or the beginning of it that no other has.")
]


def list_jobs(
    status: Annotated[
        str | None,
        typer.Option("--status", metavar="STATUS", help="Only those that stand so; live for all that go on."),
    ] = None,
    job_store: JobStoreOption = None,
    debug: Debug = False,
    json: Json = False,
) -> int:
    """List jobs, the newest last.

    Those whose process has died are found interrupted."""
    from transmissions.jobs.job import LIVE, JobStatus

    if status is not None:
        check_choice("--status", status, ["live", *map(str, JobStatus)])
    with _managed(job_store) as manager:
        asked = LIVE if status == "live" else status
        found = manager.store.jobs(status=asked) if manager is not None else []
    if json:
        _print_json([job.as_json() for job in found])
        return 0
    from transmissions.cli.job_text import job_row
    from transmissions.cli.usage_table import plain_lines

    if not found:
        typer.echo("there are no jobs" + (f" that are {status}" if status else ""))
        return 0
    now = time.time()
    for line in plain_lines([_TITLES, *(job_row(job, now) for job in found)], 4):
        typer.echo(line)
    return 0


def show(job: JobId, job_store: JobStoreOption = None, debug: Debug = False, json: Json = False) -> int:
    """Show one job: how it stands, its figures, the last of its log, its problems and its reports."""
    with _managed(job_store) as manager:
        told = _found(manager, job)[0].snapshot(_found(manager, job)[1].id)
    if json:
        _print_json(told.as_json())
        return 0
    from transmissions.cli.job_text import event_line, job_lines
    from transmissions.jobs import JobEvent

    for line in job_lines(told.job, time.time()):
        typer.echo(line)
    content = told.content
    shown: list[tuple[str, Any]] = [("counters", content.counters)] if content.counters else []
    shown += [("log", one) for one in list(content.log)[-10:]] + [("problem", one) for one in content.problems]
    for kind, data in shown:
        typer.echo(f"  {event_line(JobEvent(0, kind, data, 0.0)).split(maxsplit=2)[2]}")
    return 0


def follow(
    job: JobId,
    after: Annotated[
        str, typer.Option("--after", metavar="NUMBER", help="Begin behind this event; -1 for the first.")
    ] = "-1",
    job_store: JobStoreOption = None,
    debug: Debug = False,
    json: Json = False,
) -> int:
    """Print a job's events as they come, until it ends.

    With --json, one object a line. Ctrl-C leaves, and does nothing to the job. The exit code is 0 if it completed."""
    from transmissions.cli.job_text import event_line
    from transmissions.jobs.encoding import encode

    begin = _number("--after", after)
    with _managed(job_store) as manager:
        found, one = _found(manager, job)
        with found.subscribe(one.id, begin) as events:
            for event in events:
                line = encode(event.as_json()).decode() if json else event_line(event)
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
        ended = found.get(one.id)
    return 0 if ended.status == "complete" else 1


def abort(
    job: JobId,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for its record.")] = "aborted",
    job_store: JobStoreOption = None,
    debug: Debug = False,
    json: Json = False,
) -> int:
    """Abort a job, whichever process works on it.

    The exit code is 1 if it had ended already."""
    with _managed(job_store) as manager:
        found, one = _found(manager, job)
        result = found.abort(one.id, reason)
    if json:
        told = {"job": result.job.as_json(), "landed": result.landed, "acknowledged": result.acknowledged}
        _print_json({**told, "from_status": str(result.from_status), "reason": result.reason})
    elif result.landed:
        typer.echo(f"job {one.id}: aborted" + (f"; {result.reason}" if result.reason else ""))
    else:
        typer.echo(f"job {one.id}: it had ended already: {result.job.status}", err=True)
    return 0 if result.landed else 1


def clean(
    jobs: Annotated[
        list[str] | None, typer.Argument(metavar="[JOB]...", show_default=False, help="Remove these, which have ended.")
    ] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Remove all that have ended.")] = False,
    job_store: JobStoreOption = None,
    debug: Debug = False,
    json: Json = False,
) -> int:
    """Remove jobs that were kept long enough, and end those that nobody works on any more.

    Every process that works with a store does that by itself; this does it now. Jobs that are named are removed at
    once, and so are all that have ended with --ended."""
    if jobs and ended:
        raise ParameterError("--ended removes all that have ended; name no jobs besides")
    with _managed(job_store) as manager:
        if manager is None:
            asked: list[Job] = []
            removed, closed = _none_of(jobs), 0
        else:
            asked = [_found(manager, one)[1] for one in jobs or []]
            done = manager.cleanup()
            if ended:
                asked = [one for one in manager.store.jobs() if not one.live]
            removed, closed = _remove(manager, asked) + done.removed, len(done.interrupted) + len(done.reaped)
    if json:
        _print_json({"removed": removed, "ended": closed})
    else:
        typer.echo(f"{len(removed)} removed" + (f", {closed} ended that nobody works on" if closed else ""))
    return 0


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(
        cls=Group, add_completion=False, rich_markup_mode=None, help="List, follow, abort and remove recorded runs."
    )
    group.command("list", cls=Command, epilog=_LIST_EXAMPLES)(list_jobs)
    group.command("show", cls=Command, epilog=_SHOW_EXAMPLES)(show)
    group.command("follow", cls=Command, epilog=_FOLLOW_EXAMPLES)(follow)
    group.command("abort", cls=Command, epilog=_ABORT_EXAMPLES)(abort)
    group.command("clean", cls=Command, epilog=_CLEAN_EXAMPLES)(clean)
    app.add_typer(group, name="jobs")


@contextmanager
def _managed(job_store: str | None) -> Iterator[JobManager | None]:
    """Open a store with a manager for the length of a `with`; None if there is no store yet."""
    from transmissions.jobs import JobManager
    from transmissions.jobs.place import open_store

    store = open_store(job_store, make=False)
    if store is None:
        yield None
        return
    with store, JobManager(store) as manager:
        yield manager


def _found(manager: JobManager | None, name: str) -> tuple[JobManager, Job]:
    """Return the manager and the one job whose id is, or begins with, the name.

    Raises:
        ParameterError: there is none, or more than one.
    """
    from transmissions.jobs.job import check_id

    try:
        check_id(name)
    except ValueError:
        shown = name.encode("utf-8", "replace").decode()
        shown = shown if len(shown) <= _LONGEST_SHOWN else shown[: _LONGEST_SHOWN - 1] + "…"
        raise ParameterError(f"job {shown}: this is no id of a job; `trans jobs list` shows all") from None
    if manager is None:
        raise ParameterError(f"job {name}: there are no jobs yet; `trans run --job` and `trans serve` make some")
    if manager.store.exists(name):
        return manager, manager.get(name)
    jobs = manager.store.jobs()
    found = [job for job in jobs if job.id.startswith(name)]
    if len(found) > 1:
        raise ParameterError(f"job {name}: {len(found)} jobs begin so; give more of the id")
    if not found:
        guess = nearest(name, [job.id for job in jobs]) or nearest(name, [job.id[: len(name)] for job in jobs])
        hint = f"did you mean {guess}?   " if guess else ""
        raise ParameterError(f"job {name}: there is none; {hint}`trans jobs list` shows all")
    return manager, found[0]


def _none_of(names: list[str] | None) -> list[str]:
    for name in names or []:
        _found(None, name)
    return []


def _remove(manager: JobManager, jobs: list[Job]) -> list[str]:
    for job in jobs:
        if job.live:
            raise ParameterError(f"job {job.id}: it is {job.status}; `trans jobs abort {job.id}` ends it")
    return [job.id for job in jobs if manager.store.delete(job.id, expect_epoch=job.epoch)]


def _number(option: str, text: str) -> int:
    from transmissions.jobs.job import LAST_SEQ

    try:
        value = int(text)
    except ValueError:
        raise ParameterError(f"{option} {text}: this is no whole number") from None
    if not -1 <= value <= LAST_SEQ:
        raise ParameterError(f"{option} {text}: write the number of an event, at most {LAST_SEQ}, or -1 for all")
    return value


def _print_json(value: Any) -> None:
    from transmissions.jobs.encoding import encode

    sys.stdout.write(encode(value).decode() + "\n")
