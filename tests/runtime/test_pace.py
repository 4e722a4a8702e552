"""How batches grow and shrink."""

from __future__ import annotations

from collections.abc import Iterator

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
