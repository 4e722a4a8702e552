"""Usage of language models: one record for every provider, prices, a ledger that charges once, and reports.

A library of its own: it knows nothing of pipelines. Each name is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transmissions.usage.conventions import Convention, convention_of
    from transmissions.usage.errors import InvalidPrices, InvalidUsage, LedgerError, LedgerUnavailable, LimitExceeded
    from transmissions.usage.genai import GenaiPrices
    from transmissions.usage.money import dollars_text
    from transmissions.usage.normalisation import Normalised, normalise, normalise_all
    from transmissions.usage.price_file import PriceFile
    from transmissions.usage.prices import Priced, PriceTable, Rates, Tiers, price
    from transmissions.usage.record import CallKind, UsageRecord
    from transmissions.usage.report import GROUPINGS, Row, Tally, zone_of
    from transmissions.usage.tables import LayeredPrices, default_prices

__all__ = [
    "GROUPINGS",
    "CallKind",
    "Convention",
    "GenaiPrices",
    "InvalidPrices",
    "InvalidUsage",
    "LayeredPrices",
    "LedgerError",
    "LedgerUnavailable",
    "LimitExceeded",
    "Normalised",
    "PriceFile",
    "PriceTable",
    "Priced",
    "Rates",
    "Row",
    "Tally",
    "Tiers",
    "UsageRecord",
    "convention_of",
    "default_prices",
    "dollars_text",
    "normalise",
    "normalise_all",
    "price",
    "zone_of",
]

_HOMES = {
    "conventions": ("Convention", "convention_of"),
    "errors": ("InvalidPrices", "InvalidUsage", "LedgerError", "LedgerUnavailable", "LimitExceeded"),
    "genai": ("GenaiPrices",),
    "money": ("dollars_text",),
    "normalisation": ("Normalised", "normalise", "normalise_all"),
    "price_file": ("PriceFile",),
    "prices": ("PriceTable", "Priced", "Rates", "Tiers", "price"),
    "record": ("CallKind", "UsageRecord"),
    "report": ("GROUPINGS", "Row", "Tally", "zone_of"),
    "tables": ("LayeredPrices", "default_prices"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"transmissions.usage.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
