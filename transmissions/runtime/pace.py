"""How many messages go through a segment at a time: many while they are cheap, one while they are not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from time import perf_counter, thread_time
from typing import Any

__all__ = ["LARGEST_BATCH", "Batches", "Pace"]

LARGEST_BATCH = 1024
_CHEAP_S = 0.001
_DEAR_CPU_S = 0.004
_DEAR_WALL_S = 0.05
_STREAK = 8
_LOOK_AT_THE_CLOCK_EVERY = 256
_LONG_ENOUGH_S = 0.002


class Pace:
    """The size of the next batch, learnt from how long the last ones took.

    `limit` is that size, `look` after how many messages of a source to look at the clock.

    A batch that took long halves the size, so that heavy messages never pile up and rare ones are not kept waiting for
    others. Only a streak of cheap batches doubles it, so that a short burst flows one by one.

    Args:
        clock: gives seconds of wall time, those left out in which the segment waited for room.
    """

    # Processor time tells heavy messages from threads that merely took turns; wall time tells a stalled source.
    __slots__ = ("_clock", "_cpu", "_streak", "_wall", "limit", "look")

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self.limit = self.look = 1
        self._clock = clock
        self._streak = 0
        self._wall = self._cpu = 0.0

    def begin(self) -> None:
        """Take note that work on a batch begins."""
        self._wall, self._cpu = self._clock(), thread_time()

    def elapsed_s(self) -> float:
        """Return the seconds since `begin`."""
        return self._clock() - self._wall

    def end(self, count: int) -> None:
        """Take note that work on a batch of `count` messages ended, and choose the next limit."""
        wall, cpu = self._clock() - self._wall, thread_time() - self._cpu
        if cpu > _DEAR_CPU_S or wall > _DEAR_WALL_S:
            self.limit = max(1, self.limit // 2)
            self._streak = 0
        elif cpu < _CHEAP_S and count >= self.limit:
            self._streak += 1
            if self._streak >= _STREAK:
                self.limit = min(self.limit * 2, LARGEST_BATCH)
                self._streak = 0


class Batches:
    """What an iterable yields, cut into batches at a pace.

    Args:
        rest: messages that the first batch begins with; afterwards, those that did not fill a batch any more, also
            when the iterable raised.
        pace: tells how large a batch may be.

    Attributes:
        seconds: what the last batch, or the rest, took to be made.
    """

    __slots__ = ("_pace", "rest", "seconds")

    def __init__(self, rest: list[Any], pace: Pace) -> None:
        self.rest = rest
        self._pace = pace
        self.seconds = 0.0

    def fill(self, parts: Iterable[Any]) -> Iterator[list[Any]]:
        """Yield batches as they become full, or have taken long."""
        source = iter(parts)
        pace = self._pace
        pace.begin()
        out = self.rest
        while True:
            wanted = min(pace.limit, len(out) + pace.look)
            out.extend(islice(source, max(1, wanted - len(out))))
            before, self.seconds = self.seconds, pace.elapsed_s()
            if len(out) < wanted:
                return
            # A source that was quick and is so no more keeps messages waiting, and does not notice an abort, only once.
            slow = self.seconds - before > _LONG_ENOUGH_S
            pace.look = 1 if slow else min(2 * pace.look, _LOOK_AT_THE_CLOCK_EVERY)
            if len(out) >= pace.limit or self.seconds > _LONG_ENOUGH_S:
                self.rest = []
                yield out
                # What follows in the segment counts too: heavy messages are to be few at a time, whoever is slow.
                pace.end(len(out))
                pace.begin()
                self.seconds = 0.0
                out = self.rest
