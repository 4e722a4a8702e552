"""Jobs between processes: killed workers, aborts from elsewhere, and a file that stays whole."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.jobs.conftest import PATIENCE_S, REDIS, RedisServer, when
from transmissions.jobs import JobManager, JobStatus, JobStore, RedisJobStore, SqliteJobStore, StoreError
from transmissions.jobs.place import open_store
from transmissions.jobs.worker import is_gone, lives, this_worker

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
KILLS = 20
AT_ONCE = 4
WORDS = 400
WORKER = textwrap.dedent("""
    import sys
    from transmissions.jobs import JobManager, JobSettled, RedisJobStore, SqliteJobStore

    where, stream, words, rest = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    store = RedisJobStore(where, prefix=sys.argv[5]) if where.startswith("unix:") else SqliteJobStore(where, fast=True)

    def work(control):
        print(control.id, flush=True)
        for number in range(words):
            control.text(f"{number} ")
            if number % 20 == 0:
                control.usage("call", {"output": number + 1})
                control.flush()
                print(number, flush=True)
        control.flush()
        control.usage("call", {"output": words})
        print("written", flush=True)
        if rest == "wait":
            control.wait()
            print(control.reason, flush=True)

    with store, JobManager(store) as manager:
        control = manager.begin(stream).control
        try:
            work(control)
        except JobSettled:
            print(control.reason, flush=True)
        else:
            control.finish()
