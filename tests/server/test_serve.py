"""`trans serve`: the server as a process that is started, killed, and started again."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.jobs.conftest import when
from tests.server.conftest import PATIENCE_S, TOKEN, Client, Served
from transmissions.cli import main
from transmissions.jobs import SqliteJobStore
from transmissions.server.sse import event_bytes

ASKED = {"pipeline": "numbers.ttl", "parameters": {"file": "stop"}}
Serve = Callable[..., Served]
KILLS = 50
FORKING = textwrap.dedent("""
    import os, signal, sys
    from pathlib import Path
    from transmissions.jobs import JobManager, SqliteJobStore
    from transmissions.server import Catalogue, Server, Service

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    catalogue = Catalogue([Path("flows")], [Path("own.py")])
    catalogue.load("ticks.ttl")
    for line in sys.stdin:
        if os.fork() == 0:
            with SqliteJobStore("jobs.sqlite", fast=True) as store, JobManager(store) as manager:
                server = Server(Service(manager, catalogue, Path("made")), sys.argv[1])
                print(os.getpid(), server.port, flush=True)
                server.run()
""")
TICKING = """@prefix : <http://purl.org/stuff/transmissions/> .
:ticks a :Transmission ; :pipe (:count :pass) .
:count a :Ticks .
:pass a :NOP .
"""
WRITING = """@prefix : <http://purl.org/stuff/transmissions/> .
:write a :Transmission ; :pipe (:make :out) .
:make a :Files .
:out a :FileWriter .
"""


def test_a_killed_server_leaves_jobs_that_are_found_interrupted_and_can_be_run_again(serve: Serve, place: Path) -> None:
    """After kill -9 the events are there to the last one that was told; the file is whole; a new run completes."""
    first = serve()
    job = first.client.post("/api/jobs", ASKED).json["job"]
    told = list(itertools.islice(first.client.events(job), 60))
    first.process.kill()
    first.process.wait(PATIENCE_S)
    again = serve()
    [listed] = again.client.get("/api/jobs").json["jobs"]
    assert (listed["id"], listed["status"]) == (job, "interrupted")
    kept = list(again.client.events(job))
    assert kept[: len(told)] == told
    assert json.loads(kept[-1].split(b"data: ")[1])["data"]["status"] == "interrupted"
    (place / "stop").touch()
    second = again.client.post("/api/jobs", ASKED).json["job"]
    assert json.loads(list(again.client.events(second))[-1].split(b"data: ")[1])["data"]["status"] == "complete"
    with sqlite3.connect(place / "jobs.sqlite") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_stop_ends_its_jobs_in_order(
    serve: Serve, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    """Whoever follows is told the end, it leaves by itself, and its jobs are recorded as interrupted."""
    served = serve()
    job = served.client.post("/api/jobs", ASKED).json["job"]
    events = served.client.events(job)
    next(events)
    listing, _ = served.client.open("GET", "/api/events")
    served.process.send_signal(number)
    last = json.loads(list(events)[-1].split(b"data: ")[1])
    assert (last["type"], last["data"]["status"]) == ("end", "interrupted")
    assert served.process.wait(PATIENCE_S) == 0
    listing.close()
    assert served.process.stderr is not None
    assert "ASGI" not in served.process.stderr.read()
    assert main(["jobs", "show", job, "--job-store", "jobs.sqlite", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["job"]["status"], told["job"]["reason"]) == ("interrupted", "its worker was shut down")


@pytest.fixture
def forking(place: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that becomes a server on the test's store for each line it is sent, and says its id and its port."""
    (place / "flows" / "ticks.ttl").write_text(TICKING, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-c", FORKING, TOKEN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield process
    # Those that it has become, too.
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_fifty_kills_of_the_server_leave_the_file_whole_and_nothing_untold(
    forking: subprocess.Popen[str], place: Path
) -> None:
    """After each kill -9 in the middle of a job the file is whole, and what a follower was told is still there."""
    assert forking.stdin is not None
    assert forking.stdout is not None
    seed = random.randrange(1 << 32)
    print("seed", seed)
    moments = random.Random(seed)
    told: dict[str, list[bytes]] = {}
    with SqliteJobStore(place / "jobs.sqlite") as store:
        for _ in range(KILLS):
            forking.stdin.write("another\n")
            forking.stdin.flush()
            server, port = map(int, forking.stdout.readline().split())
            client = Client(port)
            job = client.post("/api/jobs", {"pipeline": "ticks.ttl"}).json["job"]
            told[job] = list(itertools.islice(client.events(job), moments.randrange(1, 60)))
            os.kill(server, signal.SIGKILL)
            with closing(sqlite3.connect(place / "jobs.sqlite")) as database:
                assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            when(lambda job=job: store.cleanup().interrupted == [job])
            events = store.events(job)
            assert [event.seq for event in events] == list(range(len(events)))
            assert events[-1].data["status"] == "interrupted"
            assert [event_bytes(event).strip() for event in events[: len(told[job])]] == [
                one.strip() for one in told[job]
            ]
        assert store.count("interrupted") == len(told) == KILLS


def test_the_token_is_printed_once_and_to_a_terminal_only(serve: Serve, place: Path) -> None:
    """The first start on a terminal prints the address with it; a log, and later starts, get the address alone."""
    first, logged = serve(terminal=True), serve("--token-file", "other")
    token = (place / "config" / "transmissions" / "server-token").read_text(encoding="ascii").strip()
    assert first.address.endswith(f"/#token={token}")
    again = serve(terminal=True)
    assert "token" not in logged.address + again.address
    assert again.client.get("/api/jobs").status == 200


def test_a_new_token_shuts_the_old_one_out_of_a_server_that_is_running(serve: Serve) -> None:
    """It is known at once to the server that was started with the old one."""
    running = serve()
    assert running.client.get("/api/jobs").status == 200
    renewed = serve("--new-token")
    assert renewed.client.token != running.client.token
    assert running.client.get("/api/jobs").status == 401
    assert Client(running.client.port, renewed.client.token).get("/api/jobs").status == 200


def test_the_token_stands_in_nothing_that_the_server_says_or_keeps(serve: Serve, place: Path) -> None:
    """Neither in what it prints, also when it is told to debug, nor in its store, nor in what it answers."""
    served = serve("--debug")
    token = served.client.token
    path = f"/api/jobs/{token}"
    job = served.client.post("/api/jobs", {"pipeline": "hello", "parameters": {"name": token}}).json["job"]
    answers = [served.client.get(f"/api/jobs/{job}"), served.client.get(path), served.client.get("/")]
    answers += [served.client.post(f"/api/jobs/{job}/abort", {"reason": "late"}), served.client.get("/openapi.json")]
    events = b"".join(served.client.events(job))
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(PATIENCE_S) == 0
    assert served.process.stdout is not None
    assert served.process.stderr is not None
    assert token not in served.process.stdout.read() + served.process.stderr.read()
    assert token.encode() not in events + b"".join(answer.body for answer in answers)
    for file in place.rglob("*"):
        if file.is_file() and file.name not in ("server-token", "hello.txt"):
            assert token.encode() not in file.read_bytes(), file


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nowhere"], "nowhere: this is no folder"),
        (["--port", "x"], "--port x: write a whole number, 0 to 65535"),
        (["--token-file", "flows"], "flows: the token cannot be kept there: Is a directory"),
        (["--token-file", "own.py/token"], "own.py/token: the token cannot be kept there: "),
        (["--job-store", "own.py", "--token-file", "token"], "own.py: this is no job store"),
        (["--allow-host", "https://jobs.example.org"], "--allow-host https://jobs.example.org: write the name alone"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], expected: str
) -> None:
    """Exit code 2 and one line."""
    monkeypatch.setenv("TRANSMISSIONS_JOBS", str(place / "jobs.sqlite"))
    assert main(["serve", *words]) == 2
    assert expected in capsys.readouterr().err


