"""The service: what the API does, free of HTTP; every method may take its time, and is called in a thread."""

from __future__ import annotations

import re
import threading
import time
import weakref
from pathlib import Path
from typing import Any

from transmissions.errors import InvalidPipeline, ParameterError, StageError
from transmissions.jobs import (
    CapacityError,
    Job,
    JobExists,
    JobForbidden,
    JobGone,
    JobManager,
    JobNotFound,
    JobStatus,
    Subscription,
)
from transmissions.jobs.job import LIVE
from transmissions.pipeline import Pipeline
from transmissions.pipeline_job import PipelineJob, start_job
from transmissions.runtime.run import Run
from transmissions.secrets import redact
from transmissions.server.body import StartRequest
from transmissions.server.catalogue import Catalogue
from transmissions.server.picture import picture_of
from transmissions.server.refusal import Refusal
from transmissions.settings import kebab_name

__all__ = ["MAX_MESSAGES", "MAX_RUNS", "Service"]

MAX_RUNS = 4
"""How many runs go on at once, unless said otherwise."""
MAX_MESSAGES = 1000
"""How many of the messages that leave a run its job keeps; the others are counted."""

_RESERVED = frozenset(
    {"messages", "overrides", "fuse", "collect", "allow_hosts", "allow_programs", "on_wait", "on_log"}
)


