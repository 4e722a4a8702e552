"""HttpClient and HttpGet: what they send, what becomes of the answer and of a failure."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import transmissions
from transmissions import StageError

PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"
ANSWERS: dict[str, tuple[int, str, bytes]] = {
    "/json": (200, "application/ld+json; charset=utf-8", b'{"a": [1]}'),
    "/broken": (200, "application/json", b'{"a": '),
    "/html": (200, "text/html; charset=iso-8859-1", "<p>grün".encode("latin-1")),
    "/picture": (200, "image/png", b"\x89PNG\x00"),
    "/gone": (410, "text/plain", b"gone"),
}


class _Echo(BaseHTTPRequestHandler):
    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        said = json.dumps({"method": self.command, "body": body, "headers": headers}).encode()
        status, kind, content = ANSWERS.get(self.path, (200, "application/json", said))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Set-Cookie", "session=canary")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    """Serve on this machine: what was asked comes back as JSON."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def run(stage: str, message: dict[str, Any], folder: Path, *, application: bool = False) -> list[dict[str, Any]]:
    """Run a pipeline of one stage, or an application of it, and return what leaves it."""
    source = folder / ("transmissions.ttl" if application else "get.ttl")
    source.write_text(f"{PREFIX}:get a :EntryTransmission ; :pipe (:one) .\n:one {stage} .\n", encoding="utf-8")
    pipeline = transmissions.load(folder if application else source)
    return list(pipeline.stream(messages=message, target=folder, allow_hosts=["127.0.0.1"]))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/json", {"data": {"a": [1]}, "contentType": "application/ld+json"}),
        ("/broken", {"data": '{"a": ', "contentType": "application/json"}),
        ("/html", {"data": "<p>grün", "contentType": "text/html"}),
        (
            "/picture",
            {"data": base64.b64encode(b"\x89PNG\x00").decode(), "encoding": "base64", "contentType": "image/png"},
        ),
    ],
)
def test_an_answer_is_what_its_type_says(path: str, expected: dict[str, Any], echo: str, tmp_path: Path) -> None:
    """JSON is a value, text a text in its charset, and all else base 64; cookies stay out of the message."""
    (left,) = run("a :HttpClient", {"url": echo + path}, tmp_path)
    http = left["http"]
    assert {name: http[name] for name in expected} == expected
    assert (http["status"], "encoding" in http) == (200, path == "/picture")
    assert "canary" not in json.dumps(left)


def test_a_request_is_what_the_settings_say(echo: str, tmp_path: Path) -> None:
    """Method, headers and body come from the settings, and in a plain pipeline nothing of them from the message."""
    settings = (
        f':settings [ :url "{echo}/" ; :method "put" ; :headers [ :name "X-One" ; :value "1" ] ; '
        ':bodyField "value" ; :urlField "address" ]'
    )
    message = {"url": "http://elsewhere.example/", "method": "POST", "headers": {"X-Two": "2"}, "value": {"a": 1}}
    (left,) = run(f"a :HttpClient ; {settings}", message, tmp_path)
    said = left["http"]["data"]
    assert (said["method"], said["body"], said["headers"]["x-one"]) == ("PUT", '{"a":1}', "1")
    assert "x-two" not in said["headers"]


def test_in_an_application_the_message_says_what_is_asked(echo: str, tmp_path: Path) -> None:
    """There the message's fields come before the settings, as in the original, and a mark asks for nothing."""
    message = {"url": f"{echo}/", "method": "POST", "headers": {"X-Two": "2"}, "body": "text"}
    (left,) = run("a :HttpClient", message, tmp_path, application=True)
    said = left["http"]["data"]
    assert (said["method"], said["body"], said["headers"]["x-two"]) == ("POST", "text", "2")
    (mark,) = run("a :HttpClient", {**message, "done": True}, tmp_path, application=True)
    assert "http" not in mark


@pytest.mark.parametrize("processor", ["HttpClient", "HttpGet"])
def test_a_failure_fails_the_message_or_goes_on_in_it(processor: str, echo: str, tmp_path: Path) -> None:
    """A bad status, or a host that is not allowed, fails a message; where it is asked for, the message tells of it."""
    for url, text in ((f"{echo}/gone", "410 Gone"), ("http://10.0.0.1/", "--allow-host 10.0.0.1")):
        with pytest.raises(StageError, match=text):
            run(f"a :{processor}", {"url": url}, tmp_path)
        (left,) = run(f'a :{processor} ; :settings [ :onFailure "field" ]', {"url": url}, tmp_path)
        assert text in left["httpError"]
        assert "content" not in left
        (left,) = run(f"a :{processor}", {"url": url}, tmp_path, application=True)
        assert text in left["httpError"]


def test_an_address_is_needed(tmp_path: Path) -> None:
    """Without an address in settings or message, the error says where one would be looked for."""
    with pytest.raises(StageError, match="no address to ask: set :url, or the message's field url"):
        run("a :HttpGet", {}, tmp_path)
