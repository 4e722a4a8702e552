"""Usage of language models: one record for every provider, prices, a ledger that charges once, and reports.

A library of its own: it knows nothing of pipelines. Each name is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transmissions.lazy import lazily

if TYPE_CHECKING:
    from transmissions.usage.admission import Admission
    from transmissions.usage.budgets import Breach, Budget, Spent
    from transmissions.usage.conventions import Convention, convention_of
    from transmissions.usage.entries import Account, Entry, EntryKind, Refill, Reservation
    from transmissions.usage.errors import InvalidPrices, InvalidUsage, LedgerError, LedgerUnavailable, LimitExceeded
    from transmissions.usage.genai import GenaiPrices
    from transmissions.usage.ledger import Ledger, LimitState
    from transmissions.usage.money import dollars_of_nano, dollars_text
    from transmissions.usage.normalisation import Normalised, normalise, normalise_all
    from transmissions.usage.periods import Period
    from transmissions.usage.place import default_ledger
    from transmissions.usage.price_file import PriceFile
    from transmissions.usage.prices import Priced, PriceTable, Rates, Tiers, price
    from transmissions.usage.record import CallKind, UsageRecord
    from transmissions.usage.report import GROUPINGS, Row, Tally
    from transmissions.usage.roll_up import Displayed, DisplayedRuns, displayed
    from transmissions.usage.settlement import Outcome, Settlement
    from transmissions.usage.stores import MemoryStore, SqliteStore, is_ledger
    from transmissions.usage.tables import LayeredPrices, default_prices
    from transmissions.usage.zones import zone_of

__all__ = [
    "GROUPINGS",
    "Account",
    "Admission",
    "Breach",
    "Budget",
    "CallKind",
    "Convention",
    "Displayed",
    "DisplayedRuns",
    "Entry",
    "EntryKind",
    "GenaiPrices",
    "InvalidPrices",
    "InvalidUsage",
    "LayeredPrices",
    "Ledger",
    "LedgerError",
    "LedgerUnavailable",
    "LimitExceeded",
    "LimitState",
    "MemoryStore",
    "Normalised",
    "Outcome",
    "Period",
    "PriceFile",
    "PriceTable",
    "Priced",
    "Rates",
    "Refill",
    "Reservation",
    "Row",
    "Settlement",
    "Spent",
    "SqliteStore",
    "Tally",
    "Tiers",
    "UsageRecord",
    "convention_of",
    "default_ledger",
    "default_prices",
    "displayed",
    "dollars_of_nano",
    "dollars_text",
    "is_ledger",
    "normalise",
    "normalise_all",
    "price",
    "zone_of",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        ".admission": ("Admission",),
        ".budgets": ("Breach", "Budget", "Spent"),
        ".conventions": ("Convention", "convention_of"),
        ".entries": ("Account", "Entry", "EntryKind", "Refill", "Reservation"),
        ".errors": ("InvalidPrices", "InvalidUsage", "LedgerError", "LedgerUnavailable", "LimitExceeded"),
        ".genai": ("GenaiPrices",),
        ".ledger": ("Ledger", "LimitState"),
        ".money": ("dollars_of_nano", "dollars_text"),
        ".normalisation": ("Normalised", "normalise", "normalise_all"),
        ".periods": ("Period",),
        ".place": ("default_ledger",),
        ".price_file": ("PriceFile",),
        ".prices": ("PriceTable", "Priced", "Rates", "Tiers", "price"),
        ".record": ("CallKind", "UsageRecord"),
        ".report": ("GROUPINGS", "Row", "Tally"),
        ".roll_up": ("Displayed", "DisplayedRuns", "displayed"),
        ".settlement": ("Outcome", "Settlement"),
        ".stores": ("MemoryStore", "SqliteStore", "is_ledger"),
        ".tables": ("LayeredPrices", "default_prices"),
        ".zones": ("zone_of",),
    },
)
