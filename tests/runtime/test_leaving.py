"""Leaving a run early: whoever stops reading or waiting ends it, and nothing of it goes on afterwards."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from transmissions import Message, Pipeline, Processor, Status

Build = Callable[..., Pipeline]


class Closes(Processor):
    """Take a while to close."""

    closed = 0

    def process(self, message: Message) -> Message:
        return message

    def close(self) -> None:
        threading.Event().wait(0.05)
        Closes.closed += 1


def test_a_stream_that_was_left_has_ended(build: Build) -> None:
    """When `close` of a stream returns, its processors are closed and its files whole."""
    before = Closes.closed
    stream: Any = build([("a", "Forever"), ("b", "Closes")], Closes=Closes).stream()
    next(stream)
    stream.close()
    assert Closes.closed == before + 1


def test_an_error_of_the_reader_ends_the_run(build: Build) -> None:
    """Ctrl-C while a message is awaited, or any other error in the reader, does not leave the run behind."""
    before = Closes.closed
    stream: Any = build([("a", "Forever"), ("b", "Closes")], Closes=Closes).stream()
    next(stream)
    with pytest.raises(KeyboardInterrupt):
        stream.throw(KeyboardInterrupt)
    assert Closes.closed == before + 1


def test_an_async_stream_that_was_left_has_ended(build: Build) -> None:
    """The same from asyncio."""
    before = Closes.closed

    async def main() -> int:
        stream: Any = build([("a", "Forever"), ("b", "Closes")], Closes=Closes).stream_async()
        async for _ in stream:
            break
        await stream.aclose()
        return Closes.closed

    assert asyncio.run(main()) == before + 1


@pytest.mark.parametrize("second", ["Pass", "AsyncPass"])
def test_a_run_that_was_halted_is_not_complete(build: Build, second: str) -> None:
    """`halt` alone ends a run, and its result says that it was aborted."""
    run = build([("a", "Forever"), ("b", second)]).start()
    run.halt()
    result = run.wait(10)
    assert result is not None
    assert (result.status, result.error) == (Status.ABORTED, "")


def test_an_async_stream_that_is_cancelled_at_its_very_end_has_ended(build: Build) -> None:
    """A task that has read the last message and is cancelled then still waits until the run is over."""
    tasks: list[asyncio.Task[None]] = []
    loops: list[asyncio.AbstractEventLoop] = []
    over = []

    class Reports(Processor):
        """Take a while to report."""

        def process(self, message: Message) -> Message:
            return message

        def report(self) -> dict[str, Any]:
            loops[0].call_soon_threadsafe(tasks[0].cancel)
            threading.Event().wait(0.05)
            over.append(True)
            return {}

    async def read() -> None:
        async for _ in build([("a", "Numbers"), ("b", "Reports")], Reports=Reports).stream_async():
            pass

    async def main() -> bool:
        loops.append(asyncio.get_running_loop())
        tasks.append(asyncio.create_task(read()))
        await asyncio.wait(tasks)
        return bool(over)

    assert asyncio.run(main())
    assert tasks[0].cancelled()
