"""What a person is shown of the calls of an answer, which is less than what is billed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from transmissions.usage.record import CallKind, UsageRecord

__all__ = ["Displayed", "DisplayedRuns", "displayed"]

_AGENTS = (CallKind.SUBAGENT, CallKind.SEQUENTIAL)


@dataclass(slots=True)
class Displayed:
    """The usage of one answer as it is shown; every count is 0 or more, in whatever order the calls came.

    Args:
        input: tokens of all input of the first call of the main agent: what the user's context was. The inputs of the
            calls that follow hold it again, so they are billed and not added up.
        output: tokens of output of the main agent and of summaries.
        agents_input: tokens of all input of sub-agents and hidden agents, each call as billed.
        agents_output: tokens of their output.
        first: the id of the first call of the main agent; None before it.
    """

    input: int = 0
    output: int = 0
    agents_input: int = 0
    agents_output: int = 0
    first: str | None = None

    def add(self, record: UsageRecord, before: UsageRecord | None = None) -> None:
        """Add the call that was made next.

        Args:
            record: the call.
            before: what was added for it before, if this is a better report of it.
        """
        output = record.output - (before.output if before else 0)
        if record.kind in _AGENTS:
            self.agents_input += record.total_input - (before.total_input if before else 0)
            self.agents_output += output
            return
        self.output += output
        if record.kind is CallKind.MESSAGE and self.first in (None, record.call):
            self.input, self.first = record.total_input, record.call


def displayed(records: Iterable[UsageRecord]) -> Displayed:
    """Return what is shown of the calls of one answer, given in the order in which they were made."""
    shown = Displayed()
    for record in records:
        shown.add(record)
    return shown


class DisplayedRuns:
    """What is shown of many runs, each an answer by itself."""

    def __init__(self) -> None:
        self._runs: dict[str, Displayed] = {}

    def add(self, record: UsageRecord, before: UsageRecord | None = None) -> None:
        """Add the call that its run made next; `before` is what was added for it earlier, if it is better known now."""
        self._runs.setdefault(record.run, Displayed()).add(record, before)

    def total(self) -> dict[str, int]:
        """Return the sum of all runs, by name of the count."""
        runs = self._runs.values()
        names = ("input", "output", "agents_input", "agents_output")
        return {name: sum(getattr(run, name) for run in runs) for name in names}
