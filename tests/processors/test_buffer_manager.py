"""The stream buffer manager: how its settings become an event stream, what that does, and what it reports."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import transmissions
from processors.streams import StreamBufferManager
from transmissions import Buffer, Context, EventStream, StageError, TransmissionsError, WhenFull
from transmissions.errors import StreamFull

PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"
SLOW = """
import threading
from transmissions import Processor
class Slow(Processor):
    def process(self, message):
        threading.Event().wait(0.0005)
        return message
"""


def stream_of(**settings: Any) -> EventStream:
    """Return the event stream that a manager of these settings has in front of it."""
    buffer = StreamBufferManager.buffer(settings)
    return EventStream(
        buffer.max_messages,
        max_bytes=buffer.max_bytes,
        high_water_mark=buffer.high_water_mark,
        low_water_mark=buffer.low_water_mark,
        when_full=buffer.when_full,
    )


def run(folder: Path, settings: str, messages: int = 300) -> Any:
    """Send messages of 100 bytes through a manager in front of a slow stage; return the run's result."""
    turtle = f""":p a :Transmission ; :pipe (:f :b :s) . :f a :ForEach . :s a :Slow .
        :b a :StreamBufferManager ; :settings [ {settings} ] ."""
    (folder / "p.ttl").write_text(PREFIX + turtle, encoding="utf-8")
    (folder / "own.py").write_text(SLOW, encoding="utf-8")
    pipeline = transmissions.load(folder / "p.ttl", processors=[folder / "own.py"])
    # A part has two fields named with eleven letters each, a number of 8 bytes, and its text.
    return pipeline.run(messages={"items": ["x" * 70] * messages})


@pytest.mark.parametrize(
    ("settings", "buffer"),
    [
        ({}, Buffer(10_000, 1_048_576, 838_860, 209_715)),
        ({"max_buffer_size": 1000}, Buffer(10_000, 1000, 800, 200)),
        ({"max_buffer_size": 1000, "max_messages": 7}, Buffer(7, 1000, 800, 200)),
        ({"max_messages": 100}, Buffer(100, None, 80, 20)),
        ({"max_messages": 1}, Buffer(1, None, 1, 0)),
        ({"max_messages": 100, "high_water_mark": 10}, Buffer(100, None, 10, 10)),
        ({"max_messages": 100, "low_water_mark": 90}, Buffer(100, None, 90, 90)),
        ({"max_buffer_size": 1000, "high_water_mark": 600, "low_water_mark": 0}, Buffer(10_000, 1000, 600, 0)),
        ({"when_full": "spill", "max_spill_bytes": 9}, Buffer(10_000, 1_048_576, 838_860, 209_715, WhenFull.SPILL, 9)),
    ],
)
def test_settings_become_a_buffer(settings: dict[str, Any], buffer: Buffer) -> None:
    """Each setting is one of the buffer's; marks are 80 % and 20 % of the bound whose unit they have."""
    assert StreamBufferManager.buffer(settings) == buffer
    assert StreamBufferManager(**settings).buffer(settings) == buffer


@pytest.mark.parametrize("policy", list(WhenFull))
def test_every_policy_can_be_set_in_turtle(tmp_path: Path, policy: WhenFull) -> None:
    """`:whenFull` takes what `:buffer` takes, as a text or as a name."""
    for written in (f'"{policy}"', f":{policy}"):
        turtle = f":p a :Transmission ; :pipe (:b) . :b a :StreamBufferManager ; :settings [ :whenFull {written} ] ."
        (tmp_path / "p.ttl").write_text(PREFIX + turtle)
        [stage] = transmissions.load(tmp_path / "p.ttl").definition.stages
        assert StreamBufferManager.buffer(stage.settings).when_full is policy


@given(
    size=st.none() | st.integers(1, 5000),
    most=st.none() | st.integers(1, 5000),
    high=st.none() | st.integers(1, 5000),
    low=st.none() | st.integers(0, 5000),
)
def test_what_is_not_refused_is_a_stream(size: int | None, most: int | None, high: int | None, low: int | None) -> None:
    """Settings whose marks are in order give a stream that takes them; others are refused by both."""
    given_settings = {"max_buffer_size": size, "max_messages": most, "high_water_mark": high, "low_water_mark": low}
    try:
        StreamBufferManager(**given_settings)
    except TransmissionsError:
        with pytest.raises(ValueError, match="marks"):
            stream_of(**given_settings)
    else:
        stream_of(**given_settings)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (":maxBufferSize 10 ; :highWaterMark 11", ":highWaterMark 11 is above the 10 bytes that the buffer holds"),
        (":maxMessages 10 ; :highWaterMark 11", ":highWaterMark 11 is above the 10 messages that the buffer holds"),
        (":highWaterMark 5 ; :lowWaterMark 6", ":lowWaterMark 6 is above the high-water mark of 5 bytes"),
    ],
)
def test_marks_in_the_wrong_order_are_refused(tmp_path: Path, settings: str, text: str) -> None:
    """A mark beyond its bound is an error that names both, before anything runs."""
    with pytest.raises(StageError, match=f"stage :b failed in set-up: {text}; lower it"):
        run(tmp_path, settings)


# What was wrong with the buffer manager of the JavaScript project


