"""Execute a loaded pipeline as the command line asks for it, from the first message to the exit code."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from transmissions import bundled
from transmissions.cli.interrupts import Interrupts
from transmissions.cli.messages import MessageWriter, as_json, read_messages, write_whole
from transmissions.cli.progress import Progress, make_progress
from transmissions.cli.summary import summary
from transmissions.errors import OutputFailed, ParameterError, StageError, TransmissionsError, reason_of
from transmissions.output.system import failed
from transmissions.runtime.result import Result, Status
from transmissions.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from transmissions.cli.recording import Recording
    from transmissions.message import Message
    from transmissions.pipeline import Pipeline
    from transmissions.pipeline_job import PipelineJob
    from transmissions.runtime.run import Run

__all__ = ["Wanted", "execute"]

_LOOK_EVERY_S = 0.25


@dataclass(slots=True)
class Wanted:
    """What the command line asks for.

    Args:
        parameters: values of the pipeline's parameters, by name.
        target: the folder written into; None for the current one.
        messages_in: as given to `-m`; None for one message made of the parameters.
        overrides: `stage.setting` to value.
        report: where the report goes, if anywhere.
        messages_out: where the messages that leave go, if anywhere; `-` is standard output.
        quiet: whether only errors are told.
        debug: whether the trace of an error is shown.
        json: whether the report goes to standard output.
        allow_hosts: the hosts that it may connect to.
        allow_programs: the programs that it may start.
        watch: whether the graph is drawn while the run goes on.
        job: whether the run is recorded as a job.
        job_store: where; None for the user's own store.
    """

    parameters: dict[str, Any] = field(default_factory=dict)
    target: Path | None = None
    messages_in: str | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    report: Path | None = None
    messages_out: str | None = None
    quiet: bool = False
    debug: bool = False
    json: bool = False
    allow_hosts: tuple[str, ...] = ()
    allow_programs: tuple[str, ...] = ()
    watch: bool = False
    job: bool = False
    job_store: str | None = None


def execute(pipeline: Pipeline, wanted: Wanted) -> int:
    """Run the pipeline and return the exit code."""
    if wanted.report is not None:
        _check_writable(wanted.report)
    incoming = _Incoming(wanted.messages_in) if wanted.messages_in is not None else None
    # Before the run begins, so that no moment is left in which Ctrl-C would break it off.
    with Interrupts() as interrupts, _writer(wanted.messages_out) as outgoing, _recording(wanted) as recording:
        options: dict[str, Any] = {
            "target": wanted.target,
            "messages": incoming,
            "overrides": wanted.overrides or None,
            "collect": outgoing is not None,
            "allow_hosts": wanted.allow_hosts,
            "allow_programs": wanted.allow_programs,
        }
        source: Run | PipelineJob
        if recording is None:
            run = source = pipeline.start(**options, **wanted.parameters)
        else:
            run, source = recording.start(pipeline, options, wanted.parameters, tell=not wanted.quiet)
        interrupts.abort_with(run.abort)
        pump = _Pump(source, outgoing) if outgoing else None
        result = _watch(run, wanted, interrupts)
        if pump:
            pump.join()
        if recording is not None:
            recording.wait()
        error = _told(pipeline, run.error) if run.error and not wanted.debug else result.error
        _tell(result, wanted, error, silent=pump is not None and isinstance(pump.error, BrokenPipeError))
    if wanted.debug and run.error:
        print(redact("".join(traceback.format_exception(run.error.cause))), end="", file=sys.stderr)  # noqa: T201
    if pump and pump.error:
        raise pump.error
    # Nobody interrupted a run whose store failed: it failed with it.
    broken_off = 1 if recording is not None and recording.failed else 130
    return _exit_code(result, interrupts, incoming, broken_off)


def _recording(wanted: Wanted) -> AbstractContextManager[Recording | None]:
    if not wanted.job:
        return nullcontext()
    from transmissions.cli.recording import Recording

    return Recording(wanted.job_store)


def _check_writable(report: Path) -> None:
    # Before the run: after it, it would be too late to be told.
    try:
        report.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ParameterError(f"--report {report}: this cannot be written: {reason_of(error)}") from None
    if report.is_dir():
        raise ParameterError(f"--report {report}: this cannot be written: it is a folder")
    if not os.access(report.parent, os.W_OK):
        raise ParameterError(f"--report {report}: this cannot be written: permission denied in {report.parent}")


def _watch(run: Run, wanted: Wanted, interrupts: Interrupts) -> Result:
    progress = _progress(run, wanted)
    result = None
    interrupts.tell_with(progress.announce)
    try:
        while (result := run.wait(_LOOK_EVERY_S)) is None:
            progress.show(run.statistics())
    finally:
        interrupts.tell_with(None)
        progress.close(result)
    return result


def _progress(run: Run, wanted: Wanted) -> Progress:
    if wanted.watch:
        from transmissions.cli.watch import WatchProgress, can_draw

        if can_draw():
            return WatchProgress(run.plan.pipeline, run.plan.edges)
        typer.echo("--watch: standard error is no terminal that can be drawn on; a line tells now and then", err=True)
    return make_progress(run.plan.pipeline, quiet=wanted.quiet, stdout_is_busy=wanted.messages_out == "-")


def _told(pipeline: Pipeline, error: StageError) -> str:
    """Return what a person is told of the error that ended a run.

    Who runs a bundled pipeline did not write its file, so its place there says nothing to them; and where the cause
    says in words what to do, the message, which holds the pipeline's parameters, buries it.
    """
    if pipeline.definition.file not in [str(bundled.find(name)) for name in bundled.names()]:
        return str(error)
    if isinstance(error.cause, TransmissionsError):
        return redact(f"{error.cause}  (stage :{error.stage})")
    return str(error).removeprefix(f"{error.place}: ")


def _tell(result: Result, wanted: Wanted, error: str, *, silent: bool) -> None:
    data = as_json(result.as_json(), indent=True) + b"\n"
    failure = _reported(wanted.report, data) if wanted.report is not None else None
    if wanted.json:
        sys.stdout.write(data.decode())
        sys.stdout.flush()
    if not silent and (not wanted.quiet or result.status is not Status.COMPLETE or result.partial):
        report = None if failure else wanted.report
        typer.echo(summary(result, wanted.target, report, error, watched=wanted.watch), err=True)
    if failure:
        raise failure


def _reported(report: Path, data: bytes) -> OutputFailed | None:
    """Write the report; return why it cannot be, so that how the run ended is told all the same."""
    try:
        write_whole(report, data)
    except OSError as error:
        return failed(f"--report {report}", error)
    return None


def _exit_code(result: Result, interrupts: Interrupts, incoming: _Incoming | None, broken_off: int) -> int:
    if incoming and incoming.error:
        return 2
    if result.status is Status.ABORTED and result.on_purpose:
        return 0
    if result.status is Status.ABORTED:
        return interrupts.exit_code or broken_off
    if result.status is Status.ERROR:
        return 1
    return 2 if result.partial else 0


def _writer(where: str | None) -> AbstractContextManager[MessageWriter | None]:
    if where is None:
        return nullcontext()
    try:
        return MessageWriter(None if where == "-" else Path(where))
    except (OSError, ValueError) as error:
        reason = (
            error.strerror.lower() if isinstance(error, OSError) and error.strerror else ""
        ) or "not the name of a file"
        raise ParameterError(f"--messages {where}: this cannot be written: {reason}") from None


class _Incoming:
    """The messages that a run begins with; remembers whether one of them was wrong, which is not the run's fault."""

    def __init__(self, text: str) -> None:
        self._messages: Iterable[Message] = read_messages(text)
        self.error: ParameterError | None = None

    def __iter__(self) -> Iterator[Message]:
        try:
            yield from self._messages
        except ParameterError as error:
            self.error = error
            raise


class _Pump(threading.Thread):
    """Writes the messages that leave a run, in a thread, so that the main one hears signals on every platform."""

    def __init__(self, source: Run | PipelineJob, writer: MessageWriter) -> None:
        super().__init__(name="transmissions messages", daemon=True)
        self._source = source
        self._writer = writer
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Write until the run ends or its reader goes away."""
        try:
            # Held here, since it would abort the run for another reason when it is let go.
            messages = self._source.messages()
            for message in messages:
                self._writer.write(message)
            self._writer.close()
        except Exception as error:
            self.error = error
            self._source.abort("its messages can no longer be written")
