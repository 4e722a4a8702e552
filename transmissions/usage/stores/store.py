"""What a store has to do for a ledger: keep lines, sums and reservations, changed together or not at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from transmissions.usage.budgets import Budget, Spent
from transmissions.usage.entries import Account, Entry, Reservation

__all__ = ["OVER_KEPT", "QUARTER_S", "Store", "Transaction", "quarter_of"]

T = TypeVar("T")

QUARTER_S = 900
"""Sums are kept for each quarter of an hour: midnight falls between two of them in every time zone of today."""

OVER_KEPT = timedelta(days=7)
"""For how long a reservation is known after its lease; those that nobody ever asks for must not add up."""


def quarter_of(at: datetime) -> int:
    """Return the number of the quarter of an hour that a moment is in."""
    return int(at.timestamp() // QUARTER_S)


class Transaction(Protocol):
    """What can be done to a store in one go; all of it takes effect, or, if an error comes out of it, nothing."""

    def account(self, owner: str) -> Account | None:
        """Return an owner's account; None if nothing was ever entered for it."""
        ...

    def accounts(self) -> list[Account]:
        """Return all accounts, in the order of their owners."""
        ...

    def set_refill(self, account: Account) -> None:
        """Keep an account's refill, making the account if it is not there; its balance is not touched."""
        ...

    def append(self, entry: Entry) -> Entry:
        """Write an entry, change its owner's balance by it, and return it with its number.

        A correction stands from now on in place of the entry before it of the same run and call.
        """
        ...

    def current(self, run: str, call: str) -> Entry | None:
        """Return what a call was settled with last; None if it was not."""
        ...

    def granted(self, key: str) -> Entry | None:
        """Return the grant made under a key."""
        ...

    def page(self, after: int, limit: int) -> list[tuple[Entry, bool]]:
        """Return entries behind a number, in order; with each, whether it stands (no correction took its place)."""
        ...

    def add_spent(self, scope: str, value: str, quarter: int, spent: Spent) -> None:
        """Add to the sums of a scope in a quarter of an hour."""
        ...

    def spent(self, scope: str, value: str, since: int | None, until: int | None) -> Spent:
        """Return the sums of a scope, over the quarters from `since` on and before `until`."""
        ...

    def values(self, scope: str, since: int | None) -> list[str]:
        """Return the values of a scope that anything was spent for, in order."""
        ...

    def reserve(self, reservation: Reservation) -> None:
        """Keep a reservation; one of the same id is replaced."""
        ...

    def reservation(self, id_: str) -> Reservation | None:
        """Return a reservation by its id, unless its lease is over."""
        ...

    def release(self, id_: str) -> None:
        """Drop a reservation; nothing happens if it is gone."""
        ...

    def reservations(self, run: str) -> list[Reservation]:
        """Return the reservations for the calls of a run, also those whose lease is over."""
        ...

    def expire(self, now: datetime) -> int:
        """Free what is reserved by those whose lease is over; return how many they are.

        They are kept for `OVER_KEPT` after it, with nothing reserved, so that a run knows what it never heard of.
        """
        ...

    def reserved(self, scope: str, value: str) -> tuple[Spent, datetime | None]:
        """Return what is reserved in a scope, and when the first of it expires."""
        ...

    def budgets(self) -> list[Budget]:
        """Return the budgets kept here, in the order of their names."""
        ...

    def set_budget(self, budget: Budget) -> None:
        """Keep a budget in place of the one of the same name."""
        ...

    def drop_budget(self, name: str) -> bool:
        """Drop a budget; False if there is none of that name."""
        ...


class Store(Protocol):
    """A place for a ledger; usable from many threads, and a durable one from many processes.

    What goes wrong with the place itself is raised as `LedgerUnavailable`.
    """

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Do something to the store, all or nothing, and as if nobody else were doing anything meanwhile.

        Args:
            work: what to do; it may be called more than once, and changes nothing but the transaction.
        """
        ...

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Look at the store as it is at one moment; the work writes nothing."""
        ...

    def close(self) -> None:
        """Let go of what the store holds; closing twice does nothing more."""
        ...
