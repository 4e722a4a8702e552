"""What a call costs: rates for each bucket, from a table of prices; a model that no table knows is unpriced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol, runtime_checkable

from transmissions.usage.money import dollars_of_atto, rate_of_dollars
from transmissions.usage.record import UsageRecord

__all__ = ["PriceTable", "Priced", "Rates", "Tiers", "price"]

_PER_MILLION = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning")


@dataclass(frozen=True, slots=True)
class Rates:
    """What each unit of a call costs, in attodollars (10⁻¹⁸ dollar): 10¹² of them a token are a dollar for a million.

    Args:
        input: a token of uncached input.
        output: a token of output.
        cache_read: a token read from a cache.
        cache_write_5m: a token written to a cache for five minutes.
        cache_write_1h: a token written to a cache for an hour.
        reasoning: a token of output that was reasoning.
        web_search: a search.
        request: the call itself.
        source: the table, with its version.
        model: the model of that table that was matched.
    """

    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    reasoning: int
    web_search: int = 0
    request: int = 0
    source: str = ""
    model: str = ""

    @classmethod
    def of_dollars(cls, rates: Mapping[str, Decimal | None], source: str = "", model: str = "") -> Rates:
        """Return rates given in dollars for a million tokens, or for a thousand searches or requests.

        Args:
            rates: by the names of the fields here. Cached input without a rate costs what input costs, an hour's cache
                what five minutes' does, reasoning what output does; whatever else has none, nothing.
            source: the table, with its version.
            model: the model of that table.
        """
        given = {name: rate for name, rate in rates.items() if rate is not None}
        fine = {name: rate_of_dollars(given[name]) for name in _PER_MILLION if name in given}
        uncached, output = fine.get("input", 0), fine.get("output", 0)
        write = fine.get("cache_write_5m", uncached)
        thousands = {name: rate_of_dollars(given[name] * 1000) for name in ("web_search", "request") if name in given}
        return cls(
            uncached, output, fine.get("cache_read", uncached), write, fine.get("cache_write_1h", write),
            fine.get("reasoning", output), **thousands, source=source, model=model,
        )  # fmt: skip

    def cost(self, record: UsageRecord) -> int:
        """Return what a call costs, in attodollars, exactly."""
        return (
            record.input * self.input
            + record.cache_read * self.cache_read
            + record.cache_write_5m * self.cache_write_5m
            + record.cache_write_1h * self.cache_write_1h
            + (record.output - record.reasoning) * self.output
            + record.reasoning * self.reasoning
            + record.web_searches * self.web_search
            + self.request
        )

    def as_json(self) -> dict[str, str]:
        """Return the rates in dollars for a million tokens, or a thousand searches or requests, with their source."""
        made = {name: str(dollars_of_atto(getattr(self, name) * 10**6)) for name in _PER_MILLION}
        made |= {
            name: str(dollars_of_atto(value * 1000))
            for name in ("web_search", "request")
            if (value := getattr(self, name))
        }
        return made | {"source": self.source, "model": self.model}


class Tiers(NamedTuple):
    """The rates of a model at one time: above each threshold of input tokens, the whole call costs more (or less).

    Args:
        base: the rates up to the first threshold.
        above: thresholds in tokens of all input, cached or not, in ascending order, each with the rates above it.
    """

    base: Rates
    above: Sequence[tuple[int, Rates]] = ()

    def rates(self, total_input: int) -> Rates:
        """Return the rates of a call with so many input tokens; exactly a threshold is not above it."""
        chosen = self.base
        for threshold, rates in self.above:
            if total_input > threshold:
                chosen = rates
        return chosen


@runtime_checkable
class PriceTable(Protocol):
    """Anything that knows the prices of models."""

    def rates(self, model: str, provider: str, at: datetime | None, total_input: int) -> Rates | None:
        """Return what a call costs by the unit, or None if the model is not known. It must never guess.

        Args:
            model: the model's name as the provider reports it.
            provider: who served it; "" if that is not known.
            at: when the call was made; None for now.
            total_input: tokens of all its input, cached or not, for tiers.
        """
        ...


class Priced(NamedTuple):
    """A call's cost in attodollars and the rates it was made with; both None if its model is unpriced."""

    atto: int | None
    rates: Rates | None

    @property
    def dollars(self) -> Decimal | None:
        """The cost in dollars, exactly; None if unpriced."""
        return None if self.atto is None else dollars_of_atto(self.atto)


def price(record: UsageRecord, table: PriceTable) -> Priced:
    """Return what a call costs by a table; without a cost if the model is unknown, or what it used is.

    A call that used nothing at all costs nothing, whatever its model.
    """
    if record.unmeasured:
        return Priced(None, None)
    rates = table.rates(record.model, record.provider, record.at, record.total_input)
    if rates is None:
        empty = not record.total_tokens and not record.web_searches
        return Priced(0 if empty else None, None)
    return Priced(rates.cost(record), rates)
