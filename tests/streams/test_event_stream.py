"""What an event stream promises to its senders and receivers."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streams.conftest import end_of, started, when
from transmissions.errors import StreamAborted, StreamClosed, StreamEmpty, StreamError, StreamFull
from transmissions.streams import Cancellation, EventStream, WhenFull, size_of_message


def test_messages_come_out_in_order() -> None:
    """First in, first out."""
    stream = EventStream(10)
    stream.send_batch([1, 2, 3])
    stream.send(4)
    assert [stream.receive(), *stream.receive_batch(10)] == [1, 2, 3, 4]


def test_a_full_stream_pauses_its_sender_until_the_low_water_mark() -> None:
    """A sender that finds no room goes on when the fill has sunk to the low-water mark, not before."""
    stream = EventStream(4, low_water_mark=1)
    sender = started(lambda: stream.send_batch(list(range(6))))
    when(lambda: len(stream) == 4)
    assert stream.receive_batch(2) == [0, 1]
    assert stream.statistics().paused_s > 0
    assert len(stream) == 2
    assert stream.receive() == 2
    end_of([sender])
    assert stream.receive_batch(10) == [3, 4, 5]
    counted = stream.statistics()
    assert (counted.pauses, counted.resumes, counted.peak, counted.overflows) == (1, 1, 4, 2)


def test_a_message_that_waits_long_overflows_once() -> None:
    """However often a sender finds no room for them, messages that had to wait are counted once each."""
    stream = EventStream(2)
    sender = started(lambda: stream.send_batch(list(range(10))))
    received: list[int] = []
    while len(received) < 10:
        received += stream.receive_batch(2)
    end_of([sender])
    assert received == list(range(10))
    assert stream.statistics().overflows == 8


@pytest.mark.parametrize("end", [EventStream.close, lambda stream: stream.abort("over")])
def test_the_end_ends_a_pause(end: Any) -> None:
    """Once nothing may be sent, no more time counts as paused, however long the rest waits to be received."""
    now = [0.0]
    stream = EventStream(1, clock=lambda: now[0])
    stream.send("fills it")
    now[0] = 3.0
    end(stream)
    now[0] = 100.0
    assert stream.statistics().paused_s == 3.0
    with contextlib.suppress(StreamError):
        stream.receive()
    assert stream.statistics().paused_s == 3.0


class _Counting(Sequence[int]):
    """The numbers from 0; it counts how often it is asked for one."""

    def __init__(self, length: int) -> None:
        self.asked = 0
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, place: Any) -> Any:
        self.asked += 1
        if place >= self._length:
            raise IndexError(place)
        return place


@pytest.mark.parametrize("policy", [WhenFull.BLOCK, WhenFull.DROP_OLDEST])
def test_a_large_batch_is_looked_through_once(policy: WhenFull) -> None:
    """What it takes to send a batch in many parts grows with its length, not with the square of it."""
    stream = EventStream(10, when_full=policy)
    numbers = _Counting(5000)

    def send() -> None:
        with stream:
            stream.send_batch(numbers)

    sender = started(send)
    if policy is WhenFull.BLOCK:
        assert list(stream) == list(range(5000))
    end_of([sender])
    assert numbers.asked <= 2 * 5000


def test_a_task_that_its_loop_left_behind_holds_nobody_up() -> None:
    """Where a loop was closed under a waiting task, the garbage collector may end that one in the midst of a send."""

    def size(_: Any) -> int:
        gc.collect()
        return 1

    stream = EventStream(5, max_bytes=10, size_of=size)

    def leave_one_behind() -> None:
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda *_: None)
        receiver = loop.create_task(stream.receive_async())
        loop.run_until_complete(asyncio.wait([receiver], timeout=0))
        assert stream.statistics().waiting_receivers == 1
        loop.close()

    leave_one_behind()
    sender = started(lambda: [stream.send(number) for number in range(3)])
    end_of([sender])
    assert stream.statistics().waiting_receivers == 0
    assert stream.receive_batch(5) == [0, 1, 2]


def test_aborting_ends_it_for_all_with_the_reason() -> None:
    """After an abort neither side goes on, and the error tells why."""
    stream = EventStream(5, name="before :write")
    stream.send_batch([1, 2])
    stream.abort("disk full")
    stream.abort("later")
    for operation in (stream.receive, lambda: stream.send(1)):
        with pytest.raises(StreamAborted, match=r"before :write.*disk full"):
            operation()
    assert len(stream) == 0


def test_an_abort_cancels_who_waits_for_the_same_stream() -> None:
    """A receiver may wait with the cancellation that an abort of its own stream lets come: it ends as aborted."""
    stream, aborted = EventStream(5), Cancellation()
    stream.cancel_when_aborted(aborted)
    ended: list[str] = []

    def receive() -> None:
        with pytest.raises(StreamAborted) as end:
            stream.receive(cancellation=aborted)
        ended.append(end.value.cause)

    receiver = started(receive)
    when(lambda: stream.statistics().waiting_receivers == 1)
    end_of([started(lambda: stream.abort("disk full")), receiver])
    later = Cancellation()
    stream.cancel_when_aborted(later)
    assert (ended, aborted.reason, later.reason) == (["it was aborted: disk full"], "disk full", "disk full")


def test_bytes_are_bounded_and_one_large_message_is_let_in() -> None:
    """With a bound in bytes, messages wait for room by their size; one larger than all room goes in alone."""
    stream = EventStream(100, max_bytes=10, size_of=len)
    stream.send_batch(["12345", "67890"])
    with pytest.raises(TimeoutError):
        stream.send("x", timeout=0.001)
    assert stream.receive_batch(2) == ["12345", "67890"]
    stream.send("y" * 50)
    assert stream.statistics().depth_bytes == 50
    with pytest.raises(TimeoutError):
        stream.send("x", timeout=0.001)
    assert stream.receive() == "y" * 50


@pytest.mark.parametrize(("policy", "before"), [(WhenFull.BLOCK, [2, 3]), (WhenFull.SPILL, [8, 8])])
@pytest.mark.parametrize("size", [None, "12", -3, 1.5, True])
def test_a_size_is_a_whole_number(size: Any, policy: WhenFull, before: list[int]) -> None:
    """What `size_of` gives is checked before the message is in, or on disk; one of no sensible size is refused."""
    stream = EventStream(5, max_bytes=10, when_full=policy, name="parts", size_of=lambda message: message)
    text = re.escape(f"size_of must give a whole number, 0 or more, and gave {size!r}")
    with pytest.raises(StreamError, match=f"parts: send: .*{text}") as refused:
        stream.send_batch([*before, size, 1], timeout=5)
    assert (refused.value.accepted, stream.statistics().sent) == (2, 2)
    stream.close()
    assert list(stream) == before
    assert stream.statistics().depth_bytes == 0


@pytest.mark.parametrize(
    "bounds",
    [
        {"max_messages": -1}, {"max_bytes": 0}, {"max_messages": 5, "high_water_mark": 6},
        {"high_water_mark": 3, "low_water_mark": 4}, {"low_water_mark": -1},
        {"high_water_mark": 0, "low_water_mark": 0},
    ],
)  # fmt: skip
def test_bounds_that_make_no_sense_are_refused(bounds: dict[str, int]) -> None:
    """A bound below one, or marks that are not low ≤ high ≤ bound, raise ValueError."""
    with pytest.raises(ValueError, match="stream stream: "):
        EventStream(**bounds)  # type: ignore[arg-type]


def test_a_hundred_threads_lose_nothing() -> None:
    """What fifty senders send, fifty receivers get, each message once."""
    stream = EventStream(16)
    got: list[list[int]] = [[] for _ in range(50)]

    def receive(place: int) -> None:
        got[place].extend(stream)

    receivers = [started(lambda place=place: receive(place)) for place in range(50)]  # type: ignore[misc]
    senders = [started(lambda part=part: stream.send_batch(range(part, part + 200))) for part in range(0, 10_000, 200)]  # type: ignore[misc]
    end_of(senders)
    stream.close()
    end_of(receivers)
    assert sorted(number for part in got for number in part) == list(range(10_000))
    counted = stream.statistics()
    assert (counted.sent, counted.received, counted.depth) == (10_000, 10_000, 0)


def test_threads_and_tasks_share_a_stream() -> None:
    """A thread sends to a task, and a task to a thread."""

    async def main() -> list[int]:
        there, back = EventStream(3), EventStream(3)

        def echo() -> None:
            for number in there:
                back.send(number)
            back.close()

        thread = started(echo)

        async def send() -> None:
            for number in range(500):
                await there.send_async(number)
            there.close()

        sending = asyncio.create_task(send())
        received = [number async for number in back]
        await sending
        end_of([thread])
        return received

    assert asyncio.run(main()) == list(range(500))


actions = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.lists(st.integers(0, 9), max_size=8)),
        st.tuples(st.just("receive"), st.integers(1, 8)),
        st.tuples(st.just("close"), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=200)
@given(
    actions,
    st.integers(1, 6),
    st.sampled_from([WhenFull.DROP_NEWEST, WhenFull.DROP_OLDEST, WhenFull.FAIL]),
    st.booleans(),
)
def test_a_stream_does_what_a_list_would(
    steps: list[tuple[str, Any]], bound: int, policy: WhenFull, by_bytes: bool
) -> None:
    """Whatever is done to a stream, it holds what a bounded list would, and its counters add up."""
    stream = EventStream(bound, max_bytes=bound if by_bytes else None, size_of=lambda _: 1, when_full=policy)
    model: list[int] = []
    sent = received = dropped = 0
    closed = False
    for action, value in steps:
        if action == "close":
            stream.close()
            closed = True
        elif action == "receive":
            if not model:
                with pytest.raises(StreamClosed if closed else StreamEmpty):
                    stream.receive_nowait()
                continue
            assert stream.receive_batch(value) == model[:value]
            received += len(model[:value])
            del model[:value]
        elif closed:
            with pytest.raises(StreamClosed):
                stream.send_batch(value)
        else:
            room = bound - len(model)
            if policy is WhenFull.FAIL and len(value) > room:
                with pytest.raises(StreamFull):
                    stream.send_batch(value)
                model += value[:room]
                sent += room
                continue
            if policy is WhenFull.DROP_NEWEST and len(value) > room:
                with pytest.raises(StreamFull):
                    stream.send_batch(value)
            else:
                stream.send_batch(value)
            sent += len(value)
            dropped += max(0, len(value) - room)
            model += value if policy is WhenFull.DROP_OLDEST else value[:room]
            del model[: max(0, len(model) - bound)]
        counted = stream.statistics()
        assert (counted.sent, counted.received, counted.drops, counted.depth) == (sent, received, dropped, len(model))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_size_is_that_of_the_text_in_it(value: Any) -> None:
    """A message's size is the UTF-8 length of its texts plus eight bytes for every other plain value."""

    def leaves(one: Any) -> Iterator[Any]:
        if isinstance(one, list):
            for inner in one:
                yield from leaves(inner)
        else:
            yield one

    expected = sum(len(one.encode()) if isinstance(one, str) else 8 for one in leaves(value))
    assert size_of_message({"": value}) == expected


