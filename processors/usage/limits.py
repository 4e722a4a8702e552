"""The budgets of a spender, as a pipeline writes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from transmissions.usage import Budget, Period

__all__ = ["Limit", "budgets_of"]


@dataclass(frozen=True)
class Limit:
    """A limit: on what (`all`, `run`, `owner`, `model`, `project`; of one `value` or of each), and how much.

    `measure` is `cost` (dollars), `tokens` or `requests`; `period` is `ever`, `day`, `week` or `month` in `timezone`;
    from `warn` on it is reported, above `hard` it stops.
    """

    scope: str
    value: str | None = None
    measure: str = "cost"
    period: str = "ever"
    warn: float | None = None
    hard: float | None = None
    timezone: str = "UTC"


def budgets_of(limits: Iterable[Limit]) -> list[Budget]:
    """Return the limits as budgets.

    Raises:
        LedgerError: a part of one is not what it has to be.
        ValueError: the period is none.
    """
    return [
        Budget(
            scope=one.scope, value=one.value, measure=one.measure, period=Period(one.period), zone=one.timezone,
            warn=_level(one.warn), hard=_level(one.hard),
        )
        for one in limits
    ]  # fmt: skip


def _level(level: float | None) -> Decimal | None:
    # By its text: what was written is what is meant, not the nearest binary number.
    return None if level is None else Decimal(str(level)).normalize()
