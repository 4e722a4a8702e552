"""UsageReport: sums of the usage that passes, by day, month, model, owner, project, session, …"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from processors.usage.reading import RecordReader, unpriced
from transmissions import Message, Processor, TransmissionsError, setting
from transmissions.usage import DisplayedRuns, PriceTable, Tally, UsageRecord, default_prices, price, zone_of

__all__ = ["UsageReport"]


class UsageReport(Processor):
    """Sum up the usage that passes, and send the sums at the end: a message for each `:by`, with `rows` and `totals`.

    It takes what a UsageSpender or a reader of session logs sends, Usage events, and messages with usage metadata. What
    a spender charged is not priced again, and what it found charged already is not counted again. A row has `input`,
    `cache_read`, `cache_write`, `output`, `total_tokens`, `cost` in dollars and `unpriced`, the models that the cost
    leaves out; a cost with those, or with calls that are `unmeasured`, is the least that it was. The totals are equal
    for every grouping, and hold under `displayed` what a person is shown: of each run the input of its first call, and
    the output without that of sub-agents.

    Example:
        :stage a :UsageReport ; :settings [ :by "model" ; :priceTable "prices.json" ] .
        file prices.json {"models": {"tiny": {"input": 1, "output": 4}}}
        in {"call": "c1", "usage": {"model": "tiny", "input_tokens": 1000, "output_tokens": 500}}
        in {"call": "c2", "usage": {"model": "tiny", "input_tokens": 2000, "output_tokens": 0}}
        out {"by": "model", "timezone": "UTC",
            "rows": [{"model": "tiny", "input": 3000, "cache_read": 0, "cache_write": 0, "output": 500,
            "total_tokens": 3500, "cost": 0.005, "unpriced": [], "calls": 2, "reasoning": 0, "estimated": 0,
            "unmeasured": 0}],
            "totals": {"input": 3000, "cache_read": 0, "cache_write": 0, "output": 500, "total_tokens": 3500,
            "cost": 0.005, "unpriced": [], "calls": 2, "reasoning": 0, "estimated": 0, "unmeasured": 0,
            "displayed": {"input": 1000, "output": 500, "agents_input": 0, "agents_output": 0}}}

    Guarantee: pure; the sums do not depend on the order, what is displayed does.
    """

    writes = ("by", "timezone", "rows", "totals")
    stateful = True

    usage_field: str = setting("usage", "message field with the usage", reads=True)
    by: list[str] = setting(("day",), "what to group by: day, month, model, …; `day+model` groups by both")
    timezone: str = setting("UTC", "time zone of days and months: UTC, local, Europe/Rome, …")
    price_table: list[Path] = setting((), "price tables of one's own, JSON or Turtle, before the published prices")
    convention: Literal["", "inclusive", "additive"] = setting(
        "", "whether input counts include cached tokens; the provider's own convention if not given"
    )
    model: str = setting("", "model of calls that name none")
    provider: str = setting("", "provider of calls that name none")
    owner: str = setting("", "owner of calls that name none")
    project: str = setting("", "project of calls that name none")
    pass_on: bool = setting(False, "whether the messages go on as well, before the sums")

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        try:
            zone = zone_of(self.timezone)
            self._tallies = {one: Tally(one.split("+"), zone=zone) for one in self.by}
        except ValueError as error:
            raise TransmissionsError(str(error)) from None
        self._displayed = DisplayedRuns()
        self._prices: PriceTable | None = None
        self._reader: RecordReader | None = None
        self._unpriced: set[str] = set()

    def start(self) -> None:
        """Open the price tables."""
        defaults = {name: getattr(self, name) for name in ("model", "provider", "owner", "project")}
        defaults |= {"run": self.context.run, "stage": self.context.stage or "call"}
        self._reader = RecordReader(self.usage_field, self.convention, defaults, self.warn)
        self._prices = default_prices(self.price_table)

    def process(self, message: Message) -> Message | None:
        """Add what the message says was used."""
        assert self._reader is not None
        reader = self._reader
        for usage, record in zip(reader.metadata(message), reader.records(message), strict=True):
            if usage.get("outcome") != "already":
                self._add(usage, record)
        return message if self.pass_on else None

    def finish(self) -> Iterator[Message]:
        """Send the sums."""
        displayed = self._displayed.total()
        for by, tally in self._tallies.items():
            made = tally.as_json()
            made["totals"]["displayed"] = displayed
            yield {"by": by, "timezone": self.timezone, **made}

    def report(self) -> dict[str, Any]:
        """Return the totals."""
        return next((tally.as_json()["totals"] for tally in self._tallies.values()), {})

    def _add(self, usage: Mapping[str, Any], record: UsageRecord) -> None:
        atto = self._cost(usage, record)
        replaced = usage.get("replaces")
        before = UsageRecord.from_json(replaced) if isinstance(replaced, Mapping) else None
        for tally in self._tallies.values():
            tally.add_priced(record, atto)
            if before is not None and replaced is not None:
                tally.take_away(before, self._cost(replaced, before))
        self._displayed.add(record, before)

    def _cost(self, usage: Mapping[str, Any], record: UsageRecord) -> int | None:
        """Return what a call was charged, or else costs, in attodollars."""
        if "cost" not in usage:
            atto = price(record, self._prices).atto if self._prices else None
            if atto is None and not record.unmeasured and record.model not in self._unpriced:
                self._unpriced.add(record.model)
                self.warn(unpriced(record.model))
            return atto
        cost = usage["cost"]
        if cost is None:
            return None
        return int(Decimal(str(cost)).scaleb(18))
