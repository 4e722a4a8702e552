"""A pipeline's run as a job: what it does becomes events that anyone can follow, and whoever aborts the job aborts it.

Only this module knows both; without it a run pays nothing for what jobs can do.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from loguru import logger

from transmissions.errors import TransmissionsError
from transmissions.jobs import Job, JobControl, JobManager, JobSettled, JobStatus
from transmissions.message import Message, shorten
from transmissions.pipeline import Pipeline
from transmissions.runtime.result import Result, Status
from transmissions.runtime.run import Run
from transmissions.secrets import HIDDEN, is_secret_name, redact, redact_all, remember
from transmissions.streams import EventStream, StreamAborted, StreamClosed, size_of_message

__all__ = ["PipelineJob", "start_job"]

_STATUSES = {
    Status.COMPLETE: JobStatus.COMPLETE,
    Status.ERROR: JobStatus.ERROR,
    Status.ABORTED: JobStatus.ABORTED,
}


def start_job(
    pipeline: Pipeline,
    manager: JobManager,
    *,
    stream: str | None = None,
    owner: str = "",
    key: str | None = None,
    replace: bool = False,
    facts: Mapping[str, Any] | None = None,
    times: Mapping[str, Any] | None = None,
    max_messages: int | None = None,
    max_message_bytes: int = 65_536,
    interval_s: float = 1.0,
    collect: bool = False,
    parameters: Mapping[str, Any] | None = None,
    **options: Any,
) -> PipelineJob:
    """Run a pipeline as a job.

    The job's events: `message` for each message that leaves, `log` {level, stage, text, facts} for each line that a
    stage logs and each message that is skipped, `counters` {stages} with the stages' figures, `problem` for each
    problem of the result, `report` {stage, report} with what a processor reports at the end; the terminal event holds
    the whole `result`.

    No secret stands in any of it: neither what is known as one, nor the value of a parameter whose name ends as those
    of secrets do: `token`, `password`, `apiKey`, ….

    Args:
        pipeline: what to run.
        manager: where the job is begun.
        stream: what it is a run of; the job's own id if None. A secret in it is hidden.
        owner: whose it is.
        key: an idempotency key; once more with the same one runs nothing, and leads to the job that there is.
        replace: whether a live run of the stream is aborted; else there may be none.
        facts: what to tell of it besides `pipeline`, `file`, `stages`, `edges`, `parameters`, `target` and `run`.
        times: `idle_s` and `keep_s`, as `transmissions.jobs.Job` has them.
        max_messages: how many messages become events; the rest is counted, and a log line says so. None for all, 0 for
            none, which costs a run nothing.
        max_message_bytes: messages of more bytes become events {shortened, bytes}.
        interval_s: how often the figures are told, in seconds; those that did not change are not.
        collect: whether the messages can be read from `messages()` as well, which then have to be read.
        parameters: those of the pipeline, by name: for one whose name is also that of an argument here.
        options: as `Pipeline.start` takes them: the parameters by name, `target`, `messages`, `overrides`, `fuse`.

    Raises:
        ParameterError, InvalidPipeline, StageError: as `Pipeline.start`; the job has ended with that error then.
        ValueError, JobExists, JobForbidden, JobGone, CapacityError: as `JobManager.begin`.
    """
    options.update(parameters or {})
    _remember_secrets(pipeline, options)
    told = {**_facts_of(pipeline, options), **(facts or {})}
    named = None if stream is None else redact(stream)
    begun = manager.begin(named, owner=owner, key=key, replace=replace, facts=redact_all(told), **(times or {}))
    if begun.control is None:
        return PipelineJob(begun.job)
    recorder = _Recorder(begun.control, max_messages, max_message_bytes, collect)
    try:
        run = pipeline.start(collect=recorder.reads, on_log=recorder.log, **options)
    except BaseException as error:
        manager.withdraw(begun.control, redact(str(error)))
        raise
    recorder.record(run, interval_s)
    return PipelineJob(begun.job, run, recorder)


class PipelineJob:
    """A pipeline's run that is a job; made by `start_job`.

    Attributes:
        job: the job, as it was made, or, if the idempotency key led to one, as it was then.
        run: the run; None if the idempotency key led to a job that there was.
    """

    def __init__(self, job: Job, run: Run | None = None, recorder: _Recorder | None = None) -> None:
        self.job = job
        self.run = run
        self._recorder = recorder

    def wait(self, timeout: float | None = None) -> Result | None:
        """Wait for the end of the run, and until it is recorded; return the result.

        Args:
            timeout: seconds to wait; None to wait without end.

        Returns:
            The result; None if there is none in time, or if the run is another process's.
        """
        return None if self._recorder is None else self._recorder.wait(timeout)

    @property
    def store_error(self) -> TransmissionsError | None:
        """What failed, if the run was aborted because its events could not be kept; None otherwise."""
        return None if self._recorder is None else self._recorder.store_error

    def abort(self, reason: str = "aborted") -> None:
        """Abort the run, and with it the job."""
        if self.run is not None:
            self.run.abort(reason)

    def messages(self) -> Iterator[Message]:
        """Yield the messages that leave, as they come; leaving the loop early aborts the run.

        Raises:
            ValueError: it was not started with `collect`, or it is another process's.
        """
        if self._recorder is None or self._recorder.passed is None:
            raise ValueError("the job was not started with collect=True, or its run is not ours")
        passed = self._recorder.passed
        try:
            yield from passed
        except StreamAborted:
            pass
        finally:
            passed.abort("its messages were no longer read")


class _Recorder:
    """Turns what a run does into a job's events."""

    def __init__(self, control: JobControl, max_messages: int | None, max_message_bytes: int, collect: bool) -> None:
        self._control = control
        self._max_messages = max_messages
        self._max_message_bytes = max_message_bytes
        self.passed = EventStream(name="messages of the job") if collect else None
        self.reads = collect or max_messages != 0
        self._ended = threading.Event()
        self._over = threading.Event()
        self._result: Result | None = None
        self._told: list[dict[str, Any]] = []

    @property
    def store_error(self) -> TransmissionsError | None:
        """What failed, if the run was aborted because its events could not be kept."""
        return self._control.error

    def record(self, run: Run, interval_s: float) -> None:
        """Begin; returns at once."""
        self._control.on_cancel(run.abort)
        self._control.update(run=run.id)
        name = f"transmissions job {self._control.id}"
        reading = threading.Thread(target=self._read, args=(run,), name=f"{name} messages", daemon=True)
        ticking = threading.Thread(target=self._tick, args=(run, interval_s), name=f"{name} counters", daemon=True)
        ending = threading.Thread(target=self._end, args=(run, [reading, ticking]), name=name, daemon=True)
        for thread in (reading, ticking, ending):
            thread.start()

    def wait(self, timeout: float | None) -> Result | None:
        """Wait until the end is recorded."""
        self._ended.wait(timeout)
        return self._result

    def log(self, level: str, stage: str, text: str, facts: Mapping[str, Any]) -> None:
        """Record a line of the log; in the thread of a stage, which is not to fail for it."""
        if level != "debug":
            self._emit("log", {"level": level, "stage": stage, "text": text, "facts": dict(facts)})

    def _emit(self, kind: str, data: dict[str, Any]) -> None:
        try:
            self._control.emit(kind, data)
        except ValueError:
            self._emit(kind, {"shortened": shorten(data, 1000)})
        except JobSettled:
            pass  # The run is told of that by `on_cancel`; what it still does is nobody's to follow.
        except TransmissionsError as error:
            self._control.cancel(f"its events are no longer taken: {error}", error)

    def _read(self, run: Run) -> None:
        if not self.reads:
            return
        for number, message in enumerate(run.messages()):
            if self._max_messages is None or number < self._max_messages:
                self._emit("message", self._shown(message))
            elif number == self._max_messages and number:
                text = f"more than {number} messages leave; the others are counted only"
                self._emit("log", {"level": "info", "stage": "", "text": text, "facts": {}})
            if self.passed is not None and not self._pass_on(run, message):
                return

    def _shown(self, message: Message) -> dict[str, Any]:
        size = size_of_message(message)
        if size > self._max_message_bytes:
            return {"shortened": redact(shorten(message, 1000)), "bytes": size}
        shown: dict[str, Any] = redact_all(message)
        return shown

    def _pass_on(self, run: Run, message: Message) -> bool:
        assert self.passed is not None
        try:
            self.passed.send(message)
        except (StreamClosed, StreamAborted):
            run.abort("its messages were no longer read")
            run.halt()
            return False
        return True

    def _tick(self, run: Run, interval_s: float) -> None:
        while not self._over.wait(interval_s):
            self._tell_counters([stage.as_json() for stage in run.statistics()])

    def _tell_counters(self, stages: list[dict[str, Any]]) -> None:
        if stages != self._told:
            self._told = stages
            self._emit("counters", {"stages": stages})

    def _end(self, run: Run, others: list[threading.Thread]) -> None:
        result = run.wait()
        assert result is not None
        self._over.set()
        if self.passed is not None and result.status is Status.ABORTED:
            # Whoever aborted it may read no more, and is not waited for.
            self.passed.abort("the run was aborted")
        for thread in others:
            thread.join()
        try:
            self._conclude(result)
        except TransmissionsError as error:
            logger.error(f"job {self._control.id}: its end could not be recorded: {error}")
        finally:
            self._result = result
            if self.passed is not None:
                self.passed.close()
            self._ended.set()

    def _conclude(self, result: Result) -> None:
        report = result.as_json()
        self._tell_counters(report["stages"])
        for problem in report["problems"]:
            self._emit("problem", problem)
        for stage, told in report["processors"].items():
            self._emit("report", {"stage": stage, "report": told})
        try:
            self._control.finish(_STATUSES[result.status], reason=result.error, data={"result": report})
        except ValueError:
            # A processor's report may hold what JSON has no form for; the figures do not.
            told = {**report, "processors": {}, "problems": []}
            self._control.finish(_STATUSES[result.status], reason=result.error, data={"result": told})


def _facts_of(pipeline: Pipeline, options: Mapping[str, Any]) -> dict[str, Any]:
    definition = pipeline.definition
    declared = {parameter.name for parameter in definition.parameters}
    return {
        "kind": "pipeline",
        "pipeline": definition.name,
        "label": definition.label,
        "file": str(definition.file),
        "stages": [{"stage": stage.name, "processor": stage.processor} for stage in definition.stages],
        "edges": [list(edge) for edge in definition.edges],
        "parameters": {
            name: HIDDEN if is_secret_name(name) else _told(value)
            for name, value in options.items()
            if name in declared
        },
        "target": "" if options.get("target") is None else str(options["target"]),
    }


def _remember_secrets(pipeline: Pipeline, options: Mapping[str, Any]) -> None:
    """Hide the values of parameters that are named as secrets are, wherever the run puts them."""
    for parameter in pipeline.definition.parameters:
        if is_secret_name(parameter.name):
            value = options.get(parameter.name, parameter.default)
            for one in value if isinstance(value, list | tuple) else [value]:
                if one is not None:
                    remember(str(one))


def _told(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_told(one) for one in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
