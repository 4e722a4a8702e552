"""HttpServer: what it shows and takes, whom it refuses, and that it ends when it is told to, or the run ends."""

from __future__ import annotations

import json
import queue
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import transmissions
from transmissions import Network, NetworkRefused, StageError, Status

PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"
TOKEN = "canary-0815-4711-0815"
SHOWN = {"authorization": f"Bearer {TOKEN}"}
SENT = {**SHOWN, "content-type": "application/json"}


class Served:
    """A run whose first stage serves.

    Attributes:
        run: the run.
        port: where it serves.
    """

    def __init__(self, run: transmissions.Run, address: str) -> None:
        self.run = run
        self.port = urlsplit(address).port or 0

    def ask(
        self, path: str, method: str = "GET", headers: dict[str, str] | None = None, body: Any = None
    ) -> tuple[int, bytes]:
        """Return status and body of an answer; a header of None as its value is not sent."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            given = {"Host": f"127.0.0.1:{self.port}", **(headers or {})}
            sent = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            connection.request(method, path, body=sent, headers=given)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def left(self) -> list[dict[str, Any]]:
        """Return what left the run, which has ended."""
        result = self.run.wait(30)
        assert result is not None
        return list(self.run.messages())


Serve = Callable[..., Any]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Start runs that serve the folder `site`, and end them."""
    monkeypatch.setenv("A_TOKEN", TOKEN)
    site = tmp_path / "site"
    (site / "sub").mkdir(parents=True)
    (site / ".git").mkdir()
    (site / "index.html").write_text("home")
    (site / "sub" / "index.html").write_text("below")
    (site / "sub" / "data.json").write_text('{"a": 1}')
    (site / ".git" / "config").write_text("canary")
    (tmp_path / "outside.txt").write_text("canary")
    (site / "link.txt").symlink_to(tmp_path / "outside.txt")

    @contextmanager
    def started(settings: str = ':staticPath "site"', behind: str = "", **message: Any) -> Iterator[Served]:
        names = " ".join(line.split()[0] for line in behind.splitlines())
        file = tmp_path / "serve.ttl"
        file.write_text(
            f"{PREFIX}:p a :EntryTransmission ; :pipe (:serve {names}) .\n{behind}\n"
            f":serve a :HttpServer ; :settings [ :port 0 ; {settings} ] ."
        )
        told: queue.Queue[str] = queue.Queue()
        run = transmissions.load(file).start(
            messages=message,
            target=tmp_path,
            collect=True,
            allow_hosts=["localhost"],
            on_log=lambda *line: told.put(line[3].get("address", "")),
        )
        try:
            yield Served(run, told.get(timeout=20))
        finally:
            run.abort()
            run.wait(30)

    return started


FILES = [
    ("/", 200, b"home"),
    ("/index.html", 200, b"home"),
    ("/sub/", 200, b"below"),
    ("/sub/data.json", 200, b'{"a": 1}'),
    ("/sub", 307, b""),
    ("/gone.html", 404, b""),
    ("/.git/config", 404, b""),
    ("/sub/../.git/config", 404, b""),
    ("/%2egit/config", 404, b""),
    ("/../outside.txt", 404, b""),
    ("/%2e%2e/outside.txt", 404, b""),
    ("/..%2foutside.txt", 404, b""),
    ("//etc/hostname", 404, b""),
    ("/link.txt", 404, b""),
    ("/a%00b", 404, b""),
    ("/" + "x" * 5000, 404, b""),
]


def test_files_of_the_folder_are_shown_and_no_others(serve: Serve) -> None:
    """A file, and the index of a folder; nothing hidden, nothing outside, by whatever spelling or link."""
    with serve() as served:
        got = {path: served.ask(path) for path, _, _ in FILES}
    assert {path: answer if answer[0] == 200 else (answer[0], b"") for path, answer in got.items()} == {
        path: (status, body) for path, status, body in FILES
    }
    assert not [path for path, answer in got.items() if b"canary" in answer[1]]