def test_the_buffer_holds_what_the_stage_behind_cannot_take(tmp_path: Path) -> None:
    """Messages do wait in it, as many bytes as it may hold, and not one at a time on their way through."""
    result = run(tmp_path, ":maxBufferSize 1000 ; :highWaterMark 800 ; :lowWaterMark 200")
    figures = result.processors["b"]
    assert 800 <= figures["peak_bytes"] <= 1000
    assert figures["peak_messages"] == figures["peak_bytes"] / 100
    assert figures["peak_percent"] == figures["peak_bytes"] / 10
    assert figures["pauses"] == figures["resumes"] > 10
    assert figures["total_pause_s"] > 0
    assert figures["overflow_events"] > 0
    assert (figures["drops"], figures["buffered_bytes"], figures["utilisation_percent"]) == (0, 0, 0)
    assert result.stage("s").received == 301


def test_a_pause_is_heard_by_whoever_sends() -> None:
    """From the high-water mark on nothing more is let in, though there is room, until the low-water mark is reached."""
    stream = stream_of(max_buffer_size=1000)
    for _ in range(8):
        stream.send_nowait({"": "x" * 100})
    with pytest.raises(StreamFull):
        stream.send_nowait({"": "x" * 100})
    stream.receive_batch(5)
    with pytest.raises(StreamFull):
        stream.send_nowait({"": "x" * 100})
    stream.receive()
    stream.send_nowait({"": "x" * 100})
    assert (stream.statistics().pauses, stream.statistics().resumes) == (1, 1)


def test_marks_in_messages_pause_and_resume() -> None:
    """With `:maxMessages` alone, messages are counted, whatever their size."""
    stream = stream_of(max_messages=10)
    for _ in range(8):
        stream.send_nowait({"": "x" * 1_000_000})
    with pytest.raises(StreamFull):
        stream.send_nowait({})
    stream.receive_batch(6)
    stream.send_nowait({})


def test_whoever_waits_goes_on_at_once_and_polls_for_nothing() -> None:
    """A paused sender is woken by the receiver, in the next turns of the event loop, without a timer."""

    async def check() -> None:
        stream = stream_of(max_messages=10)
        await stream.send_batch_async([{}] * 8)
        waiting = asyncio.create_task(stream.send_async({"last": True}))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not waiting.done()
        await stream.receive_batch_async(6)
        for _ in range(10):
            await asyncio.sleep(0)
        assert waiting.done()

    asyncio.run(check())


@pytest.mark.parametrize("policy", ["dropNewest", "dropOldest"])
def test_what_is_dropped_is_counted(tmp_path: Path, policy: str) -> None:
    """With a policy that drops, what came in and was not received is told as drops, and nothing is missing."""
    result = run(tmp_path, f':maxMessages 5 ; :whenFull "{policy}"')
    figures = result.processors["b"]
    assert figures["drops"] > 0
    assert figures["drops"] + result.stage("b").received == 301
    assert figures["peak_messages"] == 5


def test_what_spills_to_disk_comes_back(tmp_path: Path) -> None:
    """With `spill`, senders do not wait: what found no room waited on disk, is told, and is received all the same."""
    result = run(tmp_path, ":maxMessages 5 ; :whenFull :spill")
    figures = result.processors["b"]
    assert result.stage("s").received == 301
    assert figures["spilled"] > 0
    assert figures["peak_spill_bytes"] > 0
    assert figures["peak_messages"] == 5
    assert (figures["drops"], figures["pauses"], figures["spill_messages"], figures["spill_bytes"]) == (0, 0, 0, 0)


def test_the_report_is_that_of_the_stream() -> None:
    """The figures are the stream's own; how full it is, is told by the bound that is nearest, and spilling is told."""
    manager = StreamBufferManager(max_buffer_size=1000, max_messages=10, when_full="spill")
    held = {"capacity": 10, "capacity_bytes": 1000, "depth": 3, "depth_bytes": 200, "peak": 4, "peak_bytes": 900}
    counted = {"pauses": 3, "resumes": 2, "paused_s": 0.5, "overflows": 7, "drops": 0}
    spilled = {"spilled": 6, "spill_depth": 2, "spill_bytes": 150, "peak_spill_bytes": 400, "spill_failures": 1}
    log: list[Any] = []
    manager.context = Context(
        statistics=lambda: {"buffer": held | counted | spilled}, log=lambda *record: log.append(record)
    )
    manager.close()
    assert manager.report() == {
        "pauses": 3,
        "resumes": 2,
        "total_pause_s": 0.5,
        "overflow_events": 7,
        "drops": 0,
        "buffered_messages": 3,
        "buffered_bytes": 200,
        "utilisation_percent": 30,
        "peak_messages": 4,
        "peak_bytes": 900,
        "peak_percent": 90,
        "spilled": 6,
        "spill_messages": 2,
        "spill_bytes": 150,
        "peak_spill_bytes": 400,
        "spill_failures": 1,
    }
    assert log == [("info", "held", manager.report())]


def test_outside_of_a_run_there_is_nothing_to_report() -> None:
    """Without a stream there are figures of nothing, and no division by a bound that is not there."""
    assert set(StreamBufferManager().report().values()) == {0}
