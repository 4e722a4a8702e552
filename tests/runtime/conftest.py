"""Small processors, and pipelines made of them without Turtle."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest

from transmissions import Mark, Message, Pipeline, Processor, setting
from transmissions.model import Definition, OnError, Stage
from transmissions.registry import Registry


class Numbers(Processor):
    """Yield messages with the numbers from 0."""

    count: int = setting(10)

    def process(self, message: Message) -> Iterator[Message]:
        for number in range(self.count):
            yield {"n": number}


class Pass(Processor):
    """Return the message."""

    def process(self, message: Message) -> Message:
        return message


class AsyncPass(Processor):
    """Return the message, from a coroutine."""

    async def process(self, message: Message) -> Message:
        await asyncio.sleep(0)
        return message


class AsyncTwice(Processor):
    """Yield two copies, from an async generator."""

    async def process(self, message: Message) -> Any:
        for copy in range(2):
            yield {**message, "copy": copy}


class Even(Processor):
    """Filter out odd numbers."""

    def process(self, message: Message) -> Message | None:
        return None if message["n"] % 2 else message


class Twice(Processor):
    """Yield two messages."""

    def process(self, message: Message) -> Iterator[Message]:
        for copy in range(2):
            yield {**message, "copy": copy}


class Add(Processor):
    """Change the message it is given."""

    amount: int = setting(1)

    def process(self, message: Message) -> Message:
        message["n"] += self.amount
        return message


class FailOn(Processor):
    """Raise on numbers that leave a remainder of 3 when divided by `divisor`."""

    divisor: int = setting(7)

    def process(self, message: Message) -> Message:
        if message["n"] % self.divisor == 3:
            raise ValueError(f"no {message['n']}")
        return message


class Split(Processor):
    """Split into three parts and a mark."""

    splits = True

    def process(self, message: Message) -> Iterator[Message]:
        for part in range(3):
            yield {**message, "part": part}
        yield self.mark(message)


class Sum(Processor):
    """Add up the parts of each group."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.parts: list[int] = []

    def process(self, message: Message) -> Message | None:
        self.parts.append(message["part"])
        return None

    def end_group(self, mark: Mark) -> Message:
        parts, self.parts = self.parts, []
        return {"n": mark["n"], "parts": parts}


class Phase(Processor):
    """Raise in the phase that it is told to."""

    phase: str = setting()

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.fail("init")

    def fail(self, phase: str) -> None:
        if self.phase == phase:
            raise RuntimeError(f"broken in {phase}")
        if self.phase == f"exit in {phase}":
            raise SystemExit(7)

    def start(self) -> None:
        self.fail("start")

    def process(self, message: Message) -> Message:
        self.fail("process")
        return message

    def finish(self) -> None:
        self.fail("finish")

    def close(self) -> None:
        self.fail("close")

    def report(self) -> dict[str, Any]:
        self.fail("report")
        return {}


class AsyncPhase(Phase):
    """The same, in a coroutine."""

    async def process(self, message: Message) -> Message:  # type: ignore[override]
        self.fail("process")
        return message


class Forever(Processor):
    """Yield messages without end."""

    def process(self, message: Message) -> Iterator[Message]:
        while True:
            yield {"n": 1}


SMALL = {
    cls.__name__: cls
    for cls in (
        Numbers, Pass, AsyncPass, AsyncTwice, Even, Twice, Add, FailOn, Split, Sum, Phase, AsyncPhase, Forever,
    )
}  # fmt: skip


def build(
    stages: Sequence[Stage | tuple[str, str] | tuple[str, str, dict[str, Any]]],
    edges: Sequence[tuple[str, str]] | None = None,
    on_error: OnError = OnError.FAIL,
    **own: type[Processor],
) -> Pipeline:
    """Return a pipeline of stages (name, processor, settings), joined in a chain unless edges are given."""
    made = [
        one
        if isinstance(one, Stage)
        else Stage(one[0], one[1], settings=one[2] if len(one) > 2 else {}, on_error=on_error)
        for one in stages
    ]
    chain = [(first.name, second.name) for first, second in pairwise(made)]
    definition = Definition("test", "test.ttl", tuple(made), tuple(chain if edges is None else edges))
    return Pipeline(definition, Registry({**SMALL, **own}))


@pytest.fixture(name="build")
def build_fixture() -> Callable[..., Pipeline]:
    """Give the function that makes pipelines."""
    return build


@pytest.fixture(name="small")
def small_fixture() -> dict[str, type[Processor]]:
    """Give the small processors by name."""
    return dict(SMALL)


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """See that a test leaves no thread behind."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
    assert set(threading.enumerate()) <= before
