"""A run: a plan being executed, from its first message to its result."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from transmissions.context import Context
from transmissions.errors import StageError, StreamAborted
from transmissions.message import Mark, Message
from transmissions.model import Buffer
from transmissions.network import Network
from transmissions.output import Output
from transmissions.plan import Plan, PlannedStage, Segment
from transmissions.programs import Programs
from transmissions.runtime.account import as_problem, differences, live_statistics, outputs_of, problems_of
from transmissions.runtime.async_segment_run import AsyncSegmentRun
from transmissions.runtime.inlet import Inlet
from transmissions.runtime.log import OnLog, logger, stage_log
from transmissions.runtime.result import Result, StageStatistics, Status
from transmissions.runtime.segment_run import SegmentRun
from transmissions.runtime.stage_run import StageRun
from transmissions.secrets import redact_all
from transmissions.streams import EventStream

__all__ = ["Run"]

_GRACE_S = 0.8
"""How long what is on its way may take to reach its end, once a run has been stopped."""
_GIVE_UP_S = 0.7
"""How long after that a thread is waited for; one that is stuck in foreign code is left behind."""
_KEPT_ERRORS = 1000
_SHOWN_ERRORS = 10
_LEAVING = -1
_NOWHERE = -2


class Run:
    """One execution of a plan; it begins as soon as it is made.

    Args:
        plan: what to run.
        messages: the messages that it begins with.
        target: the folder that files are written into.
        collect: whether the messages that leave the pipeline are kept for `messages()`, held back by its reader.
        network: which hosts its stages may connect to.
        programs: which programs they may start.
        on_wait: called with an event stream's name and `send` or `receive` each time one of the run's threads has to
            wait for it, in that thread, before it waits.
        on_log: called with level, stage, text and facts of each line that a stage logs, and for each skipped message,
            in that stage's thread.

    Raises:
        StageError: a processor could not be made.
    """

    def __init__(
        self,
        plan: Plan,
        messages: Iterable[Message],
        target: Path,
        *,
        collect: bool = False,
        network: Network | None = None,
        programs: Programs | None = None,
        on_wait: Callable[[str, str], None] | None = None,
        on_log: OnLog | None = None,
    ) -> None:
        self.plan = plan
        self._on_log = on_log
        self.id = uuid.uuid4().hex[:12]
        self.started = datetime.now(UTC)
        self._began = time.perf_counter()
        self._seconds: float | None = None
        self._lock = threading.Lock()
        self._ending = threading.Lock()
        self._status = Status.COMPLETE
        self._error: StageError | None = None
        self._skipped: list[StageError] = []
        self._skipped_count = 0
        self._reason = ""
        self._halted = False
        self._on_purpose = False
        self._timer: threading.Timer | None = None
        self._output = Output(target)
        self._network = network or Network()
        self._programs = programs or Programs()
        self._named = plan.named
        self._stages = {planned.name: self._make_stage(planned) for planned in plan.stages}
        self._inlets = _inlets(plan, collect, on_wait)
        self._heads = {segment.stages[0].name: place for place, segment in enumerate(plan.segments) if segment.stages}
        self._leaving = self._inlets.get(_LEAVING)
        self._segments = [self._make_segment(place, segment, messages) for place, segment in enumerate(plan.segments)]
        self._all_started = False
        self._barrier = threading.Barrier(len(self._segments), self._note_started)
        self._threads = [
            threading.Thread(target=segment.run, name=f"transmissions {segment.name}", daemon=True)
            for segment in self._segments
        ]
        try:
            for thread in self._threads:
                thread.start()
        except BaseException:
            # Those that did start wait for all the others.
            self.halt()
            raise

    # Making

    def _make_stage(self, planned: PlannedStage) -> StageRun:
        try:
            processor = planned.processor(**planned.settings)
            if not hasattr(processor, "problems_dropped"):
                raise TypeError("its __init__ does not call super().__init__(**settings)")
        except (Exception, SystemExit) as error:
            raise StageError(planned.name, "set-up", error, planned.place) from error
        stage = StageRun(planned, processor, self._note_skipped)
        processor.context = Context(
            stage=planned.name,
            pipeline=self.plan.pipeline,
            output=self._output,
            fingerprint=self.plan.fingerprint,
            statistics=lambda: self._seen_from(stage),
            log=stage_log(planned.name, self._on_log),
            closes=planned.closes,
            halt=self._halt_on_purpose,
            run=self.id,
            stopping=lambda: self.stopping,
            network=self._network,
            programs=self._programs,
            stages=self._named,
        )
        return stage

    def _make_segment(self, place: int, segment: Segment, messages: Iterable[Message]) -> SegmentRun:
        stages = [self._stages[planned.name] for planned in segment.stages]
        source = self._inlets[place].stream if place in self._inlets else messages
        targets = [self._inlets[target] for target in segment.targets]
        if not targets and self._leaving is not None:
            targets = [self._leaving]
        kind = AsyncSegmentRun if stages and stages[0].kind.is_async else SegmentRun
        return kind(segment, stages, source, targets, self)

    # What segments ask of it

    @property
    def stopping(self) -> bool:
        """Whether nothing more is taken in; what is on its way is still finished."""
        return self._status is not Status.COMPLETE

    @property
    def halted(self) -> bool:
        """Whether what is on its way is dropped as well."""
        return self._halted

    def all_started(self) -> bool:
        """Wait until every segment has started; False if one could not."""
        # A barrier that is broken says so to those as well that were about to pass: what others have sent them by then
        # would be lost.
        with suppress(threading.BrokenBarrierError):
            self._barrier.wait()
        return self._all_started

    def _note_started(self) -> None:
        self._all_started = True

    def fail(self, error: StageError) -> None:
        """End the run with an error; the first one is the one it is known by."""
        with self._lock:
            if self._error is None:
                self._error = error
        self._stop(Status.ERROR)

    def _note_skipped(self, error: StageError) -> None:
        with self._lock:
            self._skipped_count += 1
            if len(self._skipped) < _KEPT_ERRORS:
                self._skipped.append(error)
            number = self._skipped_count
        if self._on_log is not None and number <= _KEPT_ERRORS:
            self._on_log("warning", error.stage, f"skipped a message: {error.what}", {})
        if number <= _SHOWN_ERRORS:
            logger.bind(stage=error.stage).warning(f":{error.stage} skipped a message: {error.what}")
        elif number == _SHOWN_ERRORS + 1:
            logger.warning("more messages are skipped; the report lists them")

    # Ending

    def abort(self, reason: str = "aborted") -> None:
        """End the run: take nothing more in, let what is on its way finish for a second, then drop it.

        Args:
            reason: stands in the result.
        """
        with self._lock:
            self._reason = self._reason or reason
        self._stop(Status.ABORTED)

    def _halt_on_purpose(self, reason: str) -> None:
        """End the run because a stage says so, which is no failure."""
        self._on_purpose = True
        self.abort(reason)

    def halt(self) -> None:
        """End the run at once, dropping what is on its way."""
        self._stop(Status.ABORTED)
        self._halted = True
        for inlet in self._inlets.values():
            inlet.stream.abort(self._reason or "the run ended")
        for segment in self._segments:
            if isinstance(segment, AsyncSegmentRun):
                segment.halt()

    def _stop(self, status: Status) -> None:
        with self._lock:
            if self._status is not Status.COMPLETE or self._seconds is not None:
                return
            self._status = status
            self._timer = threading.Timer(_GRACE_S, self.halt)
            self._timer.daemon = True
        self._barrier.abort()
        self._timer.start()

    def wait(self, timeout: float | None = None) -> Result | None:
        """Wait for the end of the run.

        Args:
            timeout: seconds to wait; None to wait without end.

        Returns:
            The result, or None if the run has not ended in time.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while alive := [thread for thread in self._threads if thread.is_alive()]:
            # In slices, so that Ctrl-C is heard on every platform.
            remaining = 0.1 if deadline is None else min(0.1, deadline - time.monotonic())
            if remaining <= 0:
                return None
            alive[0].join(remaining)
            if self._halted:
                self._leave_stuck_threads()
                break
        return self._finished()

    def _leave_stuck_threads(self) -> None:
        give_up = time.monotonic() + _GIVE_UP_S
        for thread, segment in zip(self._threads, self._segments, strict=True):
            thread.join(max(0.0, give_up - time.monotonic()))
            if thread.is_alive():
                logger.bind(stage=segment.name).error(f"stage :{segment.name} does not stop; left behind")

    def _finished(self) -> Result:
        # Whoever was waiting in another thread gets the same result.
        with self._ending:
            if self._timer is not None:
                self._timer.cancel()
            if self._seconds is None:
                self._seconds = time.perf_counter() - self._began
                self._close_output()
                self._check_counts()
            return self._result()

    def _close_output(self) -> None:
        try:
            self._output.close()
        except Exception as error:
            self._error = self._error or StageError("output", "close", error)
            self._status = Status.ERROR

    def messages(self) -> Iterator[Message]:
        """Yield the messages that leave the pipeline, as they come; the run is held back by whoever reads them.

        Leaving the loop early, also by an error such as KeyboardInterrupt, aborts the run. Errors of the run are not
        raised here: `wait()` returns them.
        """
        if self._leaving is None:
            raise ValueError("the run was not started with collect=True")
        try:
            yield from self._leaving.stream
        except StreamAborted:
            pass
        except BaseException:
            self._stop_reading()
            raise

    async def messages_async(self) -> AsyncGenerator[Message, None]:
        """Yield the messages that leave the pipeline, as `messages`, from asyncio."""
        if self._leaving is None:
            raise ValueError("the run was not started with collect=True")
        try:
            async for message in self._leaving.stream:
                yield message
        except StreamAborted:
            pass
        except BaseException:
            self._stop_reading()
            raise

    def _stop_reading(self) -> None:
        self.abort("its messages were no longer read")
        self.halt()

    # What it tells

    @property
    def error(self) -> StageError | None:
        """The error that ended the run, if one did."""
        return self._error

    def statistics(self) -> list[StageStatistics]:
        """Return the counters of all stages as they are now."""
        return [self._live(stage) for stage in self._stages.values()]

    def _live(self, stage: StageRun) -> StageStatistics:
        return live_statistics(stage, self._inlets.get(self._heads.get(stage.planned.name, _NOWHERE)))

    def _seen_from(self, stage: StageRun) -> dict[str, Any]:
        """Return a stage's counters for its processor: what holds its segment back holds it back."""
        counted = self._live(stage).as_json()
        last = next(run.stages[-1] for run in self._segments if stage in run.stages).statistics
        return counted | {"blocked_s": last.blocked_s, "backpressure_events": last.backpressure_events}

    def problems(self) -> list[dict[str, Any]]:
        """Return what was skipped, lost or repaired so far, and the error that ended the run."""
        found = [as_problem(self._error)] if self._error else []
        found += [as_problem(error) | {"skipped": True} for error in self._skipped]
        if self._skipped_count > len(self._skipped):
            found.append({"severity": "error", "text": f"{self._skipped_count - len(self._skipped)} more were skipped"})
        found += [problem for inlet in self._inlets.values() for problem in inlet.problems()]
        return found + [problem for stage in self._stages.values() for problem in problems_of(stage)]

    def _result(self) -> Result:
        reports = {name: report for name, stage in self._stages.items() if (report := self._report_of(stage))}
        return Result(
            run=self.id,
            pipeline=self.plan.pipeline,
            status=self._status,
            started=self.started.isoformat(timespec="milliseconds"),
            seconds=self._seconds or 0.0,
            stages=self.statistics(),
            problems=self.problems(),
            outputs=outputs_of(self._stages),
            processors=reports,
            error=str(self._error) if self._error else self._reason,
            on_purpose=self._on_purpose,
            edges=self.plan.edges,
        )

    def _report_of(self, stage: StageRun) -> dict[str, Any]:
        try:
            return {**redact_all(stage.processor.report())}
        except Exception as error:
            self._error = self._error or stage.stage_error("report", error)
            self._status = Status.ERROR
            return {}

    def _check_counts(self) -> None:
        """See that nothing was dropped in silence; a difference is a defect of the engine, and is said aloud."""
        if self._status is Status.COMPLETE and (wrong := differences(self.statistics(), self._segments, self._inlets)):
            self._error = StageError(self.plan.pipeline, "count", AssertionError("; ".join(wrong)))
            self._status = Status.ERROR


