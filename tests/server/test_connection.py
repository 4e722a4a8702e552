"""Connections: those on which nothing comes keep nobody out."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.jobs.conftest import when
from tests.server.conftest import PATIENCE_S, TOKEN, Client
from transmissions.server import Server, Service
from transmissions.server.connection import MAX_CONNECTIONS


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """What holds connections until the end of the test."""
    with ExitStack() as stack:
        yield stack


def connections(client: Client, opened: ExitStack, count: int, sent: str) -> list[socket.socket]:
    """Return connections on which something was sent."""
    made = [
        opened.enter_context(socket.create_connection(("127.0.0.1", client.port), PATIENCE_S)) for _ in range(count)
    ]
    for one in made:
        one.sendall(sent.encode())
    return made


@pytest.mark.parametrize("sent", ["", "GET / HTTP/1.1\r\nHost:"])
def test_silent_connections_keep_nobody_out(client: Client, opened: ExitStack, sent: str) -> None:
    """More of them than there are places, also with half a head, give way to a request."""
    connections(client, opened, MAX_CONNECTIONS + 10, sent)
    assert client.get("/api/jobs").status == 200


def test_when_all_connections_are_in_use_the_refusal_says_when_to_come_back(client: Client, opened: ExitStack) -> None:
    """In JSON, as other refusals; once one is closed there is room."""
    head = (
        f"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\nContent-Length: 100\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n\r\n"
    )
    in_use = connections(client, opened, MAX_CONNECTIONS, head)
    assert {one.recv(4096).split()[1] for one in in_use} == {b"100"}
    refused = client.get("/api/jobs")
    assert (refused.status, refused.json["error"]["code"]) == (503, "busy")
    assert refused.headers["retry-after"] == "5"
    for one in in_use:
        one.close()
    when(lambda: client.get("/api/jobs").status == 200)


def test_a_head_that_does_not_end_in_time_ends_the_connection(service: Service, opened: ExitStack) -> None:
    """However it trickles in, and also after a request that was answered; a request under way goes on."""
    server = Server(service, TOKEN, head_s=0.5)
    server.start()
    client = Client(server.port)
    job = service.manager.begin()
    assert job.control is not None
    connection, followed = client.open("GET", f"/api/jobs/{job.job.id}/events")
    [silent, trickling, answered] = connections(client, opened, 3, "")
    answered.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n\r\n".encode())
    ended = threading.Event()

    def trickle() -> None:
        while not ended.wait(0.05):
            for one in (trickling, answered):
                try:
                    one.sendall(b"G")
                except OSError:
                    return

    sending = threading.Thread(target=trickle)
    sending.start()
    for one in (silent, trickling, answered):
        try:
            while one.recv(65_536):
                pass
        except ConnectionError:
            pass
    ended.set()
    sending.join()
    job.control.finish()
    assert b"end" in followed.read()
    connection.close()
    server.stop()
