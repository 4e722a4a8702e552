"""Processors that fail one time in five, in random graphs: every message is accounted for, and every failure told.

Whether a message fails is a matter of its content alone, so that a few lines that know nothing of threads, streams or
batches can say what has to come of it; whatever the engine makes of the same graph is compared with that.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from zlib import crc32

import pytest

from transmissions import Buffer, Message, Pipeline, Processor, Result, Status, WhenFull, setting
from transmissions.model import Definition, OnError, Stage
from transmissions.registry import Registry

CHANCE = 0.2
MANY = 10_000
SAMPLE = 200


def number_of(path: str, stage: str) -> int:
    """Return what decides a message's fate in a stage: evenly spread, and always the same."""
    return crc32(f"{path}|{stage}".encode())


def fails(path: str, stage: str) -> bool:
    """Say whether a message is to fail in a stage."""
    return number_of(path, stage) % 1000 < 1000 * CHANCE


# Processors


class Chaotic(Processor):
    """Fail on some messages, and see that those of each edge come in order, none missing."""

    expected: dict[str, int]
    sent = 0

    def start(self) -> None:
        """Begin to count."""
        self.expected = defaultdict(int)

    @property
    def name(self) -> str:
        return self.context.stage

    def take(self, message: Message) -> str:
        """Check a message's place on its edge, and return its path."""
        if "edge" in message:
            edge, place = message["edge"], message["place"]
            if place != self.expected[edge]:
                self.lose(f"{edge} to {self.name}: {place} came for {self.expected[edge]}")
            self.expected[edge] = place + 1
        path: str = message["path"]
        return path

    def check(self, path: str) -> None:
        """Raise if this one is to fail."""
        if fails(path, self.name):
            raise ValueError(f"injected: {path}")

    def make(self, path: str) -> Message:
        """Return a message with its place on the edges behind this stage."""
        self.sent += 1
        return {"path": path, "edge": self.name, "place": self.sent - 1}


class Source(Chaotic):
    """Yield messages; it does not fail."""

    count: int = setting(1000)

    def process(self, message: Message) -> Iterator[Message]:
        for number in range(self.count):
            yield self.make(str(number))


class Function(Chaotic):
    """Return a message of its own."""

    def process(self, message: Message) -> Message:
        path = self.take(message)
        self.check(path)
        return self.make(f"{path}>{self.name}")


class Filter(Chaotic):
    """Leave out every third message."""

    def process(self, message: Message) -> Message | None:
        path = self.take(message)
        self.check(path)
        return None if number_of(path, self.name) % 3 == 0 else self.make(path)


class Generator(Chaotic):
    """Yield none, one or two; where it fails, it does so behind the first."""

    def process(self, message: Message) -> Iterator[Message]:
        path = self.take(message)
        number = number_of(path, self.name) % 3
        for part in range(number):
            if part == 1:
                self.check(path)
            yield self.make(f"{path}>{self.name}.{part}")
        if number < 2:
            self.check(path)


class Coroutine(Chaotic):
    """Return a message from a coroutine, which waits now and then."""

    async def process(self, message: Message) -> Message:
        path = self.take(message)
        if number_of(path, self.name) % 16 == 0:
            await asyncio.sleep(0)
        self.check(path)
        return self.make(f"{path}>{self.name}")


class AsyncGenerator(Chaotic):
    """Yield as the generator does, from asyncio."""

    async def process(self, message: Message) -> Any:
        path = self.take(message)
        number = number_of(path, self.name) % 3
        for part in range(number):
            if part == 1:
                self.check(path)
            yield self.make(f"{path}>{self.name}.{part}")
        if number < 2:
            self.check(path)


class Last(Chaotic):
    """Return the messages, and yield two more at the end."""

    def process(self, message: Message) -> Message:
        path = self.take(message)
        self.check(path)
        return self.make(path)

    def finish(self) -> Iterator[Message]:
        yield self.make(f"end of {self.name}, 1")
        yield self.make(f"end of {self.name}, 2")


