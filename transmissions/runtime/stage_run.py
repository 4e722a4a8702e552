"""One stage at work: it gives batches to its processor, counts, and deals with errors and marks."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import groupby, repeat
from time import perf_counter
from types import AsyncGeneratorType, GeneratorType, MethodType
from typing import Any

from transmissions.errors import StageError
from transmissions.message import Mark, Message, shorten
from transmissions.model import OnError
from transmissions.plan import PlannedStage
from transmissions.processor import Kind, Processor
from transmissions.runtime.pace import Batches, Pace
from transmissions.runtime.result import StageStatistics

__all__ = ["MESSAGE_TYPES", "StageRun"]

MESSAGE_TYPES = frozenset({dict, Mark})
"""What messages almost always are; a subclass of dict is one too, but looking for that takes longer."""


class StageRun:
    """A stage's processor instance with its counters and its error policy.

    Args:
        planned: the stage.
        processor: its instance.
        skipped: called with the error of every message that the policy skips.
        clock: gives seconds, those left out in which the segment waited for room.

    Attributes:
        maker: the nearest generator before it in its segment; what that yields is looked at only once it is used.
        working_since: when the present call of its processor began, by `perf_counter`; 0 while there is none.
        waiting_since: when it began to hand on what it made; 0 while it does not.
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
        self.maker: StageRun | None = None
        self.working_since = self.waiting_since = 0.0
        self._process: Callable[[Message], Any] = processor.process
        self._call = _call_of(processor.process)
        self.end_group: Callable[[Mark], Any] | None = getattr(processor, "end_group", None)
        self._skipped = skipped
        # Messages that went through one for one: received, passed and emitted at once.
        self._through = 0
        self._copies: dict[tuple[str, int], tuple[int, Mark]] = {}

    # Functions: one message in, one or none out

    def apply(self, batch: list[Message]) -> list[Message]:
        """Give a batch to a processor whose `process` is a plain function; return what it returned.

        An error that ends the run is left in `self.error`, so that what came out before it still goes on.
        """
        if self.planned.sees_marks and Mark in set(map(type, batch)):
            return self._apply_marked(batch)
        return self._apply_plain(batch)

    def _apply_plain(self, batch: list[Message]) -> list[Message]:
        out: list[Any] = []
        try:
            # If `process` raises, `out` keeps what came before: so errors cost nothing as long as there are none.
            out.extend(map(*self._call, batch))
        except BaseException as error:
            return self._apply_rest(batch, out, error)
        if len(out) < len(batch):
            return self._apply_rest(batch, out, RuntimeError("process raised StopIteration"))
        # A list whose members are the very same is found equal without a look at them, which costs a tenth.
        try:
            same = out[0] is batch[0] and out == batch
        except Exception:
            # Values that are no JSON may refuse to be compared; that is no error of the stage.
            same = False
        if same or MESSAGE_TYPES.issuperset(map(type, out)):
            self._through += len(out)
            return out
        return self._count(out, 0)

    def _apply_rest(self, batch: list[Message], out: list[Any], error: BaseException) -> list[Message]:
        """Go on behind a message that failed, if the policy is to skip it."""
        failed = 1
        self.fail(error, batch[len(out)])
        messages = iter(batch[len(out) + 1 :])
        while not self.error:
            try:
                out.extend(map(*self._call, messages))
                if len(out) + failed == len(batch):
                    break
                raise RuntimeError("process raised StopIteration")
            except BaseException as another:
                failed += 1
                self.fail(another, batch[len(out) + failed - 1])
        return self._count(out, failed)

    def _count(self, out: list[Any], failed: int) -> list[Message]:
        statistics = self.statistics
        statistics.received += len(out) + failed
        messages = [message for message in out if self._is_message(message)]
        statistics.filtered += len(out) - len(messages)
        statistics.passed += len(messages)
        statistics.emitted += len(messages)
        return messages

    def counted(self) -> StageStatistics:
        """Return a copy of the counters as they are now."""
        # Read before the counters: a call that ends just now is counted twice for this once, rather than not at all.
        working_since, waiting_since = self.working_since, self.waiting_since
        counted = self.statistics.copy()
        if working_since:
            counted.busy_s += perf_counter() - working_since
        if waiting_since:
            counted.blocked_s += perf_counter() - waiting_since
        counted.received += self._through
        counted.passed += self._through
        counted.emitted += self._through
        return counted

    def _is_message(self, returned: Any) -> bool:
        if returned is None:
            return False
        if not isinstance(returned, dict) and self.error is None:
            self.error = self.wrong_type(returned)
        return isinstance(returned, dict)

    def _apply_marked(self, batch: list[Message]) -> list[Message]:
        out: list[Message] = []
        for is_mark, group in groupby(batch, lambda message: type(message) is Mark):
            if is_mark:
                passed = [one for mark in group for one in self.pass_mark(mark)]
                self.statistics.emitted += len(passed)
                out += passed
            else:
                out += self._apply_plain(list(group))
            if self.error:
                break
        return out

    def ends(self, mark: Any) -> bool:
        """Say whether a mark ends a group of this stage's own."""
        return self.end_group is not None and mark.split == self.planned.closes

    def pass_mark(self, mark: Any) -> list[Message]:
        """Let a mark pass by, or give it to the processor if it ends a group of its own."""
        joined = self.joined(mark)
        if joined is None:
            return []
        mark = joined
        self.statistics.received += 1
        if self.end_group is None or not self.ends(mark):
            self.statistics.passed += 1
            return [mark]
        try:
            ended = self.end_group(mark)
            made = [ended] if isinstance(ended, dict) else list(ended or ())
        except BaseException as error:
            self.fail(error, mark)
            return []
        return self.count_ended(made)

    def joined(self, mark: Any) -> Mark | None:
        """Return a mark when its last copy has come, with what any of its branches added; None as long as some are out.

        Each branch sends its copy after all of its parts, so behind the last copy the group is whole.
        """
        expected = self.planned.copies.get(mark.split, 1)
        if expected == 1:
            return mark  # type: ignore[no-any-return]
        place = (mark.split, mark.number)
        came, first = self._copies.get(place, (0, mark))
        whole = first if first is mark else Mark({**first, **mark}, mark.split, mark.number)
        if came + 1 == expected:
            self._copies.pop(place, None)
            return whole
        self._copies[place] = (came + 1, whole)
        self.statistics.received += 1
        self.statistics.filtered += 1
        return None

    def count_ended(self, made: list[Any]) -> list[Message]:
        """Count what the processor made of a mark, and return it."""
        messages = [message for message in made if self._is_message(message)]
        if messages:
            self.statistics.passed += 1
        else:
            self.statistics.filtered += 1
        return messages

    # Generators: one message in, any number out

    def expand(self, messages: Iterable[Message]) -> Iterator[list[Message]]:
        """Give messages to a processor whose `process` is a generator; yield what comes out, batch by batch.

        A batch is handed on before the next one is made, so that one message may become millions.
        """
        rest: list[Message] = []
        for message in messages:
            if type(message) is Mark:
                passed = self.pass_mark(message)
                self.statistics.emitted += len(passed)
                rest += passed
            else:
                rest = yield from self._expand_one(message, rest)
            if self.error:
                break
        if rest:
            yield rest

    def _expand_one(self, message: Message, out: list[Message]) -> Generator[list[Message], None, list[Message]]:
        statistics = self.statistics
        statistics.received += 1
        emitted = statistics.emitted
        batches = Batches(out, self.pace)
        counted = len(out)
        try:
            for batch in batches.fill(self._process(message)):
                statistics.busy_s += batches.seconds
                statistics.emitted += len(batch) - counted
                counted = 0
                yield batch
        except GeneratorExit:
            raise
        except BaseException as error:
            self.fail(error, message)
            statistics.emitted += len(batches.rest) - counted
            return batches.rest
        statistics.busy_s += batches.seconds
        statistics.emitted += len(batches.rest) - counted
        if statistics.emitted > emitted:
            statistics.passed += 1
        else:
            statistics.filtered += 1
        return batches.rest

    def finish(self) -> Iterator[list[Message]]:
        """Run the processor's `finish`; yield what it yields, batch by batch."""
        batches = Batches([], self.pace)
        failure: StageError | None = None
        began = perf_counter()
        try:
            last = self.processor.finish()
            self.statistics.busy_s += perf_counter() - began
            if isinstance(last, dict) or not isinstance(last, Iterable | None):
                raise TypeError(f"finish returned {kind_of(last)}; it returns None, or yields messages")
            for batch in batches.fill(map(self.checked_last, last or ())):
                self.statistics.busy_s += batches.seconds
                self.statistics.emitted += len(batch)
                yield batch
        except GeneratorExit:
            raise
        except BaseException as error:
            failure = self.stage_error("finish", error)
            failure.__cause__ = error
        self.statistics.busy_s += batches.seconds
        self.statistics.emitted += len(batches.rest)
        if batches.rest:
            yield batches.rest
        if failure:
            raise failure

    def checked_last(self, message: Any) -> Message:
        """Return what `finish` yielded; raises TypeError if it is no message."""
        if not isinstance(message, dict):
            raise TypeError(f"finish yielded {kind_of(message)}; it returns None, or yields messages")
        return message

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
        if self.maker and not isinstance(message, dict):
            self.error = self.maker.wrong_type(message)
            return
        error = self.stage_error("process", cause, message)
        error.__cause__ = cause
        if self.planned.on_error is OnError.SKIP and isinstance(cause, Exception):
            self._skipped(error)
        else:
            self.error = error


def _call_of(process: Callable[[Message], Any]) -> tuple[Any, ...]:
    """Return what `map` is to be given before the messages; a plain function is called faster than a bound method."""
    if isinstance(process, MethodType):
        return process.__func__, repeat(process.__self__)
    return (process,)


def kind_of(value: Any) -> str:
    """Return the kind of a value for an error: "a list", "a generator object"."""
    if isinstance(value, GeneratorType | AsyncGeneratorType):
        return "a generator object"
    name = type(value).__name__
    return ("an " if name[0] in "aeiou" else "a ") + name
