"""Sums of many calls at little cost: those that no report tells apart are added up first, then priced together.

A cost is a sum of products of whole numbers, so it is the same whether calls are priced one by one or together, as long
as they have the same rates; calls for which these may differ are never put together.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING

from transmissions.usage import Row, UsageRecord
from transmissions.usage.record import COUNTS, MAX_COUNT

if TYPE_CHECKING:
    from transmissions.usage import PriceTable, Rates, Tally

__all__ = ["Sums"]

_QUARTER_S = 900
_FIRST, _LAST = 4, 11
assert UsageRecord._fields[_FIRST:_LAST] == COUNTS
_MOST = 4 * MAX_COUNT
_NOT_FIELDS = ("day", "month")


class Sums:
    """Calls by what a report tells of them, at a quarter of an hour: in every time zone, days begin with one.

    Args:
        prices: the table that calls are priced from.
        by: what the report groups by.
    """

    def __init__(self, prices: PriceTable, by: Sequence[str]) -> None:
        self._prices = prices
        fields = ["model", "provider", *(name for name in by if name not in _NOT_FIELDS)]
        self._told = itemgetter(*map(UsageRecord._fields.index, fields))
        self._sums: dict[tuple[object, ...], tuple[UsageRecord, Rates | None, list[int]]] = {}
        self._known: dict[tuple[str, str, int], tuple[Rates | None, int]] = {}
        self._steps: dict[tuple[int, int], tuple[Rates | None, Rates | None, int]] = {}

    def add(self, record: UsageRecord) -> None:
        """Add a call."""
        at = record.at
        quarter = -1 if at is None else int(at.timestamp()) // _QUARTER_S
        key = (record.model, record.provider, quarter)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._learn(record, quarter)
        counts: tuple[int, ...] = record[4:11]
        rates, total = known[0], counts[0] + counts[1] + counts[2] + counts[3]
        if total > known[1]:
            rates = self._prices.rates(record.model, record.provider, record.at, total)
        # Without a price, calls that used nothing still cost nothing.
        group = (self._told(record), quarter, any(counts) if rates is None else id(rates))
        found = self._sums.get(group)
        if found is None:
            self._sums[group] = (record, rates, [1, *counts])
        else:
            sums = found[2]
            sums[0] += 1
            sums[1] += counts[0]
            sums[2] += counts[1]
            sums[3] += counts[2]
            sums[4] += counts[3]
            sums[5] += counts[4]
            sums[6] += counts[5]
            sums[7] += counts[6]

    def _learn(self, record: UsageRecord, quarter: int) -> tuple[Rates | None, int]:
        """Return the rates of small calls of a model in a quarter of an hour, and up to how much input they hold.

        That is -1 if they may change within the quarter; then each call has to be looked up.
        """
        if record.at is None:
            return None, -1
        start = datetime.fromtimestamp(quarter * _QUARTER_S, UTC)
        end = start + timedelta(seconds=_QUARTER_S, microseconds=-1)

        def rates(at: datetime, total_input: int) -> Rates | None:
            return self._prices.rates(record.model, record.provider, at, total_input)

        base, top = rates(start, 0), rates(start, _MOST)
        if rates(end, 0) is not base or rates(end, _MOST) is not top:
            return None, -1
        # The same rates have the same steps, so they are looked for once; what is kept keeps its id.
        step = self._steps.get((id(base), id(top)))
        if step is None:
            below, above = 0, _MOST
            while base is not top and above - below > 1:
                middle = (below + above) // 2
                below, above = (middle, above) if rates(start, middle) is base else (below, middle)
            step = self._steps[id(base), id(top)] = (base, top, below if base is not top else _MOST)
        return base, step[2]

    def tell(self, *tallies: Tally) -> None:
        """Add all sums to tallies."""
        for record, rates, sums in self._sums.values():
            calls, *counts = sums
            row = Row(calls=calls, input=counts[0], cache_read=counts[1], cache_write=counts[2] + counts[3])
            row.output, row.reasoning = counts[4], counts[5]
            if rates is not None:
                together = UsageRecord._make([*record[:_FIRST], *counts, *record[_LAST:]])
                row.atto, row.priced = rates.cost(together) + (calls - 1) * rates.request, calls
            elif any(counts):
                row.unpriced[record.model] = calls
            else:
                row.priced = calls
            for tally in tallies:
                tally.add_sums(record, row)
