"""A store in one SQLite file, safe between processes: the embedded default."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from transmissions.jobs.encoding import decode, encode
from transmissions.jobs.errors import StoreError, StoreUnavailable
from transmissions.jobs.job import LIVE, Job, JobEvent, JobStatus, statuses_of
from transmissions.jobs.polling import PollingTransport
from transmissions.jobs.store import JobStore
from transmissions.jobs.transaction import Claim, Transaction

__all__ = ["SqliteJobStore"]

_T = TypeVar("_T")
_VERSION = 1
_BUSY_S = 30.0
_SCHEMA = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, stream TEXT NOT NULL, epoch INTEGER NOT NULL, owner TEXT NOT NULL, status TEXT NOT NULL,
    created REAL NOT NULL, active REAL NOT NULL, ended REAL, from_status TEXT, reason TEXT NOT NULL,
    facts BLOB NOT NULL, worker TEXT NOT NULL, lease REAL, acknowledged INTEGER NOT NULL,
    events INTEGER NOT NULL, idle_s REAL NOT NULL,
    keep_s REAL, key TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX jobs_by_stream ON jobs (stream, epoch);
CREATE INDEX jobs_by_status ON jobs (status, owner);
CREATE TABLE log (job TEXT NOT NULL, seq INTEGER NOT NULL, entry BLOB NOT NULL, PRIMARY KEY (job, seq)) WITHOUT ROWID;
CREATE TABLE usage (job TEXT NOT NULL, call TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (job, call)) WITHOUT ROWID;
CREATE TABLE snapshots (job TEXT PRIMARY KEY, seq INTEGER NOT NULL, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE claims (
    owner TEXT NOT NULL, key TEXT NOT NULL, job TEXT NOT NULL, expires REAL, PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE epochs (last INTEGER NOT NULL);
INSERT INTO epochs VALUES (0);
"""
_TABLES = frozenset({"jobs", "log", "usage", "snapshots", "claims", "epochs"})
_COLUMNS = tuple(one.name for one in fields(Job))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM jobs"  # noqa: S608 - names of our own
_REPLACE = f"REPLACE INTO jobs ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
_LIVE = tuple(sorted(LIVE))


