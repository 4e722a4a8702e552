"""What a run does with processors that misbehave: the right stage is named, nothing is lost in silence, it ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from transmissions import Mark, Message, Pipeline, Processor, StageError, Status
from transmissions.model import OnError

Build = Callable[..., Pipeline]


def test_a_cancellation_of_the_processors_own_is_an_error(build: Build) -> None:
    """A CancelledError that the run did not cause does not quietly end the stage."""

    class Cancelled(Processor):
        """Await something cancelled."""

        async def process(self, message: Message) -> Message:
            if message["n"] == 5:
                raise asyncio.CancelledError
            return message

    pipeline = build([("a", "Numbers"), ("b", "Cancelled"), ("c", "Pass")], Cancelled=Cancelled)
    with pytest.raises(StageError, match=r"stage :b failed in process: CancelledError\n  message: \{\"n\": 5\}"):
        pipeline.run()


@pytest.mark.parametrize("kind", ["coroutine", "generator"])
def test_an_error_of_a_run_inside_a_processor_is_that_stages_error(build: Build, kind: str) -> None:
    """A processor that runs a pipeline of its own fails under its own name, and its policy counts."""

    async def inner() -> None:
        await build([("inner", "FailOn")]).run_async(messages={"n": 3})

    class Coroutine(Processor):
        """Run another pipeline."""

        async def process(self, message: Message) -> Message:
            await inner()
            return message

    class Generator(Processor):
        """Run another pipeline."""

        async def process(self, message: Message) -> Any:
            await inner()
            yield message

    own = {"Own": Coroutine if kind == "coroutine" else Generator}
    stages = [("a", "Numbers", {"count": 2}), ("b", "Own")]
    result = build(stages, on_error=OnError.SKIP, **own).run()
    assert (result.stage("b").failed, result.stage("b").filtered) == (2, 0)
    with pytest.raises(StageError) as caught:
        build(stages, **own).run()
    assert caught.value.stage == "b"


def test_what_an_async_source_yields_goes_on_at_once(build: Build) -> None:
    """A message of a slow async generator is received before the generator is asked for many more."""
    received = threading.Event()

    class Slow(Processor):
        """Yield, and wait for what was yielded to arrive."""

        async def process(self, message: Message) -> Any:
            for number in range(3):
                await asyncio.sleep(0.002)
                yield {"n": number}
            assert await asyncio.to_thread(received.wait, 10)

    class Take(Processor):
        """Take."""

        def process(self, message: Message) -> None:
            received.set()

    assert build([("a", "Slow"), ("b", "Take")], Slow=Slow, Take=Take).run().stage("b").received == 3


def test_an_async_generator_that_never_waits_can_be_aborted(build: Build) -> None:
    """A last stage that yields without end and never lets its loop go on ends with the run."""

    class Endless(Processor):
        """Yield."""

        async def process(self, message: Message) -> Any:
            while True:
                yield message

    run = build([("a", "Endless")], Endless=Endless).start()
    run.abort()
    result = run.wait(10)
    assert result is not None
    assert result.status is Status.ABORTED


def test_an_async_generator_is_closed_before_its_processor(build: Build) -> None:
    """What an async generator does last, it does while what `start` took is still there."""
    order = []

    class Source(Processor):
        """Yield without end."""

        async def process(self, message: Message) -> Any:
            try:
                while True:
                    yield {"n": 1}
            finally:
                order.append("generator")

        async def close(self) -> None:
            order.append("close")

    stages = [("a", "Source"), ("b", "Phase", {"phase": "process"})]
    with pytest.raises(StageError, match="broken in process"):
        build(stages, Source=Source).run()
    assert order == ["generator", "close"]


def test_an_async_start_that_never_ends_is_cancelled(build: Build) -> None:
    """A stage that still starts when another one failed does not outlive the run."""

    class Waits(Processor):
        """Wait for ever."""

        async def start(self) -> None:
            await asyncio.Event().wait()

        async def process(self, message: Message) -> Message:
            return message

    with pytest.raises(StageError, match="stage :a failed in start"):
        build([("a", "Phase", {"phase": "start"}), ("b", "Waits")], Waits=Waits).run()


def test_an_async_phase_beside_a_plain_process_is_refused(build: Build) -> None:
    """A coroutine that nobody would await is an error, not a phase left out."""

    class Mixed(Processor):
        """Start in a coroutine."""

        async def start(self) -> None:
            """Never run."""

        def process(self, message: Message) -> Message:
            return message

    with pytest.raises(StageError, match="stage :a failed in start: TypeError: start is async, but process is not"):
        build([("a", "Mixed")], Mixed=Mixed).run()


def test_a_forgotten_super_init_is_told(build: Build) -> None:
    """A processor whose `__init__` does not call that of its base is refused with what to do."""

    class Forgets(Processor):
        """Forget."""

        def __init__(self, **settings: Any) -> None:
            pass

    with pytest.raises(StageError, match=r"stage :a failed in set-up: .*super\(\).__init__"):
        build([("a", "Forgets")], Forgets=Forgets).run()


@pytest.mark.parametrize("phase", ["process", "finish"])
def test_an_exit_in_a_generator_names_its_stage(build: Build, phase: str) -> None:
    """SystemExit in one of several fused stages is the error of that stage; what it yielded before has gone on."""

    class Exits(Processor):
        """Yield, and leave."""

        def process(self, message: Message) -> Iterator[Message]:
            yield from self._yield("process")

        def finish(self) -> Iterator[Message]:
            yield from self._yield("finish")

        def _yield(self, now: str) -> Iterator[Message]:
            if phase == now:
                yield {"n": 1}
                raise SystemExit(3)

    with pytest.raises(StageError, match=f"stage :b failed in {phase}: SystemExit: 3") as caught:
        build([("a", "Pass"), ("b", "Exits"), ("c", "Pass")], Exits=Exits).run()
    assert caught.value.result.stage("c").received == 1


@pytest.mark.parametrize("how", ["return", "yield", "finish", "mark"])
@pytest.mark.parametrize("follower", ["Add", "Pass", "Twice", "AsyncPass", None])
@pytest.mark.parametrize("fuse", [True, False])
def test_who_made_what_is_no_message_is_named(build: Build, how: str, follower: str | None, fuse: bool) -> None:
    """The error names the stage that made a wrong thing, not one that could not use it, also under `skip`."""

    class Return(Processor):
        """Return a text."""

        def process(self, message: Message) -> Any:
            return "text"

    class Yield(Processor):
        """Yield a text."""

        def process(self, message: Message) -> Iterator[Any]:
            yield "text"

    class Finish(Processor):
        """Yield a text at the end."""

        def process(self, message: Message) -> None:
            pass

        def finish(self) -> Iterator[Any]:
            yield "text"

    class Group(Processor):
        """Return a text for a mark."""

        def process(self, message: Message) -> None:
            pass

        def end_group(self, mark: Mark) -> Any:
            return ["text"]

    wrong = {"return": Return, "yield": Yield, "finish": Finish, "mark": Group}[how]
    stages = [("a", "Split"), ("wrong", "Wrong"), ("between", "Pass"), *([("last", follower)] if follower else [])]
    with pytest.raises(StageError, match="str; ") as caught:
        build(stages, on_error=OnError.SKIP, Wrong=wrong).run(messages={"n": 1}, fuse=fuse)
    assert caught.value.stage == "wrong"


@pytest.mark.parametrize("kind", ["Pass", "AsyncPass"])
def test_what_came_before_the_input_failed_is_not_lost(build: Build, kind: str) -> None:
    """Messages that were there before their supplier raised reach the end; the first stage is named."""

    def broken() -> Iterator[Message]:
        for number in range(1000):
            yield {"n": number}
        raise OSError("gone")

    with pytest.raises(StageError, match="stage :a failed in input: OSError: gone") as caught:
        build([("a", kind), ("b", "Pass")]).run(messages=broken())
    assert caught.value.result.stage("b").received == 1000


def test_values_that_cannot_be_compared_pass(build: Build) -> None:
    """The engine asks nothing of a message's values, not even whether they are equal."""

    class Aloof:
        def __eq__(self, other: object) -> bool:
            raise ValueError("the truth value is ambiguous")

        __hash__ = None  # type: ignore[assignment]

    class Second(Processor):
        """Return the first message of a batch as it came, and others anew."""

        def process(self, message: Message) -> Message:
            return {**message, "value": Aloof()} if message["n"] % 2 else message

    messages = [{"n": number, "value": Aloof()} for number in range(100)]
    result = build([("a", "Pass"), ("b", "Second")], Second=Second).run(messages=messages)
    assert result.stage("b").emitted == 100


