"""Which price tables are asked, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from transmissions.usage.genai import GenaiPrices
from transmissions.usage.price_file import PriceFile
from transmissions.usage.prices import PriceTable, Rates

__all__ = ["LayeredPrices", "default_prices"]


class LayeredPrices:
    """Several tables, of which the first that knows a model decides: the user's own before a published one.

    Args:
        tables: the tables, the most particular first.
    """

    def __init__(self, *tables: PriceTable) -> None:
        self.tables = tables

    def rates(self, model: str, provider: str, at: datetime | None, total_input: int) -> Rates | None:
        """Return the rates of the first table that knows the model."""
        for table in self.tables:
            if (found := table.rates(model, provider, at, total_input)) is not None:
                return found
        return None


def default_prices(paths: Sequence[Path | str] = ()) -> LayeredPrices:
    """Return the user's own tables before those of genai-prices, if that is installed; without any, nothing is priced.

    Args:
        paths: price tables in JSON or Turtle, the most particular first.

    Raises:
        InvalidPrices: one of the tables cannot be read.
    """
    published = [GenaiPrices()] if GenaiPrices.available() else []
    return LayeredPrices(*(PriceFile.read(path) for path in paths), *published)
