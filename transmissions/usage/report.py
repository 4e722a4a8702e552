"""Sums of usage by day, month, model, owner, …, with what it cost; the same total in every grouping."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

from transmissions.usage.money import dollars_of_atto
from transmissions.usage.prices import PriceTable, price
from transmissions.usage.record import UsageRecord

__all__ = ["GROUPINGS", "Row", "Tally"]


@dataclass(slots=True)
class Row:
    """The sums of one group of calls.

    Args:
        group: what the calls have in common, by the name of the grouping; "" where that is not known.

    Attributes:
        calls: how many calls.
        input: tokens of uncached input.
        cache_read: tokens read from caches.
        cache_write: tokens written to caches.
        output: tokens of output, reasoning among them.
        reasoning: tokens of reasoning.
        atto: what the priced calls cost together, in attodollars.
        priced: how many calls have a price.
        unpriced: models without a price, each with its number of calls.
        estimated: how many calls' counts are estimates.
        unmeasured: how many calls used something that nobody knows.
    """

    group: dict[str, str] = field(default_factory=dict)
    calls: int = 0
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    atto: int = 0
    priced: int = 0
    unpriced: dict[str, int] = field(default_factory=dict)
    estimated: int = 0
    unmeasured: int = 0

    @property
    def total_tokens(self) -> int:
        """All tokens, each counted once."""
        return self.input + self.cache_read + self.cache_write + self.output

    @property
    def cost(self) -> Decimal | None:
        """What the priced calls cost, in dollars, exactly; None if no call has a price."""
        return dollars_of_atto(self.atto) if self.priced or not self.calls else None

    @property
    def partial(self) -> bool:
        """Whether the cost leaves out calls: it is then the least that they can have cost."""
        return bool(self.unpriced or self.unmeasured)

    def add(self, record: UsageRecord, atto: int | None) -> None:
        """Add a call and its cost in attodollars; None if it has none."""
        self.calls += 1
        self.input += record.input
        self.cache_read += record.cache_read
        self.cache_write += record.cache_write_5m + record.cache_write_1h
        self.output += record.output
        self.reasoning += record.reasoning
        self.estimated += record.estimated
        if record.unmeasured:
            self.unmeasured += 1
        elif atto is None:
            self._count_unpriced(record.model, 1)
        else:
            self.priced += 1
            self.atto += atto

    def join(self, other: Row, sign: int = 1) -> None:
        """Add the sums of another row, or with a sign of -1 take them away."""
        for name in _SUMMED:
            setattr(self, name, getattr(self, name) + sign * getattr(other, name))
        for model, calls in other.unpriced.items():
            self._count_unpriced(model, sign * calls)

    def _count_unpriced(self, model: str, calls: int) -> None:
        left = self.unpriced.pop(model, 0) + calls
        if left:
            self.unpriced[model] = left

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON values; `cost` in dollars, `unpriced` the models that the cost leaves out."""
        cost = self.cost
        return {
            **self.group,
            "input": self.input,
            "cache_read": self.cache_read,
            "cache_write": self.cache_write,
            "output": self.output,
            "total_tokens": self.total_tokens,
            "cost": None if cost is None else float(cost),
            "unpriced": sorted(self.unpriced),
            "calls": self.calls,
            "reasoning": self.reasoning,
            "estimated": self.estimated,
            "unmeasured": self.unmeasured,
        }


def _day(record: UsageRecord, zone: tzinfo) -> str:
    return _local(record.at, zone)[:10]


def _month(record: UsageRecord, zone: tzinfo) -> str:
    return _local(record.at, zone)[:7]


def _local(at: datetime | None, zone: tzinfo) -> str:
    if at is None:
        return ""
    try:
        return at.astimezone(zone).isoformat()
    except (OverflowError, ValueError):
        # At an end of the calendar, a zone may have no such day; one record must not end the report.
        return at.isoformat()


GROUPINGS: dict[str, Callable[[UsageRecord, tzinfo], str]] = {
    "day": _day,
    "month": _month,
    "model": lambda record, zone: record.model,
    "provider": lambda record, zone: record.provider,
    "owner": lambda record, zone: record.owner,
    "project": lambda record, zone: record.project,
    "session": lambda record, zone: record.session,
    "run": lambda record, zone: record.run,
    "agent": lambda record, zone: record.agent,
    "kind": lambda record, zone: str(record.kind),
}
"""What calls can be grouped by."""


class Tally:
    """Sums up calls as they come, holding one row for each group and nothing of the calls.

    Args:
        by: what to group by, one or several of `GROUPINGS`.
        prices: the table that calls are priced from; without one they are unpriced, unless added with their cost.
        zone: the time zone of days and months.

    Raises:
        ValueError: there is no such grouping.
    """

    def __init__(
        self, by: str | Sequence[str] = "day", *, prices: PriceTable | None = None, zone: tzinfo = UTC
    ) -> None:
        self.by = (by,) if isinstance(by, str) else tuple(by)
        if unknown := [name for name in self.by if name not in GROUPINGS]:
            raise ValueError(f"usage is not grouped by {unknown[0]}, but by {', '.join(GROUPINGS)}")
        self._prices = prices
        self._zone = zone
        self._keys = [GROUPINGS[name] for name in self.by]
        self._rows: dict[tuple[str, ...], Row] = {}

    def add(self, record: UsageRecord) -> None:
        """Add a call, priced from the table."""
        self.add_priced(record, price(record, self._prices).atto if self._prices else None)

    def add_priced(self, record: UsageRecord, atto: int | None) -> None:
        """Add a call with what it cost, in attodollars; None if it is unpriced."""
        self._row(record).add(record, atto)

    def add_sums(self, record: UsageRecord, sums: Row) -> None:
        """Add the sums of several calls that are all in the same group as a record."""
        self._row(record).join(sums)

    def take_away(self, record: UsageRecord, atto: int | None) -> None:
        """Take away a call that was added with this cost, in attodollars, and is reported better now."""
        gone = Row()
        gone.add(record, atto)
        self._row(record).join(gone, -1)

    def _row(self, record: UsageRecord) -> Row:
        zone = self._zone
        key = tuple([name(record, zone) for name in self._keys])
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = Row(dict(zip(self.by, key, strict=True)))
        return row

    def add_all(self, records: Iterable[UsageRecord]) -> None:
        """Add calls, each priced from the table."""
        for record in records:
            self.add(record)

    def rows(self) -> list[Row]:
        """Return the rows in the order of their groups."""
        return [self._rows[key] for key in sorted(self._rows) if self._rows[key].calls]

    def total(self) -> Row:
        """Return the sum of all rows."""
        total = Row()
        for row in self._rows.values():
            total.join(row)
        return total

    def as_json(self) -> dict[str, Any]:
        """Return `{"rows": […], "totals": {…}}`, as JSON values."""
        return {"rows": [row.as_json() for row in self.rows()], "totals": self.total().as_json()}


_SUMMED = (
    "calls",
    "input",
    "cache_read",
    "cache_write",
    "output",
    "reasoning",
    "atto",
    "priced",
    "estimated",
    "unmeasured",
)
