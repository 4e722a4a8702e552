"""What is not served: every request that a stranger, another site, or another host's name could make."""

from __future__ import annotations

import itertools
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import TOKEN, Client
from transmissions.errors import TransmissionsError
from transmissions.server import Server, Service, read_token
from transmissions.server.app import PAGE

ABORT = "/api/jobs/none/abort"
START = json.dumps({"pipeline": "hello"}).encode()


@pytest.mark.parametrize(("what", "most_wrong"), [("start", 5), ("abort", 2)])
def test_of_the_matrix_of_requests_only_the_good_one_is_served(
    client: Client, service: Service, what: str, most_wrong: int
) -> None:
    """Host × Origin × token × method × body, each with each: one is served, and all others do nothing."""
    port, live = client.port, service.manager.begin().job.id
    path, good_body = ("/api/jobs", START) if what == "start" else (f"/api/jobs/{live}/abort", b"{}")
    hosts: list[str | None] = [f"127.0.0.1:{port}", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", None]
    origins: list[str | None] = [None, "http://evil.example", "null", f"https://127.0.0.1:{port}"]
    tokens: list[str | None] = [f"Bearer {TOKEN}", None, f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}"]
    methods = ["POST", "GET", "PUT", "DELETE", "OPTIONS"]
    bodies: list[tuple[str | None, bytes]] = [
        ("application/json", good_body),
        ("text/plain", good_body),
        (None, good_body),
        ("application/json", b'{"unknown": 1}'),
        ("application/json", b"[" * 3000),
    ]
    axes: list[list[Any]] = [hosts, origins, tokens, methods, bodies]
    good = tuple(axis[0] for axis in axes)
    cases = [
        case
        for case in itertools.product(*axes)
        if 0 < sum(part != right for part, right in zip(case, good, strict=True)) <= most_wrong
    ]
    served = [case for case in cases if status_of(client, path, *case) < 400]
    assert served == []
    assert [(job.id, job.status) for job in service.manager.store.jobs()] == [(live, "running")]
    assert status_of(client, path, *good) in (200, 201)


def status_of(
    client: Client, path: str, host: str | None, origin: str | None, token: str | None, method: str, body: Any
) -> int:
    """Return the status of the answer to a request, which allows nobody else's page to read it."""
    headers = {"Host": host, "Origin": origin, "Authorization": token, "Content-Type": body[0]}
    try:
        answer = client.ask(method, path, headers, body[1])
    except ConnectionResetError:
        # What is no HTTP is not read to its end.
        assert host is None
        return 400
    assert "access-control-allow-origin" not in answer.headers
    return answer.status


def test_whoever_is_refused_gets_to_know_why(strict: Client) -> None:
    """Also one that sends much more than the server has read by then: the answer comes, and no broken connection."""
    body = b'{"pipeline": "' + b"x" * 900_000 + b'"}'
    for headers, status in (({"Authorization": None}, 401), ({"Content-Type": "text/plain"}, 415)):
        answer = strict.ask("POST", "/api/jobs", headers, body)
        assert (answer.status, bool(answer.json["error"]["text"])) == (status, True)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": None}, 400),
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Authorization": None}, 401),
        ({"Authorization": "Bearer é"}, 401),
    ],
)
def test_every_path_is_guarded(strict: Client, headers: dict[str, str | None], status: int) -> None:
    """No path is forgotten; the page alone is free of the token, and of nothing else."""
    paths = [
        "/openapi.json",
        "/api/jobs",
        "/api/jobs/x",
        "/api/jobs/x/events",
        "/api/events",
        "/api/pipelines",
        "/none",
    ]
    for path in [*paths, *PAGE]:
        answer = strict.ask("GET", path, headers)
        assert answer.status == (200 if path in PAGE and "Authorization" in headers else status), path


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nothing_changes_by_reading(strict: Client, method: str) -> None:
    """A request to read neither starts nor aborts, and takes no body."""
    assert strict.ask(method, ABORT).status == 405
    assert strict.ask(method, "/api/jobs", body=START).status == 400


