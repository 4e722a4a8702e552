"""A transaction on a ledger in SQLite: its entries, accounts, sums, reservations and budgets as rows."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from transmissions.usage.budgets import Budget, Spent
from transmissions.usage.entries import Account, Entry, EntryKind, Refill, Reservation
from transmissions.usage.money import NANO_PER_DOLLAR
from transmissions.usage.periods import Interval
from transmissions.usage.record import UsageRecord
from transmissions.usage.stores.store import OVER_KEPT

__all__ = ["Rows"]

_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ENTRIES = (
    "SELECT number, owner, kind, nano, booked, revision, cost, unpaid, record, rates, key, note, stands FROM entries"
)
_RESERVATIONS = "SELECT id, record, nano, tokens, requests, expires FROM reservations"
# One amount fills a column; a sum of several is put together here, where numbers have no end.
_SUMS = (
    "SELECT coalesce(sum(nano / 1000000000), 0), coalesce(sum(nano % 1000000000), 0), coalesce(sum(tokens), 0),"
    " coalesce(sum(requests), 0)"
)
_ACCOUNTS = (
    "SELECT owner, nano, refill_nano, refill_count, refill_unit, refill_start, refill_below, refill_done FROM accounts"
)


class Rows:
    """The open transaction of a connection.

    Args:
        connection: with a transaction begun.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def account(self, owner: str) -> Account | None:
        """Return an owner's account."""
        row = self._execute(_ACCOUNTS + " WHERE owner = ?", (owner,)).fetchone()
        return _account(row) if row else None

    def accounts(self) -> list[Account]:
        """Return all accounts."""
        return [_account(row) for row in self._execute(_ACCOUNTS + " ORDER BY owner")]

    def set_refill(self, account: Account) -> None:
        """Keep an account's refill."""
        rule = account.refill
        values = (
            (rule.nano, rule.every.count, rule.every.unit, rule.start.isoformat(), rule.below, rule.done)
            if rule
            else (None,) * 6
        )
        self._execute(
            "INSERT INTO accounts (owner, refill_nano, refill_count, refill_unit, refill_start, refill_below,"
            " refill_done) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (owner) DO UPDATE SET"
            " refill_nano = excluded.refill_nano, refill_count = excluded.refill_count,"
            " refill_unit = excluded.refill_unit, refill_start = excluded.refill_start,"
            " refill_below = excluded.refill_below, refill_done = excluded.refill_done",
            (account.owner, *values),
        )

    def append(self, entry: Entry) -> Entry:
        """Write an entry and change its owner's balance by it."""
        record = entry.record
        run, call = (record.run, record.call) if record else (None, None)
        if entry.revision:
            self._execute("UPDATE entries SET stands = 0 WHERE run = ? AND call = ? AND stands", (run, call))
        cursor = self._execute(
            "INSERT INTO entries"
            " (owner, kind, nano, booked, run, call, revision, cost, unpaid, record, rates, key, note)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                entry.owner, str(entry.kind), entry.nano, _stamp(entry.booked), run, call, entry.revision, entry.cost,
                entry.unpaid, json.dumps(record.as_json()) if record else None,
                json.dumps(entry.rates) if entry.rates else None, entry.key or None, entry.note,
            ),
        )  # fmt: skip
        self._execute(
            "INSERT INTO accounts (owner, nano) VALUES (?, ?)"
            " ON CONFLICT (owner) DO UPDATE SET nano = nano + excluded.nano",
            (entry.owner, entry.nano),
        )
        return replace(entry, number=cursor.lastrowid or 0)

    def current(self, run: str, call: str) -> Entry | None:
        """Return what a call was settled with last."""
        found = self._execute(
            _ENTRIES + " WHERE run = ? AND call = ? ORDER BY revision DESC LIMIT 1", (run, call)
        ).fetchone()
        return _entry(found)[0] if found else None

    def granted(self, key: str) -> Entry | None:
        """Return the grant made under a key."""
        found = self._execute(_ENTRIES + " WHERE key = ?", (key,)).fetchone()
        return _entry(found)[0] if found else None

    def page(self, after: int, limit: int) -> list[tuple[Entry, bool]]:
        """Return entries behind a number, each with whether it still stands."""
        found = self._execute(_ENTRIES + " WHERE number > ? ORDER BY number LIMIT ?", (after, limit))
        return [_entry(row) for row in found]

    def add_spent(self, scope: str, value: str, quarter: int, spent: Spent) -> None:
        """Add to the sums of a scope in a quarter of an hour."""
        self._execute(
            "INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET nano = nano + excluded.nano,"
            " tokens = tokens + excluded.tokens, requests = requests + excluded.requests",
            (scope, value, quarter, *spent),
        )

    def spent(self, scope: str, value: str, since: int | None, until: int | None) -> Spent:
        """Return the sums of a scope over quarters of an hour."""
        row = self._execute(
            _SUMS + " FROM spent WHERE scope = ? AND value = ? AND quarter >= ? AND quarter < ?",
            (scope, value, -(2**62) if since is None else since, 2**62 if until is None else until),
        ).fetchone()
        return _spent(row)

    def values(self, scope: str, since: int | None) -> list[str]:
        """Return the values of a scope that anything was spent for."""
        found = self._execute(
            "SELECT DISTINCT value FROM spent WHERE scope = ? AND quarter >= ? ORDER BY value",
            (scope, -(2**62) if since is None else since),
        )
        return [value for (value,) in found]

    def reserve(self, reservation: Reservation) -> None:
        """Keep a reservation."""
        record = reservation.record
        self._execute(
            "INSERT OR REPLACE INTO reservations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                reservation.id, record.run, record.owner, record.model, record.project,
                json.dumps(record.as_json()), *reservation.spent, _stamp(reservation.expires),
            ),
        )  # fmt: skip

    def reservation(self, id_: str) -> Reservation | None:
        """Return a reservation by its id, unless its lease is over."""
        row = self._execute(_RESERVATIONS + " WHERE id = ? AND requests", (id_,)).fetchone()
        return _reservation(row) if row else None

    def reservations(self, run: str) -> list[Reservation]:
        """Return the reservations for the calls of a run, also those whose lease is over."""
        return [_reservation(row) for row in self._execute(_RESERVATIONS + " WHERE run = ?", (run,))]

    def release(self, id_: str) -> None:
        """Drop a reservation."""
        self._execute("DELETE FROM reservations WHERE id = ?", (id_,))

    def expire(self, now: datetime) -> int:
        """Free what is reserved by those whose lease is over, and forget them later."""
        self._execute("DELETE FROM reservations WHERE expires <= ?", (_stamp(now - OVER_KEPT),))
        over = "UPDATE reservations SET nano = 0, tokens = 0, requests = 0 WHERE expires <= ? AND requests"
        return self._execute(over, (_stamp(now),)).rowcount

    def reserved(self, scope: str, value: str) -> tuple[Spent, datetime | None]:
        """Return what is reserved in a scope, and when the first of it expires."""
        sums = _SUMS + ", min(expires) FROM reservations WHERE requests"
        if scope == "all":
            row = self._execute(sums).fetchone()
        else:
            row = self._execute(f"{sums} AND {_SCOPE_COLUMNS[scope]} = ?", (value,)).fetchone()
        return (_spent(row[:4]), _moment(row[4])) if row[4] is not None else (Spent(), None)

    def budgets(self) -> list[Budget]:
        """Return the budgets kept here."""
        found = self._execute("SELECT budget FROM budgets ORDER BY name")
        return [Budget.from_json(json.loads(text)) for (text,) in found]

    def set_budget(self, budget: Budget) -> None:
        """Keep a budget."""
        self._execute("INSERT OR REPLACE INTO budgets VALUES (?, ?)", (budget.name, json.dumps(budget.as_json())))

    def drop_budget(self, name: str) -> bool:
        """Drop a budget."""
        return self._execute("DELETE FROM budgets WHERE name = ?", (name,)).rowcount > 0


