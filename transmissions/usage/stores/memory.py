"""A ledger's store in memory: for tests, and for limits that last as long as the program."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from transmissions.usage.budgets import Budget, Spent, scopes_of
from transmissions.usage.entries import Account, Entry, Reservation
from transmissions.usage.stores.store import OVER_KEPT, Transaction

__all__ = ["MemoryStore"]

T = TypeVar("T")
_GONE: Any = object()


class MemoryStore:
    """Keeps a ledger in dicts, under one lock. It is gone with the process.

    Guarantee: a transaction that ends with an error leaves nothing behind.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._tables = _Tables()

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Do something to the store, all or nothing."""
        with self._lock:
            self._tables.undo.clear()
            try:
                return work(self._tables)
            except BaseException:
                self._tables.roll_back()
                raise

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Look at the store as it is at one moment."""
        return self.transact(work)

    def close(self) -> None:
        """Do nothing: what is in memory stays readable."""


class _Tables:
    """The dicts, and what undoes the changes made to them in this transaction."""

    def __init__(self) -> None:
        self.undo: list[tuple[dict[Any, Any], Any, Any]] = []
        self._accounts: dict[str, Account] = {}
        self._entries: dict[int, Entry] = {}
        self._current: dict[tuple[str, str], int] = {}
        self._grants: dict[str, int] = {}
        self._spent: dict[tuple[str, str], dict[int, Spent]] = {}
        self._reservations: dict[str, Reservation] = {}
        self._budgets: dict[str, Budget] = {}

    def roll_back(self) -> None:
        """Undo what was changed, the last change first."""
        for table, key, before in reversed(self.undo):
            if before is _GONE:
                table.pop(key, None)
            else:
                table[key] = before
        self.undo.clear()

    def _set(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        self.undo.append((table, key, table.get(key, _GONE)))
        table[key] = value

    def _drop(self, table: dict[Any, Any], key: Any) -> None:
        if key in table:
            self.undo.append((table, key, table.pop(key)))

    def account(self, owner: str) -> Account | None:
        return self._accounts.get(owner)

    def accounts(self) -> list[Account]:
        return [self._accounts[owner] for owner in sorted(self._accounts)]

    def set_refill(self, account: Account) -> None:
        known = self._accounts.get(account.owner) or Account(account.owner)
        self._set(self._accounts, account.owner, replace(known, refill=account.refill))

    def append(self, entry: Entry) -> Entry:
        numbered = replace(entry, number=len(self._entries) + 1)
        self._set(self._entries, numbered.number, numbered)
        if entry.record:
            self._set(self._current, (entry.record.run, entry.record.call), numbered.number)
        if entry.key:
            self._set(self._grants, entry.key, numbered.number)
        account = self._accounts.get(entry.owner) or Account(entry.owner)
        self._set(self._accounts, entry.owner, replace(account, nano=account.nano + entry.nano))
        return numbered

    def current(self, run: str, call: str) -> Entry | None:
        return self._entries.get(self._current.get((run, call), 0))

    def granted(self, key: str) -> Entry | None:
        return self._entries.get(self._grants.get(key, 0))

    def page(self, after: int, limit: int) -> list[tuple[Entry, bool]]:
        numbers = range(after + 1, min(after + limit, len(self._entries)) + 1)
        return [(entry, self._stands(entry)) for entry in map(self._entries.__getitem__, numbers)]

    def _stands(self, entry: Entry) -> bool:
        return entry.record is None or self._current[entry.record.run, entry.record.call] == entry.number

    def add_spent(self, scope: str, value: str, quarter: int, spent: Spent) -> None:
        quarters = self._spent.setdefault((scope, value), {})
        self._set(quarters, quarter, quarters.get(quarter, Spent()).plus(spent))

    def spent(self, scope: str, value: str, since: int | None, until: int | None) -> Spent:
        total = Spent()
        for quarter, spent in self._spent.get((scope, value), {}).items():
            if (since is None or quarter >= since) and (until is None or quarter < until):
                total = total.plus(spent)
        return total

    def values(self, scope: str, since: int | None) -> list[str]:
        found = self._spent.items()
        return sorted(
            value
            for (one, value), quarters in found
            if one == scope and any(since is None or quarter >= since for quarter in quarters)
        )

    def reserve(self, reservation: Reservation) -> None:
        self._set(self._reservations, reservation.id, reservation)

    def reservation(self, id_: str) -> Reservation | None:
        found = self._reservations.get(id_)
        return found if found is not None and found.spent.requests else None

    def release(self, id_: str) -> None:
        self._drop(self._reservations, id_)

    def reservations(self, run: str) -> list[Reservation]:
        return [one for one in self._reservations.values() if one.record.run == run]

    def expire(self, now: datetime) -> int:
        for id_ in [one.id for one in self._reservations.values() if one.expires <= now - OVER_KEPT]:
            self.release(id_)
        over = [one for one in self._reservations.values() if one.expires <= now and one.spent.requests]
        for one in over:
            self.reserve(replace(one, spent=Spent()))
        return len(over)

    def reserved(self, scope: str, value: str) -> tuple[Spent, datetime | None]:
        held = [one for one in self._reservations.values() if one.spent.requests]
        found = [one for one in held if scopes_of(one.record)[scope] == value]
        total = Spent()
        for one in found:
            total = total.plus(one.spent)
        return total, min((one.expires for one in found), default=None)

    def budgets(self) -> list[Budget]:
        return [self._budgets[name] for name in sorted(self._budgets)]

    def set_budget(self, budget: Budget) -> None:
        self._set(self._budgets, budget.name, budget)

    def drop_budget(self, name: str) -> bool:
        found = name in self._budgets
        self._drop(self._budgets, name)
        return found
