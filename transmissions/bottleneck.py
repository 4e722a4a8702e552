"""Say which stage sets the pace of a run, and what to change: from the counters of its stages, live or final.

Nothing here looks at a clock or at a run. A segment, the stages fused to one loop, is told from the event streams: a
stage without one in front is fused to the stage before it. A segment works for the sum of what its stages were busy,
since they take turns, and is blocked for as long as its last stage waited for room.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from transmissions.quantities import time_text
from transmissions.runtime.result import StageStatistics

__all__ = ["Limit", "Verdict", "find_bottleneck", "fused", "share_text"]

_BUSY = 0.5
"""A stage that worked for less of the time than this is slowest only if others waited for it."""
_HELD = 0.25
"""Senders that waited for more of the time than this were held back."""
_SATURATED = 0.8
"""A segment that worked for more of the time than this had no time to make good for a burst."""
_WORTH_A_THREAD = 0.2
"""Fused stages that worked for more of the time than this are worth a thread of their own."""
_NEARLY = 0.9
_MOST_ROOM = 10


class Limit(StrEnum):
    """What set the pace of a run."""

    STAGE = "stage"
    SOURCE = "source"
    READER = "reader"
    INPUT = "input"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What set the pace over a span of time.

    Args:
        limit: a stage in the middle or at the end, one at the beginning, who reads the messages that leave the
            pipeline, or the input that it waits for.
        stage: the slowest stage, the one that worked longest where it was none.
        busy: the share of the span, 0 to 1, for which that stage worked.
        held_s: seconds for which what comes before it waited for room.
        advice: what to change.
        clear: whether the figures leave little doubt.
    """

    limit: Limit
    stage: str
    busy: float
    held_s: float
    advice: str
    clear: bool

    def __str__(self) -> str:
        return f"{self.finding}; {self.advice}"

    @property
    def finding(self) -> str:
        """The verdict without the advice."""
        if self.limit is Limit.READER:
            return f"slowest: who reads the messages that leave; :{self.stage} waited {time_text(self.held_s)} for room"
        if self.limit is Limit.INPUT:
            return f"no stage was the limit: the busiest, :{self.stage}, worked {share_text(self.busy)} of the run"
        text = f"slowest: :{self.stage}, busy {share_text(self.busy)} of the run"
        if self.limit is Limit.SOURCE:
            return text
        return text + (f", what comes before it waited {time_text(self.held_s)}" if self.held_s >= 0.05 else "")

    @property
    def marked(self) -> str | None:
        """The stage to mark in a drawing, if one was the limit."""
        return self.stage if self.limit in (Limit.STAGE, Limit.SOURCE) else None


def share_text(share: float) -> str:
    """Return a share as text.

    >>> share_text(0.934)
    '93 %'
    """
    return f"{100 * min(1.0, max(0.0, share)):.0f} %"


def fused(stages: Sequence[StageStatistics], edges: Iterable[tuple[str, str]]) -> list[list[StageStatistics]]:
    """Return the segments, each in the order of its stages."""
    before = {second: first for first, second in edges}
    by_name = {one.stage: one for one in stages}
    segments: dict[str, list[StageStatistics]] = {}
    for one in stages:
        head, seen = one.stage, {one.stage}
        while by_name[head].buffer is None and (further := before.get(head)) in by_name and further not in seen:
            head = str(further)
            seen.add(head)
        segments.setdefault(head, []).append(one)
    return list(segments.values())


def find_bottleneck(
    stages: Sequence[StageStatistics], edges: Iterable[tuple[str, str]], seconds: float
) -> Verdict | None:
    """Return what set the pace, or None if nothing ran.

    The slowest segment is the one that worked longest, or for which others waited longest, what it was itself blocked
    for left out; of those that are nearly equal, the one for which others waited longest. In it, it is the stage that
    worked longest.

    Args:
        stages: the counters over a span of time, the whole run or a part of it, each stage behind those before it.
        edges: pairs of stage names.
        seconds: the length of that span.
    """
    if not stages or seconds <= 0:
        return None
    pairs = list(edges)
    segments = [_Segment(group) for group in fused(stages, pairs)]
    _note_pressure(segments, pairs)
    slowest = max(segments, key=lambda one: one.score_s)
    slowest = max((one for one in segments if one.score_s >= _NEARLY * slowest.score_s), key=lambda one: one.held_s)
    reader = max((one for one in segments if not one.targets), key=lambda one: one.blocked_s, default=slowest)
    if not reader.targets and reader.blocked_s > max(slowest.score_s, _HELD * seconds):
        clear = reader.blocked_s >= _BUSY * seconds
        advice = "the pipeline could give more: let them be read faster, or write them to a file"
        return Verdict(
            Limit.READER, reader.last.stage, reader.last.busy_s / seconds, reader.blocked_s, advice, clear
        )  # fmt: skip
    return _verdict(slowest, segments, seconds)