def test_without_a_token_files_are_all_there_is(serve: Serve) -> None:
    """Nothing can be posted, and the server cannot be stopped, by anybody who is not asked for a token."""
    with serve() as served:
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            for path in ("/", "/shutdown"):
                assert served.ask(path, method, {"content-type": "application/json"}, {})[0] == 405
        assert served.ask("/")[0] == 200


BAD = [
    ({"Host": "evil.example"}, 421),
    ({"Host": "127.0.0.1:1"}, 421),
    ({"Host": "127.0.0.1"}, 421),
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"authorization": ""}, 401),
    ({"authorization": "Bearer "}, 401),
    ({"authorization": f"Bearer {TOKEN}x"}, 401),
    ({"authorization": f"Basic {TOKEN}"}, 401),
]


@pytest.mark.parametrize(("method", "path"), [("GET", "/index.html"), ("POST", "/"), ("POST", "/shutdown")])
def test_other_sites_hosts_and_strangers_are_refused(method: str, path: str, serve: Serve) -> None:
    """A request by another name, from another site's page, or without the token does nothing, on every route."""
    with serve(':staticPath "site" ; :tokenVariable "A_TOKEN"') as served:
        body = {} if method == "POST" else None
        for headers, status in BAD:
            assert served.ask(path, method, {**SENT, **headers}, body)[0] == status, headers
        assert served.ask("/index.html", "GET", SHOWN)[0] == 200
        assert served.ask("/shutdown", "POST", SENT, {})[0] == 202
        (left,) = served.left()
    assert left == {"serverStopped": True, "requests": len(BAD) + 2}


def test_what_is_posted_becomes_messages_in_order(serve: Serve) -> None:
    """Each goes on by itself in a copy of the message, and none is lost when the server is told to stop."""
    stages = ':each a :ForEach ; :settings [ :forEach "request.data" ] .\n:gather a :Accumulate ; :settings [ '
    stages += ':accumulatorType "array" ] .\n:last a :Unfork .'
    with serve(':tokenVariable "A_TOKEN" ; :basePath "in"', stages, title="t") as served:
        assert served.ask("/", "POST", SENT, [1])[0] == 404
        for number in range(20):
            assert served.ask("/in/here", "POST", SENT, [number, number])[0] == 202
        assert served.ask("/in/shutdown", "POST", SENT)[0] == 202
        found = served.left()
    assert [one["accumulate"] for one in found if "request" in one] == [[number] * 2 for number in range(20)]
    assert {one["title"] for one in found} == {"t"}
    assert [one["request"]["path"] for one in found if "request" in one] == ["here"] * 20


def test_a_value_goes_on_at_once(serve: Serve) -> None:
    """It does not wait for the next one, also when several came quickly."""
    with serve(':tokenVariable "A_TOKEN" ; :targetField "a.b"') as served:
        leaving = served.run.messages()
        for number in range(50):
            served.ask("/", "POST", SENT, number)
        assert [next(leaving)["a"]["b"]["data"] for _ in range(50)] == list(range(50))


BODIES: list[tuple[dict[str, str], bytes, int]] = [
    ({"content-type": "text/plain"}, b"{}", 415),
    ({"content-type": "application/x-www-form-urlencoded"}, b"a=1", 415),
    ({}, b"{", 422),
    ({}, b"[" * 4000, 422),
    ({}, b'"\xff"', 422),
    ({}, b'"' + b"x" * 5000 + b'"', 413),
    ({"content-type": "application/json; charset=utf-8"}, b"{}", 202),
]


def test_only_json_of_a_bounded_size_is_taken(serve: Serve) -> None:
    """What is of another type, no JSON, or too long is refused, and what is right is not."""
    with serve(':tokenVariable "A_TOKEN" ; :maxBytes 5000') as served:
        for headers, body, status in BODIES:
            assert served.ask("/", "POST", {**SENT, **headers}, body)[0] == status, body[:20]


