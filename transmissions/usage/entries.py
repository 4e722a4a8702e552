"""What the ledger keeps: its entries, the accounts they add up to, and reservations."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from transmissions.usage.budgets import Spent
from transmissions.usage.money import ATTO_PER_NANO, dollars_of_nano
from transmissions.usage.periods import Interval
from transmissions.usage.record import UsageRecord

__all__ = ["Account", "Entry", "EntryKind", "Refill", "Reservation"]


class EntryKind(enum.StrEnum):
    """Why a balance changed."""

    GRANT = "grant"
    REFILL = "refill"
    CHARGE = "charge"
    CORRECTION = "correction"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger; it is written once, and the balance of its owner changes with it.

    Args:
        owner: whose balance.
        kind: why.
        nano: by how much, in nanodollars; a charge is negative.
        booked: when it was written.
        record: the call, of a charge or a correction.
        cost: what the call costs, in nanodollars; None if it is unpriced or unmeasured.
        unpaid: what of the cost the balance did not cover and was not taken from it.
        rates: the rates that the cost was made with, and their source.
        revision: 0 for the charge of a call, 1 and more for its corrections, each standing in place of the one before.
        key: under which a grant is made once.
        note: why, for a person.
        number: its place in the ledger, given by the store.
    """

    owner: str
    kind: EntryKind
    nano: int
    booked: datetime
    record: UsageRecord | None = None
    cost: int | None = None
    unpaid: int = 0
    rates: dict[str, Any] | None = None
    revision: int = 0
    key: str = ""
    note: str = ""
    number: int = 0

    @property
    def amount(self) -> Decimal:
        """By how much the balance changed, in dollars."""
        return dollars_of_nano(self.nano)

    @property
    def dollars(self) -> Decimal | None:
        """What the call costs, in dollars, as rounded when it was settled; None if unpriced or unmeasured."""
        return None if self.cost is None else dollars_of_nano(self.cost)

    @property
    def atto(self) -> int | None:
        """The cost in attodollars, as reports sum it."""
        return None if self.cost is None else self.cost * ATTO_PER_NANO

    def spent(self) -> Spent:
        """Return what the call adds to budgets."""
        return Spent(self.cost or 0, self.record.total_tokens if self.record else 0, 1 if self.record else 0)


@dataclass(frozen=True, slots=True)
class Refill:
    """A credit that repeats.

    Args:
        nano: how much, in nanodollars.
        every: how often.
        start: from when the intervals are counted; the first credit is due one interval later.
        below: credited only if the balance is below this, in nanodollars; None for always.
        done: the number of the last interval that was credited.
    """

    nano: int
    every: Interval
    start: datetime
    below: int | None = None
    done: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """An owner's balance: always the sum of the owner's entries.

    Args:
        owner: whose.
        nano: the balance, in nanodollars.
        refill: its repeating credit; None for none.
    """

    owner: str
    nano: int = 0
    refill: Refill | None = None

    @property
    def balance(self) -> Decimal:
        """The balance in dollars."""
        return dollars_of_nano(self.nano)


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is kept free for a call that was admitted, until it is settled, released, or its lease is over.

    Args:
        id: its name.
        record: whose call it is, of which model and run, and the tokens it is estimated to use.
        spent: the estimate, as budgets count it; nothing, not even a call, if the lease is over.
        expires: when its lease is over.
    """

    id: str
    record: UsageRecord
    spent: Spent
    expires: datetime
