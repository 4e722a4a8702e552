"""What a person is shown of the calls of one answer, which is less than what is billed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from transmissions.usage.record import CallKind, UsageRecord

__all__ = ["Displayed", "displayed"]


@dataclass(frozen=True, slots=True)
class Displayed:
    """The usage of one answer as it is shown; every count is 0 or more, in whatever order the calls came.

    Args:
        input: tokens of all input of the first call of the main agent: what the user's context was. The inputs of the
            calls that follow hold it again, so they are billed and not added up.
        output: tokens of output of the main agent and of summaries.
        agents_input: tokens of all input of sub-agents and hidden agents, each call as billed.
        agents_output: tokens of their output.
    """

    input: int = 0
    output: int = 0
    agents_input: int = 0
    agents_output: int = 0


def displayed(records: Iterable[UsageRecord]) -> Displayed:
    """Return what is shown of the calls of one answer, given in the order in which they were made."""
    first: int | None = None
    output = agents_input = agents_output = 0
    for record in records:
        if record.kind in (CallKind.SUBAGENT, CallKind.SEQUENTIAL):
            agents_input += record.total_input
            agents_output += record.output
            continue
        output += record.output
        if first is None and record.kind is CallKind.MESSAGE:
            first = record.total_input
    return Displayed(first or 0, output, agents_input, agents_output)
