"""Admitting one call within a transaction: it is refused, or what it is estimated to use is kept free for it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from transmissions.usage.budgets import Breach, Budget, Spent
from transmissions.usage.entries import Reservation
from transmissions.usage.errors import LimitExceeded
from transmissions.usage.limits import before_call, refill_due, short_of_balance
from transmissions.usage.record import UsageRecord
from transmissions.usage.stores.store import Transaction

__all__ = ["Admission", "Rules", "admit_call"]


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a call may be made.

    Args:
        reservation: what is kept free for it; None if it was refused, or admitted unchecked.
        refusal: why it was refused; None if it was admitted.
        warnings: the budgets that warn.
        unchecked: admitted although the ledger could not be asked, as it was set to.
    """

    reservation: Reservation | None = None
    refusal: LimitExceeded | None = None
    warnings: tuple[Breach, ...] = ()
    unchecked: bool = False

    @property
    def admitted(self) -> bool:
        """Whether it may be made."""
        return self.refusal is None


@dataclass(frozen=True, slots=True)
class Rules:
    """By what a call is admitted.

    Args:
        budgets: the limits.
        prepaid: whether the owner's balance has to cover it.
        unpriced_open: whether one without a price is admitted where cost is limited.
        lease_s: how long its reservation holds, in seconds.
    """

    budgets: Sequence[Budget]
    prepaid: bool
    unpriced_open: bool
    lease_s: float

    @property
    def need_price(self) -> bool:
        """Whether a call without a price is refused."""
        limited = any(budget.measure == "cost" and budget.hard is not None for budget in self.budgets)
        return not self.unpriced_open and (self.prepaid or limited)


def admit_call(store: Transaction, rules: Rules, record: UsageRecord, nano: int | None, now: datetime) -> Admission:
    """Refuse a call, or reserve what it asks for.

    Args:
        store: the open transaction.
        rules: by what it is admitted.
        record: whose call it is, with the tokens that it is estimated to use.
        nano: what it is estimated to cost, in nanodollars; None if it has no price.
        now: the present time.
    """
    store.expire(now)
    refill_due(store, record.owner, now)
    if nano is None and rules.need_price:
        return Admission(refusal=_no_price(record))
    asked = Spent(nano or 0, record.total_tokens, 1)
    breaches = before_call(store, rules.budgets, record, asked, now)
    refusals = [breach.error() for breach in breaches if breach.level == "hard"]
    if rules.prepaid and (short := short_of_balance(store, record, asked)):
        refusals.append(short)
    if refusals:
        return Admission(refusal=_last_free(refusals))
    held = Reservation(uuid.uuid4().hex, record, asked, now + timedelta(seconds=rules.lease_s))
    store.reserve(held)
    return Admission(held, warnings=tuple(breaches))


def _no_price(record: UsageRecord) -> LimitExceeded:
    return LimitExceeded(f"model {record.model or '(none)'}", "a known price", "a call that cannot be priced")


def _last_free(refusals: Sequence[LimitExceeded]) -> LimitExceeded:
    """Return the refusal that holds longest: one that time does not end before any other."""
    ends = [(refusal.retry_at, refusal) for refusal in refusals]
    never = [refusal for end, refusal in ends if end is None]
    return never[0] if never else max(((end, refusal) for end, refusal in ends if end), key=lambda one: one[0])[1]