@pytest.mark.parametrize("policy", list(WhenFull))
def test_closing_while_a_hundred_threads_send(policy: WhenFull) -> None:
    """Whenever the close comes, senders get StreamClosed and no other error, and all that was let in is received."""
    stream = EventStream(8, when_full=policy, max_spill_bytes=2000)
    accepted: list[list[int]] = [[] for _ in range(50)]
    received: list[list[int]] = [[] for _ in range(50)]
    errors: list[BaseException] = []

    def send(place: int) -> None:
        number = place
        try:
            while True:
                try:
                    stream.send(number)
                    accepted[place].append(number)
                except StreamFull as full:
                    accepted[place] += [number] * full.dropped
                number += 50
        except StreamClosed:
            return
        except BaseException as error:
            errors.append(error)

    threads = [started(lambda place=place: send(place)) for place in range(50)]  # type: ignore[misc]
    threads += [started(lambda place=place: received[place].extend(stream)) for place in range(50)]  # type: ignore[misc]
    when(lambda: stream.statistics().received > 2000)
    stream.close()
    end_of(threads)
    assert not errors
    counted = stream.statistics()
    assert counted.sent == sum(map(len, accepted)) == sum(map(len, received)) + counted.drops
    assert counted.received == sum(map(len, received))
    if not counted.drops:
        assert sorted(chain.from_iterable(accepted)) == sorted(chain.from_iterable(received))


