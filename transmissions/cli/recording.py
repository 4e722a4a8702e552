"""Record a run of the command line as a job, in the user's store or the one that is named."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

import typer

from transmissions.jobs.manager import JobManager
from transmissions.jobs.place import open_store
from transmissions.pipeline_job import PipelineJob, start_job

if TYPE_CHECKING:
    from transmissions.pipeline import Pipeline
    from transmissions.runtime.run import Run

__all__ = ["MAX_MESSAGES", "Recording"]

MAX_MESSAGES = 1000
"""How many of the messages that leave a run its job keeps; the others are counted."""


class Recording:
    """A store and its manager, for the length of a `with`.

    Args:
        where: the store; None for the user's own.
    """

    def __init__(self, where: str | None) -> None:
        self._where = where
        self._job: PipelineJob | None = None

    def start(
        self, pipeline: Pipeline, options: Mapping[str, Any], parameters: Mapping[str, Any], *, tell: bool
    ) -> tuple[Run, PipelineJob]:
        """Start the run; return it, and the job, from which its messages are read.

        Args:
            pipeline: what to run.
            options: as `Pipeline.start` takes them.
            parameters: those of the pipeline.
            tell: whether the job's id is written to stderr.
        """
        # However long a stage says nothing, the command that runs it lives, and whoever waits for it can end it.
        times = {"idle_s": 0.0}
        job = start_job(
            pipeline, self._manager, times=times, max_messages=MAX_MESSAGES, parameters=parameters, **options
        )
        assert job.run is not None  # without an idempotency key each job is a new one
        self._job = job
        if tell:
            typer.echo(f"job {job.job.id}", err=True)
        return job.run, job

    @property
    def failed(self) -> bool:
        """Whether the run was aborted because the store could not keep what it did."""
        return self._job is not None and self._job.store_error is not None

    def wait(self) -> None:
        """Wait until the end of the run is recorded."""
        if self._job is not None:
            self._job.wait()

    def __enter__(self) -> Recording:
        store = open_store(self._where)
        assert store is not None
        self._store, self._manager = store, JobManager(store)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._manager.shutdown()
        self._store.close()