""")


def start(store: JobStore, stream: str, words: int = WORDS, rest: str = "end") -> subprocess.Popen[str]:
    """Start a worker on the same store in a process of its own."""
    if isinstance(store, SqliteJobStore):
        where, prefix = str(store.path), ""
    else:
        assert isinstance(store, RedisJobStore)
        path = store._client.connection_pool.connection_kwargs["path"]
        where, prefix = f"unix://{path}", store._prefix
    command = [sys.executable, "-c", WORKER, where, stream, str(words), rest, prefix]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def said(worker: subprocess.Popen[str], until: str = "") -> str:
    """Return the next line of a worker, or the next that is `until`."""
    assert worker.stdout is not None
    for line in worker.stdout:
        if not until or line.strip() == until:
            return line.strip()
    raise AssertionError("the worker ended")


def end(worker: subprocess.Popen[str]) -> None:
    worker.kill()
    worker.wait()
    assert worker.stdout is not None
    worker.stdout.close()


@pytest.fixture(params=["sqlite", REDIS])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JobStore]:
    """A store that processes can share."""
    if request.param == "sqlite":
        made: JobStore = SqliteJobStore(tmp_path / "jobs.db")
    else:
        server: RedisServer = request.getfixturevalue("shared_redis")
        made = RedisJobStore(server.url, prefix=f"{{{tmp_path}}}:")
    yield made
    made.close()


def test_an_abort_from_another_process_lands(store: JobStore) -> None:
    """It is acknowledged within a second, though nobody follows, and the worker knows why."""
    worker = start(store, "s", 50, "wait")
    job_id = said(worker)
    said(worker, "written")
    with JobManager(store) as manager:
        assert manager.subscribers(job_id) == 0
        result = manager.abort(job_id, "enough of that", wait_s=1.0)
    assert (result.landed, result.acknowledged, result.reason) == (True, True, "")
    assert result.text == "".join(f"{number} " for number in range(50))
    assert result.usage == {"call": {"output": 50}}
    assert said(worker) == "enough of that"
    end(worker)


def test_a_job_is_followed_from_another_process(store: JobStore) -> None:
    """Who follows a job of another process has its text to the byte, and its end."""
    worker = start(store, "s")
    job_id = said(worker)
    with JobManager(store) as manager:
        snapshot, subscription = manager.attach(job_id)
        for event in subscription:
            snapshot.content.add(event)
    assert snapshot.text == "".join(f"{number} " for number in range(WORDS))
    assert snapshot.content.end == {"status": "complete", "reason": ""}
    end(worker)


def test_a_killed_worker_leaves_an_interrupted_job(store: JobStore) -> None:
    """After kill -9 the job is found interrupted at once, its events are readable, and run again it is completed."""
    worker = start(store, "s", 200, "wait")
    job_id = said(worker)
    said(worker, "written")
    assert not store.cleanup().interrupted
    end(worker)
    with JobManager(store) as manager:
        job = manager.get(job_id)
        assert (job.status, job.reason, job.stream) == ("interrupted", "its worker is gone", "s")
        assert manager.snapshot(job_id).text == "".join(f"{number} " for number in range(200))
        assert store.events(job_id)[-1].data["status"] == "interrupted"
        again = start(store, "s", 200)
        second = said(again)
        when(lambda: not store.get(second).live)
        assert store.get(second).status == "complete"
        assert store.get(second).epoch > job.epoch
        assert manager.snapshot(second).text == manager.snapshot(job_id).text
    end(again)


def test_twenty_kills_leave_the_file_whole(tmp_path: Path) -> None:
    """After each kill -9 in the middle of writing SQLite finds the file whole, and the log has no gap or half event."""
    path = tmp_path / "jobs.db"
    with SqliteJobStore(path, max_jobs=None) as store:
        seed = random.randrange(1 << 32)
        print("seed", seed)
        moments = random.Random(seed)
        # Several at a time, so that they write beside each other.
        for _ in range(KILLS // AT_ONCE):
            workers = [start(store, f"s{place}", 10**6) for place in range(AT_ONCE)]
            jobs = [said(worker) for worker in workers]
            for worker in workers:
                for _ in range(moments.randrange(1, 6)):
                    said(worker)
                os.kill(worker.pid, signal.SIGKILL)
            for worker in workers:
                end(worker)
            with closing(sqlite3.connect(path)) as database:
                assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert sorted(store.cleanup().interrupted) == sorted(jobs)
            for job_id in jobs:
                events = store.events(job_id)
                assert [event.seq for event in events] == list(range(store.get(job_id).events))
                words = [event.data["text"] for event in events[:-1]]
                assert words == [f"{number} " for number in range(len(words))]
                assert store.usage(job_id)["call"]["output"] % 20 == 1


def test_a_worker_that_is_only_held_up_loses_its_job(store: JobStore) -> None:
    """A worker that was not heard of for longer than it promised finds its job interrupted, and its writes refused."""
    clock_now = time.time()
    job = store.create(worker="elsewhere#1.1", lease_s=10).job
    assert not store.cleanup().interrupted
    store.clock = lambda: clock_now + 5
    assert store.renew([job.id], "elsewhere#1.1", 10) == []
    store.clock = lambda: clock_now + 14
    assert not store.cleanup().interrupted
    store.clock = lambda: clock_now + 60
    assert store.cleanup().interrupted == [job.id]
    assert store.renew([job.id], "elsewhere#1.1", 10) == [job.id]
    assert store.transition(job.id, JobStatus.COMPLETE) == "settled"
    assert store.renew(["nothing"], "x", 1) == ["nothing"]


def test_a_suspended_worker_keeps_its_job(store: JobStore) -> None:
    """A process of this machine that lives, though nothing was heard of it, goes on after it was stopped."""
    worker = start(store, "held", rest="wait")
    try:
        said(worker, "written")
        [job] = store.running()
        worker.send_signal(signal.SIGSTOP)
        store.clock = lambda: time.time() + 90
        assert store.cleanup() == ([], [], [], {})
        worker.send_signal(signal.SIGCONT)
        with JobManager(store) as manager:
            assert manager.abort(job.id, "enough", wait_s=PATIENCE_S).acknowledged
        assert said(worker) == "enough"
    finally:
        end(worker)


def test_a_worker_is_known_by_more_than_its_number() -> None:
    """This process lives; one of another beginning, though of the same number, is gone; of others nothing is known."""
    own = this_worker()
    assert not is_gone(own)
    assert is_gone(own + "0")
    assert is_gone(own.rpartition("#")[0] + "#4194400.1")
    assert not is_gone("elsewhere#1.1")
    assert not is_gone("")
    assert [lives(one) for one in (own, own + "0", "elsewhere#1.1", "", own.rpartition(".")[0] + ".")] == [True] + [
        False
    ] * 4


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """The file, those beside it and the folder made for it can be read by nobody else; who lets others, is let."""
    path = tmp_path / "made" / "jobs.db"
    with SqliteJobStore(path) as store:
        store.create()
        modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in [path.parent, *path.parent.iterdir()]}
        assert modes == {"made": 0o700, "jobs.db": 0o600, "jobs.db-wal": 0o600, "jobs.db-shm": 0o600}
    path.chmod(0o660)
    with SqliteJobStore(path) as store:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert store.count() == 1


def test_a_write_waits_for_the_disk_unless_told_otherwise(tmp_path: Path) -> None:
    """SQLite writes ahead, and asks for each commit to be on the disk; `fast` leaves that to the system."""
    for fast, expected in ((False, 2), (True, 1)):
        with SqliteJobStore(tmp_path / "jobs.db", fast=fast) as store:
            ask = store._database.execute
            assert ask("PRAGMA journal_mode").fetchone() == ("wal",)
            assert ask("PRAGMA synchronous").fetchone() == (expected,)


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    """Another file, another program's database, a later version, a folder: StoreError, and they stay as they are."""
    text = tmp_path / "notes.txt"
    text.write_text("no database " * 100)
    later = tmp_path / "later.db"
    SqliteJobStore(later).close()
    with closing(sqlite3.connect(later)) as database:
        database.execute("PRAGMA user_version = 99")
    foreign = tmp_path / "foreign.db"
    with closing(sqlite3.connect(foreign)) as database:
        database.execute("CREATE TABLE notes (text)")
    before = {path: (path.read_bytes(), path.stat().st_mode) for path in (text, foreign)}
    for path in (text, later, tmp_path, foreign):
        with pytest.raises(StoreError, match=str(path)):
            SqliteJobStore(path)
    assert {path: (path.read_bytes(), path.stat().st_mode) for path in before} == before
    empty = tmp_path / "draft.md"
    empty.touch()
    with pytest.raises(StoreError, match=r"draft\.md: this is no job store, but an empty file"):
        open_store(str(empty), make=False)
    assert empty.read_bytes() == b""
    store = SqliteJobStore(tmp_path / "closed.db")
    store.close()
    with pytest.raises(StoreError):
        store.create()


def test_an_abort_is_heard_without_a_write_of_its_own(store: JobStore) -> None:
    """A worker that writes nothing for a while hears of an abort by another process's store all the same."""
    heard: list[str] = []
    other = (
        SqliteJobStore(store.path)
        if isinstance(store, SqliteJobStore)
        else RedisJobStore(
            f"unix://{store._client.connection_pool.connection_kwargs['path']}",
            prefix=store._prefix,  # type: ignore[attr-defined]
        )
    )
    with other, JobManager(store) as manager:
        control = manager.begin().control
        assert control is not None
        control.on_cancel(heard.append)
        assert other.transition(control.id, "aborted", reason="from afar")
        assert control.wait(PATIENCE_S)
    assert heard == ["from afar"]
