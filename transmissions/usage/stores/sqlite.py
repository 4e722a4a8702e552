"""A ledger's store in a file of SQLite: shared by threads and processes, and whole after any of them was killed."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from transmissions.usage.errors import LedgerUnavailable
from transmissions.usage.stores.rows import Rows
from transmissions.usage.stores.schema import prepare
from transmissions.usage.stores.store import Transaction

__all__ = ["SqliteStore"]

T = TypeVar("T")
_PAUSE_S = 0.01


class SqliteStore:
    """Keeps a ledger in a file, readable by its owner alone.

    Guarantee: a transaction is in the file, whole, when `transact` returns; it stays there if a process is killed, and,
    unless `fast`, if the machine loses its power.

    Args:
        path: the file; it and its folders are made if they are not there.
        timeout_s: how long to wait for others who write.
        fast: leave it to the operating system when the file reaches the disk: several times faster; the last moments
            may be missing after a loss of power, never parts of a transaction.

    Raises:
        LedgerError: the file is a database of something else, or a ledger of a later version.
        LedgerUnavailable: it cannot be opened.
    """

    def __init__(self, path: Path | str, *, timeout_s: float = 30.0, fast: bool = False) -> None:
        self.path = Path(path)
        self._timeout_s = timeout_s
        self._fast = fast
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        with self._lock:
            self._connected()

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Do something to the store, all or nothing, with no other writer in between."""
        return self._run(work, "BEGIN IMMEDIATE")

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Look at the store as it is at one moment; writers are not held up."""
        return self._run(work, "BEGIN DEFERRED")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None and self._process == os.getpid():
                self._connection.close()
            self._connection = None

    def _run(self, work: Callable[[Transaction], T], begin: str) -> T:
        with self._lock:
            try:
                connection = self._connected()
                connection.execute(begin)
                try:
                    result = work(Rows(connection))
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise LedgerUnavailable(f"{self.path}: the ledger cannot be used now: {error}") from error
            return result

    def _connected(self) -> sqlite3.Connection:
        # A connection must not be used by a child of the process that made it.
        if self._connection is None or self._process != os.getpid():
            try:
                self._connection = self._open()
            except (sqlite3.Error, OSError) as error:
                raise LedgerUnavailable(f"{self.path}: the ledger cannot be opened: {error}") from error
            self._process = os.getpid()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Made before SQLite would make it, readable by all; the files beside it get the same mode.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
        connection = sqlite3.connect(self.path, self._timeout_s, isolation_level=None, check_same_thread=False)
        try:
            self._use_log(connection)
            connection.execute(f"PRAGMA synchronous = {'NORMAL' if self._fast else 'FULL'}")
            connection.execute("BEGIN IMMEDIATE")
            prepare(connection, str(self.path))
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection

    def _use_log(self, connection: sqlite3.Connection) -> None:
        """Write ahead into a log; SQLite does not wait for others when this is switched on, so it is tried again."""
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE_S)
