"""The store in Redis when its server, or an answer of it, is lost."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.jobs.conftest import PATIENCE_S, RedisServer, need_redis, when
from transmissions.cli import main
from transmissions.jobs import JobControl, JobManager, RedisJobStore, StoreError, StoreUnavailable

pytestmark = pytest.mark.programs("redis-server")
WORDS = 3000


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server that keeps what it acknowledged, also over its own end."""
    need_redis()
    made = RedisServer()
    made.start(durable=True)
    yield made
    made.remove()


class Forgetful(redis.UnixDomainSocketConnection):
    """A connection on which the answers to some transactions are lost, once the server has made their writes."""

    transactions = 0
    lost = 0

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        answer = super().read_response(*arguments, **options)
        # The last write of each transaction is the mark that it was made, so its answer ends with OK.
        if isinstance(answer, list) and answer and answer[-1] in (True, b"OK"):
            Forgetful.transactions += 1
            if Forgetful.transactions % 3 == 0:
                Forgetful.lost += 1
                self.disconnect()
                raise redis.ConnectionError("the answer was lost, by the test")
        return answer


def test_writes_whose_answers_are_lost_are_made_once(shared_redis: RedisServer) -> None:
    """Though the answer to every third write is lost, each job is made, each event appended, and each end won once."""
    Forgetful.transactions = Forgetful.lost = 0
    with RedisJobStore(shared_redis.url, prefix="{lost}:", retry_s=PATIENCE_S) as store:
        store._client.connection_pool.connection_class = Forgetful
        jobs = [store.create(f"s{number}", key=f"k{number}") for number in range(10)]
        assert all(made.made for made in jobs)
        for made in jobs:
            for word in range(20):
                assert store.append(made.job.id, [("text", {"text": f"{word} "})]) == ("done", word)
            assert store.transition(made.job.id, "complete")
        assert Forgetful.lost >= 50
        assert store.count() == store.count("complete") == 10
        for made in jobs:
            assert store.snapshot(made.job.id).text == "".join(f"{word} " for word in range(20))
            assert store.delete(made.job.id)


