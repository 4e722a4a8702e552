"""Which stage sets the pace: from figures made up for it, and from runs that are held where the test wants them."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transmissions import Message, Pipeline, Processor
from transmissions.bottleneck import Limit, Verdict, find_bottleneck, fused
from transmissions.model import Buffer, Definition, Stage
from transmissions.registry import Registry
from transmissions.runtime.result import StageStatistics
from transmissions.runtime.run import Run
from transmissions.streams import StreamStatistics


def stage(
    name: str, busy: float = 0.0, blocked: float = 0.0, buffer: StreamStatistics | None = None
) -> StageStatistics:
    """Return the counters of a stage."""
    return StageStatistics(name, "P", 100, 100, busy_s=busy, blocked_s=blocked, buffer=buffer)


def stream(peak: int = 0, paused: float = 0.0, capacity: int = 8) -> StreamStatistics:
    """Return the counters of a stream."""
    return StreamStatistics(capacity, peak=peak, pauses=int(paused > 0), paused_s=paused)


def chain(*stages: StageStatistics) -> list[tuple[str, str]]:
    """Return the edges of a chain."""
    return [(a.stage, b.stage) for a, b in itertools.pairwise(stages)]


def found(*stages: StageStatistics, edges: list[tuple[str, str]] | None = None, seconds: float = 10.0) -> Verdict:
    """Return the verdict on a span of ten seconds."""
    verdict = find_bottleneck(stages, chain(*stages) if edges is None else edges, seconds)
    assert verdict is not None
    return verdict


def test_a_slow_sink_is_named_with_who_waited_for_it() -> None:
    """The stage that worked all the time while the one before it waited is the slowest, and more buffer is no help."""
    verdict = found(stage("read", 1.0, 8.1), stage("write", 9.3, buffer=stream(8, 9.0)))
    assert str(verdict) == (
        "slowest: :write, busy 93 % of the run, what comes before it waited 8.1 s; "
        "a larger buffer will not help: make :write quicker, or let less come to it"
    )
    assert (verdict.limit, verdict.marked, verdict.clear) == (Limit.STAGE, "write", True)


def test_a_source_that_nothing_held_back_is_the_limit() -> None:
    """Where only the source works, it is named, with how much more the rest could take."""
    verdict = found(stage("read", 9.5), stage("write", 2.5, buffer=stream(1)))
    assert str(verdict) == (
        "slowest: :read, busy 95 % of the run; "
        "nothing held it back: the source is the limit, what follows could take 4.0 times as much"
    )
    assert (verdict.limit, verdict.clear) == (Limit.SOURCE, True)


def test_pressure_that_is_passed_on_is_nobodys_fault() -> None:
    """Of several stages that others waited for, the one that did not itself wait is the slowest."""
    verdict = found(
        stage("a", 0.5, 9.4), stage("b", 0.6, 9.3, stream(8, 9.4)), stage("c", 4.0, 0.0, stream(8, 9.3))
    )  # fmt: skip
    assert (verdict.stage, verdict.held_s) == ("c", 9.3)


def test_stages_that_are_fused_share_their_time() -> None:
    """A segment is as slow as its stages together; in it, the one that worked longest is named and given a thread."""
    stages = [stage("read", 1.0, 8.0), stage("parse", 3.0, buffer=stream(8, 8.0)), stage("write", 6.5)]
    assert [[one.stage for one in segment] for segment in fused(stages, chain(*stages))] == [
        ["read"], ["parse", "write"],
    ]  # fmt: skip
    verdict = found(*stages)
    assert verdict.stage == "write"
    assert verdict.advice.startswith("a :buffer before it makes a thread of its own for it, beside the 30 % of")


def test_the_first_of_fused_stages_is_freed_by_a_buffer_behind_it() -> None:
    """Where the slowest begins its segment, what follows it is what gets a thread of its own."""
    verdict = found(stage("read", 6.0), stage("parse", 3.5))
    assert "a :buffer before :parse, which follows it, makes a thread" in verdict.advice


def test_a_burst_is_told_from_a_slow_stage() -> None:
    """A buffer that was full at times, before a stage that had time to spare, is to be larger."""
    verdict = found(stage("read", 5.5, 0.6), stage("write", 6.0, buffer=stream(8, 0.6)))
    assert (
        verdict.advice == "it was full only now and then: a larger buffer, :maxMessages 16 on :write, takes up bursts"
    )
    assert not verdict.clear


def test_of_two_branches_the_one_without_room_is_blamed() -> None:
    """A stage that waited at a fork waited for the branch whose stream was full, not for the other."""
    verdict = found(
        stage("read", 0.5, 9.0),
        stage("quick", 4.9, buffer=stream(1, 0.0)),
        stage("slow", 5.0, buffer=stream(8, 9.0)),
        edges=[("read", "quick"), ("read", "slow")],
    )
    assert (verdict.stage, verdict.held_s) == ("slow", 9.0)


def test_a_reader_that_does_not_keep_up_is_the_limit() -> None:
    """Where the last stage waited, whoever reads the messages that leave is slow, and no stage is."""
    verdict = found(stage("read", 1.0, 8.5))
    assert (verdict.limit, verdict.marked, verdict.clear) == (Limit.READER, None, True)
    assert verdict.finding == "slowest: who reads the messages that leave; :read waited 8.5 s for room"


def test_where_nothing_worked_no_stage_is_blamed() -> None:
    """A run that waited for its input says so, and marks nothing."""
    verdict = found(stage("read", 0.2), stage("write", 0.4, buffer=stream(1)))
    assert (verdict.limit, verdict.marked, verdict.clear) == (Limit.INPUT, None, False)
    assert "no stage was the limit: the busiest, :write, worked 4 % of the run" in str(verdict)


def test_without_stages_or_time_there_is_no_verdict() -> None:
    """Nothing is made up of nothing."""
    assert find_bottleneck([], [], 1.0) is None
    assert find_bottleneck([stage("a")], [], 0.0) is None


def test_a_circle_of_edges_is_survived() -> None:
    """Figures that no engine wrote end in a verdict too."""
    assert found(stage("a", 1.0), stage("b", 2.0), edges=[("a", "b"), ("b", "a"), ("a", "gone")])


@given(st.lists(st.integers(1, 50), min_size=2, max_size=6), st.data())
def test_the_slowest_of_a_chain_is_always_found(times: list[int], data: st.DataObject) -> None:
    """In a chain of segments in steady state, the one that takes longest for a message is named, wherever it stands."""
    place = data.draw(st.integers(0, len(times) - 1))
    times[place] = 2 * max(times)
    total = float(times[place])
    stages = [
        stage(
            f"s{index}",
            float(each),
            total - each if index < place else 0.0,
            stream(8 if index <= place else 1, total - times[index - 1] if index <= place else 0.0) if index else None,
        )
        for index, each in enumerate(times)
    ]
    verdict = found(*stages, seconds=total)
    assert (verdict.stage, verdict.busy, verdict.clear) == (f"s{place}", 1.0, True)
    assert verdict.limit is (Limit.STAGE if place else Limit.SOURCE)


# Real runs

GATE = threading.Event()


class Numbers(Processor):
    """Yield numbers without end."""

    def process(self, message: Message) -> Iterator[Message]:
        for number in itertools.count():
            yield {"n": number}


class SlowNumbers(Processor):
    """Yield a number, and wait for the gate before the next."""

    def process(self, message: Message) -> Iterator[Message]:
        yield {"n": 0}
        GATE.wait()


class Pass(Processor):
    """Return the message."""

    def process(self, message: Message) -> Message:
        return message


class Gated(Processor):
    """Return the message when the gate is open."""

    def process(self, message: Message) -> Message:
        GATE.wait()
        return message


class SlowEnd(Processor):
    """Swallow messages, and wait for the gate at the end."""

    def process(self, message: Message) -> None:
        return None

    def finish(self) -> None:
        GATE.wait()


OWN: dict[str, type[Processor]] = {cls.__name__: cls for cls in (Numbers, SlowNumbers, Pass, Gated, SlowEnd)}


@pytest.fixture(autouse=True)
def gate() -> Iterator[None]:
    """Close the gate, and open it when the test is over."""
    GATE.clear()
    yield
    GATE.set()


def start(*processors: str, buffers: bool = True, **options: Any) -> Run:
    """Start a chain of processors with a buffer of 4 before each but the first."""
    stages = tuple(
        Stage(name.lower(), name, buffer=Buffer(4) if buffers and number else None)
        for number, name in enumerate(processors)
    )
    edges = tuple((a.name, b.name) for a, b in itertools.pairwise(stages))
    return Pipeline(Definition("test", "test.ttl", stages, edges), Registry(OWN)).start(**options)


def verdict_of(run: Run, limit: Limit) -> Verdict:
    """Return the verdict on a run that goes on, as soon as it is clear."""
    began = time.monotonic()
    verdict = None
    while verdict is None or not (verdict.clear and verdict.limit is limit):
        assert run.wait(0.01) is None
        assert time.monotonic() - began < 20, verdict
        verdict = find_bottleneck(run.statistics(), run.plan.edges, time.monotonic() - began)
    GATE.set()
    run.abort()
    run.wait()
    return verdict


def test_a_stage_is_found_slow_before_it_has_handled_a_message() -> None:
    """The present call and the present wait count: a stage that hangs in its first message is seen to."""
    verdict = verdict_of(start("Numbers", "Pass", "Gated"), Limit.STAGE)
    assert verdict.stage == "gated"
    assert verdict.held_s > 0


def test_a_source_is_found_slow_while_it_makes_a_message() -> None:
    """So is a source in the middle of what it yields."""
    assert verdict_of(start("SlowNumbers", "Pass"), Limit.SOURCE).stage == "slownumbers"


def test_a_stage_that_is_busy_at_the_end_is_found_slow() -> None:
    """What a stage does in `finish` is work as well."""
    run = start("Pass", "SlowEnd", buffers=False)
    began = time.monotonic()
    while run.statistics()[1].busy_s <= run.statistics()[0].busy_s:
        assert run.wait(0.01) is None
        assert time.monotonic() - began < 20
    GATE.set()
    result = run.wait()
    assert result is not None
    assert result.stage("slowend").busy_s > result.stage("pass").busy_s


def test_nobody_reading_is_found(tmp_path: object) -> None:
    """Messages that leave and that nobody reads hold the run back, and that is what is said."""
    assert verdict_of(start("Numbers", "Pass", collect=True), Limit.READER).stage == "pass"
