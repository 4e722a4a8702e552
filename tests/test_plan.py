"""What is fused and what is not, and that a plan is data."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from transmissions import InvalidPipeline, Message, Pipeline, Processor
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


def test_a_circle_has_no_plan() -> None:
    """A definition that nobody checked is refused as a file would be."""
    with pytest.raises(InvalidPipeline, match="stages form a circle: :a -> :b -> :a"):
        plan(nops("ab"), [("a", "b"), ("b", "a")])


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


def test_the_fingerprint_tells_shapes_apart() -> None:
    """The same stages joined in another way make something else."""
    chain = plan(nops("abc"), [("a", "b"), ("b", "c")])
    fork = plan(nops("abc"), [("a", "b"), ("a", "c")])
    assert chain.fingerprint != fork.fingerprint


def test_the_fingerprint_of_own_processors_is_that_of_their_file(tmp_path: Path) -> None:
    """A processor from a file has one fingerprint in every process, and another one once its file was changed."""
    own = tmp_path / "own.py"
    file = tmp_path / "p.ttl"
    file.write_text("@prefix : <http://purl.org/stuff/transmissions/> .\n:p a :Transmission ; :pipe (:a) . :a a :Own .")
    code = "import sys, transmissions as t; print(t.load(sys.argv[1], processors=[sys.argv[2]]).plan().fingerprint)"

    def fingerprint() -> str:
        return subprocess.run(
            [sys.executable, "-c", code, str(file), str(own)], check=True, capture_output=True, text=True, cwd=tmp_path
        ).stdout

    body = "from transmissions import Processor\nclass Own(Processor):\n    def process(self, m):\n        return m"
    own.write_text(body)
    before = fingerprint()
    assert fingerprint() == before
    own.write_text(body + " | {'a': 1}\n")
    assert fingerprint() != before


def test_groups_ended_on_each_branch_are_ended_once() -> None:
    """Behind two branches that each end a split's groups, the nearest groups are those of the split around it."""
    gather = {"parts": False}
    stages = [
        *(Stage(name, "ForEach") for name in ("outer", "inner")),
        *(Stage(name, "Accumulate", gather) for name in ("left", "right", "last")),
    ]
    edges = [("outer", "inner"), *((("inner", side)) for side in ("left", "right"))]
    made = plan(stages, [*edges, ("left", "last"), ("right", "last")])
    assert {stage.name: stage.closes for stage in made.stages if stage.closes} == {
        "left": "inner",
        "right": "inner",
        "last": "outer",
    }
    assert [stage.name for stage in made.stages if not stage.sees_marks] == ["outer"]
