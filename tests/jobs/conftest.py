"""Stores of jobs for the tests: one kind of back end after the other, a clock that is told the time, a Redis server."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from transmissions.jobs import JobManager, JobStore, MemoryJobStore, RedisJobStore, SqliteJobStore

PATIENCE_S = 20.0
"""After so long something that a test waits for never comes."""


class Clock:
    """A clock that goes on when it is told to, in either direction."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def when(condition: Callable[[], Any]) -> None:
    """Wait until a condition holds."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_S / 0.002)):
        if condition():
            return
        pause.wait(0.002)
    raise AssertionError("it never came")


def together(number: int, action: Callable[[int], Any]) -> list[Any]:
    """Run an action in so many threads that begin at the same moment; return what they returned or raised."""
    barrier = threading.Barrier(number)
    results: list[Any] = [None] * number

    def run(place: int) -> None:
        barrier.wait()
        try:
            results[place] = action(place)
        except Exception as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class RedisServer:
    """A real server of its own, on a socket in a folder; it can be killed and started again on the same data."""

    def __init__(self) -> None:
        # A socket's path may be short only.
        self.folder = Path(tempfile.mkdtemp(prefix="jobs"))
        self.socket = self.folder / "s"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, durable: bool = False) -> None:
        """Start it; a durable one has written what it has acknowledged."""
        keeping = ["--appendonly", "yes", "--appendfsync", "always"] if durable else ["--appendonly", "no"]
        command = ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder)]
        self._process = subprocess.Popen([*command, "--save", "", *keeping], stdout=subprocess.DEVNULL)
        client = redis.Redis(unix_socket_path=str(self.socket))

        def answers() -> bool:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

        when(answers)
        client.close()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.socket.unlink(missing_ok=True)

    def remove(self) -> None:
        """End it and take away its data."""
        self.kill()
        shutil.rmtree(self.folder)


def need_redis() -> None:
    """Skip the test where there is no server, and say so; where one is promised, fail."""
    if shutil.which("redis-server") is None:
        assert not os.environ.get("TRANSMISSIONS_TEST_REDIS"), "redis-server is not on the PATH, and has to be"
        pytest.skip("no redis-server on the PATH: the job store in Redis is not tested")


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    """One server for all tests; each has a prefix of its own."""
    need_redis()
    server = RedisServer()
    server.start()
    yield server
    server.remove()


class Backend:
    """Where a test's jobs are kept; it can be opened more than once, and damaged.

    Args:
        kind: `memory`, `sqlite` or `redis`.
        folder: where files go.
        server: the Redis server, if that is the kind.
    """

    def __init__(self, kind: str, folder: Path, server: RedisServer | None) -> None:
        self.kind = kind
        self.path = folder / "private" / "jobs.db"
        self.server = server
        self.prefix = f"{{{uuid.uuid4().hex}}}:"
        self.opened: list[JobStore] = []
        self.managers: list[JobManager] = []

    def open(self, **options: Any) -> JobStore:
        """Open the store; for one in memory the same one again, with other options."""
        if self.kind == "sqlite":
            store: JobStore = SqliteJobStore(self.path, poll_s=0.005, fast=True, **options)
        elif self.kind == "redis":
            assert self.server is not None
            store = RedisJobStore(self.server.url, prefix=self.prefix, retry_s=PATIENCE_S, **options)
        else:
            store = MemoryJobStore(**options)
            if self.opened:
                store._kept, store.transport = self.opened[0]._kept, self.opened[0].transport
        self.opened.append(store)
        return store

    def manage(self, store: JobStore | None = None, **options: Any) -> JobManager:
        """Open a manager, on a store of its own if none is given."""
        manager = JobManager(store or self.open(), **options)
        self.managers.append(manager)
        return manager

    def close(self) -> None:
        """Close all that was opened."""
        for manager in self.managers:
            manager.shutdown()
        for store in self.opened:
            store.close()

    def write_raw(self, job_id: str, seq: int, entry: bytes) -> None:
        """Put something else in the place of an event."""
        if self.kind == "memory":
            self.opened[0]._kept.jobs[job_id].log[seq] = entry  # type: ignore[attr-defined]
        elif self.kind == "sqlite":
            self._sql("UPDATE log SET entry = ? WHERE job = ? AND seq = ?", entry, job_id, seq)
        else:
            self._redis(lambda client: client.lset(f"{self.prefix}log:{job_id}", seq, entry))

    def damage(self, job_id: str) -> None:
        """Make a job's record unreadable; not for the one in memory."""
        if self.kind == "sqlite":
            self._sql("UPDATE jobs SET facts = ? WHERE id = ?", b"{", job_id)
        else:
            self._redis(lambda client: client.set(f"{self.prefix}job:{job_id}", b"{"))

    def _sql(self, statement: str, *values: Any) -> None:
        database = sqlite3.connect(self.path)
        with database:
            database.execute(statement, values)
        database.close()

    def _redis(self, action: Callable[[Any], Any]) -> Any:
        assert self.server is not None
        with redis.Redis.from_url(self.server.url) as client:
            return action(client)


REDIS = pytest.param("redis", marks=pytest.mark.programs("redis-server"))
KINDS = ["memory", "sqlite", REDIS]


@pytest.fixture(params=KINDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """A back end of each kind; afterwards no thread is left of what the test began."""
    server = request.getfixturevalue("shared_redis") if request.param == "redis" else None
    before = threading.active_count()
    made = Backend(request.param, tmp_path, server)
    yield made
    made.close()
    when(lambda: threading.active_count() <= before)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(backend: Backend, clock: Clock) -> JobStore:
    """A store of each kind, by the test's clock."""
    return backend.open(clock=clock)
