"""Jobs: how fast a job's events reach ten followers, by store and over HTTP, and what recording costs a run."""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

from benchmarks.measure import Row, median
from benchmarks.passthrough import STAGES, Source, pass_on
from transmissions import Pipeline
from transmissions.jobs import JobManager, JobStore, MemoryJobStore, SqliteJobStore
from transmissions.model import Definition, Stage
from transmissions.pipeline_job import start_job
from transmissions.registry import Registry

FOLLOWERS = 10
WANTED = 10_000
"""Events a second, each of which goes to every follower."""
TEXT = "a word or two of an answer "


@contextmanager
def redis_store(folder: Path) -> Iterator[JobStore]:
    """Yield a store in a Redis server of its own."""
    from transmissions.jobs import RedisJobStore

    path = folder / "redis"
    command = ["redis-server", "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        with RedisJobStore(f"unix://{path}") as store:
            store.count()
            yield store
    finally:
        server.terminate()
        server.wait()


def follow_in_process(manager: JobManager, job_id: str) -> Callable[[], int]:
    """Subscribe, and return what reads to the end and says how many events there were."""
    subscription = manager.subscribe(job_id)

    def read() -> int:
        number = 0
        with subscription:
            while batch := subscription.receive_batch():
                number += len(batch)
        return number

    return read


@contextmanager
def http(manager: JobManager) -> Iterator[Callable[[JobManager, str], Callable[[], int]]]:
    """Serve, and yield how to follow over HTTP."""
    from transmissions.server import Catalogue, Server, Service

    token = "t" * 32
    server = Server(Service(manager, Catalogue(), Path(tempfile.gettempdir())), token)
    server.start()

    def follow(manager: JobManager, job_id: str) -> Callable[[], int]:
        opened = socket.create_connection(("127.0.0.1", server.port))
        head = (
            f"GET /api/jobs/{job_id}/events HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        opened.sendall(head.encode())

        def read() -> int:
            number, last = 0, b""
            while b"0\r\n\r\n" not in last:
                data = opened.recv(1 << 16)
                number += (last[-5:] + data).count(b"\nid: ") - last[-5:].count(b"\nid: ")
                last = last[-5:] + data
            opened.close()
            return number

        return read

    try:
        yield follow
    finally:
        server.stop()


def seconds(manager: JobManager, follow: Callable[[JobManager, str], Callable[[], int]], count: int) -> float:
    """Have a job tell of events, and return how long it took until every follower had the last one."""
    control = manager.begin().control
    assert control is not None
    numbers: list[int] = []
    readers = [follow(manager, control.id) for _ in range(FOLLOWERS)]
    threads = [threading.Thread(target=lambda read=read: numbers.append(read())) for read in readers]
    for thread in threads:
        thread.start()
    began = time.perf_counter()
    for _ in range(count):
        control.text(TEXT)
    control.finish()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    # The first event over HTTP follows the head of the answer, and not an event.
    assert all(count <= number <= count + 1 for number in numbers), numbers
    return took


def delivery(options: argparse.Namespace) -> list[Row]:
    """Measure each store, and one of them over HTTP."""
    count = max(1000, options.messages // 20)
    found = []
    with tempfile.TemporaryDirectory(prefix="jobs") as name:
        folder = Path(name)
        stores: list[tuple[str, Callable[[], object]]] = [
            ("memory", MemoryJobStore),
            ("SQLite", lambda: SqliteJobStore(folder / "jobs.sqlite")),
        ]
        if shutil.which("redis-server") is None:
            print("there is no redis-server; left out", file=sys.stderr)
        else:
            stores.append(("Redis", lambda: redis_store(folder)))
        for kind, opened in stores:
            with opened() as store, JobManager(store) as manager:  # type: ignore[attr-defined]
                times = [seconds(manager, follow_in_process, count) for _ in range(options.rounds)]
                found.append(_row(f"a job's events to ten followers, {kind}", count, times))
                if kind == "SQLite":
                    with suppress(ImportError), http(manager) as follow:
                        times = [seconds(manager, follow, count) for _ in range(options.rounds)]
                        found.append(_row(f"the same over HTTP, {kind}", count, times))
    return found


def _row(what: str, count: int, times: list[float]) -> Row:
    rate = count / median(times)
    return Row(what, f"{rate / 1000:,.0f} k events/s", rate / WANTED, "≥ 1 × 10 k/s", rate >= WANTED)


def pipeline(count: int) -> Pipeline:
    """Return five stages that hand messages on."""
    stages = [Stage("source", "Source", {"count": count}), *(Stage(f"s{n}", "PassOn") for n in range(STAGES))]
    edges = tuple((one.name, two.name) for one, two in pairwise(stages))
    registry = Registry({"Source": Source, "PassOn": pass_on})
    return Pipeline(Definition("passthrough", "", tuple(stages), edges), registry)


def recording(options: argparse.Namespace) -> list[Row]:
    """Measure a run that is no job, and the same as a job."""
    run = pipeline(options.messages)
    with tempfile.TemporaryDirectory() as name, SqliteJobStore(Path(name) / "j") as store, JobManager(store) as manager:
        contestants: dict[str, Callable[[], object]] = {
            "five stages, no job": run.run,
            "the same as a job, SQLite, no messages kept": lambda: start_job(run, manager, max_messages=0).wait(),
            "the same as a job, SQLite, 1,000 messages kept": lambda: start_job(run, manager, max_messages=1000).wait(),
        }
        times: dict[str, list[float]] = {what: [] for what in contestants}
        for _ in range(options.rounds):
            for what, work in contestants.items():
                began = time.process_time()
                work()
                times[what].append(time.process_time() - began)
    base = times["five stages, no job"]
    return [
        Row(
            what,
            f"{options.messages / median(taken) / 1000:,.0f} k messages/s of CPU time",
            None if taken is base else median([one / other for one, other in zip(base, taken, strict=True)]),
        )
        for what, taken in times.items()
    ]


def rows(options: argparse.Namespace) -> list[Row]:
    """Measure both."""
    return [*delivery(options), *recording(options)]
