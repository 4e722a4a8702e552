"""Whether a call may be made, and which levels a call has reached; looked up within one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from transmissions.usage.budgets import Breach, Budget, Spent, scopes_of
from transmissions.usage.entries import Account, Entry, EntryKind
from transmissions.usage.errors import LimitExceeded
from transmissions.usage.money import MAX_NANO, dollars_of_nano, dollars_text
from transmissions.usage.periods import intervals_since, nth
from transmissions.usage.record import UsageRecord
from transmissions.usage.stores.store import Transaction, quarter_of

__all__ = ["after_call", "before_call", "passed_limit", "refill_due", "short_of_balance", "spent_of"]


def spent_of(store: Transaction, budget: Budget, value: str, at: datetime) -> Spent:
    """Return what was spent in the span of a budget that a moment is in."""
    span = budget.window(at)
    since, until = (quarter_of(span[0]), quarter_of(span[1])) if span else (None, None)
    return store.spent(budget.scope, value, since, until)


def after_call(store: Transaction, budgets: Iterable[Budget], record: UsageRecord, at: datetime) -> list[Breach]:
    """Return the budgets that are over their hard level, and those that have come to where they warn."""
    found = []
    for budget, value in _applying(budgets, record):
        used = spent_of(store, budget, value, at).measured(budget.measure)
        # Exactly as much as the limit is within it.
        if budget.hard is not None and used > (limit := budget.level(budget.hard)):
            span = budget.window(at)
            found.append(Breach(budget, "hard", value, used, limit, span[1] if span else None))
        elif budget.warn is not None and used >= (limit := budget.level(budget.warn)):
            found.append(Breach(budget, "warn", value, used, limit))
    return found


def before_call(
    store: Transaction, budgets: Iterable[Budget], record: UsageRecord, asked: Spent, at: datetime
) -> list[Breach]:
    """Return the budgets in which there is no room for a call, and those that will warn.

    Args:
        store: the open transaction.
        budgets: all budgets.
        record: whose call it is.
        asked: what it is estimated to use.
        at: when.
    """
    found = []
    for budget, value in _applying(budgets, record):
        spent = spent_of(store, budget, value, at).measured(budget.measure)
        reserved, first_end = store.reserved(budget.scope, value)
        held, wanted = reserved.measured(budget.measure), asked.measured(budget.measure)
        used = spent + held + wanted
        limit = None if budget.hard is None else budget.level(budget.hard)
        # With nothing left, a call without an estimate is none that fits.
        if limit is not None and (used > limit or spent + held >= limit):
            span = budget.window(at)
            full = spent + wanted > limit or spent >= limit
            end = (span[1] if span else None) if full else first_end
            found.append(Breach(budget, "hard", value, used, limit, None if wanted > limit or limit == 0 else end))
        elif budget.warn is not None and used >= (level := budget.level(budget.warn)):
            found.append(Breach(budget, "warn", value, used, level))
    return found


def short_of_balance(store: Transaction, record: UsageRecord, asked: Spent) -> LimitExceeded | None:
    """Return the error that refuses a call which the owner's balance does not cover; None if it does."""
    account = store.account(record.owner) or Account(record.owner)
    reserved, first_end = store.reserved("owner", record.owner)
    free = account.nano - reserved.nano
    if free >= asked.nano and free > 0:
        return None
    # What is there would do, if it were not reserved.
    retry_at = first_end if account.nano >= asked.nano and account.nano > 0 else _next_refill(account)
    return LimitExceeded(
        _balance_name(record),
        dollars_text(dollars_of_nano(account.nano)),
        dollars_text(dollars_of_nano(reserved.nano + asked.nano)) + " reserved",
        retry_at,
    )


def passed_limit(
    store: Transaction, budgets: Iterable[Budget], record: UsageRecord, at: datetime, *, prepaid: bool
) -> LimitExceeded | None:
    """Return the first limit that is passed at a moment for whoever made a call; None if none is."""
    over = [breach for breach in after_call(store, budgets, record, at) if breach.level == "hard"]
    if over:
        return over[0].error()
    account = store.account(record.owner)
    if not prepaid or account is None or account.nano >= 0:
        return None
    return LimitExceeded(_balance_name(record), "0 or more", dollars_text(account.balance), _next_refill(account))


def refill_due(store: Transaction, owner: str, now: datetime) -> Entry | None:
    """Credit an owner's refill if an interval has passed since the last one; once, however many have passed."""
    account = store.account(owner)
    if account is None or account.refill is None:
        return None
    rule = account.refill
    passed = intervals_since(rule.start, rule.every, now)
    if passed <= rule.done or (rule.below is not None and account.nano >= rule.below):
        return None
    # A balance that no store could hold would refuse every call of the owner.
    if account.nano + rule.nano > MAX_NANO:
        return None
    store.set_refill(replace(account, refill=replace(rule, done=passed)))
    return store.append(Entry(owner, EntryKind.REFILL, rule.nano, now, note=f"every {rule.every}"))


def _balance_name(record: UsageRecord) -> str:
    return f"balance of owner {record.owner or '(none)'}"


def _next_refill(account: Account | None) -> datetime | None:
    if account is None or account.refill is None:
        return None
    return nth(account.refill.start, account.refill.every, account.refill.done + 1)


def _applying(budgets: Iterable[Budget], record: UsageRecord) -> list[tuple[Budget, str]]:
    scopes = scopes_of(record)
    return [(budget, scopes[budget.scope]) for budget in budgets if budget.applies_to(scopes[budget.scope])]
