"""What a run promises: every message, in order, counted; errors named; an end, whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from transmissions import Message, Pipeline, Processor, StageError, Status
from transmissions.model import Buffer, OnError, Stage
from transmissions.runtime.pace import LARGEST_BATCH
from transmissions.streams import WhenFull

Build = Callable[..., Pipeline]


@pytest.mark.parametrize("fuse", [True, False])
def test_a_chain_hands_every_message_on_in_order(build: Build, fuse: bool) -> None:
    """All messages of a source reach the end of a chain, in their order."""
    pipeline = build([("a", "Numbers", {"count": 3000}), ("b", "Pass"), ("c", "Pass")])
    assert [message["n"] for message in pipeline.stream(fuse=fuse)] == list(range(3000))


@pytest.mark.parametrize("fuse", [True, False])
def test_counters_say_what_became_of_every_message(build: Build, fuse: bool) -> None:
    """A stage's received messages are those passed, filtered and failed; emitted ones arrive at the next."""
    stages = [("a", "Numbers", {"count": 1000}), ("b", "Even"), ("c", "FailOn"), ("d", "Twice")]
    result = build(stages, on_error=OnError.SKIP).run(fuse=fuse)
    even = result.stage("b")
    assert (even.received, even.passed, even.filtered, even.emitted) == (1000, 500, 500, 500)
    # 3 more than a multiple of 7, and even: 10, 24, 38, …
    failing = result.stage("c")
    assert (failing.received, failing.failed, failing.emitted) == (500, 71, 429)
    assert (result.stage("d").received, result.stage("d").emitted) == (429, 858)
    assert sum(problem.get("skipped", False) for problem in result.problems) == 71
    assert result.partial


def test_branches_do_not_see_what_another_changed(build: Build) -> None:
    """A stage with two successors sends each a message of its own."""
    pipeline = build(
        [("a", "Numbers", {"count": 100}), ("plus", "Add", {"amount": 1000}), ("minus", "Add", {"amount": -1000})],
        [("a", "plus"), ("a", "minus")],
    )
    numbers = sorted(message["n"] for message in pipeline.stream())
    assert numbers == [n - 1000 for n in range(100)] + [n + 1000 for n in range(100)]


def test_fan_in_keeps_the_order_of_each_edge(build: Build) -> None:
    """Where branches meet, the messages of each arrive in their order, and none is lost."""

    class Tag(Processor):
        """Tag."""

        def process(self, message: Message) -> Message:
            message["by"] = self.context.stage
            return message

    stages = [("a", "Numbers", {"count": 2000}), ("left", "Tag"), ("right", "Tag"), ("end", "Pass")]
    edges = [("a", "left"), ("a", "right"), ("left", "end"), ("right", "end")]
    came = list(build(stages, edges, Tag=Tag).stream())
    for branch in ("left", "right"):
        assert [message["n"] for message in came if message["by"] == branch] == list(range(2000))


def test_several_first_stages_each_get_the_first_message(build: Build) -> None:
    """A pipeline with several first stages starts all of them with a message of their own."""
    pipeline = build([("a", "Add"), ("b", "Add", {"amount": 5})], [])
    assert sorted(message["n"] for message in pipeline.stream(messages={"n": 1})) == [2, 6]


@pytest.mark.parametrize("value", [0, "", False, None, [], {}, 0.0])
@pytest.mark.parametrize("fuse", [True, False])
def test_empty_values_pass_unchanged(build: Build, value: object, fuse: bool) -> None:
    """Fields that are false in Python pass like any others; so does an empty message."""
    pipeline = build([("a", "Pass"), ("b", "Twice"), ("c", "AsyncPass")])
    messages = list(pipeline.stream(messages=[{"value": value}], fuse=fuse))
    assert messages == [{"value": value, "copy": 0}, {"value": value, "copy": 1}]
    assert list(build([("a", "Pass"), ("b", "Pass")]).stream(messages=[{}, {}], fuse=fuse)) == [{}, {}]


def test_a_mark_ends_the_group_of_its_own_split(build: Build) -> None:
    """A split inside a split has marks of its own: each group is summed once, and outer marks pass by."""
    inner = [("a", "Numbers", {"count": 2}), ("outer", "Split"), ("inner", "Split"), ("sum", "Sum")]
    messages = list(build(inner).stream())
    sums = [message for message in messages if "parts" in message]
    marks = [message for message in messages if message.get("done")]
    # Each of two numbers is split in three, and each third in three again; the marks of the outer split pass by.
    assert [message["parts"] for message in sums] == [[0, 1, 2]] * 6
    assert [mark["n"] for mark in marks] == [0, 1]


