"""What the stream manager promises; the numbers are those of the original's assertions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.streams.conftest import Side
from transmissions.errors import StreamClosed, StreamError, StreamExists, StreamNotFound
from transmissions.streams import EventStream, StreamManager, WhenFull


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def manager(clock: Clock) -> StreamManager:
    return StreamManager(lambda stream_id: EventStream(name=stream_id, clock=clock))


def test_streams_are_made_with_the_managers_bounds() -> None:
    """28, 29: a stream has the manager's size, 100 unless said, and its id for a name."""
    assert StreamManager().create("a").statistics().capacity == 100
    made = StreamManager(lambda stream_id: EventStream(7, name=stream_id, when_full=WhenFull.FAIL)).create("b")
    assert (made.statistics().capacity, made.name, made.when_full) == (7, "b", WhenFull.FAIL)


@pytest.mark.parametrize("stream_id", ["", None, 5, b"a"])
@pytest.mark.parametrize("operation", ["create", "get", "get_or_create", "close", "info"])
def test_an_id_is_text(manager: StreamManager, operation: str, stream_id: Any) -> None:
    """30, 34, 37, 44, 45: an empty id, or one that is no text, raises ValueError and changes nothing."""
    with pytest.raises(ValueError, match="a stream's id must be text that is not empty"):
        getattr(manager, operation)(stream_id)
    assert manager.ids() == []


def test_an_id_is_given_once(manager: StreamManager) -> None:
    """31: to create a stream that there is raises StreamExists, and the stream stays."""
    first = manager.create("a")
    with pytest.raises(StreamExists, match="stream a: create: there is a stream of that id already") as error:
        manager.create("a")
    assert (error.value.stream, error.value.operation) == ("a", "create")
    assert manager.get("a") is first


@pytest.mark.parametrize("operation", ["get", "close", "info"])
def test_an_unknown_id_is_not_found(manager: StreamManager, operation: str) -> None:
    """33, 36, 45: an id that there is no stream of raises StreamNotFound, which is no StreamClosed."""
    with pytest.raises(StreamNotFound) as error:
        getattr(manager, operation)("nowhere")
    assert isinstance(error.value, StreamError)
    assert not isinstance(error.value, StreamClosed)


def test_a_stream_is_found_until_it_is_closed(manager: StreamManager) -> None:
    """32, 35, 38, 40: the same stream is found, listed and counted, and is gone once it is closed by its id."""
    streams = {name: manager.create(name) for name in ("a", "b", "c")}
    assert manager.get("b") is streams["b"]
    assert (manager.ids(), len(manager), "b" in manager) == (["a", "b", "c"], 3, True)
    manager.close("b")
    assert streams["b"].closed
    assert (manager.ids(), len(manager), "b" in manager) == (["a", "c"], 2, False)


@pytest.mark.parametrize("end", [lambda stream: stream.close(), lambda stream: stream.abort("gone")])
def test_a_stream_closed_by_another_leaves(manager: StreamManager, end: Callable[[EventStream], Any]) -> None:
    """A stream that is ended directly, not by its manager, is found no more, and its id is free."""
    first = manager.create("a")
    first.send(1)
    end(first)
    assert (manager.ids(), manager.infos(), len(manager)) == ([], [], 0)
    with pytest.raises(StreamNotFound):
        manager.get("a")
    second, made = manager.get_or_create("a")
    assert made
    assert second is not first
    manager.close("a")
    assert manager.create("a") is not second


def test_a_closed_streams_messages_can_still_be_received(manager: StreamManager) -> None:
    """To leave the manager loses nothing for whoever holds the stream."""
    stream = manager.create("a")
    stream.send(1)
    manager.close("a")
    assert list(stream) == [1]


def test_all_are_closed_at_once(manager: StreamManager) -> None:
    """39: closing all empties the manager, also as a context manager; with none it does nothing."""
    with manager:
        streams = [manager.create(name) for name in "abc"]
    assert all(stream.closed for stream in streams)
    assert (manager.close_all(), len(manager)) == (0, 0)


def test_asking_makes_a_stream_once(manager: StreamManager) -> None:
    """44: the stream that there is, or a new one, and which of the two."""
    first, made = manager.get_or_create("a")
    again, made_again = manager.get_or_create("a")
    assert (made, made_again, again is first) == (True, False, True)


