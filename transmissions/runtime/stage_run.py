"""One stage at work: it gives batches to its processor, counts, and deals with errors and marks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from time import perf_counter
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from transmissions.errors import StageError
from transmissions.model import OnError
from transmissions.plan import PlannedStage
from transmissions.processor import Kind, Mark, Message, Processor
from transmissions.runtime.messages import shorten
from transmissions.runtime.pace import Pace
from transmissions.runtime.result import StageStatistics

__all__ = ["StageRun"]

_LOOK_AT_THE_CLOCK_EVERY = 64
_LONG_ENOUGH_S = 0.002


class StageRun:
    """A stage's processor instance with its counters and its error policy.

    Args:
        planned: the stage.
        processor: its instance.
        skipped: called with the error of every message that the policy skips.
        clock: gives seconds, those left out in which the segment waited for room.
    """

    def __init__(
        self,
        planned: PlannedStage,
        processor: Processor,
        skipped: Callable[[StageError], None],
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.planned = planned
        self.processor = processor
        self.statistics = StageStatistics(planned.name, planned.processor.__name__)
        self.kind = planned.processor.kind()
        self.expands = self.kind is Kind.GENERATOR
        self.pace = Pace(clock)
        self.error: StageError | None = None
        self._process: Callable[[Message], Any] = processor.process
        self._end_group: Callable[[Mark], Any] | None = getattr(processor, "end_group", None)
        self._skipped = skipped

    # Functions: one message in, one or none out

    def apply(self, batch: list[Message]) -> list[Message]:
        """Give a batch to a processor whose `process` is a plain function; return what it returned.

        An error that ends the run is left in `self.error`, so that what came out before it still goes on.
        """
        began = perf_counter()
        if self.planned.sees_marks and Mark in set(map(type, batch)):
            out = self._apply_marked(batch)
        else:
            out = self._apply_plain(batch)
        self.statistics.emitted += len(out)
        self.statistics.busy_s += perf_counter() - began
        return out

    def _apply_plain(self, batch: list[Message]) -> list[Message]:
        out: list[Any] = []
        messages = iter(batch)
        failed = 0
        while True:
            try:
                # If `process` raises, `out` keeps what came before and `messages` stands behind the one that failed:
                # so errors cost nothing as long as there are none.
                out.extend(map(self._process, messages))
                if len(out) + failed == len(batch):
                    break
                raise RuntimeError("process raised StopIteration")
            except BaseException as error:
                failed += 1
                self.fail(error, batch[len(out) + failed - 1])
                if self.error:
                    break
        return self._count(out, failed)

    def _count(self, out: list[Any], failed: int) -> list[Message]:
        statistics = self.statistics
        statistics.received += len(out) + failed
        if not all(out):
            taken = len(out)
            out = [message for message in out if self._is_message(message)]
            statistics.filtered += taken - len(out)
        statistics.passed += len(out)
        return out

    def _is_message(self, returned: Any) -> bool:
        if returned is None:
            return False
        if not isinstance(returned, dict) and self.error is None:
            self.error = self.wrong_type(returned)
        return isinstance(returned, dict)

    def _apply_marked(self, batch: list[Message]) -> list[Message]:
        out: list[Message] = []
        plain: list[Message] = []
        for message in batch:
            if type(message) is not Mark:
                plain.append(message)
                continue
            out += self._apply_plain(plain)
            plain = []
            if self.error:
                return out
            out += self.pass_mark(message)
        return out + self._apply_plain(plain) if plain else out

    def pass_mark(self, mark: Mark) -> list[Message]:
        """Let a mark pass by, or give it to the processor if it ends a group of its own."""
        self.statistics.received += 1
        if self._end_group is None or mark.split != self.planned.closes:
            self.statistics.passed += 1
            return [mark]
        try:
            ended = self._end_group(mark)
            out = [ended] if isinstance(ended, dict) else list(ended or ())
        except BaseException as error:
            self.fail(error, mark)
            return []
        if out:
            self.statistics.passed += 1
        else:
            self.statistics.filtered += 1
        return out

    # Generators: one message in, any number out

    def expand(self, messages: Iterable[Message]) -> Iterator[list[Message]]:
        """Give messages to a processor whose `process` is a generator; yield what comes out, batch by batch.

        A batch is handed on before the next one is made, so that one message may become millions.
        """
        out: list[Message] = []
        for message in messages:
            if type(message) is Mark:
                passed = self.pass_mark(message)
                self.statistics.emitted += len(passed)
                out += passed
            else:
                yield from self._expand_one(message, out)
            if self.error:
                break
        if out:
            yield out

    def _expand_one(self, message: Message, out: list[Message]) -> Iterator[list[Message]]:
        statistics = self.statistics
        statistics.received += 1
        emitted = statistics.emitted
        before = len(out)
        try:
            parts = self._process(message)
            for _ in fill(parts, out, self.pace, self._busy):
                statistics.emitted += len(out) - before
                yield out.copy()
                out.clear()
                before = 0
        except BaseException as error:
            if isinstance(error, GeneratorExit):
                raise
            self.fail(error, message)
            statistics.emitted += len(out) - before
            return
        statistics.emitted += len(out) - before
        if statistics.emitted > emitted:
            statistics.passed += 1
        else:
            statistics.filtered += 1

    def _busy(self, seconds: float) -> None:
        self.statistics.busy_s += seconds

    def finish(self) -> Iterator[list[Message]]:
        """Run the processor's `finish`; yield what it yields, batch by batch."""
        out: list[Message] = []
        try:
            last = self.processor.finish()
            if isinstance(last, dict) or not isinstance(last, Iterable | None):
                raise TypeError(f"finish returned {kind_of(last)}; it returns None, or yields messages")
            for _ in fill(last or (), out, self.pace, self._busy):
                self.statistics.emitted += len(out)
                yield out.copy()
                out.clear()
        except Exception as error:
            raise self.stage_error("finish", error) from error
        self.statistics.emitted += len(out)
        if out:
            yield out

    # Errors

    def stage_error(self, phase: str, cause: BaseException, message: Message | None = None) -> StageError:
        """Return the error that names this stage, what it was doing, and the message it was given."""
        shown = "" if message is None else shorten(message)
        return StageError(self.planned.name, phase, cause, self.planned.place, shown)

    def wrong_type(self, returned: Any) -> StageError:
        """Return the error for something that `process` returned and that is no message."""
        rule = "a processor returns a dict or None, or is a generator that yields dicts"
        return self.stage_error("process", TypeError(f"it returned {kind_of(returned)}; {rule}"))

    def fail(self, cause: BaseException, message: Message) -> None:
        """Count an error on a message and skip it, or keep it in `self.error`, as the stage's policy says."""
        self.statistics.failed += 1
        error = self.stage_error("process", cause, message)
        error.__cause__ = cause
        if self.planned.on_error is OnError.SKIP and isinstance(cause, Exception):
            self._skipped(error)
        else:
            self.error = error


def fill(parts: Iterable[Any], out: list[Any], pace: Pace, busy: Callable[[float], None]) -> Iterator[None]:
    """Move what `parts` yields to `out`; come back whenever a batch is full or has taken long, for it to be emptied."""
    source = iter(parts)
    pace.begin()
    while True:
        wanted = min(pace.limit, len(out) + _LOOK_AT_THE_CLOCK_EVERY)
        out.extend(islice(source, max(1, wanted - len(out))))
        if len(out) < wanted:
            busy(pace.elapsed_s())
            return
        seconds = pace.elapsed_s()
        if len(out) >= pace.limit or seconds > _LONG_ENOUGH_S:
            count = len(out)
            busy(seconds)
            yield
            # What follows in the segment counts as well: heavy messages are to be few at a time, whoever is slow.
            pace.end(count)
            pace.begin()


def kind_of(value: Any) -> str:
    """Return the kind of a value for an error: "a list", "a generator object"."""
    if isinstance(value, GeneratorType | AsyncGeneratorType):
        return "a generator object"
    name = type(value).__name__
    return ("an " if name[0] in "aeiou" else "a ") + name
