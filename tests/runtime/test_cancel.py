"""A run that is ended at its Nth blocking point, N = 1, 2, … until none is left: it ends, whole, and leaves nothing.

A run tells of each point at which one of its threads is about to wait for an event stream; there it is ended, in each
of the ways there are to end one. In which order the points come is up to the scheduler, so that N goes up until a run
has ended by itself before it came to its Nth.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from transmissions import Buffer, Message, Pipeline, Processor, Result, Status, WhenFull
from transmissions.model import Stage

Build = Callable[..., Pipeline]

COUNT = 6
ENDS_WITHIN_S = 2
"""How long a run that was ended may take; a deadline that it is given, whatever it takes."""
FEWEST_POINTS = 2
"""A run whose threads take turns kindly comes to few; more than these are needed for a test to mean anything."""


class Group(Processor):
    """Send the number of a group's parts when it ends."""

    parts = 0

    def process(self, message: Message) -> None:
        self.parts += 1

    def end_group(self, mark: Message) -> Message:
        parts, self.parts = self.parts, 0
        return {"n": mark["n"], "parts": parts}


def _stage(name: str, processor: str, bound: int = 2, **options: Any) -> Stage:
    settings = {"count": COUNT} if processor == "Numbers" else {}
    return Stage(name, processor, settings, buffer=Buffer(max_messages=bound, **options) if bound else None)


def _linear(build: Build) -> Pipeline:
    return build([_stage("a", "Numbers", 0), _stage("b", "Pass"), _stage("c", "Twice", 1), _stage("d", "Add")])


def _branches(build: Build) -> Pipeline:
    edges = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "e")]
    stages = [_stage("a", "Numbers", 0), _stage("b", "Twice", 1), _stage("c", "Even"), _stage("d", "Add", 3)]
    return build([*stages, _stage("e", "Pass", max_bytes=30)], edges)


def _asynchronous(build: Build) -> Pipeline:
    stages = [_stage("a", "Numbers", 0), _stage("b", "AsyncPass"), _stage("c", "AsyncTwice", 1), _stage("d", "Pass")]
    return build(stages)


def _spilling(build: Build) -> Pipeline:
    spill = {"when_full": WhenFull.SPILL, "max_spill_bytes": 300}
    stages = [_stage("a", "Numbers", 0), _stage("b", "AsyncPass", 1, **spill), _stage("c", "Twice", 1, **spill)]
    return build([*stages, _stage("d", "Pass", 2, **spill)])


def _groups(build: Build) -> Pipeline:
    stages = [_stage("a", "Numbers", 0), _stage("b", "Split", 1), _stage("c", "Pass"), _stage("d", "AsyncPass", 1)]
    stages += [_stage("e", "Group", 2, when_full=WhenFull.DROP_OLDEST)]
    edges = [("a", "b"), ("b", "c"), ("b", "d"), ("c", "e"), ("d", "e")]
    return build(stages, edges, Group=Group)


SHAPES = {"linear": _linear, "branches": _branches, "async": _asynchronous, "spilling": _spilling, "groups": _groups}

ORDERED = ("linear", "async", "spilling")
"""Those without branches, so that what leaves them does so in one order."""


class Points:
    """Counts blocking points, and does something at the Nth."""

    def __init__(self, nth: int) -> None:
        self.reached = False
        self.act: Callable[[], Any] = lambda: None
        self.ready = threading.Event()
        """Set as soon as `act` is known: threads of a run may wait before it has been returned."""
        self._left = nth
        self._lock = threading.Lock()

    def __call__(self, stream: str, operation: str) -> None:
        with self._lock:
            self._left -= 1
            now = self._left == 0
        if now:
            self.reached = True
            assert self.ready.wait(20)
            self.act()


def _open_files() -> set[tuple[str, str]]:
    found = set()
    for descriptor in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd") else ():
        try:
            found.add((descriptor, os.readlink(f"/proc/self/fd/{descriptor}")))
        except OSError:
            continue
    return found


def _run_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("transmissions ")]


@pytest.fixture
def nothing_left() -> Iterator[Callable[[], None]]:
    """Give what sees that no thread and no descriptor is left of what came after the test began."""
    asyncio.run(asyncio.sleep(0))
    threads, files = set(threading.enumerate()), _open_files()

    def check() -> None:
        for thread in set(threading.enumerate()) - threads:
            thread.join(5)
        assert set(threading.enumerate()) <= threads
        assert _open_files() <= files

    yield check


def check_counts(pipeline: Pipeline, result: Result) -> None:
    """See that a run's counters agree, but for what was broken off: a message in a stage's hands at its end."""
    for stage in result.stages:
        assert 0 <= stage.received - stage.passed - stage.filtered - stage.failed <= 1, stage
        if (buffer := stage.buffer) is None:
            continue
        assert buffer.sent == buffer.received + buffer.drops + buffer.forgotten, stage
        assert (buffer.depth, buffer.spill_depth, buffer.spill_bytes) == (0, 0, 0), stage
        assert (buffer.waiting_senders, buffer.waiting_receivers) == (0, 0), stage
        before = [one for one, two in pipeline.definition.edges if two == stage.stage]
        assert buffer.sent <= sum(result.stage(one).emitted for one in before), stage
        assert stage.received <= buffer.received, stage