KINDS = {cls.__name__: cls for cls in (Source, Function, Filter, Generator, Coroutine, AsyncGenerator, Last)}

# What has to come of it, without the engine


def outcome(kind: str, stage: str, path: str) -> list[str]:
    """Return the paths that a stage sends for one message, before it fails if it does."""
    failed = fails(path, stage)
    if kind in ("Generator", "AsyncGenerator"):
        number = number_of(path, stage) % 3
        number = min(number, 1) if failed else number
        return [f"{path}>{stage}.{part}" for part in range(number)]
    if failed or (kind == "Filter" and number_of(path, stage) % 3 == 0):
        return []
    return [path if kind in ("Filter", "Last") else f"{path}>{stage}"]


@dataclass
class Expected:
    """What a graph has to do: counters by stage, failures, and what leaves it."""

    counts: dict[str, tuple[int, ...]] = field(default_factory=dict)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    leaving: Counter[str] = field(default_factory=Counter)

    @property
    def work(self) -> int:
        """Messages received by all stages together."""
        return sum(received for received, *_ in self.counts.values())


def expect(definition: Definition) -> Expected:
    """Go through a graph stage by stage, with plain lists."""
    expected = Expected()
    made: dict[str, list[str]] = {}
    for stage in definition.stages:
        before = [one for one, two in definition.edges if two == stage.name]
        after = [two for one, two in definition.edges if one == stage.name]
        if stage.processor == "Source":
            made[stage.name] = [str(number) for number in range(int(str(stage.settings["count"])))]
            expected.counts[stage.name] = (1, len(made[stage.name]), *((1, 0) if made[stage.name] else (0, 1)), 0)
        else:
            received = [path for one in before for path in made[one]]
            made[stage.name] = _through(expected, stage, received)
        if not after:
            expected.leaving.update(made[stage.name])
    return expected


def _through(expected: Expected, stage: Stage, received: list[str]) -> list[str]:
    sent: list[str] = []
    passed = failed = 0
    for path in received:
        out = outcome(stage.processor, stage.name, path)
        sent += out
        if fails(path, stage.name):
            failed += 1
            expected.failures[stage.name, f"ValueError: injected: {path}"] += 1
        else:
            passed += bool(out)
    if stage.processor == "Last":
        sent += [f"end of {stage.name}, 1", f"end of {stage.name}, 2"]
    expected.counts[stage.name] = (len(received), len(sent), passed, len(received) - passed - failed, failed)
    return sent


# Graphs

BUFFERS = [
    None,
    None,
    Buffer(max_messages=7),
    Buffer(max_messages=64, max_bytes=400),
    Buffer(max_messages=40, high_water_mark=30, low_water_mark=2),
    Buffer(max_messages=5, when_full=WhenFull.SPILL),
    Buffer(max_messages=20, max_bytes=300, when_full=WhenFull.SPILL, max_spill_bytes=3000),
    Buffer(max_messages=1_000_000, when_full=WhenFull.FAIL),
]


@cache
def graph(seed: int, count: int) -> tuple[Definition, Expected]:
    """Return a random graph, a source and three to nine stages behind one to three others each; and its outcome."""
    chance = random.Random(seed)
    while True:
        stages, edges = _shape(chance)
        sample = _definition(stages, edges, SAMPLE)
        # Branches that meet again and again make many messages of one.
        if 5 * SAMPLE < expect(sample).work < 7 * SAMPLE or count < MANY:
            definition = _definition(stages, edges, count)
            return definition, expect(definition)


def _shape(chance: random.Random) -> tuple[list[Stage], list[tuple[str, str]]]:
    stages, edges = [], []
    for number in range(1, chance.randint(3, 9) + 1):
        name, kind = f"s{number}", chance.choice([kind for kind in KINDS if kind != "Source"])
        stages.append(Stage(name, kind, buffer=chance.choice(BUFFERS), on_error=OnError.SKIP))
        before = chance.sample(range(number), min(number, chance.choice([1, 1, 2, 3])))
        edges += [(f"s{one}", name) for one in before]
    return stages, edges


