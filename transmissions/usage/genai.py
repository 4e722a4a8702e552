"""Prices of the package genai-prices, an optional extra, imported when the first price is asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from importlib.util import find_spec
from typing import Any

from transmissions.usage.conventions import provider_id
from transmissions.usage.errors import InvalidPrices
from transmissions.usage.prices import Rates, Tiers

__all__ = ["GenaiPrices"]

_KEYS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write_5m": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "reasoning": "output_reasoning_mtok",
    "web_search": "web_searches_kcount",
    "request": "requests_kcount",
}
_THEIR_NAMES = {"bedrock": "aws"}


class GenaiPrices:
    """The published prices that genai-prices carries, with their dates and tiers; nothing is downloaded.

    The package says of its prices that they are best effort. A model is found by the package's own rules for names;
    one that these do not match is unpriced.
    """

    def __init__(self) -> None:
        self._snapshot: Any = None
        self._source = ""
        self._models: dict[tuple[str, str], Any] = {}
        self._tiers: dict[int, tuple[Any, Tiers | None]] = {}

    @staticmethod
    def available() -> bool:
        """Say whether the package is installed."""
        return find_spec("genai_prices") is not None

    def rates(self, model: str, provider: str, at: datetime | None, total_input: int) -> Rates | None:
        """Return the rates of a model at a time; None if the package does not know it.

        Raises:
            InvalidPrices: the package is not installed.
        """
        key = (model, provider)
        if key not in self._models:
            self._models[key] = self._find(model, provider)
        if (found := self._models[key]) is None:
            return None
        prices = found.prices
        if isinstance(prices, list):
            # Some prices begin on a day, and some hold at certain hours.
            prices = found.get_prices(at or datetime.now(UTC))
        known = self._tiers.get(id(prices))
        if known is None:
            # Kept with the prices themselves, so that their id stays theirs.
            known = self._tiers[id(prices)] = (prices, _tiers(prices, self._source, found.id))
        return known[1].rates(total_input) if known[1] else None

    def _find(self, model: str, provider: str) -> Any:
        if self._snapshot is None:
            self._load()
        if not model:
            return None
        known = provider_id(provider) if provider else ""
        try:
            _, found = self._snapshot.find_provider_model(model, None, _THEIR_NAMES.get(known, known) or None, None)
        except LookupError:
            return None
        return found

    def _load(self) -> None:
        try:
            import genai_prices
            from genai_prices.data_snapshot import get_snapshot
        except ImportError:
            raise InvalidPrices(
                "published prices need the package genai-prices: pip install 'transmissions-engine[prices]', or give "
                "a table of your own"
            ) from None
        self._snapshot = get_snapshot()
        self._source = f"genai-prices {genai_prices.__version__}"


def _tiers(prices: Any, source: str, model: str) -> Tiers | None:
    """Return the package's prices of a model in our form; None if it has none for tokens."""
    values = {name: getattr(prices, key) for name, key in _KEYS.items()}
    if values["input"] is None and values["output"] is None:
        return None
    # A threshold that only some of the rates have is one of the whole; the others stay as they are there.
    thresholds = sorted({tier.start for value in values.values() for tier in getattr(value, "tiers", ())})

    def at(total: int) -> Rates:
        return Rates.of_dollars({name: _rate(value, total) for name, value in values.items()}, source, model)

    return Tiers(at(0), [(threshold, at(threshold + 1)) for threshold in thresholds])


def _rate(value: Any, total_input: int) -> Decimal | None:
    if value is None or isinstance(value, Decimal):
        return value
    above = [tier.price for tier in value.tiers if total_input > tier.start]
    rate: Decimal = above[-1] if above else value.base
    return rate