@pytest.mark.parametrize("middle", ["Pass", "AsyncPass"])
@pytest.mark.parametrize("end", ["Sum", "AsyncSum"])
def test_a_group_is_ended_once_where_branches_meet(build: Build, small: dict[str, Any], middle: str, end: str) -> None:
    """Where branches meet, a group ends when it is whole: its mark has come over every one of them."""

    class AsyncSum(small["Sum"]):  # type: ignore[misc]
        """Add up the parts of each group, in a coroutine."""

        async def process(self, message: Message) -> None:
            self.parts.append(message["part"])

    stages = [("a", "Numbers", {"count": 50}), ("split", "Split"), ("left", "Pass"), ("right", middle), ("sum", end)]
    edges = [("a", "split"), ("split", "left"), ("split", "right"), ("left", "sum"), ("right", "sum")]
    sums = list(build([*stages, ("after", "Pass")], [*edges, ("sum", "after")], AsyncSum=AsyncSum).stream())
    assert [one["n"] for one in sums] == list(range(50))
    assert sum(len(one["parts"]) for one in sums) == 50 * 6


def test_a_group_that_is_ended_on_one_branch_only_is_ended_on_the_other(build: Build) -> None:
    """A branch that ends its groups sends no mark, so where branches meet only the other's is waited for."""
    stages = [("a", "Numbers", {"count": 3}), ("split", "Split"), ("sum", "Sum"), ("pass", "Pass"), ("end", "Pass")]
    edges = [("a", "split"), ("split", "sum"), ("split", "pass"), ("sum", "end"), ("pass", "end")]
    came = list(build(stages, edges).stream())
    assert sum("parts" in one for one in came) == 3
    assert sum(one.get("done", False) for one in came) == 3


def test_a_first_stage_may_have_a_buffer(build: Build) -> None:
    """A buffer of the first stage stands in front of it, and is seen in the report."""
    first = Stage("a", "Pass", buffer=Buffer(max_messages=3))
    result = build([first, ("b", "Pass")]).run(messages=({"n": n} for n in range(100)))
    assert result.stage("a").buffer is not None
    assert (result.stage("a").buffer.capacity, result.stage("b").received) == (3, 100)


def test_a_message_may_become_a_million(build: Build) -> None:
    """What a stage makes of one message is handed on as it is made, not gathered first."""
    taken = threading.Event()

    class Explode(Processor):
        """Yield, and see that what was yielded has gone on."""

        def process(self, message: Message) -> Iterator[Message]:
            for number in range(200_000):
                assert number < 50_000 or taken.is_set()
                yield {"n": number}

    class Take(Processor):
        """Take."""

        def process(self, message: Message) -> None:
            taken.set()

    assert build([("a", "Explode"), ("b", "Take")], Explode=Explode, Take=Take).run().stage("b").received == 200_000


@pytest.mark.parametrize("stage", ["a", "b", "c"])
@pytest.mark.parametrize("kind", ["Phase", "AsyncPhase"])
@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("phase", ["init", "start", "process", "finish", "close", "report", "exit in process"])
def test_a_failure_in_any_phase_of_any_stage_is_named(
    build: Build, stage: str, kind: str, fuse: bool, phase: str
) -> None:
    """A run in which a stage fails, in whatever it does, ends with an error that names the stage."""
    stages = [(name, kind if name == stage else "Pass", {"phase": phase} if name == stage else {}) for name in "abc"]
    pipeline = build(stages)
    if phase == "report":
        result = pipeline.start(fuse=fuse).wait()
        assert result is not None
        assert (result.status, f":{stage}" in result.error) == (Status.ERROR, True)
        return
    with pytest.raises(StageError) as caught:
        pipeline.run(fuse=fuse)
    assert caught.value.stage == stage
    assert "SystemExit" in str(caught.value) if "exit" in phase else f"broken in {phase}" in str(caught.value)


def test_the_error_shows_the_message_and_what_was_done_before(build: Build) -> None:
    """The error of a failed message shows the message; what came before it has gone on."""
    pipeline = build([("a", "Numbers", {"count": 100}), ("b", "FailOn", {"divisor": 50}), ("c", "Pass")])
    with pytest.raises(
        StageError, match=r'stage :b failed in process: ValueError: no 3\n  message: \{"n": 3\}'
    ) as caught:
        pipeline.run()
    assert caught.value.result.stage("c").received == 3
    assert caught.value.result.status is Status.ERROR


