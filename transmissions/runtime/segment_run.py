"""One segment at work: a thread that takes batches in, runs them through its stages, and sends them on."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import Protocol

from transmissions.errors import StageError, StreamAborted, StreamClosed, StreamError, StreamFull
from transmissions.message import Message, copy_message
from transmissions.plan import PlannedStage, Segment
from transmissions.runtime.inlet import Inlet, buffer_error
from transmissions.runtime.pace import Batches, Pace
from transmissions.runtime.stage_run import MESSAGE_TYPES, StageRun
from transmissions.streams import EventStream

__all__ = ["Overseer", "SegmentRun"]


class Overseer(Protocol):
    """What a segment needs of the run that it is part of."""

    @property
    def stopping(self) -> bool:
        """Whether nothing more is to be taken in; what is on its way is finished."""

    @property
    def halted(self) -> bool:
        """Whether what is on its way is to be dropped as well."""

    def all_started(self) -> bool:
        """Wait until every segment has started; False if one could not."""

    def fail(self, error: StageError) -> None:
        """End the run with an error."""


class SegmentRun:
    """A segment's stages, where its messages come from, and where they go.

    Args:
        segment: the plan of it.
        stages: its stages at work.
        source: the event stream in front, or the messages that the run begins with.
        targets: the event streams behind.
        overseer: the run.
    """

    def __init__(
        self,
        segment: Segment,
        stages: list[StageRun],
        source: EventStream | Iterable[Message],
        targets: list[Inlet],
        overseer: Overseer,
    ) -> None:
        self.segment = segment
        self.stages = stages
        self.source = source
        self.targets = targets
        self.overseer = overseer
        self.blocked_s = 0.0
        self.undelivered: StageError | None = None
        maker = None
        for stage in stages:
            stage.pace = Pace(self.clock)
            stage.maker = maker
            maker = stage if stage.expands else maker

    @property
    def name(self) -> str:
        """Its stages' names, for a thread's name."""
        return "+".join(stage.planned.name for stage in self.stages) or "entry"

    def clock(self) -> float:
        """Return seconds, those left out in which the segment waited for room."""
        return perf_counter() - self.blocked_s

    def run(self) -> None:
        """Start the stages, work until there is no more to do, finish, and close whatever happened."""
        started: list[StageRun] = []
        try:
            for stage in self.stages:
                started.append(stage)
                self._hook(stage, "start")
            if self.overseer.all_started():
                self._consume()
                if not self.overseer.stopping:
                    self._finish()
        except StreamAborted:
            pass
        except StageError as error:
            self.overseer.fail(error)
        except BaseException as error:
            self.overseer.fail(StageError(self.name, "run", error))
        finally:
            self._close(started)

    def _hook(self, stage: StageRun, phase: str) -> None:
        try:
            returned = getattr(stage.processor, phase)()
            if inspect.iscoroutine(returned):
                returned.close()
                raise TypeError(f"{phase} is async, but process is not; only a stage whose process is awaits it")
        except BaseException as error:
            raise stage.stage_error(phase, error) from error

    def _close(self, started: list[StageRun]) -> None:
        for stage in self.stages:
            # What an abort broke off counts as well.
            stage.statistics.blocked_s = stage.counted().blocked_s
            stage.working_since = stage.waiting_since = 0.0
        for stage in started:
            try:
                self._hook(stage, "close")
            except StageError as error:
                self.overseer.fail(error)
        if isinstance(self.source, EventStream):
            # Senders that still have something would wait for ever.
            self.source.abort(f"stage :{self.name} ended")
        for target in self.targets:
            target.sender_done()

    def _consume(self) -> None:
        if isinstance(self.source, EventStream):
            self._receive(self.source)
            return
        if self.overseer.stopping:
            return
        batches = Batches([], Pace(self.clock))
        try:
            for batch in batches.fill(self._guarded(self.source)):
                self.push(0, batch)
                if self.overseer.stopping:
                    return
        except StageError:
            # What came before the input failed still goes on; nothing is left if it was a stage that failed.
            self.push(0, batches.rest)
            raise
        self.push(0, batches.rest)

    def _guarded(self, messages: Iterable[Message]) -> Iterator[Message]:
        try:
            yield from messages
        except GeneratorExit:
            raise
        except BaseException as error:
            if not self.stages:
                raise StageError(self.name, "input", error) from error
            raise self.stages[0].stage_error("input", error) from error

    def _receive(self, stream: EventStream) -> None:
        pace = Pace(self.clock)
        # A run that was halted aborts its streams one after the other: each may still give something meanwhile.
        while not self.overseer.halted:
            try:
                batch = stream.receive_batch(pace.limit)
            except StreamClosed:
                return
            except StreamError as error:
                raise self.broken(error, self.stages[0].planned) from error
            pace.begin()
            self.push(0, batch)
            pace.end(len(batch))

    def push(self, level: int, batch: list[Message]) -> None:
        """Run a batch through the stages from `level` on, and send on what comes out."""
        stages = self.stages
        began = perf_counter()
        while batch and level < len(stages):
            stage = stages[level]
            level += 1
            stage.working_since = began
            if stage.expands:
                for part in stage.expand(batch):
                    stage.working_since = 0.0
                    self.push(level, part)
                    if self._must_stop():
                        return
                    stage.working_since = perf_counter()
                stage.working_since = 0.0
                batch = []
            else:
                batch = stage.apply(batch)
                ended = perf_counter()
                stage.statistics.busy_s += ended - began
                stage.working_since = 0.0
                began = ended
            if stage.error:
                error, stage.error = stage.error, None
                self.push(level, batch)
                raise error
        if batch:
            self._emit(batch)

    def _must_stop(self) -> bool:
        takes_in = not isinstance(self.source, EventStream)
        return self.overseer.halted or (self.overseer.stopping and takes_in)

    def _emit(self, batch: list[Message]) -> None:
        if not self.targets:
            # What nobody receives need not be looked at one by one; a processor that returns no dict never does.
            if self.stages:
                self._check_types(batch[:1])
            return
        if not MESSAGE_TYPES.issuperset(map(type, batch)):
            self._check_types(batch)
        self.note_waiting(perf_counter())
        for target in self.targets[:-1]:
            self._send(target, self.copies(batch))
        self._send(self.targets[-1], batch)
        self.note_waiting(0.0)

    def copies(self, batch: list[Message]) -> list[Message]:
        """Return copies of messages that go to one of several branches."""
        try:
            return [copy_message(message) for message in batch]
        except Exception as error:
            if not self.stages:
                raise StageError(self.name, "copy", error) from error
            raise self.stages[-1].stage_error("copy", error) from error

    def _check_types(self, batch: list[Message]) -> None:
        for message in batch:
            if not isinstance(message, dict):
                last = self.stages[-1]
                raise (last.maker if last.maker and not last.expands else last).wrong_type(message)

    def _send(self, target: Inlet, batch: list[Message]) -> None:
        try:
            waited = target.stream.send_batch(batch)
        except StreamFull as full:
            # To drop is what the stage asked for; its buffer's counters tell of it.
            if not full.dropped:
                raise self.broken(full, target.stage) from full
            return
        except StreamError as error:
            raise self.broken(error, target.stage) from error
        if waited and self.stages:
            self.note_blocked(waited)

    def broken(self, error: StreamError, stage: PlannedStage | None) -> StreamError | StageError:
        """Return what is to be raised for an error of the stream in front of a stage: itself if it comes of the end."""
        if isinstance(error, StreamAborted) and self.overseer.stopping:
            return error
        self.undelivered = buffer_error(error, stage)
        return self.undelivered

    def note_waiting(self, since: float) -> None:
        """Remember when the last stage began to hand on what it made; 0 when it is done with that."""
        if self.stages:
            self.stages[-1].waiting_since = since

    def note_blocked(self, seconds: float) -> None:
        """Count time spent waiting for room, on the last stage: it is the one that could not go on."""
        self.blocked_s += seconds
        statistics = self.stages[-1].statistics
        statistics.blocked_s += seconds
        statistics.backpressure_events += 1
        self.note_waiting(perf_counter())

    def _finish(self) -> None:
        for level, stage in enumerate(self.stages):
            stage.working_since = perf_counter()
            for batch in stage.finish():
                stage.working_since = 0.0
                self.push(level + 1, batch)
                if self.overseer.stopping:
                    return
                stage.working_since = perf_counter()
            stage.working_since = 0.0
