"""What is fused and what is not, and that a plan is data."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import pytest

from transmissions import Message, Pipeline, Processor
from transmissions.model import Buffer, Definition, Stage
from transmissions.plan import Plan
from transmissions.registry import Registry


class AsyncStage(Processor):
    """An async stage."""

    async def process(self, message: Message) -> Message:
        return message


def plan(stages: Sequence[Stage], edges: Sequence[tuple[str, str]], fuse: bool = True, **options: Any) -> Plan:
    """Return the plan of stages and edges."""
    definition = Definition("test", "test.ttl", tuple(stages), tuple(edges))
    return Pipeline(definition, Registry({"AsyncStage": AsyncStage})).plan(fuse=fuse, **options)


def names(made: Plan) -> list[str]:
    """Return the segments of a plan, each as its stages' names in one word."""
    return ["".join(stage.name for stage in segment.stages) for segment in made.segments]


def nops(text: str, **buffers: Buffer) -> list[Stage]:
    """Return a stage that does nothing for each letter."""
    return [Stage(letter, "NOP", buffer=buffers.get(letter)) for letter in text]


CHAIN = [("a", "b"), ("b", "c"), ("c", "d")]
DIAMOND = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]


def test_a_chain_is_one_segment() -> None:
    """Linear stages that are plain functions run as one."""
    assert names(plan(nops("abcd"), CHAIN)) == ["abcd"]


def test_without_fusion_every_stage_is_a_segment() -> None:
    """`fuse=False` puts an event stream on every edge."""
    assert names(plan(nops("abcd"), CHAIN, fuse=False)) == ["a", "b", "c", "d"]


def test_a_buffer_begins_a_segment() -> None:
    """A stage with a buffer has that event stream in front of it."""
    made = plan(nops("abcd", c=Buffer(max_messages=5)), CHAIN)
    assert names(made) == ["ab", "cd"]
    assert made.segments[1].buffer == Buffer(max_messages=5)


def test_forks_and_joins_end_segments() -> None:
    """Each branch of a fork, and what follows a join, is a segment of its own."""
    made = plan(nops("abcd"), DIAMOND)
    assert names(made) == ["a", "b", "c", "d"]
    assert [segment.targets for segment in made.segments] == [(1, 2), (3,), (3,), ()]


def test_an_async_stage_is_alone() -> None:
    """A stage that runs in an event loop shares it with no other."""
    stages = [*nops("ab"), Stage("c", "AsyncStage"), *nops("d")]
    assert names(plan(stages, CHAIN)) == ["ab", "c", "d"]


def test_a_buffer_manager_is_given_its_buffer() -> None:
    """A processor may ask for the event stream in front of its stage; the engine does not know which do."""
    settings = {"max_buffer_size": 1000, "high_water_mark": 900, "low_water_mark": 100}
    stages = [*nops("a"), Stage("b", "StreamBufferManager", settings), *nops("cd")]
    made = plan(stages, CHAIN)
    assert names(made) == ["a", "bcd"]
    assert made.segments[1].buffer == Buffer(10_000, 1000, 900, 100)


def test_several_first_stages_get_one_entry() -> None:
    """Where a pipeline has several first stages, a segment without stages hands the first messages to each."""
    made = plan(nops("abc"), [("a", "c"), ("b", "c")])
    assert names(made) == ["", "a", "b", "c"]
    assert made.segments[0].targets == (1, 2)


@pytest.mark.parametrize("length", [1, 1000])
def test_a_long_chain_is_cut(length: int) -> None:
    """A chain of any length can be planned; segments stay short enough for Python's stack."""
    stages = [Stage(f"s{number}", "NOP") for number in range(length)]
    made = plan(stages, [(f"s{n}", f"s{n + 1}") for n in range(length - 1)])
    assert max(len(segment.stages) for segment in made.segments) <= 200
    assert sum(len(segment.stages) for segment in made.segments) == length


def test_a_plan_can_be_pickled() -> None:
    """A plan names classes and settings, and holds no instances, so that it can run elsewhere."""
    made = plan([Stage("a", "SetField", {"field": "x", "value": 1}), *nops("b")], [("a", "b")])
    assert pickle.loads(pickle.dumps(made)) == made


def test_the_fingerprint_tells_plans_apart_that_make_something_else() -> None:
    """A setting that changes what is made changes the fingerprint; the same plan has the same one."""
    one, same, other = (plan([Stage("a", "SetField", {"field": "x", "value": value})], []) for value in (1, 1, 2))
    assert one.fingerprint == same.fingerprint != other.fingerprint