def test_a_port_that_is_taken_is_named_with_what_to_do(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other server, if it is one, goes on, and no token is made."""
    monkeypatch.setenv("TRANSMISSIONS_JOBS", str(place / "jobs.sqlite"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port), "--token-file", "token"]) == 2
    told = capsys.readouterr().err
    assert f"127.0.0.1:{port}: something else listens there already; --port names another" in told
    assert not Path("token").exists()


def half_a_post(served: Served) -> socket.socket:
    """Return a connection on which half the body of a request was sent."""
    opened = socket.create_connection(("127.0.0.1", served.client.port), timeout=PATIENCE_S)
    head = (
        f"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1:{served.client.port}\r\nContent-Length: 100\r\n"
        f"Authorization: Bearer {served.client.token}\r\nContent-Type: application/json\r\n\r\n{{"
    )
    opened.sendall(head.encode())
    served.client.get("/api/jobs")
    return opened


def test_clients_that_leave_and_a_store_that_fails_cause_no_traceback(serve: Serve, place: Path) -> None:
    """A half-sent request, cut off by its client or by the server's end, and a list whose store is gone."""
    served = serve()
    half_a_post(served).close()
    connection, response = served.client.open("GET", "/api/events")
    assert response.readline().startswith(b"data: ")
    with closing(sqlite3.connect(place / "jobs.sqlite")) as database:
        database.execute("ALTER TABLE jobs RENAME TO away")
        assert b"data" not in response.read()
        assert served.client.get("/api/events").status == 503
        database.execute("ALTER TABLE away RENAME TO jobs")
    connection.close()
    with half_a_post(served) as cut_off:
        served.process.send_signal(signal.SIGTERM)
        assert cut_off.recv(4096).split()[1] == b"503"
    assert served.process.wait(PATIENCE_S) == 0
    assert served.process.stderr is not None
    told = served.process.stderr.read()
    assert "the store does not answer" in told
    assert "Traceback" not in told


def test_runs_that_are_stopped_leave_no_half_written_file(serve: Serve, place: Path) -> None:
    """The server waits for its runs to stop, so that their files are whole or absent when it has left."""
    (place / "flows" / "write.ttl").write_text(WRITING, encoding="utf-8")
    served = serve("--target", "made")
    assert served.client.post("/api/jobs", {"pipeline": "write.ttl"}).status == 201
    when(lambda: list((place / "made").glob("*.txt")))
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(PATIENCE_S) == 0
    names = [one.name for one in (place / "made").iterdir()]
    assert names == [name for name in names if re.fullmatch(r"\d+\.txt", name)]
    assert {(place / "made" / name).read_text() for name in names} == {"x" * 100_000}
