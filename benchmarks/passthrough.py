"""Five stages that hand messages on: fused, with an event stream before every stage, async, and in Bytewax."""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

from benchmarks.measure import Row, median
from transmissions import Message, Pipeline, Processor, processor, setting
from transmissions.model import Definition, Stage
from transmissions.registry import Registry

STAGES = 5
WAITS = 200


class Source(Processor):
    """Yield messages."""

    count: int = setting()

    def process(self, message: Message) -> Iterator[Message]:
        """Yield them."""
        for number in range(self.count):
            yield {"id": number, "title": "a message"}


class Pass(Processor):
    """Hand a message on."""

    def process(self, message: Message) -> Message:
        """Return it."""
        return message


@processor
def pass_on(message: Message) -> Message:
    """Hand a message on, as a plain function."""
    return message


class AsyncPass(Processor):
    """Hand a message on, from a coroutine."""

    async def process(self, message: Message) -> Message:
        """Return it."""
        return message


class AsyncWait(Processor):
    """Wait for the world, as a request would, and hand a message on."""

    async def process(self, message: Message) -> Message:
        """Return it after 10 ms."""
        await asyncio.sleep(0.01)
        return message


def source(count: int) -> Iterator[Message]:
    """Yield dict messages, as every contestant does."""
    for number in range(count):
        yield {"id": number, "title": "a message"}


def passed(message: Message) -> Message:
    """Return the message."""
    return message


def generator(messages: Iterable[Message]) -> Iterator[Message]:
    """Yield what the function makes of each message: one stage of the hand-written chain."""
    for message in messages:
        yield passed(message)


def chain(count: int) -> None:
    """Run the hand-written chain: five generators that each call a function, nothing counted."""
    messages: Iterable[Message] = source(count)
    for _ in range(STAGES):
        messages = generator(messages)
    for _ in messages:
        pass


def engine(count: int, name: str, fuse: bool) -> None:
    """Run the same as a pipeline, counters on."""
    stages = [Stage("source", "Source", {"count": count}), *(Stage(f"s{n}", name) for n in range(STAGES))]
    edges = tuple((one.name, two.name) for one, two in pairwise(stages))
    registry = Registry(
        {"Source": Source, "Pass": Pass, "PassOn": pass_on, "AsyncPass": AsyncPass, "AsyncWait": AsyncWait}
    )
    result = Pipeline(Definition("passthrough", "", tuple(stages), edges), registry).run(fuse=fuse)
    assert result.stages[-1].received == count


def bytewax(count: int) -> None:
    """Run the same in Bytewax, in one worker."""
    import bytewax.operators as op
    from bytewax.dataflow import Dataflow
    from bytewax.outputs import DynamicSink, StatelessSinkPartition
    from bytewax.testing import TestingSource, run_main

    class Nothing(StatelessSinkPartition[Any]):
        def write_batch(self, items: list[Any]) -> None:
            pass

    class Sink(DynamicSink[Any]):
        def build(self, step_id: str, worker_index: int, worker_count: int) -> Nothing:
            return Nothing()

    flow = Dataflow("passthrough")
    # Batches of a thousand favour it: by default it hands on one item at a time.
    stream = op.input("source", flow, TestingSource(source(count), batch_size=1000))
    for number in range(STAGES):
        stream = op.map(f"s{number}", stream, passed)
    op.output("sink", stream, Sink())
    run_main(flow)


def seconds(work: Callable[[], None]) -> float:
    """Return the processor time of a piece of work."""
    began = time.process_time()
    work()
    return time.process_time() - began


def rows(options: argparse.Namespace) -> list[Row]:
    """Measure all contestants in turn, round by round, and compare their medians pair by pair."""
    count = options.messages
    contestants: dict[str, Callable[[], None]] = {
        "chain": lambda: chain(count),
        "fused": lambda: engine(count, "PassOn", True),
        "classes": lambda: engine(count, "Pass", True),
        "streams": lambda: engine(count, "PassOn", False),
        "async": lambda: engine(count // 5, "AsyncPass", True),
        "bytewax": lambda: bytewax(count // 5),
    }
    weights = {"async": 5, "bytewax": 5}
    if subprocess.run([sys.executable, "-c", "import bytewax"], capture_output=True, check=False).returncode:
        print("bytewax is not installed (pip install '.[bench]'); left out", file=sys.stderr)
        del contestants["bytewax"]
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for work in contestants.values():
        work() if work is not contestants["chain"] else None
    for _ in range(options.rounds):
        for name, work in contestants.items():
            times[name].append(seconds(work) * weights.get(name, 1))

    def ratio(name: str, base: str) -> float:
        return median([ours / theirs for theirs, ours in zip(times[name], times[base], strict=True)])

    def rate(name: str) -> str:
        return f"{count / median(times[name]) / 1000:,.0f} k messages/s"

    made = [
        Row("hand-written chain of five generators", rate("chain")),
        Row("five fused stages, functions, counters on", rate("fused"), ratio("fused", "chain"), "≥ 0.9 × chain"),
        Row("five fused stages, classes, counters on", rate("classes"), ratio("classes", "chain")),
        Row("an event stream before every stage", rate("streams"), ratio("streams", "chain"), "≥ 0.25 × chain"),
        Row("five async stages", rate("async"), ratio("async", "chain")),
    ]
    began = time.perf_counter()
    engine(WAITS, "AsyncWait", True)
    each_ms = (time.perf_counter() - began) / WAITS * 1000
    made.append(
        Row("five async stages that each wait 10 ms", f"{each_ms:.1f} ms a message", each_ms / 10, "≤ 1.5 × one")
    )
    if "bytewax" in times:
        made.append(Row("Bytewax, five maps", rate("bytewax")))
        made.append(Row("five fused stages, functions", rate("fused"), ratio("fused", "bytewax"), "≥ 1.5 × Bytewax"))
    return [_judged(row) for row in made]


def _judged(row: Row) -> Row:
    if not row.bar or row.ratio is None:
        return row
    sign, bar, *_ = row.bar.split()
    return replace(row, met=row.ratio >= float(bar) if sign == "≥" else row.ratio <= float(bar))