def check_whole(pipeline: Pipeline, result: Result) -> None:
    """See that nothing was lost on the way, all that was sent having been received."""
    for stage in result.stages:
        if (buffer := stage.buffer) is not None:
            before = [one for one, two in pipeline.definition.edges if two == stage.stage]
            assert buffer.sent == sum(result.stage(one).emitted for one in before), stage
            assert (buffer.forgotten, stage.received) == (0, buffer.received), stage


@pytest.mark.parametrize("fuse", [True, False], ids=["fused", "unfused"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("how", ["abort", "halt"])
def test_a_run_can_be_ended_at_every_blocking_point(
    build: Build, nothing_left: Callable[[], None], how: str, shape: str, fuse: bool
) -> None:
    """Aborted or halted there, a run ends; aborted, it first finishes what is on its way, down to the last message."""
    pipeline = SHAPES[shape](build)
    points = nth = 0
    while nth == 0 or points:
        nth += 1
        at = Points(nth)
        run = pipeline.start(fuse=fuse, on_wait=at)
        at.act = getattr(run, how)
        at.ready.set()
        result = run.wait(ENDS_WITHIN_S)
        assert result is not None
        points = at.reached
        assert result.status is (Status.ABORTED if at.reached else Status.COMPLETE), result.error
        assert result.error == ("aborted" if at.reached and how == "abort" else "")
        check_counts(pipeline, result)
        if not run.halted:
            check_whole(pipeline, result)
        nothing_left()
    assert nth > FEWEST_POINTS


# Leaving it from outside


class Outside:
    """A pipeline that is run from asyncio or read from, and left at the Nth blocking point."""

    def __init__(self, pipeline: Pipeline, nth: int) -> None:
        self.pipeline = pipeline
        self.at = Points(nth)
        self.came: list[Message] = []
        self.left = threading.Event()

    async def cancel_run_async(self) -> None:
        """Cancel the task that awaits the run."""
        task = asyncio.create_task(self.pipeline.run_async(on_wait=self.at))
        self.at.act = self._cancelling(task)
        self.at.ready.set()
        await self._ended(task)

    async def cancel_stream_async(self) -> None:
        """Cancel the task that reads."""

        async def read() -> None:
            async for message in self.pipeline.stream_async(on_wait=self.at):
                self.came.append(message)

        task = asyncio.create_task(read())
        self.at.act = self._cancelling(task)
        self.at.ready.set()
        await self._ended(task)

    async def leave_stream_async(self) -> None:
        """Leave the loop that reads."""
        self._leave_soon()
        stream: Any = self.pipeline.stream_async(on_wait=self.at)
        async with asyncio.timeout(ENDS_WITHIN_S):
            async for message in stream:
                self.came.append(message)
                if self.left.is_set():
                    break
            await stream.aclose()
        assert _run_threads() == []

    def leave_stream(self) -> None:
        """Leave the loop that reads, in a thread."""
        self._leave_soon()

        def read() -> None:
            stream: Any = self.pipeline.stream(on_wait=self.at)
            for message in stream:
                self.came.append(message)
                if self.left.is_set():
                    break
            stream.close()
            threads.extend(_run_threads())

        threads: list[str] = []
        reader = threading.Thread(target=read)
        reader.start()
        reader.join(ENDS_WITHIN_S)
        assert not reader.is_alive()
        assert threads == []

    def _leave_soon(self) -> None:
        self.at.act = self.left.set
        self.at.ready.set()

    def _cancelling(self, task: asyncio.Task[Any]) -> Callable[[], None]:
        loop = asyncio.get_running_loop()

        def cancel() -> None:
            # The run is not to end before it is cancelled: it goes on only when the task knows.
            known = threading.Event()
            loop.call_soon_threadsafe(lambda: (task.cancel(), known.set()))
            if threading.current_thread() is not threading.main_thread():
                assert known.wait(20)

        return cancel

    async def _ended(self, task: asyncio.Task[Any]) -> None:
        done, _ = await asyncio.wait({task}, timeout=ENDS_WITHIN_S)
        assert done, "it did not end in time"
        assert _run_threads() == []
        assert task.cancelled() == self.at.reached, task
        if not self.at.reached:
            task.result()
        assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("how", ["cancel_run_async", "cancel_stream_async", "leave_stream_async", "leave_stream"])
def test_a_run_can_be_left_at_every_blocking_point(
    build: Build, nothing_left: Callable[[], None], how: str, shape: str
) -> None:
    """Whoever awaits or reads a run may be cancelled or go away: by then it has ended, and nothing of it is left."""
    pipeline = SHAPES[shape](build)
    complete = [] if how == "cancel_run_async" else list(pipeline.stream())
    reached, nth = True, 0
    while reached:
        nth += 1
        outside = Outside(pipeline, nth)
        left = getattr(outside, how)()
        if left is not None:
            asyncio.run(left)
        reached = outside.at.reached
        nothing_left()
        if shape in ORDERED:
            assert outside.came == complete[: len(outside.came)]
        if not reached:
            assert len(outside.came) == len(complete)
    assert nth > FEWEST_POINTS