def _definition(stages: list[Stage], edges: list[tuple[str, str]], count: int) -> Definition:
    source = Stage("s0", "Source", {"count": count}, on_error=OnError.SKIP)
    return Definition("chaos", "chaos.ttl", (source, *stages), tuple(edges))


def run(definition: Definition, fuse: bool) -> tuple[Result, Counter[str]]:
    """Run a graph, and return its result and what left it."""
    running = Pipeline(definition, Registry(KINDS)).start(fuse=fuse, collect=True)
    leaving = Counter(message["path"] for message in running.messages())
    result = running.wait()
    assert result is not None
    return result, leaving


def check(definition: Definition, expected: Expected, fuse: bool) -> tuple[dict[str, tuple[int, ...]], int]:
    """Compare a run with what has to come of it; return its counters and the number of failures it told of."""
    result, leaving = run(definition, fuse)
    assert (result.status, result.error) == (Status.COMPLETE, "")
    counts = {one.stage: (one.received, one.emitted, one.passed, one.filtered, one.failed) for one in result.stages}
    assert counts == expected.counts
    for received, _, passed, filtered, failed in counts.values():
        assert received == passed + filtered + failed
    assert leaving == expected.leaving
    assert [problem for problem in result.problems if "came for" in problem["text"]] == [], "the order of an edge"
    told, more = _told(result)
    assert told.total() + more == expected.failures.total()
    assert told <= expected.failures
    assert told == expected.failures or told.total() == 1000
    return counts, told.total() + more


def _told(result: Result) -> tuple[Counter[tuple[str, str]], int]:
    """Return the failures that a result lists, and how many it only counts."""
    listed = Counter((problem["stage"], problem["text"]) for problem in result.problems if problem.get("skipped"))
    for problem in result.problems:
        if problem.get("skipped"):
            assert f'"{problem["text"].removeprefix("ValueError: injected: ")}"' in problem["message"], "whose failure"
    rest = [problem["text"] for problem in result.problems if not problem.get("skipped")]
    counted = [re.fullmatch(r"(\d+) more were skipped", text) for text in rest]
    assert len(counted) <= 1
    return listed, sum(int(found[1]) for found in counted if found)


@pytest.mark.parametrize("seed", range(40))
def test_every_failure_in_a_random_graph_is_accounted_for(seed: int) -> None:
    """Counters, failures, order and what leaves are as they have to be, with an event stream on every edge or not."""
    definition, expected = graph(seed, _count(seed))
    assert check(definition, expected, fuse=True) == check(definition, expected, fuse=False)


def _count(seed: int) -> int:
    return random.Random(seed).choice([0, 1, 30, 300])


@pytest.mark.parametrize("seed", range(100, 103))
def test_ten_thousand_messages_through_chaos(seed: int) -> None:
    """The same with so many that batches are large, buffers are full, and most failures are only counted."""
    definition, expected = graph(seed, MANY)
    counts, failures = check(definition, expected, fuse=True)
    assert (counts, failures) == check(definition, expected, fuse=False)
    assert failures > MANY * CHANCE


def test_the_graphs_hold_what_they_are_to_hold() -> None:
    """Among them are branches, branches that meet, every kind of stage, and every kind of buffer."""
    graphs = [graph(seed, MANY) for seed in range(100, 103)] + [graph(seed, _count(seed)) for seed in range(40)]
    for end in (0, 1):
        assert max(Counter(edge[end] for edge in one.edges).most_common(1)[0][1] for one, _ in graphs[:5]) > 1
    stages = [stage for one, _ in graphs for stage in one.stages]
    assert {stage.processor for stage in stages} == KINDS.keys()
    assert {stage.buffer for stage in stages} == set(BUFFERS)
    failed = sum(expected.failures.total() for _, expected in graphs)
    assert 0.18 < failed / sum(expected.work - 1 for _, expected in graphs) < 0.22
