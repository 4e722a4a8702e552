"""Fusion cannot be seen: whatever the shape of a pipeline, its messages, counts and errors are the same."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transmissions import Message, Pipeline, Result
from transmissions.model import Buffer, Definition, OnError, Stage
from transmissions.registry import Registry

KINDS = ["Pass", "Add", "Even", "Twice", "FailOn", "AsyncPass", "AsyncTwice"]


@st.composite
def pipelines(draw: st.DrawFn, small: dict[str, Any]) -> Pipeline:
    """Draw a pipeline: a source, and up to eight stages, each behind one to three earlier ones."""
    stages = [Stage("s0", "Numbers", {"count": draw(st.integers(0, 40))})]
    edges = []
    for number in range(1, draw(st.integers(1, 8)) + 1):
        name = f"s{number}"
        buffer = draw(st.sampled_from([None, None, None, Buffer(max_messages=1), Buffer(max_messages=7, max_bytes=64)]))
        stages.append(Stage(name, draw(st.sampled_from(KINDS)), buffer=buffer, on_error=OnError.SKIP))
        before = draw(st.sets(st.integers(0, number - 1), min_size=1, max_size=3))
        edges += [(f"s{one}", name) for one in sorted(before)]
    return Pipeline(Definition("drawn", "drawn.ttl", tuple(stages), tuple(edges)), Registry(small))


def outcome(pipeline: Pipeline, fuse: bool) -> tuple[Counter[str], dict[str, tuple[int, ...]], Counter[str]]:
    """Run a pipeline and return its messages, its counts and its errors, without an order."""
    run = pipeline.start(fuse=fuse, collect=True)
    messages: list[Message] = list(run.messages())
    result: Result | None = run.wait()
    assert result is not None
    counts = {one.stage: (one.received, one.emitted, one.filtered, one.failed) for one in result.stages}
    errors = Counter(json.dumps([one["stage"], one["text"], one["message"]]) for one in result.problems)
    assert result.error == ""
    return Counter(json.dumps(message, sort_keys=True) for message in messages), counts, errors


def test_fused_and_unfused_runs_give_the_same(small: dict[str, Any]) -> None:
    """200 random pipelines give equal messages, counts and errors, fused and with an event stream on every edge."""

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(pipelines(small))
    def check(pipeline: Pipeline) -> None:
        assert outcome(pipeline, fuse=True) == outcome(pipeline, fuse=False)

    check()