def test_an_abort_ends_it_whatever_goes_on(serve: Serve) -> None:
    """With a connection that is idle, one that stopped in the middle and one that never began, the run ends aborted."""
    with serve(':staticPath "site" ; :tokenVariable "A_TOKEN"') as served:
        idle = HTTPConnection("127.0.0.1", served.port, timeout=20)
        idle.request("GET", "/", headers=SHOWN)
        idle.getresponse().read()
        head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
        with (
            socket.create_connection(("127.0.0.1", served.port)) as half,
            socket.create_connection(("127.0.0.1", served.port)),
        ):
            half.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n[1".encode())
            served.run.abort()
            result = served.run.wait(30)
        idle.close()
        assert result is not None
        assert (result.status, served.left()) == (Status.ABORTED, [])
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", served.port)):
            pass


def test_it_listens_where_that_is_allowed_and_nowhere_else(tmp_path: Path) -> None:
    """Not even this machine's own address is free; a name of hosts to ask, or one address, allows no other."""
    (tmp_path / "site").mkdir()
    for address, allowed in [("127.0.0.1", []), ("127.0.0.1", ["*"]), ("0.0.0.0", ["localhost"]), ("::", ["0.0.0.0"])]:
        (tmp_path / "p.ttl").write_text(
            f"{PREFIX}:p a :Transmission ; :pipe (:a) .\n:a a :HttpServer ; "
            f':settings [ :host "{address}" ; :port 0 ; :staticPath "site" ; :seconds 0 ] .'
        )
        with pytest.raises(StageError, match=f"refused: this run may not listen there; --allow-host {address}"):
            transmissions.load(tmp_path / "p.ttl").run(allow_hosts=allowed)
    with pytest.raises(NetworkRefused, match="refused: this is no address"):
        Network.allowing(["example.org"]).check_listening("example.org")
    Network.allowing(["0.0.0.0"]).check_listening("0.0.0.0")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ("", "there is nothing to serve"),
        (':staticPath "gone"', "there is no such folder"),
        (':tokenVariable "NO_TOKEN"', "the environment variable NO_TOKEN is not set"),
        (':tokenVariable "SHORT"', "short enough to be guessed"),
    ],
)
def test_what_is_missing_is_told_before_it_serves(
    settings: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing to serve, and a token that is none, end the run with a reason."""
    monkeypatch.setenv("SHORT", "canary")
    (tmp_path / "p.ttl").write_text(
        f"{PREFIX}:p a :Transmission ; :pipe (:a) .\n"
        f":a a :HttpServer ; :settings [ :port 0 ; :seconds 0 ; {settings} ] ."
    )
    with pytest.raises(StageError, match=text) as caught:
        transmissions.load(tmp_path / "p.ttl").run(allow_hosts=["localhost"])
    assert "canary" not in str(caught.value)


def test_a_port_that_is_taken_is_told(serve: Serve, tmp_path: Path) -> None:
    """The error names the address."""
    with serve() as served:
        (tmp_path / "p.ttl").write_text(
            f"{PREFIX}:p a :Transmission ; :pipe (:a) .\n:a a :HttpServer ; "
            f':settings [ :port {served.port} ; :staticPath "site" ] .'
        )
        with pytest.raises(StageError, match=f"127.0.0.1:{served.port}: cannot be listened on: address already in use"):
            transmissions.load(tmp_path / "p.ttl").run(allow_hosts=["localhost"])


def test_too_much_that_waits_is_sent_away(serve: Serve) -> None:
    """While nothing is taken, no more waits than was said; who is sent away comes again, and nothing is lost."""
    with serve(':tokenVariable "A_TOKEN" ; :maxWaiting 2', ":hold a :NOP ; :buffer [ :maxMessages 1 ] .") as served:
        taken = 0
        while served.ask("/", "POST", SENT, taken)[0] == 202:
            taken += 1
            assert taken < 5000, "nothing holds it back"
        found = [one["request"]["data"] for _, one in zip(range(taken), served.run.messages(), strict=False)]
    assert found == list(range(taken))