def test_asking_is_atomic() -> None:
    """Of a hundred threads that ask for one id at once, one makes the stream, and all get it."""
    manager = StreamManager()
    barrier = threading.Barrier(100)
    got: list[tuple[EventStream, bool]] = []

    def ask() -> None:
        barrier.wait(20)
        got.append(manager.get_or_create("one"))

    threads = [threading.Thread(target=ask) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len({id(stream) for stream, _ in got}) == 1
    assert sorted(made for _, made in got) == [False] * 99 + [True]


def test_many_threads_make_and_close() -> None:
    """41: ten threads make five streams each, then close them; none is missed and none is left."""
    manager = StreamManager()

    def each(do: Callable[[str], Any]) -> None:
        threads = [
            threading.Thread(target=lambda part=part: [do(f"{part}-{place}") for place in range(5)])  # type: ignore[misc]
            for part in range(10)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    each(manager.create)
    assert len(manager) == 50
    each(manager.close)
    assert len(manager) == 0


@pytest.mark.parametrize("idle_s", [0, -5.0, float("nan")])
def test_no_time_cleans_up_nothing(manager: StreamManager, clock: Clock, idle_s: float) -> None:
    """43: a time of 0 or less closes no stream, however long it was not used."""
    manager.create("a")
    clock.now = 1e9
    assert (manager.cleanup(idle_s), len(manager)) == (0, 1)


def test_cleaning_up_closes_what_nobody_uses(manager: StreamManager, clock: Clock) -> None:
    """42: streams without use for longer than the time are closed and counted; those used exactly so long ago stay."""
    old = manager.create("old")
    clock.now = 10
    manager.create("new")
    assert manager.cleanup(10) == 0
    clock.now = 10.5
    assert manager.cleanup(10) == 1
    assert old.closed
    assert manager.ids() == ["new"]


@pytest.mark.parametrize("use", ["send", "receive", "get", "get_or_create"])
def test_using_a_stream_keeps_it(manager: StreamManager, clock: Clock, use: str) -> None:
    """Sending, receiving and asking for a stream is using it; looking at its figures is not."""
    stream = manager.create("a")
    stream.send(0)
    clock.now = 8
    {
        "send": lambda: stream.send(1),
        "receive": stream.receive,
        "get": lambda: manager.get("a"),
        "get_or_create": lambda: manager.get_or_create("a"),
    }[use]()
    clock.now = 12
    assert manager.info("a").statistics.idle_s == 4
    assert manager.cleanup(5) == 0
    clock.now = 14
    assert manager.cleanup(5) == 1


def test_cleaning_up_never_breaks_into_a_busy_stream(manager: StreamManager, clock: Clock) -> None:
    """While a thread goes on sending and receiving in time, no clean-up closes its stream."""
    stream = manager.create("busy")
    stop = threading.Event()
    closed: list[int] = []

    def clean() -> None:
        while not stop.is_set():
            closed.append(manager.cleanup(1.0))

    cleaner = threading.Thread(target=clean)
    cleaner.start()
    try:
        for number in range(2000):
            clock.now += 0.9
            stream.send(number)
            assert stream.receive() == number
    finally:
        stop.set()
        cleaner.join(20)
    assert sum(closed) == 0


@pytest.mark.parametrize("operation", ["send", "receive"])
def test_cleaning_up_leaves_who_waits_alone(manager: StreamManager, clock: Clock, side: Side, operation: str) -> None:
    """A stream at which somebody waits is in use, however long ago the last message came or went."""
    stream = manager.create("a")
    if operation == "send":
        stream.send_batch([0] * 100)
    waiting = side.begin(stream, operation, *([1] if operation == "send" else []))
    clock.now = 1e6
    assert (manager.cleanup(10), stream.closed) == (0, False)
    waiting.cancel()
    waiting.wait()
    assert manager.cleanup(10) == 1


def test_what_there_is_to_tell(manager: StreamManager) -> None:
    """45, 46: id, bounds and load of one stream or of all; an empty list if there is none."""
    assert manager.infos() == []
    manager.create("a").send_batch([1, 2])
    manager.create("b")
    info = manager.info("a")
    assert (info.stream_id, info.statistics.capacity, info.statistics.depth) == ("a", 100, 2)
    assert [one.stream_id for one in manager.infos()] == ["a", "b"]
