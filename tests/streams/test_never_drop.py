"""Messages that no policy may drop, in streams that drop: they come, in order, and memory stays bounded."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.streams.conftest import Side
from transmissions.errors import StreamAborted, StreamClosed, StreamError, StreamFull
from transmissions.streams import EventStream, WhenFull


def dropping(policy: WhenFull, bound: int = 3, **options: Any) -> EventStream:
    """A stream that drops small letters, but never capitals."""
    return EventStream(bound, when_full=policy, never_drop=str.isupper, **options)


def test_it_takes_the_place_of_the_newest_that_may_be_dropped(side: Side) -> None:
    """Under "drop newest" the last small letter goes, as if it had come a little later."""
    stream = dropping(WhenFull.DROP_NEWEST)
    side.do(stream, "send_batch", ["a", "b", "c", "X"])
    with pytest.raises(StreamFull) as full:
        side.do(stream, "send", "d")
    assert (full.value.accepted, full.value.dropped) == (0, 1)
    side.do(stream, "send", "Y")
    assert stream.statistics().drops == 3
    stream.close()
    assert side.all_of(stream) == ["a", "X", "Y"]


def test_it_takes_the_place_of_the_oldest_that_may_be_dropped(side: Side) -> None:
    """Under "drop oldest" the first small letter goes, also from behind a capital; no sender is told."""
    stream = dropping(WhenFull.DROP_OLDEST)
    side.do(stream, "send_batch", ["A", "b", "c", "D"])
    side.do(stream, "send_batch", ["e", "F"])
    assert stream.statistics().drops == 3
    stream.close()
    assert side.all_of(stream) == ["A", "D", "F"]


@pytest.mark.parametrize("policy", [WhenFull.DROP_NEWEST, WhenFull.DROP_OLDEST])
def test_among_its_like_it_waits(side: Side, policy: WhenFull) -> None:
    """Where nothing may be dropped its sender waits for the low-water mark; what may be dropped is, in the meantime."""
    stream = dropping(policy)
    side.do(stream, "send_batch", ["A", "B", "C"])
    with pytest.raises(StreamFull):
        stream.send_nowait("D")
    sending = side.begin(stream, "send_batch", ["D", "e"])
    counted = stream.statistics()
    assert (counted.waiting_senders, counted.depth, counted.drops) == (1, 3, 0)
    if policy is WhenFull.DROP_OLDEST:
        side.do(stream, "send", "f")
    else:
        with pytest.raises(StreamFull):
            side.do(stream, "send", "f")
    assert stream.statistics().drops == 1
    assert stream.receive_batch(2) == ["A", "B"]
    assert sending.wait().error is None
    stream.close()
    assert list(stream) == ["C", "D", "e"]


def test_a_sender_learns_what_was_dropped_before_it_waited(side: Side) -> None:
    """A batch is done as a whole: what had no room before and behind a wait is told once, at the end."""
    stream = dropping(WhenFull.DROP_NEWEST, 2, low_water_mark=1)
    side.do(stream, "send_batch", ["A", "B"])
    sending = side.begin(stream, "send_batch", ["c", "D", "e", "f"])
    assert stream.receive() == "A"
    error = sending.wait().error
    assert isinstance(error, StreamFull)
    assert (error.accepted, error.dropped) == (1, 3)
    assert stream.receive_batch(9) == ["B", "D"]


@pytest.mark.parametrize("end", ["close", "abort"])
def test_an_end_reaches_one_that_waits(side: Side, end: str) -> None:
    """A sender that waits with what may not be dropped is told of the end, and what of its batch got in."""
    stream = dropping(WhenFull.DROP_NEWEST, 2)
    sending = side.begin(stream, "send_batch", ["A", "B", "c", "D"])
    if end == "close":
        stream.close()
    else:
        stream.abort("the test")
    error = sending.wait().error
    assert isinstance(error, StreamClosed if end == "close" else StreamAborted)
    assert error.accepted == 2


@given(
    st.lists(st.one_of(st.text("abXY", min_size=1, max_size=6), st.integers(1, 4)), max_size=40),
    st.sampled_from([WhenFull.DROP_NEWEST, WhenFull.DROP_OLDEST]),
    st.integers(1, 5),
    st.sampled_from([None, 6]),
)
def test_capitals_all_come_and_the_figures_add_up(
    steps: list[Any], policy: WhenFull, bound: int, max_bytes: int | None
) -> None:
    """However sends and receives are mixed: capitals come in order, bounds hold, and what is missing was dropped."""
    stream = dropping(policy, bound, max_bytes=max_bytes, size_of=lambda letter: 1 + "abXY".index(letter))
    sent: list[str] = []
    received: list[str] = []
    for step in steps:
        if isinstance(step, int) and len(stream):
            received += stream.receive_batch(step)
        for letter in step if isinstance(step, str) else ():
            try:
                stream.send_nowait(letter)
            except StreamFull as full:
                if not full.dropped:
                    # Only a capital finds no way: nothing was taken of it, so that it may be left out.
                    assert letter.isupper()
                    continue
            sent.append(letter)
        counted = stream.statistics()
        assert counted.sent == len(sent) == counted.received + counted.drops + counted.depth
        assert counted.depth <= bound
        assert max_bytes is None or counted.depth_bytes <= max_bytes
    stream.close()
    received += list(stream)
    assert [one for one in received if one.isupper()] == [one for one in sent if one.isupper()]
    rest = iter(sent)
    assert all(one in rest for one in received), "out of order"


def test_a_size_that_cannot_be_told_is_an_error_of_the_send(side: Side) -> None:
    """What is in front of such a message is in and counted; the error says why it is not."""
    endless: list[Any] = []
    endless.append(endless)
    for policy in WhenFull:
        stream = EventStream(10, max_bytes=1000, when_full=policy)
        with pytest.raises(StreamError, match="stream: send: the size of a message cannot be told: ") as error:
            side.do(stream, "send_batch", ["a", "b", endless, "c"])
        assert error.value.accepted == stream.statistics().sent == 2
        stream.close()
        assert side.all_of(stream) == ["a", "b"]
