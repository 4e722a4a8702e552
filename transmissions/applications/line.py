"""One transmission run by a stage of another: message by message, in the caller's thread, to its end."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from transmissions.context import Context
from transmissions.errors import StageError, TransmissionsError
from transmissions.message import Message, shorten
from transmissions.plan import Plan, PlannedStage
from transmissions.processor import Processor

if TYPE_CHECKING:
    import asyncio

__all__ = ["Line"]


class Line:
    """A transmission's stages, at work for the one who made it.

    Args:
        plan: the transmission; each of its stages has one behind it at most.
        context: the caller's.

    Raises:
        TransmissionsError: the transmission branches.
        StageError: a processor cannot be made or started.
    """

    def __init__(self, plan: Plan, context: Context) -> None:
        if any(len(segment.targets) > 1 or not segment.stages for segment in plan.segments):
            raise TransmissionsError(f"cannot go to :{plan.pipeline}: it branches; what is gone to has one :pipe")
        self.name = plan.pipeline
        inner = replace(context, pipeline=plan.pipeline, stages=plan.named)
        self._stages = [_LineStage(planned, inner) for planned in plan.stages]
        self._runner: asyncio.Runner | None = None
        for stage in self._stages:
            self._await(stage.hook("start"))

    def first(self, message: Message) -> Message | None:
        """Run a message to the end, and all that is made of it; return the first that leaves, None if none does."""
        first = None
        for left in self._pushed(0, message):
            if first is None:
                first = left
        return first

    def finish(self) -> None:
        """Let every stage finish; what they still send goes on to the end."""
        for level, stage in enumerate(self._stages):
            for message in self._all(stage.hook("finish")):
                for _ in self._pushed(level + 1, message):
                    pass

    def close(self) -> None:
        """Let every stage release what it took."""
        try:
            for stage in self._stages:
                self._await(stage.hook("close"))
        finally:
            if self._runner is not None:
                self._runner.close()

    def report(self) -> list[dict[str, Any]]:
        """Return the counters of its stages."""
        return [
            {"stage": stage.planned.name, "processor": stage.planned.processor.__name__, **stage.counts}
            for stage in self._stages
        ]

    def outputs(self) -> dict[str, int]:
        """Return what became of the things that its stages wrote."""
        found: Counter[str] = Counter()
        for stage in self._stages:
            found.update(stage.processor.outputs)
        return dict(found)

    def problems(self) -> list[dict[str, Any]]:
        """Return what its stages lost or repaired."""
        return [{"called": one.planned.name, **problem} for one in self._stages for problem in one.processor.problems]

    def _pushed(self, level: int, message: Message) -> Iterator[Message]:
        if level == len(self._stages):
            yield message
            return
        stage = self._stages[level]
        stage.counts["received"] += 1
        try:
            for made in self._all(stage.processor.process(message)):
                stage.counts["emitted"] += 1
                yield from self._pushed(level + 1, made)
        except StageError:
            raise
        except Exception as error:
            raise StageError(stage.planned.name, "process", error, stage.planned.place, shorten(message)) from error

    def _all(self, made: Any) -> Iterable[Message]:
        if isinstance(made, AsyncIterator):
            return self._drawn(made)
        made = self._await(made)
        return made if isinstance(made, Iterator) else () if made is None else [made]

    def _await(self, made: Any) -> Any:
        if not inspect.iscoroutine(made):
            return made
        return self._loop().run(made)

    def _drawn(self, made: AsyncIterator[Message]) -> Iterator[Message]:
        async def next_one() -> Message | None:
            return await anext(made, None)

        while (one := self._loop().run(next_one())) is not None:
            yield one

    def _loop(self) -> asyncio.Runner:
        if self._runner is None:
            # Checking a pipeline asks for this module, too, and for no loop.
            import asyncio

            self._runner = asyncio.Runner()
        return self._runner


class _LineStage:
    """One stage of a line: its processor and its counters."""

    def __init__(self, planned: PlannedStage, context: Context) -> None:
        self.planned = planned
        self.counts = {"received": 0, "emitted": 0}
        try:
            self.processor: Processor = planned.processor(**planned.settings)
        except Exception as error:
            raise StageError(planned.name, "set-up", error, planned.place) from error
        self.processor.context = replace(context, stage=planned.name, closes=planned.closes, _outputs={})

    def hook(self, phase: str) -> Any:
        """Call `start`, `finish` or `close`; an error names the stage."""
        try:
            return cast("Any", getattr(self.processor, phase))()
        except Exception as error:
            raise StageError(self.planned.name, phase, error, self.planned.place) from error
