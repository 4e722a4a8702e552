"""What an event stream promises, to threads and to asyncio alike."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.streams.conftest import Side
from transmissions.errors import StreamAborted, StreamClosed, StreamError, StreamFull, StreamTimeout
from transmissions.streams import Cancellation, EventStream, WhenFull


@pytest.mark.parametrize(("given", "capacity"), [(None, 100), (0, 100), (50, 50), (1000, 1000)])
def test_a_stream_holds_100_messages_unless_said(given: int | None, capacity: int) -> None:
    """None and 0 mean 100; any other whole number is the bound itself."""
    assert EventStream(given).statistics().capacity == capacity


@pytest.mark.parametrize("given", [-1, 2.0, "5", True])
def test_a_bound_is_a_whole_number(given: Any) -> None:
    """Anything that is no whole number of 1 or more raises ValueError, before anything else happens."""
    with pytest.raises(ValueError, match="max_messages must be a whole number, 1 or more"):
        EventStream(given)


def test_a_blocked_sender_goes_on_when_there_is_room(side: Side) -> None:
    """Under `block` a sender waits, then its message is in, in order."""
    stream = EventStream(1)
    side.do(stream, "send", 1)
    sending = side.begin(stream, "send", 2)
    assert side.do(stream, "receive") == 1
    assert sending.wait().error is None
    assert sending.value > 0
    assert side.do(stream, "receive") == 2


def test_dropping_the_newest_says_so(side: Side) -> None:
    """Under `drop newest` a message without room is dropped, counted, and its sender told by StreamFull."""
    stream = EventStream(2, when_full=WhenFull.DROP_NEWEST)
    side.do(stream, "send", 1)
    for send, value in (("send_batch", [2, 3]), ("send", 4)):
        with pytest.raises(StreamFull, match="1 were dropped"):
            side.do(stream, send, value)
    stream.close()
    assert side.all_of(stream) == [1, 2]
    assert stream.statistics().drops == 2


def test_dropping_the_oldest_makes_room(side: Side) -> None:
    """Under `drop oldest` a send never waits; what waited longest is dropped and counted."""
    stream = EventStream(2, when_full=WhenFull.DROP_OLDEST)
    side.do(stream, "send_batch", [1, 2, 3])
    side.do(stream, "send", 4)
    stream.close()
    assert side.all_of(stream) == [3, 4]
    assert stream.statistics().drops == 2


def test_failing_keeps_the_message_with_its_sender(side: Side) -> None:
    """Under `fail` a message without room is refused: not in, not dropped, and the error tells how many are in."""
    stream = EventStream(2, when_full=WhenFull.FAIL)
    with pytest.raises(StreamFull) as full:
        side.do(stream, "send_batch", [1, 2, 3])
    assert (full.value.accepted, full.value.dropped, stream.statistics().drops) == (2, 0, 0)
    stream.close()
    assert side.all_of(stream) == [1, 2]


@pytest.mark.parametrize("policy", list(WhenFull))
@pytest.mark.parametrize("timeout", [0, -1.0, float("nan")])
def test_a_time_that_is_over_is_refused_even_with_room(side: Side, timeout: float, policy: WhenFull) -> None:
    """A timeout that has expired already refuses a send and a receive that could be done at once."""
    stream = EventStream(5, when_full=policy)
    with pytest.raises(StreamTimeout):
        side.do(stream, "send", 1, timeout=timeout)
    assert stream.statistics().sent == 0
    stream.send(1)
    with pytest.raises(TimeoutError):
        side.do(stream, "receive", timeout=timeout)
    assert len(stream) == 1


def test_waiting_ends_in_time(side: Side) -> None:
    """A send and a receive that are not possible in time raise StreamTimeout and change nothing."""
    stream = EventStream(1)
    with pytest.raises(StreamTimeout, match="stream stream: receive: not possible in time"):
        side.do(stream, "receive", timeout=0.01)
    stream.send(1)
    with pytest.raises(StreamTimeout) as late:
        side.do(stream, "send_batch", [2, 3], timeout=0.01)
    assert late.value.accepted == 0
    assert [stream.receive(), len(stream)] == [1, 0]
    assert stream.statistics().waiting_senders == stream.statistics().waiting_receivers == 0


@pytest.mark.parametrize("timeout", [1e12, float("inf")])
def test_a_time_may_be_longer_than_a_clock_can_tell(side: Side, timeout: float) -> None:
    """It waits like any other, and without an end if need be."""
    stream = EventStream(1)
    stream.send("first")
    sender = side.begin(stream, "send", "second", timeout)
    assert sender.error is None
    assert [stream.receive(), stream.receive()] == ["first", "second"]
    assert sender.wait().error is None
    receiver = side.begin(stream, "receive", timeout)
    assert receiver.error is None
    stream.send("third")
    assert receiver.wait().value == "third"


def test_the_policy_holds_for_a_send_with_a_time(side: Side) -> None:
    """A send that may wait a while waits only where the policy is to block."""
    full = EventStream(1, when_full=WhenFull.FAIL)
    full.send(1)
    with pytest.raises(StreamFull):
        side.do(full, "send", 2, timeout=60)
    newest = EventStream(1, when_full=WhenFull.DROP_NEWEST)
    newest.send(1)
    with pytest.raises(StreamFull):
        side.do(newest, "send", 2, timeout=60)


def test_a_cancelled_send_leaves_nothing_behind(side: Side) -> None:
    """Cancelled while it waits, a send has put nothing in, and the other senders lose nothing."""
    stream = EventStream(1)
    stream.send(1)
    first, second = side.begin(stream, "send", 2), side.begin(stream, "send", 3)
    first.cancel()
    assert isinstance(first.wait().error, side.cancelled)
    assert stream.receive() == 1
    assert second.wait().error is None
    assert stream.receive() == 3
    assert len(stream) == 0
    assert stream.statistics().sent == 2


def test_a_cancelled_receive_takes_nothing(side: Side) -> None:
    """Cancelled while it waits, a receive has taken nothing; another receiver gets the message."""
    stream = EventStream(1)
    first, second = side.begin(stream, "receive"), side.begin(stream, "receive")
    first.cancel()
    assert isinstance(first.wait().error, side.cancelled)
    stream.send(7)
    assert second.wait().value == 7


def test_a_cancelled_batch_keeps_what_was_let_in() -> None:
    """The part of a batch that had room stays in, and the error tells how much that is."""
    stream = EventStream(2)
    side = Side("threads")
    sending = side.begin(stream, "send_batch", [1, 2, 3, 4])
    sending.cancel()
    error = sending.wait().error
    assert isinstance(error, StreamError)
    assert error.accepted == 2
    assert stream.receive_batch(9) == [1, 2]


def test_what_was_cancelled_before_is_refused_even_with_room() -> None:
    """A cancellation that has come already, or a task that is cancelled already, sends and receives nothing."""
    stream = EventStream(5)
    stream.send(1)
    cancellation = Cancellation()
    cancellation.cancel("before")
    cancellation.cancel("again")
    for operation in (
        lambda: stream.send(2, cancellation=cancellation),
        lambda: stream.receive(cancellation=cancellation),
    ):
        with pytest.raises(StreamError, match="before"):
            operation()

    async def main() -> None:
        for operation in (stream.send_async(2), stream.receive_async()):
            task = asyncio.create_task(operation)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert len(stream) == 1


def test_closing_wakes_blocked_senders(side: Side) -> None:
    """Senders that wait for room get StreamClosed, never another error; what was accepted stays readable."""
    stream = EventStream(1)
    stream.send(1)
    sending = [side.begin(stream, "send", number) for number in (2, 3, 4)]
    assert stream.close()
    assert [type(one.wait().error) for one in sending] == [StreamClosed] * 3
    assert side.all_of(stream) == [1]


def test_closing_wakes_blocked_receivers(side: Side) -> None:
    """Receivers that wait for a message get StreamClosed."""
    stream = EventStream(1)
    receiving = [side.begin(stream, "receive") for _ in range(3)]
    stream.close()
    assert [type(one.wait().error) for one in receiving] == [StreamClosed] * 3


def test_closing_twice_changes_nothing(side: Side) -> None:
    """The second close is a declared no-op: it says so by returning False, and buffered messages stay."""
    stream = EventStream(2)
    stream.send(1)
    assert (stream.close(), stream.close(), stream.closed) == (True, False, True)
    with pytest.raises(StreamClosed, match="stream stream: send: it is closed"):
        side.do(stream, "send", 2)
    assert side.do(stream, "receive") == 1
    with pytest.raises(StreamClosed):
        side.do(stream, "receive")


def test_aborting_wakes_everyone_with_the_reason(side: Side) -> None:
    """Blocked senders and receivers get StreamAborted with the reason, and what waited is counted as forgotten."""
    full, empty = EventStream(1), EventStream(1)
    full.send(1)
    waiting = [side.begin(full, "send", 2), side.begin(empty, "receive")]
    for stream in (full, empty):
        stream.abort("the disk is full")
        stream.abort("later")
    for one in waiting:
        error = one.wait().error
        assert isinstance(error, StreamAborted)
        assert error.cause == "it was aborted: the disk is full"
    counted = full.statistics()
    assert (counted.sent, counted.forgotten, counted.received, counted.depth) == (1, 1, 0, 0)


def test_a_batch_has_a_limit_of_one_or_more(side: Side) -> None:
    """A limit that could never be met raises ValueError instead of waiting for ever."""
    with pytest.raises(ValueError, match="at least 1 message"):
        side.do(EventStream(), "receive_batch", 0)


def test_waiting_can_be_watched(side: Side) -> None:
    """`on_wait` is called before an operation waits, once, without the stream's lock, so that it may use the stream."""
    told: list[str] = []

    def tell(operation: str) -> None:
        told.append(operation)
        if operation == "receive":
            stream.send("what was waited for")
        else:
            stream.receive()

    stream = EventStream(1, on_wait=tell)
    assert side.do(stream, "receive") == "what was waited for"
    stream.send(1)
    side.do(stream, "send", 2)
    assert told == ["receive", "send"]
