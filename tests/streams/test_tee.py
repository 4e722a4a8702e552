"""What a tee promises: every reader receives every message, in order, and the end of the stream."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.streams.conftest import Side, started, when
from transmissions.errors import StreamAborted
from transmissions.streams import EventStream, WhenFull, tee


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Any:
    before = threading.active_count()
    yield
    when(lambda: threading.active_count() <= before)


def test_every_reader_sees_every_message(side: Side) -> None:
    """Several receivers of one stream share its messages; readers of a tee each get all of them, in order."""
    source = EventStream(4)
    branches = tee(source, 3)
    sender = started(lambda: (source.send_batch(range(1000)), source.close()))
    got: list[Any] = [None] * 3
    readers = [
        started(lambda place=place: got.__setitem__(place, side.all_of(branches[place])))  # type: ignore[misc]
        for place in range(3)
    ]
    for thread in (sender, *readers):
        thread.join(20)
    assert got == [list(range(1000))] * 3


def test_no_reader_sees_what_another_changed() -> None:
    """Each branch has a message of its own; with `copy=None` they share it, for those who know that it is safe."""
    for copy, expected in (({"copy": None}, {"n": 2}), ({}, {"n": 1})):
        source = EventStream()
        first, second = tee(source, **copy)
        source.send({"n": 1})
        source.close()
        first.receive(timeout=20)["n"] = 2
        assert second.receive(timeout=20) == expected


def test_the_slowest_reader_that_blocks_holds_the_source_back() -> None:
    """Bounds hold throughout: with a reader that does not read, no more than the buffers take is let in."""
    source = EventStream(2)
    first, second = tee(source, [EventStream(3), EventStream(3)])
    side = Side("threads")
    sending = side.begin(source, "send_batch", range(200))
    when(lambda: source.statistics().waiting_senders == first.statistics().waiting_senders == 1)
    # Two wait in the source, two at most are on their way, and no branch holds more than three.
    assert source.statistics().sent <= 2 + 2 + 3
    got = [first.receive(timeout=20) for _ in range(3)]
    assert got == [0, 1, 2]
    source.abort("enough")
    for branch in (first, second):
        branch.abort("enough")
    assert isinstance(sending.wait().error, StreamAborted)


def test_a_reader_that_may_miss_some_holds_nobody_back() -> None:
    """A branch that drops what it cannot follow lets the others have everything."""
    source = EventStream(2)
    onlooker, recorder = tee(source, [EventStream(2, when_full=WhenFull.DROP_NEWEST), EventStream(1000)])
    source.send_batch(range(100))
    source.close()
    assert list(recorder) == list(range(100))
    assert list(onlooker) == [0, 1]
    assert onlooker.statistics().drops == 98


def test_a_reader_that_must_not_fall_behind_is_told() -> None:
    """A branch under `fail` that has no room is aborted, and the others go on."""
    source = EventStream(100)
    strict, other = tee(source, [EventStream(2, when_full=WhenFull.FAIL), EventStream(100)])
    source.send_batch(range(10))
    source.close()
    assert list(other) == list(range(10))
    with pytest.raises(StreamAborted, match="its reader fell behind"):
        strict.receive()


@pytest.mark.parametrize("leave", ["close", "abort"])
def test_a_reader_may_leave(leave: str) -> None:
    """A branch that its reader ends holds nobody up; when the last one goes the source is aborted."""
    source = EventStream(4)
    first, second = tee(source)

    def end(branch: EventStream) -> None:
        branch.close() if leave == "close" else branch.abort("gone")

    end(first)
    source.send_batch(range(3))
    assert [second.receive(timeout=20) for _ in range(3)] == [0, 1, 2]
    end(second)
    source.send(3)
    when(lambda: source.closed)
    with pytest.raises(StreamAborted, match="nobody reads it any more"):
        source.send(4)


def test_the_end_reaches_all() -> None:
    """An abort of the source reaches every reader with its reason."""
    source = EventStream()
    branches = tee(source)
    source.abort("the provider hung up")
    for branch in branches:
        with pytest.raises(StreamAborted, match="the provider hung up"):
            branch.receive(timeout=20)


def test_an_abort_does_not_wait_for_a_reader_who_holds_everything_back() -> None:
    """It reaches every reader even while the tee waits for room in the branch of one who reads nothing."""
    source = EventStream()
    held, other = tee(source, [EventStream(1), EventStream(1)])
    source.send_batch([1, 2])
    when(lambda: held.statistics().waiting_senders == 1)
    source.abort("the user left")
    for branch in (other, held):
        with pytest.raises(StreamAborted, match="the user left"):
            branch.receive(timeout=20)


def test_a_source_that_was_aborted_before_is_so_for_its_readers() -> None:
    """A tee of it is aborted with the same reason."""
    source = EventStream()
    source.abort("it was never there")
    with pytest.raises(StreamAborted, match="it was never there"):
        tee(source)[1].receive(timeout=20)


def test_a_message_that_cannot_be_copied_ends_it_for_all() -> None:
    """Nobody waits for ever for what cannot come: source and branches are aborted, with the reason."""
    source = EventStream()
    branches = tee(source)
    source.send({"lock": threading.Lock()})
    for branch in branches:
        with pytest.raises(StreamAborted, match="it cannot be copied: cannot pickle"):
            branch.receive(timeout=20)
    when(lambda: source.closed)


def test_a_tee_needs_branches() -> None:
    """None at all, or the stream itself among them, raises ValueError."""
    source = EventStream()
    for branches in (0, [], [source]):
        with pytest.raises(ValueError, match="needs one branch or more"):
            tee(source, branches)


def test_tasks_read_a_tee_together() -> None:
    """Within one event loop, readers that go at different speeds each get everything."""

    async def read(branch: EventStream, turns: int) -> list[int]:
        got = []
        async for number in branch:
            got.append(number)
            for _ in range(turns):
                await asyncio.sleep(0)
        return got

    async def main() -> list[list[int]]:
        source = EventStream(3)
        first, second = tee(source, [EventStream(2), EventStream(2)])

        async def send() -> None:
            for number in range(200):
                await source.send_async(number)
            source.close()

        return (await asyncio.gather(read(first, 0), read(second, 5), send()))[:2]

    assert asyncio.run(main()) == [list(range(200))] * 2


def test_a_branch_is_named_once() -> None:
    """A stream that stands twice among the branches would get every message twice; it is refused."""
    branch = EventStream()
    with pytest.raises(ValueError, match="one is named twice"):
        tee(EventStream(), [branch, branch])