def test_a_page_and_its_answers_allow_nothing_foreign(strict: Client) -> None:
    """Every answer, also a refusal, forbids scripts, frames and connections of others, and being kept."""
    for path in [*PAGE, "/api/jobs", "/none"]:
        headers = strict.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert (headers["x-frame-options"], headers["cache-control"]) == ("DENY", "no-store")
    for path in PAGE:
        body = strict.ask("GET", path, {"Authorization": None}).body.replace(b"http://www.w3.org/2000/svg", b"")
        assert b"http:" not in body
        assert b"https:" not in body
        assert TOKEN.encode() not in body


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_long_is_not_read(strict: Client, announced: bool) -> None:
    """Whether its length is announced or it comes in chunks without end."""
    body = b'{"pipeline": "' + b"x" * (1 << 20) + b'"}'
    with socket.create_connection(("127.0.0.1", strict.port), timeout=20) as opened:
        length = f"Content-Length: {len(body)}" if announced else "Transfer-Encoding: chunked"
        head = (
            f"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1:{strict.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Type: application/json\r\n{length}\r\n\r\n"
        )
        opened.sendall(head.encode() + (body if announced else b"%x\r\n%s\r\n" % (len(body), body)))
        assert opened.recv(4096).split()[1] == b"413"


def test_a_body_that_is_announced_far_too_long_is_refused_before_it_comes(strict: Client) -> None:
    """Nobody has to send it first."""
    length: dict[str, str | None] = {"Content-Length": str(1 << 40), "Content-Type": "application/json"}
    assert strict.ask("POST", "/api/jobs", length).status == 413


def test_a_method_that_a_path_does_not_take_is_refused_with_all_that_it_takes(strict: Client) -> None:
    """Those of each of its routes."""
    answer = strict.ask("DELETE", "/api/jobs")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize("number", ["x", "-2", "1e3", "9" * 5000, "١"])
def test_a_last_event_id_that_is_no_number_is_refused(strict: Client, number: str) -> None:
    """It is not taken for the beginning."""
    sent = number.encode().decode("latin-1")
    assert strict.ask("GET", "/api/jobs/x/events", {"Last-Event-ID": sent}).status == 400


def test_a_proxys_name_is_served_when_it_is_allowed(service: Service) -> None:
    """With the origin of its pages, and no other name."""
    server = Server(service, TOKEN, hosts=["jobs.example.org"])
    server.start()
    client = Client(server.port)
    good: dict[str, str | None] = {"Host": "jobs.example.org", "Origin": "https://jobs.example.org"}
    assert client.ask("GET", "/api/jobs", good).status == 200
    assert client.ask("GET", "/api/jobs", {**good, "Host": "example.org"}).status == 421
    assert client.ask("GET", "/api/jobs", {**good, "Origin": "https://example.org"}).status == 403
    server.stop()


def test_the_token_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    """It is read back as it was; renewed, it is another; a file that others can read is refused."""
    file = tmp_path / "folder" / "token"
    first = read_token(file)
    assert first.made
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_token(file) == (first.text, False)
    assert read_token(file, renew=True).text != first.text
    file.chmod(0o644)
    with pytest.raises(TransmissionsError, match="others can read this token; renew it with --new-token"):
        read_token(file)
    file.write_text("short", encoding="ascii")
    file.chmod(0o600)
    with pytest.raises(TransmissionsError, match="this is no token"):
        read_token(file)


@pytest.mark.parametrize(
    "content", ["precious\n", "two lines\nof forty characters, none of them a token\n", "x" * 5000]
)
def test_a_new_token_takes_the_place_of_no_other_file(tmp_path: Path, content: str) -> None:
    """A file that holds something else stays as it is, and nothing advises to renew it; an empty one is taken."""
    file = tmp_path / "precious"
    file.write_text(content, encoding="ascii")
    file.chmod(0o600)
    for renew in (False, True):
        with pytest.raises(TransmissionsError, match=r"this is no token .* name another file") as raised:
            read_token(file, renew=renew)
        assert "--new-token" not in str(raised.value)
        assert file.read_text(encoding="ascii") == content
    file.write_text("", encoding="ascii")
    with pytest.raises(TransmissionsError, match="this file is empty; --new-token"):
        read_token(file)
    assert read_token(file, renew=True).made