def test_what_a_batch_had_made_when_an_error_came_goes_on(build: Build) -> None:
    """In the middle of a long run too, every message before the one that failed has reached the end."""

    class FailLate(Processor):
        """Fail on one number."""

        def process(self, message: Message) -> Message:
            if message["n"] == 50_000:
                raise ValueError("no")
            return message

    stages = [("a", "Numbers", {"count": 100_000}), ("b", "FailLate"), ("c", "Pass")]
    with pytest.raises(StageError) as caught:
        build(stages, FailLate=FailLate).run()
    assert caught.value.result.stage("c").received == 50_000


@pytest.mark.parametrize("returned", [[], [{}], "text", 5, True, 0, ""])
@pytest.mark.parametrize("last", [True, False])
def test_a_processor_that_returns_no_message_is_told_so(build: Build, returned: object, last: bool) -> None:
    """What `process` returns is a dict or None; anything else ends the run with an error that says so."""

    class Wrong(Processor):
        """Wrong."""

        def process(self, message: Message) -> Any:
            return returned

    stages = [("a", "Wrong")] if last else [("a", "Wrong"), ("b", "AsyncPass")]
    with pytest.raises(StageError, match="stage :a failed in process: TypeError: it returned"):
        build(stages, Wrong=Wrong).run()


def test_stop_iteration_in_process_is_an_error(build: Build) -> None:
    """A StopIteration that escapes `process` does not silently end the batch."""

    class Stops(Processor):
        """Stops."""

        def process(self, message: Message) -> Message:
            return next(iter([])) if message["n"] == 5 else message

    with pytest.raises(StageError, match="StopIteration"):
        build([("a", "Numbers"), ("b", "Stops")], Stops=Stops).run()


@pytest.mark.parametrize("fuse", [True, False])
def test_a_source_without_end_can_be_aborted(build: Build, fuse: bool) -> None:
    """Aborting ends a run whose source never ends, and its result says so."""
    run = build([("a", "Forever"), ("b", "Pass"), ("c", "AsyncPass")]).start(fuse=fuse)
    run.abort("enough")
    result = run.wait(10)
    assert result is not None
    assert (result.status, result.error) == (Status.ABORTED, "enough")


def test_what_is_awaited_is_cancelled_by_an_abort(build: Build) -> None:
    """Aborting does not wait for a coroutine that waits for something that never comes."""
    import asyncio

    entered = threading.Event()

    class Waits(Processor):
        """Waits."""

        async def process(self, message: Message) -> Message:
            entered.set()
            await asyncio.Event().wait()
            return message

    run = build([("a", "Numbers"), ("b", "Waits")], Waits=Waits).start()
    assert entered.wait(10)
    run.abort()
    result = run.wait(10)
    assert result is not None
    assert result.status is Status.ABORTED


def test_leaving_a_stream_early_ends_the_run(build: Build) -> None:
    """A reader who stops reading stops the source."""
    stream = build([("a", "Forever"), ("b", "Pass")]).stream()
    assert next(stream) == {"n": 1}
    stream.close()


class Counted(Processor):
    """Yield numbers, and count in the class how many were asked for."""

    made = 0

    def process(self, message: Message) -> Iterator[Message]:
        for number in range(100_000):
            type(self).made += 1
            yield {"n": number}


@pytest.fixture(name="counted")
def counted_fixture() -> type[Counted]:
    """Give a source with a count of its own."""
    return type("Counted", (Counted,), {})


def settled(read: Callable[[], int]) -> int:
    """Return a count when it has stood still for a while: whoever raises it is held back, or done."""
    pause = threading.Event()
    last, still = -1, 0
    for _ in range(5_000):
        now = read()
        still = still + 1 if now == last else 0
        if still == 50:
            return now
        last = now
        pause.wait(0.002)
    raise AssertionError("it never stood still")


def test_a_reader_holds_the_source_back(build: Build, counted: type[Counted]) -> None:
    """A run goes no further ahead of its reader than its buffers are large."""
    stream = build([("a", "Counted"), ("b", "Pass")], Counted=counted).stream()
    next(stream)
    # The buffer in front of the reader, and one batch of the segment.
    assert settled(lambda: counted.made) <= 1 + 1024 + LARGEST_BATCH
    stream.close()


