"""How batches grow and shrink."""

from __future__ import annotations

from collections.abc import Iterator
from time import thread_time

from transmissions.runtime.pace import Batches, Pace


def test_a_source_that_becomes_slow_keeps_few_messages_waiting() -> None:
    """After a burst, messages of a slow source are held up once, and then go on one by one."""
    now = [0.0]

    def source() -> Iterator[int]:
        yield from range(100_000)
        for number in range(1000):
            now[0] += 0.01
            yield number

    slow = [batch for batch in Batches([], Pace(lambda: now[0])).fill(source()) if batch[-1] < 1000 and now[0]]
    assert sum(number < 1000 for number in slow[0]) <= 256
    assert max(map(len, slow[1:])) == 1


def test_dear_batches_shrink_and_a_streak_of_cheap_ones_grows() -> None:
    """Eight cheap, full batches double the size; one that took much processor time halves it."""
    pace = Pace(lambda: 0.0)
    for expected in (1, 2, 4, 8):
        assert pace.limit == expected
        for _ in range(8):
            pace.begin()
            pace.end(pace.limit)
    pace.begin()
    began = thread_time()
    while thread_time() - began < 0.006:
        pass
    pace.end(pace.limit)
    assert pace.limit == 8


def test_batches_that_are_not_full_do_not_grow() -> None:
    """A source that has little to give is given no larger batches to fill."""
    pace = Pace(lambda: 0.0)
    for _ in range(100):
        pace.begin()
        pace.end(0)
    assert pace.limit == 1
