"""A server on this machine that answers as a test says, and remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Answer = tuple[int, dict[str, str], bytes]


class Web:
    """The server.

    Attributes:
        address: where it is, with a slash at the end.
        answers: what it answers, by path; a list gives one answer after another, the last one for good.
        asked: what it was asked: method, path, headers by lower-case name, body.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.asked.append((handler.command, handler.path, headers, body))
        answer = self.answers.get(handler.path, (404, {}, b"not here"))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            answer(handler)
            return
        status, sent, content = answer
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **sent}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(content)


@pytest.fixture(scope="session")
def _server() -> Iterator[tuple[ThreadingHTTPServer, list[Web]]]:
    holder: list[Web] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def answer(self) -> None:
            holder[-1].answer(self)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = answer

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server, holder
        server.shutdown()
        thread.join()


@pytest.fixture
def web(_server: tuple[ThreadingHTTPServer, list[Web]]) -> Web:
    """Give the server, with nothing to answer yet."""
    server, holder = _server
    holder[:] = [Web(f"http://127.0.0.1:{server.server_address[1]}/")]
    return holder[0]


class Time:
    """A clock that only moves when someone sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        """Return the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Time:
    """Give a clock that only moves when someone sleeps."""
    return Time()


@pytest.fixture
def fetcher(clock: Time) -> Iterator[Callable[..., Any]]:
    """Make fetchers that may connect to this machine, at the pace of the clock."""
    from transmissions import Fetcher, Network

    made: list[Fetcher] = []

    def make(*hosts: str, **options: Any) -> Fetcher:
        network = Network.allowing(hosts or ("127.0.0.1",))
        options = {"per_second": 0, "clock": clock.clock, "sleep": clock.sleep, **options}
        made.append(Fetcher(network, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