@pytest.mark.parametrize(("fuse", "segments"), [(True, 3), (False, 4)])
def test_no_more_messages_are_on_their_way_than_buffers_and_batches_hold(
    build: Build, counted: type[Counted], fuse: bool, segments: int
) -> None:
    """With a sink that stands still, what is in flight stays within the buffers plus a batch for each segment."""
    gate = threading.Event()
    begun = threading.Event()

    class Sink(Processor):
        """Take nothing until the gate is opened, and count."""

        def process(self, message: Message) -> None:
            begun.set()
            gate.wait(30)

    stages = [
        ("a", "Counted"),
        ("p", "Pass"),
        Stage("b", "Pass", buffer=Buffer(max_messages=50)),
        Stage("c", "Sink", buffer=Buffer(max_messages=20)),
    ]
    run = build(stages, Counted=counted, Sink=Sink).start(fuse=fuse)
    assert begun.wait(10)
    flying = settled(lambda: counted.made)
    unfused = 0 if fuse else 1024
    assert flying <= 50 + 20 + unfused + segments * LARGEST_BATCH
    buffers = {stage.stage: stage.buffer for stage in run.statistics() if stage.buffer}
    for name, bound in (("b", 50), ("c", 20)):
        assert buffers[name].peak <= bound
        assert buffers[name].pauses > 0
    gate.set()
    result = run.wait(60)
    assert result is not None
    assert result.stage("c").received == 100_000


@pytest.mark.parametrize(
    ("policy", "expected"), [(WhenFull.DROP_NEWEST, "kept"), (WhenFull.DROP_OLDEST, "kept"), (WhenFull.FAIL, "error")]
)
def test_a_buffer_that_drops_says_how_many(build: Build, policy: WhenFull, expected: str) -> None:
    """Under a policy that drops, sent messages are those received and those dropped; under `fail` the run ends."""
    gate = threading.Event()

    class Source(Processor):
        """Source."""

        def process(self, message: Message) -> Iterator[Message]:
            for number in range(5000):
                yield {"n": number}
            gate.set()

    class Sink(Processor):
        """Sink."""

        def process(self, message: Message) -> None:
            gate.wait(10 if expected == "kept" else 0)

    stages = [("a", "Source"), Stage("b", "Sink", buffer=Buffer(max_messages=10, when_full=policy))]
    pipeline = build(stages, Source=Source, Sink=Sink)
    if expected == "error":
        with pytest.raises(StageError, match="it is full"):
            pipeline.run()
        return
    stage = pipeline.run().stage("b")
    assert stage.buffer is not None
    assert stage.buffer.sent == 5000 == stage.received + stage.buffer.drops
    assert stage.buffer.drops > 0


def test_finish_may_send_messages_through_what_follows(build: Build) -> None:
    """What a stage yields when it finishes goes through the stages after it."""

    class Last(Processor):
        """Last."""

        def process(self, message: Message) -> None:
            return None

        def finish(self) -> Iterator[Message]:
            yield {"n": 1}
            yield {"n": 2}

    for follower in ("Add", "AsyncPass"):
        messages = list(build([("a", "Numbers"), ("b", "Last"), ("c", follower)], Last=Last).stream())
        assert len(messages) == 2


def test_five_async_stages_overlap(build: Build) -> None:
    """While one async stage waits for its message, the others work on theirs."""
    import asyncio

    inside: set[str] = set()
    most = [0]

    class Waits(Processor):
        """Waits until others wait as well, at most for a while."""

        async def process(self, message: Message) -> Message:
            inside.add(self.context.stage)
            most[0] = max(most[0], len(inside))
            await asyncio.sleep(0.005)
            inside.discard(self.context.stage)
            return message

    build([("s", "Numbers", {"count": 60})] + [(name, "Waits") for name in "abcde"], Waits=Waits).run()
    assert most[0] == 5


def test_two_runs_at_once_do_not_meet(build: Build) -> None:
    """A pipeline can be run several times at once; each run has processors of its own."""
    pipeline = build([("a", "Split"), ("b", "Sum")])
    runs = [pipeline.start(messages={"n": number}, collect=True) for number in range(5)]
    assert [next(iter(run.messages()))["n"] for run in runs] == list(range(5))
    for run in runs:
        run.wait()


async def _collected(pipeline: Pipeline, **options: Any) -> list[Message]:
    return [message async for message in pipeline.stream_async(**options)]


def test_a_pipeline_runs_from_asyncio(build: Build) -> None:
    """`run_async` and `stream_async` do the same as their siblings, from an event loop."""
    import asyncio

    pipeline = build([("a", "Numbers", {"count": 50}), ("b", "AsyncTwice")])
    result = asyncio.run(pipeline.run_async())
    assert result.stage("b").emitted == 100
    assert len(asyncio.run(_collected(pipeline))) == 100


def test_messages_that_cannot_be_read_end_the_run(build: Build) -> None:
    """An error of whoever supplies the messages ends the run with that error."""

    def broken() -> Iterator[Message]:
        yield {"n": 1}
        raise OSError("gone")

    with pytest.raises(StageError, match="gone"):
        build([("a", "Pass"), ("b", "Pass")]).run(messages=broken())
