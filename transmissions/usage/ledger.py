"""The ledger: balances, budgets and reservations; every call is charged once, however often it is reported."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from transmissions.usage.admission import Admission, Rules, admit_call
from transmissions.usage.budgets import Budget, Spent
from transmissions.usage.entries import Account, Entry, EntryKind, Refill
from transmissions.usage.errors import LedgerError, LedgerUnavailable, LimitExceeded
from transmissions.usage.limits import passed_limit, refill_due, spent_of
from transmissions.usage.money import MAX_NANO, dollars_of_nano, dollars_text, nano_of_atto, nano_of_dollars
from transmissions.usage.periods import interval_of, nth
from transmissions.usage.prices import Priced, PriceTable, price
from transmissions.usage.record import UsageRecord
from transmissions.usage.settlement import Settlement, book, settle_call, with_state
from transmissions.usage.stores.store import Store, Transaction, quarter_of

__all__ = ["Ledger", "LimitState"]

_PAGE = 1000
_MOST_NANO = 2**62


@dataclass(frozen=True, slots=True)
class LimitState:
    """How a budget stands.

    Args:
        budget: the budget.
        value: the run, owner, model or project; "" for a budget on everything.
        spent: what is used of it in the present span.
        reserved: what is reserved besides.
    """

    budget: Budget
    value: str
    spent: Spent
    reserved: Spent


class Ledger:
    """Charges calls, keeps balances, and refuses what goes over a limit.

    Args:
        store: where it is kept.
        prices: what calls cost; without a table they are all unpriced.
        budgets: limits of this program, beside those that the store keeps.
        prepaid: whether a call needs a balance that covers it; else balances are only kept, and go below zero.
        allow_negative: whether a charge may take a balance below zero. If not, what it does not cover is recorded in
            the entry as unpaid; either way the whole cost is known, and the balance is the sum of the entries.
        fail_open: whether a call is admitted, unchecked, while the ledger cannot be read.
        unpriced_open: whether a call is admitted whose estimate has no price, where cost is limited.
        lease_s: how long a reservation holds if nobody settles, renews or releases it, in seconds.
        clock: gives the present time, with its time zone.
    """

    def __init__(
        self,
        store: Store,
        *,
        prices: PriceTable | None = None,
        budgets: Sequence[Budget] = (),
        prepaid: bool = False,
        allow_negative: bool = True,
        fail_open: bool = False,
        unpriced_open: bool = False,
        lease_s: float = 600.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.store = store
        self.prices = prices
        self.prepaid = prepaid
        self.allow_negative = allow_negative
        self.fail_open = fail_open
        self.unpriced_open = unpriced_open
        self.lease_s = lease_s
        self.clock = clock
        self._own_budgets = tuple(budgets)

    # Charging

    def settle(self, record: UsageRecord, reservation: str = "") -> Settlement:
        """Charge a call, once under its run and call id, however often and from wherever it is reported.

        A call that was settled as an estimate or as unmeasured is corrected when what it used becomes known, once.
        Late usage is charged like any other, in the period in which it was used.

        Args:
            record: what it used.
            reservation: the id of what was kept free for it, which is released in the same transaction.

        Raises:
            InvalidUsage: the record is none; nothing was written.
            LedgerUnavailable: the store cannot be written; nothing was, and the same call can be settled again.
        """
        return self.settle_all([record], reservation)[0]

    def settle_all(self, records: Iterable[UsageRecord], reservation: str = "") -> list[Settlement]:
        """Charge several calls in one transaction, as `settle` does each."""
        now = self.clock()
        ready = [self._priced(record.checked(), now) for record in records]

        def work(store: Transaction) -> list[Settlement]:
            if reservation:
                store.release(reservation)
            done = [
                settle_call(store, record, priced, now, allow_negative=self.allow_negative) for record, priced in ready
            ]
            budgets = (*store.budgets(), *self._own_budgets)
            return [with_state(store, budgets, one) for one in done]

        return self.store.transact(work)

    def abandon(self, run: str, *, estimate: bool = False) -> list[Settlement]:
        """Settle the calls of a run that were admitted and never reported, since the run has ended.

        What was kept free for them is released, and each is recorded as unmeasured: it may have used something. If its
        usage comes later, that is charged.

        Args:
            run: the run.
            estimate: whether to charge each by the estimate it was admitted with, marked as one.
        """
        held = self.store.read(lambda store: store.reservations(run))
        found = []
        for one in held:
            record = one.record._replace(estimated=True) if estimate else one.record.as_unmeasured()
            found += self.settle_all([record], one.id)
        return found

    def _priced(self, record: UsageRecord, now: datetime) -> tuple[UsageRecord, Priced]:
        dated = record if record.at else record._replace(at=now)
        priced = price(dated, self.prices) if self.prices else Priced(None, None)
        if priced.atto is not None and nano_of_atto(priced.atto) > _MOST_NANO:
            raise LedgerError(f"call {record.call}: a cost of {priced.dollars} dollars is more than a ledger holds")
        return dated, priced

    def standing(self, record: UsageRecord) -> LimitExceeded | None:
        """Return the limit that is passed now for whoever made a call; None if none is. A refill that is due is made.

        Args:
            record: the call; it need not be settled here.
        """
        now = self.clock()

        def work(store: Transaction) -> LimitExceeded | None:
            refill_due(store, record.owner, now)
            return passed_limit(store, (*store.budgets(), *self._own_budgets), record, now, prepaid=self.prepaid)

        return self.store.transact(work)

    # Admitting

    def admit(self, record: UsageRecord, cost: Decimal | int | str | None = None) -> Admission:
        """Decide whether a call may be made, and keep free what it is estimated to use; one step, whoever else asks.

        Args:
            record: whose call it is, with the tokens it is estimated to use; `call` may be empty.
            cost: the estimate in dollars; without it the tokens are priced.

        Raises:
            InvalidUsage: the record is none.
            LedgerUnavailable: the ledger cannot be read, and `fail_open` is not set.
        """
        now = self.clock()
        record = record._replace(call=record.call or uuid.uuid4().hex, at=now).checked()
        nano = self._estimate(record, cost)

        def work(store: Transaction) -> Admission:
            budgets = (*store.budgets(), *self._own_budgets)
            rules = Rules(budgets, self.prepaid, self.unpriced_open, self.lease_s)
            return admit_call(store, rules, record, nano, now)

        try:
            return self.store.transact(work)
        except LedgerUnavailable:
            if self.fail_open:
                return Admission(unchecked=True)
            raise

    def _estimate(self, record: UsageRecord, cost: Decimal | int | str | None) -> int | None:
        """Return the estimate in nanodollars; None if the call has no price."""
        if cost is None:
            atto = price(record, self.prices).atto if self.prices else None
            return None if atto is None else nano_of_atto(atto)
        nano = _amount(cost)
        if nano < 0:
            raise LedgerError(f"an estimate is 0 dollars or more, got {cost}")
        return nano

    def release(self, reservation: str) -> None:
        """Give back what was kept free for a call that was not made, or failed; nothing happens if it is gone."""
        self.store.transact(lambda store: store.release(reservation))

    def renew(self, reservation: str) -> bool:
        """Let a reservation's lease begin anew, for a call that takes long; False if it was over already."""
        now = self.clock()

        def work(store: Transaction) -> bool:
            store.expire(now)
            held = store.reservation(reservation)
            if held is not None:
                store.reserve(replace(held, expires=now + timedelta(seconds=self.lease_s)))
            return held is not None

        return self.store.transact(work)

    @contextmanager
    def reserving(self, record: UsageRecord, cost: Decimal | int | str | None = None) -> Iterator[Admission]:
        """Admit a call for the length of a `with`; what is still kept free at its end, however it ends, is released.

        Raises:
            LimitExceeded: the call is refused.
            LedgerUnavailable: as for `admit`.
        """
        admission = self.admit(record, cost)
        if admission.refusal:
            raise admission.refusal
        try:
            yield admission
        finally:
            if admission.reservation:
                self.release(admission.reservation.id)

    # Credit

    def grant(self, owner: str, dollars: Decimal | int | str, *, key: str = "", note: str = "") -> Entry:
        """Change an owner's balance by an amount, which may be negative.

        Args:
            owner: whose.
            dollars: by how much.
            key: under which it is made once; the same grant again under it returns the first one.
            note: why, for a person.

        Raises:
            LedgerError: the amount is none, the balance would be more than a ledger holds, or the key is that of
                another grant.
        """
        nano = _amount(dollars)
        now = self.clock()

        def work(store: Transaction) -> Entry:
            made = store.granted(key) if key else None
            if made and (made.owner, made.nano) != (owner, nano):
                raise LedgerError(
                    f"key {key}: {dollars_text(made.amount)} was granted to {made.owner or '(none)'} under it, which "
                    "is another grant; take another key"
                )
            return made or book(store, Entry(owner, EntryKind.GRANT, nano, now, key=key, note=note))

        return self.store.transact(work)

    def set_refill(
        self,
        owner: str,
        dollars: Decimal | int | str,
        every: str,
        *,
        start: datetime | None = None,
        below: Decimal | int | str | None = None,
    ) -> None:
        """Credit an owner at intervals, once in each, when a call or `refill` finds it due.

        Intervals in which nobody asked are not made up for.

        Args:
            owner: whose.
            dollars: how much; 0 ends it.
            every: the interval: "1 month", "30 days". Months go by the calendar from the start's day.
            start: from when intervals are counted, with its time zone; now if not given.
            below: only if the balance is below this.

        Raises:
            LedgerError: an amount, the interval or the start is none, or the first interval ends behind the calendar.
        """
        nano, least = _amount(dollars), None if below is None else _amount(below)
        try:
            interval = interval_of(every)
        except ValueError as error:
            raise LedgerError(str(error)) from None
        begin = start or self.clock()
        if begin.tzinfo is None:
            raise LedgerError(f"the start of a refill is a time with a time zone, got {begin.isoformat()}")
        try:
            nth(begin, interval, 1)
        except (OverflowError, ValueError):
            raise LedgerError(
                f"every {interval} from {begin.date().isoformat()} is behind the last day of the calendar; "
                "take a shorter interval"
            ) from None
        rule = Refill(nano, interval, begin, least) if nano > 0 else None
        self.store.transact(lambda store: store.set_refill(Account(owner, refill=rule)))

    def refill(self, owner: str) -> Entry | None:
        """Credit an owner's refill if it is due; return the entry, or None if it is not."""
        now = self.clock()
        return self.store.transact(lambda store: refill_due(store, owner, now))

    def balance(self, owner: str) -> Decimal:
        """Return an owner's balance in dollars; 0 if nothing was ever entered."""
        account = self.store.read(lambda store: store.account(owner))
        return account.balance if account else Decimal(0)

    def accounts(self) -> list[Account]:
        """Return all accounts with their balances, in the order of their owners."""
        return self.store.read(lambda store: store.accounts())

    def reserved(self, owner: str) -> Decimal:
        """Return what is kept free for calls of an owner, in dollars, without reservations whose lease is over."""
        now = self.clock()

        def work(store: Transaction) -> Spent:
            store.expire(now)
            return store.reserved("owner", owner)[0]

        return dollars_of_nano(self.store.transact(work).nano)

    # Reading

    def entries(self) -> Iterator[Entry]:
        """Yield all entries, in the order in which they were written."""
        return (entry for entry, _ in self._pages())

    def charges(self) -> Iterator[Entry]:
        """Yield one entry for each call: its charge, or the last correction of it. Reports are made of these."""
        return (entry for entry, stands in self._pages() if stands and entry.record is not None)

    def _pages(self) -> Iterator[tuple[Entry, bool]]:
        after = 0
        while page := self.store.read(lambda store, after=after: store.page(after, _PAGE)):  # type: ignore[misc]
            yield from page
            after = page[-1][0].number

    def settled(self, run: str, call: str) -> Entry | None:
        """Return what stands for a call; None if it was not settled."""
        return self.store.read(lambda store: store.current(run, call))

    # Budgets

    def budgets(self) -> list[Budget]:
        """Return the budgets that the store keeps, and those of this program."""
        return [*self.store.read(lambda store: store.budgets()), *self._own_budgets]

    def set_budget(self, budget: Budget) -> None:
        """Keep a budget in the store, in place of the one of the same name."""
        self.store.transact(lambda store: store.set_budget(budget))

    def drop_budget(self, name: str) -> bool:
        """Drop a budget from the store; False if there is none of that name."""
        return self.store.transact(lambda store: store.drop_budget(name))

    def limits(self) -> list[LimitState]:
        """Return how every budget stands now, for each run, owner, model or project that used any of it."""
        now = self.clock()

        def work(store: Transaction) -> list[LimitState]:
            store.expire(now)
            found = []
            for budget in (*store.budgets(), *self._own_budgets):
                span = budget.window(now)
                values = [budget.value or ""]
                if budget.value is None and budget.scope != "all":
                    values = store.values(budget.scope, quarter_of(span[0]) if span else None)
                for value in values:
                    held = store.reserved(budget.scope, value)[0]
                    found.append(LimitState(budget, value, spent_of(store, budget, value, now), held))
            return found

        return self.store.transact(work)

    def close(self) -> None:
        """Close the store."""
        self.store.close()


def _amount(dollars: Decimal | int | str) -> int:
    """Return an amount in nanodollars; raises LedgerError if it is none."""
    try:
        nano = nano_of_dollars(dollars)
    except ValueError as error:
        raise LedgerError(str(error)) from None
    if abs(nano) > MAX_NANO:
        raise LedgerError(f"the amount must be at most {dollars_of_nano(MAX_NANO)} dollars, got {dollars}")
    return nano