class Service:
    """Starts and shows jobs.

    Args:
        manager: where they are.
        catalogue: which pipelines may be run.
        target: the folder that runs write into, each below it.
        max_runs: how many runs of this server go on at once.
    """

    def __init__(self, manager: JobManager, catalogue: Catalogue, target: Path, max_runs: int = MAX_RUNS) -> None:
        self.manager = manager
        self.catalogue = catalogue
        self._target = target.resolve()
        self._max_runs = max_runs
        self._lock = threading.Lock()
        # By their jobs, and not kept for being here: a run that is over is let go.
        self._runs: weakref.WeakValueDictionary[str, Run] = weakref.WeakValueDictionary()
        self._closing = False

    def start(self, asked: StartRequest) -> tuple[Job, bool]:
        """Start a run; return its job, and whether it was made now rather than found under its idempotency key.

        Raises:
            Refusal: it cannot be, for a reason that the request is told.
        """
        pipeline = self.catalogue.load(asked.pipeline)
        parameters = self._parameters(pipeline, asked)
        folder = self._folder(pipeline, parameters.pop("target", None), asked.target)
        # One at a time: two that begin at once must not both find the last place free.
        with self._lock:
            known = asked.key is not None and self._known(asked.key)
            try:
                if not known:
                    self._check_room(asked)
                    # Before there is a job: what is refused must neither cost others their place in the store nor end
                    # the run that it would have replaced.
                    pipeline.plan(target=folder, **parameters)
                begun = self._begin(pipeline, asked, parameters, folder)
            except JobExists as error:
                raise Refusal(409, "exists", str(error), job=error.holder) from None
            except (JobForbidden, JobGone) as error:
                raise Refusal(409, "key", str(error)) from None
            except CapacityError as error:
                raise Refusal(429, "busy", str(error), {"retry-after": "5"}) from None
            except InvalidPipeline as error:
                problems = [redact(str(one)) for one in error.problems]
                raise Refusal(422, "parameters", "a parameter does not fit", problems=problems) from None
            except StageError as error:
                self._forget_withdrawn()
                raise Refusal(422, "parameters", redact(str(error))) from None
            except (ParameterError, ValueError) as error:
                raise Refusal(422, "parameters", redact(_without_options(pipeline, str(error)))) from None
            if begun.run is not None:
                self._runs[begun.job.id] = begun.run
        return begun.job, begun.run is not None

    def shutdown(self, wait_s: float = 1.0) -> None:
        """End the jobs of this server as interrupted, bring followers the end, and wait for the runs to stop.

        Args:
            wait_s: for how many seconds to wait.
        """
        with self._lock:
            self._closing = True
            runs = list(self._runs.values())
        self.manager.shutdown()
        deadline = time.monotonic() + wait_s
        for run in runs:
            run.wait(max(0.0, deadline - time.monotonic()))

    @property
    def closing(self) -> bool:
        """Whether it begins nothing more, and lets everybody go."""
        return self._closing

    def _begin(self, pipeline: Pipeline, asked: StartRequest, parameters: dict[str, Any], folder: Path) -> PipelineJob:
        return start_job(
            pipeline,
            self.manager,
            stream=asked.stream,
            key=asked.key,
            replace=asked.replace,
            facts={"asked": asked.pipeline},
            max_messages=MAX_MESSAGES,
            parameters=parameters,
            target=folder,
            messages=asked.messages,
        )

    def _check_room(self, asked: StartRequest) -> None:
        going_on = self._going_on()
        held = None if asked.stream is None else self.manager.store.find(asked.stream)
        if held is not None and held.live and not held.owner:
            if not asked.replace:
                raise JobExists(held.stream, held.id, held.epoch)
            # The run that is replaced makes room for the one that takes its place.
            going_on.discard(held.id)
        if len(going_on) >= self._max_runs:
            text = f"{len(going_on)} runs go on, or were aborted and are stopping still; abort one, or come back"
            raise Refusal(429, "busy", text, {"retry-after": "5"})

    def _forget_withdrawn(self) -> None:
        """Delete what a processor that cannot be made leaves behind: a job that never had a run."""
        for job in self.manager.store.jobs(status=JobStatus.ERROR):
            if job.worker == self.manager.worker and "asked" in job.facts and "run" not in job.facts:
                self.manager.store.delete(job.id)

    def _going_on(self) -> set[str]:
        live = {job.id for job in self.manager.store.running() if job.worker == self.manager.worker}
        # A job ends when it is aborted, and its stages once they hear of that: until then they take what a run takes.
        return live | {job_id for job_id, run in list(self._runs.items()) if run.wait(0) is None}

    def _known(self, key: str) -> bool:
        return any(job.key == key for job in self.manager.store.jobs())

    def _parameters(self, pipeline: Pipeline, asked: StartRequest) -> dict[str, Any]:
        declared = {one.name for one in pipeline.definition.parameters} - _RESERVED
        for name in asked.parameters:
            if name not in declared:
                known = ", ".join(sorted(declared)) or "none"
                raise Refusal(422, "parameters", f"there is no parameter {name}; there are {known}")
        return dict(asked.parameters)

    def _folder(self, pipeline: Pipeline, parameter: Any, given: str | None) -> Path:
        if parameter is not None and given is not None:
            raise Refusal(422, "target", "the target is given twice, as a parameter, too")
        default = next((one.default for one in pipeline.definition.parameters if one.name == "target"), None)
        named = next((one for one in (given, parameter, default) if one is not None), ".")
        try:
            folder = (self._target / str(named)).resolve()
        except (ValueError, OSError):
            raise Refusal(422, "target", "this is not the name of a folder") from None
        if not folder.is_relative_to(self._target):
            raise Refusal(422, "target", "the target lies below the server's own folder: name it from there")
        return folder

    def jobs(self, status: str | None = None) -> list[dict[str, Any]]:
        """Return the jobs, of a status, `live` for all that go on; the newest first.

        Raises:
            Refusal: there is no such status.
        """
        known = ["live", *map(str, JobStatus)]
        if status is not None and status not in known:
            raise Refusal(422, "status", f"there is no status {status}; there are {', '.join(known)}")
        found = self.manager.store.jobs(status=LIVE if status == "live" else status)
        return [_summary(job) for job in reversed(found)]

    def show(self, job_id: str) -> dict[str, Any]:
        """Return what a job amounts to, with the number of the last event that this covers, and its picture.

        Raises:
            Refusal: there is no such job.
        """
        try:
            snapshot = self.manager.snapshot(job_id)
        except (JobNotFound, ValueError):
            raise _no_job() from None
        return {**snapshot.as_json(), "picture": picture_of(snapshot.job.facts)}

    def follow(self, job_id: str, after: int) -> Subscription | None:
        """Return the events of a job after number `after`; None if it has ended and there are none.

        Raises:
            Refusal: there is no such job.
        """
        try:
            job = self.manager.get(job_id)
            if not job.live and after >= job.events - 1:
                return None
            return self.manager.subscribe(job_id, after)
        except (JobNotFound, ValueError):
            raise _no_job() from None

    def abort(self, job_id: str, reason: str) -> dict[str, Any]:
        """Abort a job, whoever works on it; say whether this did, or it had ended already.

        Raises:
            Refusal: there is no such job.
        """
        try:
            result = self.manager.abort(job_id, reason)
        except (JobNotFound, ValueError):
            raise _no_job() from None
        return {
            "job": _summary(result.job),
            "landed": result.landed,
            "from_status": str(result.from_status),
            "acknowledged": result.acknowledged,
            "reason": result.reason,
        }


def _no_job() -> Refusal:
    return Refusal(404, "job", "there is no such job; GET /api/jobs lists those that there are")


def _without_options(pipeline: Pipeline, text: str) -> str:
    """Return a text that names parameters as options of a command line do with their names, as requests have them."""
    names = {kebab_name(one.name): one.name for one in pipeline.definition.parameters}
    return re.sub(
        r"--([\w-]+)(?: VALUE)?",
        lambda found: f"the parameter {names[found[1]]}" if found[1] in names else found[0],
        text,
    )


def _summary(job: Job) -> dict[str, Any]:
    facts = job.facts
    return {
        "id": job.id,
        "stream": job.stream,
        "epoch": job.epoch,
        "pipeline": facts.get("pipeline", ""),
        "label": facts.get("label", ""),
        "status": str(job.status),
        "reason": job.reason,
        "created": job.created,
        "active": job.active,
        "ended": job.ended,
        "events": job.events,
    }
