"""The tables of a ledger in SQLite, and the check that a file holds one that this version reads."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from transmissions.usage.errors import LedgerError

__all__ = ["VERSION", "is_ledger", "prepare"]

VERSION = 1
_APPLICATION = 0x54584C47

# Amounts are whole nanodollars; moments are whole microseconds since 1970, UTC.
_TABLES = """
CREATE TABLE entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    kind TEXT NOT NULL,
    nano INTEGER NOT NULL,
    booked INTEGER NOT NULL,
    run TEXT,
    call TEXT,
    revision INTEGER NOT NULL DEFAULT 0,
    stands INTEGER NOT NULL DEFAULT 1,
    cost INTEGER,
    unpaid INTEGER NOT NULL DEFAULT 0,
    record TEXT,
    rates TEXT,
    key TEXT UNIQUE,
    note TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX settled_once ON entries (run, call, revision) WHERE run IS NOT NULL;
CREATE TABLE accounts (
    owner TEXT PRIMARY KEY,
    nano INTEGER NOT NULL DEFAULT 0,
    refill_nano INTEGER,
    refill_count INTEGER,
    refill_unit TEXT,
    refill_start TEXT,
    refill_below INTEGER,
    refill_done INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE spent (
    scope TEXT NOT NULL,
    value TEXT NOT NULL,
    quarter INTEGER NOT NULL,
    nano INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (scope, value, quarter)
) STRICT, WITHOUT ROWID;
CREATE TABLE reservations (
    id TEXT PRIMARY KEY,
    run TEXT NOT NULL,
    owner TEXT NOT NULL,
    model TEXT NOT NULL,
    project TEXT NOT NULL,
    record TEXT NOT NULL,
    nano INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE budgets (name TEXT PRIMARY KEY, budget TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""


def is_ledger(path: Path) -> bool:
    """Say whether a file is a ledger already; it is looked at, and neither made nor changed."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("PRAGMA application_id").fetchone()[0] == _APPLICATION)
    except (sqlite3.Error, ValueError):
        return False


def prepare(connection: sqlite3.Connection, name: str) -> None:
    """Make the tables if the file is new, in the transaction that is open.

    Args:
        connection: to the file, with a write transaction begun.
        name: the file's name, for errors.

    Raises:
        LedgerError: the file is a database of something else, or a ledger of a later version.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if version == VERSION and application == _APPLICATION:
        return
    if version > VERSION and application == _APPLICATION:
        raise LedgerError(f"{name}: the ledger was written by a later version ({version}, not {VERSION})")
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise LedgerError(f"{name}: this is a database, but no ledger; name another file")
    for statement in _TABLES.split(";"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
