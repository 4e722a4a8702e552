"""A SPARQL server in a thread: the protocol's query and update over a store in memory, with a password if asked."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pyoxigraph
import pytest


class Server(ThreadingHTTPServer):
    """Holds a store, and remembers what it was sent."""

    def __init__(self, password: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.store = pyoxigraph.Store()
        self.password = password
        self.requests: list[tuple[str, str, str]] = []

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        """Answer a query or do an update."""
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        kind = self.headers["content-type"].partition(";")[0]
        operation = self.path.strip("/")
        if kind == "application/x-www-form-urlencoded":
            body = parse_qs(body)[operation][0]
        self.server.requests.append((operation, kind, body))
        wanted = "Basic " + base64.b64encode(f"user:{self.server.password}".encode()).decode()
        if self.server.password and self.headers["authorization"] != wanted:
            self._answer(401, "who are you?")
            return
        try:
            if operation == "update":
                self.server.store.update(body)
                self._answer(204, "")
            else:
                found = self.server.store.query(body)
                assert isinstance(found, pyoxigraph.QuerySolutions | pyoxigraph.QueryBoolean)
                answer = found.serialize(format=pyoxigraph.QueryResultsFormat.JSON)
                self._answer(200, (answer or b"").decode(), "application/sparql-results+json")
        except SyntaxError as error:
            self._answer(400, f"cannot be parsed: {error}")

    def _answer(self, status: int, text: str, kind: str = "text/plain") -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(password: str = "") -> Iterator[Server]:
    """Run a server meanwhile."""
    with Server(password) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a server that takes everything."""
    with served() as running:
        yield running


@pytest.fixture
def serve() -> Callable[[str], AbstractContextManager[Server]]:
    """Return what runs a server that asks for a password."""
    return served