@pytest.mark.parametrize("kind", ["Lock", "AsyncLock"])
def test_what_cannot_be_copied_for_a_branch_names_its_stage(build: Build, kind: str) -> None:
    """A message that cannot be copied is the error of the stage that sends it to several branches."""

    class Lock(Processor):
        """Put something into the message that is no JSON."""

        def process(self, message: Message) -> Message:
            return {"lock": threading.Lock()}

    class AsyncLock(Processor):
        """The same, in a coroutine."""

        async def process(self, message: Message) -> Message:
            return {"lock": threading.Lock()}

    stages = [("a", "Pass"), ("b", kind), ("left", "Pass"), ("right", "Pass")]
    edges = [("a", "b"), ("b", "left"), ("b", "right")]
    with pytest.raises(StageError, match="stage :b failed in copy: TypeError: cannot pickle"):
        build(stages, edges, Lock=Lock, AsyncLock=AsyncLock).run()


def test_the_error_shows_a_message_of_any_depth(build: Build) -> None:
    """A message nested deeper than Python's stack is shortened like any other."""

    class Deep(Processor):
        """Make a deep message."""

        def process(self, message: Message) -> Message:
            for _ in range(5000):
                message = {"in": message}
            return message

    stages = [("a", "Deep"), ("b", "Phase", {"phase": "process"})]
    with pytest.raises(StageError, match=r'stage :b failed in process: (.|\n)*message: \{"in": \{"in"'):
        build(stages, Deep=Deep).run()


@pytest.mark.parametrize("how", ["plain", "coroutine", "generator"])
def test_an_async_stage_may_end_groups_in_each_way(build: Build, how: str) -> None:
    """`end_group` of an async processor may be a function, a coroutine or an async generator; counters add up."""

    class Base(Processor):
        """Filter out the parts."""

        async def process(self, message: Message) -> None:
            return None

    class Plain(Base):
        """End groups in a function."""

        def end_group(self, mark: Mark) -> Message:
            return {"n": mark["n"]}

    class Coroutine(Base):
        """End groups in a coroutine."""

        async def end_group(self, mark: Mark) -> Message:
            return {"n": mark["n"]}

    class Generator(Base):
        """End groups in an async generator."""

        async def end_group(self, mark: Mark) -> Any:
            yield {"n": mark["n"]}

    own = {"plain": Plain, "coroutine": Coroutine, "generator": Generator}[how]
    pipeline = build([("a", "Numbers", {"count": 3}), ("b", "Split"), ("c", "Own")], Own=own)
    assert list(pipeline.stream()) == [{"n": 0}, {"n": 1}, {"n": 2}]
    counted = pipeline.run().stage("c")
    assert (counted.received, counted.passed, counted.filtered) == (12, 3, 9)