class SqliteJobStore(JobStore):
    """Holds jobs in a file that is made for its owner alone, and that any number of processes of one machine may share.

    What it was told is safe when the call returns, whatever becomes of the process, and of the machine's power as far
    as its disk keeps what it says it has.

    Args:
        path: the file; made, with its folder, if there is none. It must not lie on a network's file system.
        make: whether to make a store where there is none, be it of an empty file; one that there is keeps its mode.
        poll_s: how often changes by other processes are looked for, in seconds.
        fast: whether not to wait for the disk, which costs some milliseconds for each write; then the last moments may
            be missing after the machine has lost its power, and the rest is whole.
        options: as `JobStore` takes them.

    Raises:
        StoreError: the file cannot be opened, is no such store and not to be made one, or is of a later version.
    """

    def __init__(
        self, path: Path | str, *, make: bool = True, poll_s: float = 0.05, fast: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        self.path = Path(path)
        self._make = make
        self._fast = fast
        self._lock = threading.RLock()
        try:
            if make:
                _make_private(self.path)
            # Not by its name alone, by which SQLite would make it.
            where = f"{self.path.absolute().as_uri()}?mode=rw"
            self._database = sqlite3.connect(
                where, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{self.path}: the job store cannot be opened: {error}") from error
        try:
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            self._database.close()
            raise StoreError(f"{self.path}: this is no job store, or it cannot be used: {error}") from error
        except StoreError:
            self._database.close()
            raise
        self.transport = PollingTransport(self.path, poll_s)

    def _prepare(self) -> None:
        run = self._database.execute
        self._check_ours()
        run("PRAGMA journal_mode = WAL")
        run(f"PRAGMA synchronous = {'NORMAL' if self._fast else 'FULL'}")
        if run("PRAGMA user_version").fetchone()[0] == 0:
            run("BEGIN IMMEDIATE")
            # Another process may have been faster.
            if run("PRAGMA user_version").fetchone()[0] == 0:
                for statement in _SCHEMA.split(";\n"):
                    run(statement)
                run(f"PRAGMA user_version = {_VERSION}")
            run("COMMIT")
        version = run("PRAGMA user_version").fetchone()[0]
        if version != _VERSION:
            raise StoreError(f"{self.path}: this job store has version {version}; this program knows {_VERSION}")

    def _check_ours(self) -> None:
        """Raise StoreError, before anything is changed, if the file is another program's."""
        tables = {row[0] for row in self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables and not self._make:
            raise StoreError(f"{self.path}: this is no job store, but an empty file; name another file")
        if tables and not tables >= _TABLES:
            raise StoreError(f"{self.path}: this is no job store, but a database of something else; name another file")

    def jobs(
        self,
        *,
        status: JobStatus | str | Iterable[JobStatus] | None = None,
        owner: str | None = None,
        stream: str | None = None,
    ) -> list[Job]:
        """Return jobs in the order of their making; see `JobStore`."""
        wanted = sorted(statuses_of(status))
        where, values = [f"status IN ({', '.join('?' * len(wanted))})"], [str(one) for one in wanted]
        for column, value in (("owner", owner), ("stream", stream)):
            if value is not None:
                where.append(f"{column} = ?")
                values.append(value)
        rows = self._read(f"{_SELECT} WHERE {' AND '.join(where)} ORDER BY epoch", *values)
        return [job for row in rows if (job := _job_or_none(row)) is not None]

    def count(self, status: JobStatus | str | None = None) -> int:
        """Return how many jobs there are, in all or of one status."""
        wanted = sorted(statuses_of(status))
        places = ", ".join("?" * len(wanted))
        found = self._read(f"SELECT count(*) FROM jobs WHERE status IN ({places})", *map(str, wanted))  # noqa: S608
        return int(found[0][0])

    def close(self) -> None:
        """Close the file; whatever was written stays."""
        self.transport.close()
        with self._lock:
            self._database.close()

    def _write(self, make: Callable[[Transaction], _T]) -> _T:
        step = _SqliteStep(self._database)
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    made = make(step)
                    self._database.execute("COMMIT")
                finally:
                    if self._database.in_transaction:
                        self._database.execute("ROLLBACK")
            except sqlite3.Error as error:
                raise self._failed(error) from error
        for job_id, control in step.wakes:
            self.transport.publish(job_id, control)
        return made

    def _read(self, query: str, *values: Any) -> list[Any]:
        with self._lock:
            try:
                return self._database.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise self._failed(error) from error

    def _failed(self, error: sqlite3.Error) -> StoreError:
        kind = StoreUnavailable if "locked" in str(error) or "busy" in str(error) else StoreError
        hint = "; make room on its disk" if "full" in str(error) else ""
        return kind(f"{self.path}: the job store failed: {error}{hint}")

    def _read_job(self, job_id: str) -> Job | None:
        rows = self._read(f"{_SELECT} WHERE id = ?", job_id)
        return _job(rows[0]) if rows else None

    def _read_log(self, job_id: str, begin: int, limit: int | None) -> list[bytes]:
        query = "SELECT entry FROM log WHERE job = ? AND seq >= ? ORDER BY seq LIMIT ?"
        return [row[0] for row in self._read(query, job_id, begin, -1 if limit is None else limit)]

    def _read_usage(self, job_id: str) -> dict[str, bytes]:
        return dict(self._read("SELECT call, data FROM usage WHERE job = ?", job_id))

    def _read_snapshot(self, job_id: str) -> tuple[int, bytes] | None:
        rows = self._read("SELECT seq, data FROM snapshots WHERE job = ?", job_id)
        return rows[0] if rows else None

    def _ids(self) -> list[str]:
        return [row[0] for row in self._read("SELECT id FROM jobs ORDER BY epoch")]

    def _forget_claims(self, now: float) -> None:
        with self._lock:
            try:
                self._database.execute("DELETE FROM claims WHERE expires <= ?", (now,))
            except sqlite3.Error as error:
                raise self._failed(error) from error


class _SqliteStep(Transaction):
    def __init__(self, database: sqlite3.Connection) -> None:
        self._run = database.execute
        self._run_many = database.executemany
        self.wakes: list[tuple[str, bool]] = []

    def job(self, job_id: str) -> Job | None:
        return self._one("WHERE id = ?", job_id)

    def newest(self, stream: str) -> Job | None:
        return self._one("WHERE stream = ? ORDER BY epoch DESC LIMIT 1", stream)

    def _one(self, rest: str, *values: Any) -> Job | None:
        row = self._run(f"{_SELECT} {rest}", values).fetchone()
        return None if row is None else _job(row)

    def claim(self, owner: str, key: str) -> Claim | None:
        row = self._run("SELECT job, expires FROM claims WHERE owner = ? AND key = ?", (owner, key)).fetchone()
        return None if row is None else Claim(*row)

    def count(self) -> int:
        return int(self._run("SELECT count(*) FROM jobs").fetchone()[0])

    def oldest_ended(self, number: int) -> list[Job]:
        live = ", ".join("?" * len(_LIVE))
        query = f"{_SELECT} WHERE status NOT IN ({live}) ORDER BY ended, epoch LIMIT ?"
        return [_job(row) for row in self._run(query, (*_LIVE, number))]

    def next_epoch(self) -> int:
        return int(self._run("UPDATE epochs SET last = last + 1 RETURNING last").fetchall()[0][0])

    def snapshot_seq(self, job_id: str) -> int:
        row = self._run("SELECT seq FROM snapshots WHERE job = ?", (job_id,)).fetchone()
        return -1 if row is None else int(row[0])

    def put(self, job: Job, before: Job | None) -> None:
        values = [getattr(job, name) for name in _COLUMNS]
        values[_COLUMNS.index("facts")] = encode(job.facts)
        self._run(_REPLACE, values)

    def append(self, job: Job, events: Sequence[JobEvent]) -> None:
        self._run_many("INSERT INTO log VALUES (?, ?, ?)", [(job.id, event.seq, event.encoded()) for event in events])

    def remove(self, job: Job) -> None:
        self._run("DELETE FROM jobs WHERE id = ?", (job.id,))
        for table in ("log", "usage", "snapshots"):
            self._run(f"DELETE FROM {table} WHERE job = ?", (job.id,))  # noqa: S608 - names of our own

    def put_claim(self, owner: str, key: str, claim: Claim | None) -> None:
        if claim is None:
            self._run("DELETE FROM claims WHERE owner = ? AND key = ?", (owner, key))
        else:
            self._run("REPLACE INTO claims VALUES (?, ?, ?, ?)", (owner, key, *claim))

    def put_usage(self, job_id: str, call: str, data: bytes) -> None:
        self._run("REPLACE INTO usage VALUES (?, ?, ?)", (job_id, call, data))

    def put_snapshot(self, job_id: str, seq: int, data: bytes) -> None:
        self._run("REPLACE INTO snapshots VALUES (?, ?, ?)", (job_id, seq, data))

    def wake(self, job_id: str, control: bool) -> None:
        self.wakes.append((job_id, control))


def _job(row: Sequence[Any]) -> Job:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["facts"] = decode(values["facts"])
    values["status"] = JobStatus(values["status"])
    values["from_status"] = None if values["from_status"] is None else JobStatus(values["from_status"])
    values["acknowledged"] = bool(values["acknowledged"])
    return Job(**values)


def _job_or_none(row: Sequence[Any]) -> Job | None:
    try:
        return _job(row)
    except ValueError:
        return None  # One that is damaged hides no other.


def _make_private(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        # Made by us before SQLite would make it for all to read; the files beside it take its mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
