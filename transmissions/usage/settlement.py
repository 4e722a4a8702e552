"""Settling one call within a transaction: charged once, corrected once it is better known, never lost."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from transmissions.usage.budgets import Breach, Budget, Spent, scopes_of
from transmissions.usage.entries import Account, Entry, EntryKind
from transmissions.usage.errors import LedgerError
from transmissions.usage.limits import after_call
from transmissions.usage.money import MAX_NANO, dollars_of_nano, dollars_text, nano_of_atto
from transmissions.usage.prices import Priced
from transmissions.usage.record import UsageRecord
from transmissions.usage.stores.store import Transaction, quarter_of

__all__ = ["Outcome", "Settlement", "book", "settle_call", "with_state"]


class Outcome(enum.StrEnum):
    """What settling a call did."""

    SETTLED = "settled"
    """It was charged."""
    ALREADY = "already"
    """It was charged before; nothing changed."""
    CORRECTED = "corrected"
    """It was known as an estimate or as unmeasured, and the difference to what it did use was charged."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a call that was reported.

    Args:
        outcome: what was done.
        entry: the entry that stands for the call.
        balance: its owner's balance afterwards, in dollars.
        breaches: the budgets that are over their hard level, and those that warn.
        before: the entry that stood for the call before, if it was corrected.
    """

    outcome: Outcome
    entry: Entry
    balance: Decimal = Decimal(0)
    breaches: tuple[Breach, ...] = ()
    before: Entry | None = None

    @property
    def over(self) -> Breach | None:
        """The first budget that is over its hard level; None if none is."""
        return next((breach for breach in self.breaches if breach.level == "hard"), None)


def settle_call(
    store: Transaction, record: UsageRecord, priced: Priced, now: datetime, *, allow_negative: bool
) -> Settlement:
    """Charge a call that is not charged yet, or what a better report of it makes of the charge.

    Args:
        store: the open transaction.
        record: what it used, with its time.
        priced: what that costs.
        now: when it is booked.
        allow_negative: whether the balance may go below zero; if not, what it does not cover is recorded as unpaid.
    """
    before = store.current(record.run, record.call)
    if before is not None and before.record is not None:
        if _certainty(record) <= _certainty(before.record):
            return Settlement(Outcome.ALREADY, before)
        # Whoever was charged first is who is charged: two reports of one call do not move it.
        record = record._replace(owner=before.record.owner)
    cost = None if priced.atto is None else nano_of_atto(priced.atto)
    taken_before = (before.cost or 0) - before.unpaid if before else 0
    due = (cost or 0) - taken_before
    taken = due if allow_negative else _covered(store, record.owner, due)
    entry = Entry(record.owner, EntryKind.CORRECTION if before else EntryKind.CHARGE, -taken, now, record, cost)
    entry = replace(
        entry,
        unpaid=due - taken,
        rates=priced.rates.as_json() if priced.rates else None,
        revision=before.revision + 1 if before else 0,
    )
    entry = book(store, entry)
    if before is not None:
        _count(store, before, -1)
    _count(store, entry, 1)
    return Settlement(Outcome.CORRECTED if before else Outcome.SETTLED, entry, before=before)


def book(store: Transaction, entry: Entry) -> Entry:
    """Write an entry and return it with its number.

    Raises:
        LedgerError: the balance would be more, or less, than a store holds.
    """
    account = store.account(entry.owner) or Account(entry.owner)
    if abs(account.nano + entry.nano) > MAX_NANO:
        raise LedgerError(
            f"owner {entry.owner or '(none)'}: {dollars_text(entry.amount)} would take the balance of "
            f"{dollars_text(account.balance)} beyond {dollars_text(dollars_of_nano(MAX_NANO))}, the most that a "
            "ledger holds"
        )
    return store.append(entry)


def with_state(store: Transaction, budgets: Iterable[Budget], done: Settlement) -> Settlement:
    """Return a settlement with the balance and the budgets as they are after it."""
    record = done.entry.record
    assert record is not None
    assert record.at is not None
    account = store.account(record.owner) or Account(record.owner)
    return replace(done, balance=account.balance, breaches=tuple(after_call(store, budgets, record, record.at)))


def _certainty(record: UsageRecord) -> int:
    """Say how well a call's usage is known: measured before estimated before unmeasured."""
    return 0 if record.unmeasured else 1 if record.estimated else 2


def _covered(store: Transaction, owner: str, due: int) -> int:
    """Return what of an amount due the balance covers; what is to be given back is given back whole."""
    account = store.account(owner) or Account(owner)
    return min(due, max(0, account.nano)) if due > 0 else due


def _count(store: Transaction, entry: Entry, sign: int) -> None:
    record = entry.record
    assert record is not None
    assert record.at is not None
    spent = Spent().plus(entry.spent(), sign)
    for scope, value in scopes_of(record).items():
        store.add_spent(scope, value, quarter_of(record.at), spent)