def test_a_server_that_goes_and_comes_back(server: RedisServer) -> None:
    """The server is killed in the middle of a job, twice, and started again: no event is lost, and none comes twice."""
    reached = [threading.Event() for _ in range(3)]
    go_on = [threading.Event() for _ in range(2)]

    def work(control: JobControl) -> None:
        for number in range(WORDS):
            control.text(f"{number} ")
            if number % 1000 == 999:
                reached[number // 1000].set()
            if number % 1000 == 500 and number > 1000:
                go_on[number // 1000 - 1].wait(PATIENCE_S)

    with RedisJobStore(server.url, retry_s=PATIENCE_S) as store, JobManager(store) as manager:
        begun = manager.start(work)
        subscriptions = [manager.subscribe(begun.job.id) for _ in range(3)]
        texts = ["", "", ""]
        numbers: list[list[int]] = [[], [], []]

        def follow(place: int) -> None:
            for event in subscriptions[place]:
                numbers[place].append(event.seq)
                texts[place] += event.data.get("text", "")

        threads = [threading.Thread(target=follow, args=(place,)) for place in range(3)]
        for thread in threads:
            thread.start()
        for place in range(2):
            assert reached[place].wait(PATIENCE_S)
            server.kill()
            go_on[place].set()
            server.start(durable=True)
        for thread in threads:
            thread.join(PATIENCE_S)
        expected = "".join(f"{number} " for number in range(WORDS))
        assert texts == [expected] * 3
        assert numbers == [list(range(WORDS + 1))] * 3
        assert manager.snapshot(begun.job.id).text == expected


class Line:
    """A line to a server that can be cut: what is on its way then is lost, in both directions, at any byte."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listening.getsockname()[1]}/0"
        self._ends: list[socket.socket] = []
        self._lock = threading.Lock()
        self.losing, self.lost = False, 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                ours, _ = self._listening.accept()
            except OSError:
                return
            theirs = socket.socket(socket.AF_UNIX)
            theirs.connect(str(self._path))
            with self._lock:
                self._ends += [ours, theirs]
            for one, other, back in ((ours, theirs, False), (theirs, ours, True)):
                threading.Thread(target=self._carry, args=(one, other, back), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, back: bool) -> None:
        with suppress(OSError):
            while data := one.recv(1 << 16):
                # The answer to a transaction is the long one: what it wrote is written by then.
                if back and self.losing and data.startswith(b"+OK\r\n+QUEUED"):
                    self.losing, self.lost = False, self.lost + 1
                    break
                other.sendall(data)
        self._end(one, other)

    def cut(self) -> None:
        """Cut every connection there is."""
        with self._lock:
            ends, self._ends = self._ends, []
        self._end(*ends)

    def _end(self, *ends: socket.socket) -> None:
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        """Cut all, for good."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()


def test_a_line_that_is_cut_again_and_again(shared_redis: RedisServer) -> None:
    """Cut while a job is written and followed, also before an answer: no event is lost, and none comes twice."""
    before, cuts = threading.active_count(), 30
    line = Line(shared_redis.socket)
    expected = "".join(f"{number} " for number in range(WORDS))

    def work(control: JobControl) -> None:
        for number in range(WORDS):
            control.text(f"{number} ")
            if number % (WORDS // cuts - 1) == 0:
                control.flush()
                line.losing = True
                if number % 2:
                    # In the middle of what is written next.
                    threading.Timer(0.0005, line.cut).start()

    with RedisJobStore(line.url, prefix="{cut}:", retry_s=PATIENCE_S) as store, JobManager(store) as manager:
        begun = manager.start(work)
        got = list(manager.subscribe(begun.job.id))
        assert [event.seq for event in got] == list(range(WORDS + 1))
        assert "".join(event.data.get("text", "") for event in got) == expected
        assert manager.snapshot(begun.job.id).text == expected
        assert line.lost >= cuts // 4
    line.close()
    when(lambda: threading.active_count() <= before)


def test_an_abort_is_heard_after_the_server_came_back(server: RedisServer) -> None:
    """A worker whose server was away hears of an abort that is made after it."""
    with RedisJobStore(server.url, retry_s=PATIENCE_S) as store, JobManager(store) as manager:
        control = manager.begin().control
        assert control is not None
        server.kill()
        server.start(durable=True)
        with RedisJobStore(server.url) as other:
            assert other.transition(control.id, "aborted", reason="after all")
        assert control.wait(PATIENCE_S)
        assert control.reason == "after all"


def test_a_server_that_stays_away(server: RedisServer) -> None:
    """After the time for trying again StoreUnavailable is raised; the work is told to stop, since nothing is kept."""
    store = RedisJobStore(server.url, retry_s=0.05)
    job = store.create().job
    control = JobControl(store, job, lambda control, by_work: None)
    server.kill()
    for action in (store.running, lambda: store.create("s"), lambda: store.append(job.id, [])):
        with pytest.raises(StoreUnavailable, match="did not answer"):
            action()
    control.text("x")
    assert control.wait(PATIENCE_S)
    assert control.reason.startswith("its events are no longer taken: the Redis server")
    with pytest.raises(StoreUnavailable):
        control.text("y")
    store.close()


def test_without_the_extra_it_is_named() -> None:
    """Where redis-py is not installed, what to install is said, also on the command line."""
    code = "import sys; sys.modules['redis'] = None; from transmissions.cli import main; "
    code += "sys.exit(main(['jobs', 'list', '--job-store', 'redis://127.0.0.1/0']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, "pip install 'transmissions-engine[redis]'" in done.stderr) == (2, True)


def test_a_server_that_is_not_there_is_told_of_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """On the command line, nobody waits for a server that never was; the password in its address is not shown."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert main(["jobs", "list", "--job-store", f"redis://:hunter2@127.0.0.1:{port}/0"]) == 2
    told = capsys.readouterr().err
    assert f"redis://127.0.0.1:{port}/0: no Redis server answers there" in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("redis://u:hunter2@127.0.0.1:notaport/0", "redis://127.0.0.1:notaport/0"),
        ("redis://u:@@hunter2@127.0.0.1:notaport/0", "redis://127.0.0.1:notaport/0"),
        ("redis://u:hunter2/x@127.0.0.1/0", "redis://127.0.0.1/0"),
        ("redis://u:x?hunter2@127.0.0.1/a", "redis://…"),
        ("redis://127.0.0.1:no/0?password=hunter2", "redis://127.0.0.1:no/0"),
        ("redis://127.0.0.1:no/0?password=a@hunter2", "redis://…"),
        ("redis://127.0.0.1/0?hunter2=x", "redis://127.0.0.1/0"),
        ("redis://127.0.0.1/abc", "redis://127.0.0.1/abc"),
        ("http://u:hunter2@127.0.0.1", "http://127.0.0.1"),
    ],
)
def test_an_address_that_is_wrong_is_told_without_its_password(
    address: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is refused with what to write, and nothing of it is shown that could be secret."""
    assert main(["jobs", "list", "--job-store", address]) == 2
    error = capsys.readouterr().err
    assert f"{told}: this is no address of a" in error
    assert "hunter2" not in error


def test_an_address_that_is_none() -> None:
    """It is refused at once, by name."""
    with pytest.raises(StoreError, match="nonsense: this is no address of a Redis server"):
        RedisJobStore("nonsense")