def test_closing_while_a_hundred_tasks_send() -> None:
    """In one event loop likewise: each task that sends is told of the close, and nothing let in is lost."""

    async def main() -> tuple[list[int], list[int]]:
        stream = EventStream(4)
        accepted: list[int] = []
        received: list[int] = []

        async def send(number: int) -> None:
            with contextlib.suppress(StreamClosed):
                while True:
                    await stream.send_async(number)
                    accepted.append(number)
                    number += 50

        async def receive() -> None:
            async for number in stream:
                received.append(number)
                if len(received) > 1000:
                    stream.close()

        await asyncio.gather(*(send(place) for place in range(50)), *(receive() for _ in range(50)))
        return accepted, received

    accepted, received = asyncio.run(main())
    assert len(received) > 1000
    assert sorted(accepted) == sorted(received)


@pytest.mark.parametrize(
    ("wrong", "kind", "text"),
    [
        ({"when_full": "dropnewest"}, ValueError, "block, dropNewest.*got 'dropnewest'; did you mean dropNewest"),
        ({"when_full": 7}, ValueError, "when_full must be one of block, .*, spill, got 7$"),
        ({"size_of": 8}, TypeError, "stream s: size_of must be a function, got 8"),
        ({"never_drop": "the end"}, TypeError, "stream s: never_drop must be a function, got 'the end'"),
        ({"on_wait": 1}, TypeError, "stream s: on_wait must be a function, got 1"),
    ],
)
def test_what_a_stream_cannot_work_with_is_refused_when_it_is_made(
    wrong: dict[str, Any], kind: type[Exception], text: str
) -> None:
    """A misspelt policy and a function that is none are told at once, not with the first full buffer."""
    with pytest.raises(kind, match=text):
        EventStream(2, name="s", **wrong)


def test_a_stream_shows_what_it_is() -> None:
    """In a debugger a stream tells its name, whether it is open, and its fill."""
    stream = EventStream(3, name="answers")
    stream.send(1)
    assert repr(stream) == "<EventStream 'answers': open, 1 of 3 messages>"
    stream.close()
    assert repr(stream) == "<EventStream 'answers': closed, 1 of 3 messages>"
    stream.abort("enough")
    assert repr(stream) == "<EventStream 'answers': aborted, 0 of 3 messages>"
