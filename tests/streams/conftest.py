"""An event stream used from threads and from asyncio, by one interface, so that every test holds for both."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from transmissions.errors import StreamCancelled
from transmissions.streams import Cancellation, EventStream


class Operation:
    """A send or a receive under way in a thread of its own."""

    def __init__(self, side: Side, stream: EventStream, name: str, arguments: tuple[Any, ...]) -> None:
        self._cancellation = Cancellation()
        self._task: asyncio.Task[Any] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.value: Any = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(side, stream, name, arguments))
        self._thread.start()

    def _run(self, side: Side, stream: EventStream, name: str, arguments: tuple[Any, ...]) -> None:
        try:
            if side.asynchronous:
                asyncio.run(self._run_async(stream, name, arguments))
            else:
                self.value = getattr(stream, name)(*arguments, cancellation=self._cancellation)
        except BaseException as error:
            self.error = error

    async def _run_async(self, stream: EventStream, name: str, arguments: tuple[Any, ...]) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(getattr(stream, f"{name}_async")(*arguments))
        self.value = await self._task

    def cancel(self) -> None:
        """End it from here."""
        if self._loop is not None and self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._cancellation.cancel("by the test")

    def wait(self) -> Operation:
        """Wait for its end."""
        self._thread.join(20)
        assert not self._thread.is_alive(), "it never ended"
        return self


class Side:
    """Threads, or asyncio."""

    def __init__(self, name: str) -> None:
        self.asynchronous = name == "asyncio"
        self.cancelled = asyncio.CancelledError if self.asynchronous else StreamCancelled

    def do(self, stream: EventStream, name: str, *arguments: Any, timeout: float | None = None) -> Any:
        """Do it here and now."""
        if self.asynchronous:
            return asyncio.run(getattr(stream, f"{name}_async")(*arguments, timeout))
        return getattr(stream, name)(*arguments, timeout)

    def begin(self, stream: EventStream, name: str, *arguments: Any) -> Operation:
        """Begin it elsewhere, and return when it waits or has ended."""
        waiting = count_waiting(stream, name)
        operation = Operation(self, stream, name, arguments)
        when(lambda: count_waiting(stream, name) > waiting or not operation._thread.is_alive())
        return operation

    def all_of(self, stream: EventStream) -> list[Any]:
        """Iterate over it until its end."""
        if not self.asynchronous:
            return list(stream)

        async def main() -> list[Any]:
            return [message async for message in stream]

        return asyncio.run(main())


def count_waiting(stream: EventStream, name: str) -> int:
    """Return how many senders wait, or how many receivers."""
    counted = stream.statistics()
    return counted.waiting_senders if name.startswith("send") else counted.waiting_receivers


def started(function: Callable[[], Any]) -> threading.Thread:
    """Run a function in a thread."""
    thread = threading.Thread(target=function)
    thread.start()
    return thread


def when(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    pause = threading.Event()
    for _ in range(10_000):
        if condition():
            return
        pause.wait(0.001)
    raise AssertionError("it never came")


@pytest.fixture(params=["threads", "asyncio"])
def side(request: pytest.FixtureRequest) -> Iterator[Side]:
    """Threads, then asyncio; afterwards no thread is left of what the test began."""
    before = threading.active_count()
    yield Side(request.param)
    when(lambda: threading.active_count() <= before)
