"""The door to the network: answers are whole, bounded, paced and asked for again, and nothing leaks."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from transmissions import FetchFailed
from transmissions.pacing import asked_wait

Make = Callable[..., Any]


def test_an_answer_comes_whole(web: Any, fetcher: Make) -> None:
    """Status, headers, body, type and charset are those that were sent, and so is what was asked."""
    web.answers["/a?b=c"] = (
        201,
        {"Content-Type": "text/plain; charset=latin-1", "X-One": "1"},
        "grün".encode("latin-1"),
    )
    got = fetcher().fetch(f"{web.address}a?b=c", "POST", headers={"X-Two": "2"}, body=b"body")
    assert (got.status, got.text, got.media_type, got.headers["x-one"]) == (201, "grün", "text/plain", "1")
    method, path, headers, body = web.asked[0]
    assert (method, path, headers["x-two"], body) == ("POST", "/a?b=c", "2", b"body")


def test_a_status_is_no_error(web: Any, fetcher: Make) -> None:
    """What a status means is the caller's affair; it is asked once."""
    assert fetcher().fetch(f"{web.address}nowhere").status == 404
    assert len(web.asked) == 1


def test_a_packed_answer_is_unpacked(web: Any, fetcher: Make) -> None:
    """A packed body comes as it was before."""
    web.answers["/z"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(b"text" * 1000))
    assert fetcher().fetch(f"{web.address}z").content == b"text" * 1000


@pytest.mark.parametrize(
    ("headers", "body"),
    [({}, b"x" * 2000), ({"Content-Encoding": "gzip"}, gzip.compress(b"x" * 50_000_000))],
    ids=["as it is", "packed"],
)
def test_an_answer_that_is_too_large_is_refused(headers: dict[str, str], body: bytes, web: Any, fetcher: Make) -> None:
    """The bound holds for what the body is once it is unpacked."""
    web.answers["/"] = (200, headers, body)
    with pytest.raises(FetchFailed, match="larger than 1000 bytes"):
        fetcher(max_bytes=1000).fetch(web.address)
    assert len(web.asked) == 1


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"Content-Encoding": "br"}, "packed as br"),
        ({"Content-Encoding": "gzip"}, "says that it is packed, and is not"),
    ],
)
def test_an_answer_in_no_known_packing_is_refused(headers: dict[str, str], text: str, web: Any, fetcher: Make) -> None:
    """What cannot be unpacked is no answer."""
    web.answers["/"] = (200, headers, b"nothing of the kind")
    with pytest.raises(FetchFailed, match=text):
        fetcher().fetch(web.address)


@pytest.mark.parametrize("kept", [5, 12, -9, -1])
def test_a_packed_answer_that_is_cut_short_is_refused(kept: int, web: Any, fetcher: Make) -> None:
    """Half of a packed text is none, although the connection ended in order; the error says where it came from."""
    web.answers["/z"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(b"a text of some length")[:kept])
    with pytest.raises(FetchFailed, match=r"/z: its answer says that it is packed, and is not, or not whole"):
        fetcher().fetch(f"{web.address}z")


def test_what_has_no_body_may_be_called_packed(web: Any, fetcher: Make) -> None:
    """A server may tell the same headers where it sends nothing."""
    web.answers["/z"] = (200, {"Content-Encoding": "gzip"}, b"")
    assert fetcher().fetch(f"{web.address}z").content == b""


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_who_is_busy_is_asked_again(status: int, web: Any, fetcher: Make, clock: Any) -> None:
    """A host that is busy is asked again, each time after a longer while, as often as was said."""
    web.answers["/"] = [(status, {}, b"")] * 2 + [(200, {}, b"at last")]
    assert fetcher(attempts=3).fetch(web.address).content == b"at last"
    assert len(clock.slept) == 2
    assert 0.25 <= clock.slept[0] <= 0.5 <= clock.slept[1] <= 1.0


def test_the_last_attempt_gives_what_there_is(web: Any, fetcher: Make) -> None:
    """When a host stays busy, that is the answer."""
    web.answers["/"] = (503, {}, b"busy")
    assert fetcher(attempts=3).fetch(web.address).status == 503
    assert len(web.asked) == 3


def test_a_host_says_when_to_come_back(web: Any, fetcher: Make, clock: Any) -> None:
    """The wait that an answer asks for is kept; one of more than a minute is not waited for."""
    web.answers["/"] = [(503, {"Retry-After": "7"}, b""), (200, {}, b"")]
    assert fetcher().fetch(web.address).status == 200
    assert clock.slept == [7.0]
    web.answers["/later"] = (503, {"Retry-After": "3600"}, b"")
    assert fetcher().fetch(f"{web.address}later").status == 503
    assert clock.slept == [7.0]


