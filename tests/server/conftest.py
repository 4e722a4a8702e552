"""A server on a port of its own, a client that can say anything, and pipelines that end when they are told to."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from transmissions.jobs import JobManager, MemoryJobStore, SqliteJobStore
from transmissions.server import Catalogue, Server, Service

TOKEN = "a-token-for-tests-that-is-long-enough-1"
PATIENCE_S = 20.0
PROCESSORS = '''
import hashlib
import itertools
import threading
from pathlib import Path

from transmissions import Processor, setting


class Until(Processor):
    """Count until a file is there."""

    file: str = setting("stop", "the file")

    def process(self, message):
        for number in itertools.count():
            if number % 1000 == 0:
                self.context.log("warning", f"at {number}", {"number": number})
            if number >= 50 and Path(self.file).exists():
                return
            yield {"number": number}


class Ticks(Processor):
    """Count slowly, without end, and leave the machine to others."""

    def process(self, message):
        for number in itertools.count():
            yield {"number": number}
            threading.Event().wait(0.0005)


class Deaf(Processor):
    """Wait for a file in one go, and hear of no abort."""

    file: str = setting("stop", "the file")

    def process(self, message):
        while not Path(self.file).exists():
            threading.Event().wait(0.01)
        return message


class Fails(Processor):
    """Fail at the first message."""

    file: str = setting("stop", "the file")

    def process(self, message):
        raise ValueError("it does not work")


class Unmade(Processor):
    """Cannot be made."""

    file: str = setting("stop", "the file")

    def __init__(self, **settings):
        raise ValueError("there is no such thing")

    def process(self, message):
        return message


class Files(Processor):
    """Make files without end."""

    def process(self, message):
        for number in itertools.count():
            yield {"filepath": f"{number}.txt", "content": "x" * 100_000}


class Digest(Processor):
    """Hash many times: slower than what comes before it."""

    def process(self, message):
        data = str(message["number"]).encode()
        for _ in range(2000):
            data = hashlib.sha256(data).digest()
        return message
'''
PIPELINE = """@prefix : <http://purl.org/stuff/transmissions/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
:numbers a :Transmission ; rdfs:label "Numbers to digests" ;
    :parameter [ :name "file" ; :required true ] ;
    :pipe (:count :split :digest :check), (:split :keep :check) .
:count  a :Until ; :settings [ :file "{{ file }}" ] .
:split  a :NOP ; :buffer [ :maxMessages 64 ] .
:digest a :Digest ; :buffer [ :maxMessages 16 ] .
:keep   a :NOP ; :buffer [ :maxMessages 16 ] .
:check  a :NOP ; :buffer [ :maxMessages 16 ] .
"""


class Answer(NamedTuple):
    """What the server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Sends requests as they are asked for, wrong ones too."""

    def __init__(self, port: int, token: str = TOKEN) -> None:
        self.port = port
        self.token = token

    def open(
        self, method: str, path: str, headers: dict[str, str | None] | None = None, body: bytes | None = None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Send a request; a header that is None is left out."""
        usual = {"Host": f"127.0.0.1:{self.port}", "Authorization": f"Bearer {self.token}"}
        if body is not None:
            usual |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {**usual, **(headers or {})}.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(body)
        return connection, connection.getresponse()

    def ask(
        self, method: str, path: str, headers: dict[str, str | None] | None = None, body: bytes | None = None
    ) -> Answer:
        """Send a request and read the whole answer."""
        connection, response = self.open(method, path, headers, body)
        try:
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, value: Any) -> Answer:
        return self.ask("POST", path, body=json.dumps(value).encode())

    def events(self, job: str, last: int | None = None) -> Iterator[bytes]:
        """Yield the events of a job as they came over the wire, each as its bytes; comments are left out."""
        headers: dict[str, str | None] = {"Last-Event-ID": None if last is None else str(last)}
        connection, response = self.open("GET", f"/api/jobs/{job}/events", headers)
        try:
            assert response.status in (200, 204), response.read()
            event = b""
            while line := response.readline():
                if line == b"\n":
                    if event:
                        yield event
                    event = b""
                elif not line.startswith(b":"):
                    event += line
        finally:
            response.close()
            connection.close()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with processors, and a folder of pipelines."""
    monkeypatch.chdir(tmp_path)
    return _furnished(tmp_path)


def _furnished(folder: Path) -> Path:
    (folder / "own.py").write_text(PROCESSORS, encoding="utf-8")
    (folder / "flows").mkdir()
    (folder / "flows" / "numbers.ttl").write_text(PIPELINE, encoding="utf-8")
    (folder / "outside.ttl").write_text(PIPELINE, encoding="utf-8")
    return folder


@pytest.fixture
def service(place: Path) -> Iterator[Service]:
    """What is served, over a store in a file."""
    with SqliteJobStore(place / "jobs.sqlite") as store, JobManager(store) as manager:
        yield Service(manager, Catalogue([place / "flows"], [place / "own.py"]), place / "made", max_runs=2)


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    """A client of a server on a port of its own."""
    server = Server(service, TOKEN)
    server.start()
    try:
        yield Client(server.port)
    finally:
        # Whoever still follows is let go by the end of what it follows.
        for job in service.manager.store.running():
            service.manager.abort(job.id)
        server.stop()


@pytest.fixture(scope="session")
def strict_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `strict`, from which links lead out."""
    folder = _furnished(tmp_path_factory.mktemp("strict"))
    (folder / "flows" / "link.ttl").symlink_to(folder / "outside.ttl")
    (folder / "made").mkdir()
    (folder / "made" / "link").symlink_to(folder)
    return folder


@pytest.fixture(scope="session")
def strict(strict_place: Path) -> Iterator[Client]:
    """A client of one server for all tests whose requests are to be refused, or change nothing."""
    with MemoryJobStore() as store, JobManager(store) as manager:
        catalogue = Catalogue([strict_place / "flows"], [strict_place / "own.py"])
        server = Server(Service(manager, catalogue, strict_place / "made"), TOKEN)
        server.start()
        yield Client(server.port)
        server.stop()


class Served(NamedTuple):
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    address: str
    client: Client


@pytest.fixture
def serve(place: Path) -> Iterator[Callable[..., Served]]:
    """What starts `trans serve`, on a port of its own, with the store and token of the test."""
    started: list[subprocess.Popen[str]] = []
    environment = {
        **os.environ,
        "XDG_CONFIG_HOME": str(place / "config"),
        "TRANSMISSIONS_JOBS": str(place / "jobs.sqlite"),
    }

    def start(*words: str, terminal: bool = False) -> Served:
        command = [sys.executable, "-m", "transmissions", "serve", "flows", "--processors", "own.py", "--port", "0"]
        ours, theirs = os.openpty() if terminal else os.pipe()
        process = subprocess.Popen(
            [*command, *words], stdout=theirs, stderr=subprocess.PIPE, text=True, env=environment
        )
        os.close(theirs)
        process.stdout = open(ours, encoding="utf-8")  # noqa: SIM115 - closed with the process
        started.append(process)
        assert process.stderr is not None
        if not (address := process.stdout.readline().strip()):
            raise AssertionError(process.stderr.read())
        token = (place / "config" / "transmissions" / "server-token").read_text(encoding="ascii").strip()
        port = int(address.split("#")[0].rstrip("/").rpartition(":")[2])
        return Served(process, address, Client(port, token))

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
