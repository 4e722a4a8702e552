"""Where a run may connect to: nowhere that whoever runs it has not allowed, by whatever way.

Holds "SSRF table": spellings of addresses, redirects and names that flip are refused, and what is right passes.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from transmissions import Fetcher, FetchFailed, Network, NetworkRefused, TransmissionsError
from transmissions.cli import main

NAMES = {
    "good.example": ["127.0.0.1"],
    "inside.example": ["10.0.0.5"],
    "mixed.example": ["127.0.0.1", "192.168.1.1"],
    "far.example": ["8.8.8.8"],
}
HOSTILE = [
    "http://127.0.0.2/",
    "http://127.0.0.2:8080/x",
    "http://2130706434/",
    "http://0x7f000002/",
    "http://0x7f.0.0.2/",
    "http://0177.0.0.2/",
    "http://127.2/",
    "http://127.0.2/",
    "http://0/",
    "http://0.0.0.0/",
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.2]/",
    "http://[::ffff:7f00:2]/",
    "http://[::127.0.0.2]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[64:ff9b::7f00:2]/",
    "http://[2002:7f00:2::]/",
    "http://[fe80::1]/",
    "http://[fc00::1]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[::ffff:0:7f00:2]/",
    "http://[64:ff9b:1::7f00:2]/",
    "http://[64:ff9b:1:fffe::a00:1]/",
    "http://[2001:0:7f00:2::]/",
    "http://[2001:db8::1]/",
    "http://[3fff::1]/",
    "http://[5f00::1]/",
    "http://[8000::1]/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://192.88.99.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.64.0.1/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://240.0.0.1/",
    "http://inside.example/",
    "http://mixed.example/",
    "http://INSIDE.EXAMPLE./",
    "http://good.example@inside.example/",
    "http://good.example%2f@inside.example/",
    "http://inside.example#@good.example/",
    "http://①②⑦.0.0.2/",
    "file:///etc/passwd",
    "data:text/plain,x",
    "unix:///var/run/docker.sock",
    "gopher://127.0.0.1/",
    "ftp://good.example/",
    "//good.example/",
    "http:///etc/passwd",
    "http://good.example:99999/",
    "javascript:alert(1)",
    "",
]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        asked.append(self.path)
        self.send_response(302 if self.path.startswith("/to?") else 200)
        if self.path.startswith("/to?"):
            self.send_header("Location", self.path.removeprefix("/to?"))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


asked: list[str] = []


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Serve on 127.0.0.1 and give the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def look_up(host: str, port: int) -> list[str]:
    """Look names up as the tests want them, and spellings of addresses as the system does."""
    from transmissions.fetch import look_up as system

    name = host.lower().rstrip(".")
    if name.endswith(".example"):
        return NAMES.get(name, [])
    return system(host, port)


def fetcher(*hosts: str, look_up: Any = look_up, **options: Any) -> Fetcher:
    """Make a fetcher that may connect to 127.0.0.1, as a stand-in for the internet, and to these names."""
    allowed = Network.allowing(["127.0.0.1/32", *hosts])
    return Fetcher(allowed, attempts=1, timeout_s=2, per_second=0, look_up=look_up, **options)


@pytest.mark.parametrize("url", HOSTILE)
def test_addresses_that_are_none_of_the_internet_are_refused(url: str) -> None:
    """With every name allowed, no spelling of an address leads to this machine or the network around it."""
    with pytest.raises((NetworkRefused, FetchFailed)) as caught:
        fetcher("*").fetch(url)
    assert_refused(caught.value)


def assert_refused(error: Exception) -> None:
    """Assert that no connection was tried: an address was refused, or it is none."""
    is_none = "cannot be asked for" in str(error) or "begin with http" in str(error)
    assert isinstance(error, NetworkRefused) or is_none, error


@pytest.mark.parametrize("url", [url for url in HOSTILE if url.isascii() and ":" in url and "http:///" not in url])
def test_a_redirect_leads_nowhere_that_is_refused(url: str, port: int) -> None:
    """A redirect is checked as the first address is."""
    with pytest.raises((NetworkRefused, FetchFailed)) as caught:
        fetcher("*").fetch(f"http://good.example:{port}/to?{url}")
    assert_refused(caught.value)


@pytest.mark.parametrize(
    "path", ["/", "/a", "/to?/a", "/to?http://good.example:{port}/a", "/to?http://127.0.0.1:{port}/a"]
)
def test_what_is_allowed_is_reached(path: str, port: int) -> None:
    """The table refuses nothing that is right."""
    with_port = path.format(port=port)
    assert fetcher("good.example").fetch(f"http://good.example:{port}{with_port}").status == 200


def test_a_name_that_flips_is_looked_up_once_for_each_connection(port: int) -> None:
    """The address that was checked is the one that is connected to, whatever the name says a moment later."""
    answers = [["127.0.0.1"], ["127.0.0.2"]]
    taken: list[list[str]] = []

    def flip(host: str, port: int) -> list[str]:
        taken.append(answers[min(len(taken), 1)])
        return taken[-1]

    one = fetcher("flip.example", look_up=flip)
    assert one.fetch(f"http://flip.example:{port}/").status == 200
    assert taken == [["127.0.0.1"]]
    one.close()
    again = fetcher("flip.example", look_up=flip)
    with pytest.raises(NetworkRefused, match=r"it is at 127\.0\.0\.2"):
        again.fetch(f"http://flip.example:{port}/")


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"X-A": "a\r\nInjected: 1"}),
        ("GET", {"X-A": "a\nInjected: 1"}),
        ("GET", {"X-A\r\nInjected": "1"}),
        ("GET", {"X-A: 1\r\nInjected": "1"}),
        ("GET", {"X-A": "a\0b"}),
        ("GET", {"X-A": "é"}),
        ("GET", {"": "x"}),
        ("GET", {"Host": "inside.example"}),
        ("GET", {" host ": "inside.example"}),
        ("POST", {"Content-Length": "1"}),
        ("POST", {"Content-Length": "100"}),
        ("POST", {"TRANSFER-ENCODING": "chunked"}),
        ("GET", {"Connection": "upgrade"}),
        ("GET", {"Upgrade": "h2c"}),
        ("GET", {"Proxy-Authorization": "x"}),
        ("GET / HTTP/1.1\r\nInjected: 1\r\n\r\nGET", {}),
        ("connect", {}),
        ("", {}),
    ],
)
def test_a_request_is_one_request_to_the_host_that_was_checked(method: str, headers: dict[str, str], port: int) -> None:
    """Nothing in a method or a header, as a message may bring them, begins a second request or names another host."""
    asked.clear()
    with pytest.raises(FetchFailed):
        fetcher("good.example").fetch(
            f"http://good.example:{port}/", method, headers=headers, body=b"x" if method == "POST" else None
        )
    assert asked == []


@pytest.mark.parametrize("path", ["/a b\r\nX: 1", "/a\r\n\r\nGET /b", "/\0", "/a\tb\n"])
def test_an_address_ends_no_line(path: str, port: int) -> None:
    """Control characters in an address are refused, so that it stays in the first line of the request."""
    asked.clear()
    with pytest.raises(FetchFailed):
        fetcher("good.example").fetch(f"http://good.example:{port}{path}")
    assert asked == []


@pytest.mark.parametrize(
    ("allowed", "host", "may"),
    [
        ("example.org", "example.org", True),
        ("example.org", "EXAMPLE.org.", True),
        ("example.org", "www.example.org", False),
        ("*.example.org", "www.example.org", True),
        ("*.example.org", "a.b.example.org", True),
        ("*.example.org", "example.org", False),
        ("*.example.org", "badexample.org", False),
        ("example.org", "example.org.evil.net", False),
        ("bücher.example", "xn--bcher-kva.example", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("[::1]", "::1", True),
        ("*", "anything.at.all", True),
        ("localhost", "localhost", True),
        ("localhost", "127.0.0.1", True),
    ],
)
def test_a_name_is_allowed_or_not(allowed: str, host: str, may: bool) -> None:
    """A name allows itself, a star what is below it, an address or network just that."""
    network = Network.allowing([allowed])
    if may:
        network.check_name(host)
    else:
        with pytest.raises(NetworkRefused, match="--allow-host"):
            network.check_name(host)


def test_nothing_is_allowed_that_was_not_named() -> None:
    """Without a word from whoever runs it, a run connects to nothing, not even by looking a name up."""
    looked: list[str] = []
    one = Fetcher(Network(), look_up=lambda host, port: looked.append(host) or [])
    with pytest.raises(NetworkRefused, match=r"example\.org: refused: .*--allow-host example\.org"):
        one.fetch("https://example.org/")
    assert looked == []


@pytest.mark.parametrize("host", ["http://example.org/", "a b", "exa*mple.org", "", "10.0.0.0/33", "a/b"])
def test_what_is_no_host_cannot_be_allowed(host: str) -> None:
    """A mistake on the command line is told, not taken for a name that never matches."""
    with pytest.raises(TransmissionsError, match="cannot allow the host"):
        Network.allowing([host])


GET = """@prefix : <http://purl.org/stuff/transmissions/> .
:get a :EntryTransmission ; :pipe (:one) .
:one a :HttpGet .
"""


def test_the_command_line_is_asked(
    port: int, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`trans run` connects to what `--allow-host` names, and says how to allow what it refuses."""
    (tmp_path / "get.ttl").write_text(GET)
    monkeypatch.chdir(tmp_path)
    run = functools.partial(main)
    begun = ["run", "get.ttl", "-m", f'{{"url": "http://127.0.0.1:{port}/cli"}}']
    asked.clear()
    assert run(begun) == 1
    assert "--allow-host 127.0.0.1" in capsys.readouterr().err
    assert asked == []
    assert run([*begun, "--allow-host", "127.0.0.1"]) == 0
    assert asked == ["/cli"]
    assert run([*begun, "--allow-host", "http://x/"]) == 2