def test_a_time_to_come_back_may_be_a_date() -> None:
    """A date is so many seconds away; one that is past, or none at all, is no wait."""
    from datetime import UTC, datetime, timedelta

    assert 3500 < asked_wait(format_datetime(datetime.now(UTC) + timedelta(hours=1))) <= 3600
    assert asked_wait("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert asked_wait("-5") == asked_wait("²") == 0
    assert asked_wait(f"Wed, {'9' * 30} Oct 2015 07:28:00 +{'9' * 30}") == 0


def test_what_must_not_be_repeated_is_sent_once(web: Any, fetcher: Make, clock: Any) -> None:
    """A POST that a busy host may have acted on is not sent again."""
    web.answers["/"] = (503, {}, b"")
    assert fetcher().fetch(web.address, "POST", body=b"order").status == 503
    web.answers["/"] = hang_up
    with pytest.raises(FetchFailed, match="broke off"):
        fetcher().fetch(web.address, "POST", body=b"order")
    assert len(web.asked) == 2
    assert clock.slept == []


@pytest.mark.parametrize(("status", "times"), [(429, 2), (503, 2), (502, 1), (504, 1)])
def test_what_was_turned_away_may_be_sent_again(status: int, times: int, web: Any, fetcher: Make) -> None:
    """Who asks for it sends a POST again after an answer by which nothing was done, and after no other."""
    web.answers["/"] = [(status, {}, b""), (200, {}, b"done")]
    fetcher().fetch(web.address, "POST", body=b"order", again_if_turned_away=True)
    assert len(web.asked) == times


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """End a connection in the middle of an answer."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    handler.wfile.flush()
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def test_half_an_answer_is_none(web: Any, fetcher: Make) -> None:
    """An answer that breaks off is asked for again; it is never taken for whole."""
    web.answers["/"] = [hang_up, (200, {}, b"whole")]
    assert fetcher().fetch(web.address).content == b"whole"
    web.answers["/"] = hang_up
    with pytest.raises(FetchFailed, match="broke off"):
        fetcher(attempts=2).fetch(web.address)
    assert len(web.asked) == 4


def test_a_host_that_is_not_there_is_told(fetcher: Make, clock: Any) -> None:
    """Who cannot be reached is tried again, and told by address and reason, also for what must not be repeated."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/a"
        with pytest.raises(FetchFailed, match=f"^{address}: cannot be reached: "):
            fetcher(attempts=3).fetch(address, "POST")
    assert len(clock.slept) == 2


def test_no_answer_takes_longer_than_it_may(web: Any, fetcher: Make) -> None:
    """An answer that comes drop by drop does not outlast the time for the whole."""
    given_up = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        try:
            while not given_up.wait(0.02):
                handler.wfile.write(b"x")
        except OSError:
            pass
        handler.close_connection = True

    web.answers["/"] = drip
    import time

    try:
        with pytest.raises(FetchFailed, match=r"no whole answer in 0.2 s"):
            fetcher(timeout_s=0.2, attempts=1, clock=time.monotonic).fetch(web.address)
    finally:
        given_up.set()


def test_a_host_is_asked_no_more_often_than_was_said(web: Any, fetcher: Make, clock: Any) -> None:
    """Requests to one host are spread over time; the first one goes at once."""
    web.answers["/"] = (200, {}, b"")
    one = fetcher(per_second=4)
    for _ in range(4):
        one.fetch(web.address)
    assert clock.slept == [0.25, 0.25, 0.25]


def test_redirects_are_followed_so_far(web: Any, fetcher: Make) -> None:
    """A redirect is followed, relative or not; more than were allowed are a failure."""
    web.answers["/1"] = (302, {"Location": "2"}, b"")
    web.answers["/2"] = (301, {"Location": f"{web.address}3"}, b"")
    web.answers["/3"] = (200, {}, b"here")
    got = fetcher(max_redirects=2).fetch(f"{web.address}1")
    assert (got.content, got.url) == (b"here", f"{web.address}3")
    with pytest.raises(FetchFailed, match="more than 1 redirects"):
        fetcher(max_redirects=1).fetch(f"{web.address}1")


def test_a_redirect_to_another_host_carries_no_secret(web: Any, fetcher: Make) -> None:
    """Headers that a pipeline sends are for the host that it names, whoever that one sends it to."""
    elsewhere = web.address.replace("127.0.0.1", "localhost")
    web.answers["/away"] = (307, {"Location": f"{elsewhere}b"}, b"")
    web.answers["/here"] = (307, {"Location": "/b"}, b"")
    web.answers["/b"] = (200, {}, b"")
    secret = {"Authorization": "Bearer canary", "X-Api-Key": "canary", "Accept": "text/html"}
    one = fetcher("127.0.0.1", "localhost")
    one.fetch(f"{web.address}away", headers=secret)
    assert "canary" in str(web.asked[0])
    assert "canary" not in str(web.asked[1])
    assert web.asked[1][2]["accept"] == "text/html"
    one.fetch(f"{web.address}here", headers=secret)
    assert web.asked[3][2]["x-api-key"] == "canary"


def test_cookies_are_not_kept(web: Any, fetcher: Make) -> None:
    """What a host wants remembered is not told to it again."""
    web.answers["/"] = (200, {"Set-Cookie": "id=5"}, b"")
    one = fetcher()
    one.fetch(web.address)
    one.fetch(web.address)
    assert "cookie" not in web.asked[1][2]


def test_proxies_of_the_environment_are_not_used(web: Any, fetcher: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would look names up itself, behind the back of every check."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    web.answers["/"] = (200, {}, b"")
    assert fetcher().fetch(web.address).status == 200


def test_no_error_tells_what_proves_who_asks(web: Any, fetcher: Make) -> None:
    """Passwords and what stands behind the question mark of an address are in no error."""
    web.answers["/a?key=canary"] = hang_up
    address = web.address.replace("http://", "http://user:canary@")
    with pytest.raises(FetchFailed) as caught:
        fetcher(attempts=1).fetch(f"{address}a?key=canary")
    assert "canary" not in str(caught.value)
    assert f"{web.address}a?…" in str(caught.value)


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X\r\nY": "b"}])
def test_a_header_cannot_bring_another(headers: dict[str, str], web: Any, fetcher: Make) -> None:
    """A value with the end of a line in it is refused, not sent."""
    with pytest.raises(FetchFailed):
        fetcher().fetch(web.address, headers=headers)
    assert web.asked == []