@dataclass(slots=True)
class _Segment:
    """Stages that take turns in one thread, and for how long others waited for them."""

    stages: list[StageStatistics]
    held_s: float = 0.0
    targets: set[str] = field(default_factory=set)
    is_first: bool = True

    @property
    def last(self) -> StageStatistics:
        return self.stages[-1]

    @property
    def work_s(self) -> float:
        return sum(one.busy_s for one in self.stages)

    @property
    def blocked_s(self) -> float:
        return sum(one.blocked_s for one in self.stages)

    @property
    def slowest(self) -> StageStatistics:
        return max(self.stages, key=lambda one: one.busy_s)

    @property
    def score_s(self) -> float:
        # Pressure that a segment merely passes on is none of its own.
        return max(self.work_s, self.held_s - self.blocked_s)


def _note_pressure(segments: Sequence[_Segment], edges: Sequence[tuple[str, str]]) -> None:
    by_stage = {one.stage: segment for segment in segments for one in segment.stages}
    counted = {one.stage: one for segment in segments for one in segment.stages}
    for first, second in edges:
        if first not in by_stage or second not in by_stage or by_stage[first] is by_stage[second]:
            continue
        by_stage[first].targets.add(second)
        by_stage[second].is_first = False
    for first, second in edges:
        sender, taker = by_stage.get(first), by_stage.get(second)
        if sender is None or taker is None or sender is taker:
            continue
        waited, stream = counted[first].blocked_s, counted[second].buffer
        if len(sender.targets) > 1 and stream is not None:
            # What a stage waited for is not told by branch, but for how long each branch had no room is.
            waited = min(waited, stream.paused_s)
        taker.held_s = max(taker.held_s, waited)


def _verdict(slowest: _Segment, segments: Sequence[_Segment], seconds: float) -> Verdict:
    stage, held_s = slowest.slowest, slowest.held_s
    busy = stage.busy_s / seconds
    if slowest.score_s < _BUSY * seconds and held_s < _HELD * seconds and not _bursty(slowest, seconds):
        advice = "the rest went to waiting for input, or to starting and ending"
        return Verdict(Limit.INPUT, stage.stage, busy, held_s, advice, clear=False)
    others = [one for one in segments if one is not slowest]
    if (aside := slowest.work_s - stage.busy_s) >= _WORTH_A_THREAD * seconds and busy >= _WORTH_A_THREAD:
        advice = _split_advice(slowest, stage, aside / seconds)
    elif slowest.is_first and stage is slowest.stages[0]:
        advice = _source_advice(others, seconds)
    elif _bursty(slowest, seconds):
        capacity = slowest.stages[0].buffer.capacity if slowest.stages[0].buffer else 1
        head = slowest.stages[0].stage
        advice = (
            f"it was full only now and then: a larger buffer, :maxMessages {2 * capacity} on :{head}, takes up bursts"
        )
    elif slowest.is_first:
        advice = f"make :{stage.stage} quicker, or let less come to it"
    else:
        advice = f"a larger buffer will not help: make :{stage.stage} quicker, or let less come to it"
    limit = Limit.SOURCE if slowest.is_first and stage is slowest.stages[0] else Limit.STAGE
    clear = busy >= _BUSY and (slowest.is_first or held_s >= _HELD * seconds)
    return Verdict(limit, stage.stage, busy, held_s, advice, clear)


def _bursty(segment: _Segment, seconds: float) -> bool:
    stream = segment.stages[0].buffer
    if stream is None or not segment.held_s or segment.work_s >= _SATURATED * seconds:
        return False
    return segment.held_s < _HELD * seconds and (stream.peak >= stream.capacity or stream.pauses > 0)


def _split_advice(segment: _Segment, stage: StageStatistics, aside: float) -> str:
    place = segment.stages.index(stage)
    cut = stage if place else segment.stages[1]
    where = "it" if cut is stage else f":{cut.stage}, which follows it,"
    return (
        f"a :buffer before {where} makes a thread of its own for it, beside the {share_text(aside)} of the others; "
        "that helps where either waits for disk or network"
    )


def _source_advice(others: Sequence[_Segment], seconds: float) -> str:
    text = "nothing held it back: the source is the limit"
    next_s = max((one.work_s for one in others), default=0.0)
    if next_s <= 0:
        return text
    room = seconds / next_s
    if room < 1.5:
        return text
    times = f"{room:.1f}" if room < _MOST_ROOM else f"more than {_MOST_ROOM}"
    return f"{text}, what follows could take {times} times as much"