_SCOPE_COLUMNS = {scope: scope for scope in ("run", "owner", "model", "project")}


def _reservation(row: tuple[Any, ...]) -> Reservation:
    id_, record, nano, tokens, requests, expires = row
    return Reservation(id_, UsageRecord.from_json(json.loads(record)), Spent(nano, tokens, requests), _moment(expires))


def _spent(row: tuple[int, ...]) -> Spent:
    dollars, nano, tokens, requests = row
    return Spent(dollars * NANO_PER_DOLLAR + nano, tokens, requests)


def _stamp(moment: datetime) -> int:
    return (moment - _START) // _MICROSECOND


def _moment(stamp: int) -> datetime:
    return _START + stamp * _MICROSECOND


def _account(row: tuple[Any, ...]) -> Account:
    owner, nano, amount, count, unit, start, below, done = row
    if amount is None:
        return Account(owner, nano)
    return Account(owner, nano, Refill(amount, Interval(count, unit), datetime.fromisoformat(start), below, done))


def _entry(row: tuple[Any, ...]) -> tuple[Entry, bool]:
    number, owner, kind, nano, booked, revision, cost, unpaid, record, rates, key, note, stands = row
    entry = Entry(
        owner, EntryKind(kind), nano, _moment(booked), UsageRecord.from_json(json.loads(record)) if record else None,
        cost, unpaid, json.loads(rates) if rates else None, revision, key or "", note, number,
    )  # fmt: skip
    return entry, bool(stands)
