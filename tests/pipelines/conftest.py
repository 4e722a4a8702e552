"""A server on this machine, for the pipelines that ask the web."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class Web:
    """The server.

    Attributes:
        address: where it is, with a slash at the end.
        answers: status and text that it answers, by path; 404 for all else.
        asked: method and path of what it was asked.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.answers: dict[str, tuple[int, str]] = {}
        self.asked: list[str] = []


@pytest.fixture
def web() -> Iterator[Web]:
    """Give the server, with nothing to answer yet."""
    holder: list[Web] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            holder[0].asked.append(f"{self.command} {self.path}")
            status, text = holder[0].answers.get(self.path, (404, "not here"))
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = answer

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        holder.append(Web(f"http://127.0.0.1:{server.server_address[1]}/"))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield holder[0]
        server.shutdown()
        thread.join()