def _inlets(plan: Plan, collect: bool, on_wait: Callable[[str, str], None] | None) -> dict[int, Inlet]:
    """Make the event streams, by the segment that each stands in front of; -1 is where messages leave the pipeline."""
    inlets = {}
    for place, segment in enumerate(plan.segments):
        if segment.buffer is not None:
            senders = sum(place in other.targets for other in plan.segments)
            head = segment.stages[0]
            inlets[place] = Inlet(_stream(segment.buffer, head.name, on_wait, head.sees_marks), senders, head)
    if collect:
        ends = sum(not segment.targets for segment in plan.segments)
        inlets[_LEAVING] = Inlet(_stream(Buffer(), "messages", on_wait), ends)
    return inlets


def _stream(
    buffer: Buffer, name: str, on_wait: Callable[[str, str], None] | None, sees_marks: bool = False
) -> EventStream:
    return EventStream(
        buffer.max_messages,
        max_bytes=buffer.max_bytes,
        high_water_mark=buffer.high_water_mark,
        low_water_mark=buffer.low_water_mark,
        when_full=buffer.when_full,
        max_spill_bytes=buffer.max_spill_bytes,
        name=f"before :{name}",
        on_wait=partial(on_wait, f"before :{name}") if on_wait else None,
        # A group whose end was dropped would never end.
        never_drop=_is_mark if sees_marks else None,
    )


def _is_mark(message: Message) -> bool:
    return type(message) is Mark
