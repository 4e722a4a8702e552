"""A secret that a pipeline uses is in nothing that a run leaves behind or says, also when it fails.

Holds "secrets": a canary is searched for in every byte of files, reports, logs, plans and errors.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from transmissions import secrets
from transmissions.cli import main

CANARY = "canary-7f3a/b+c=="
PIPELINE = """@prefix : <http://purl.org/stuff/transmissions/> .
:p a :EntryTransmission ; :pipe (:show :get :write) .
:show a :ShowMessage .
:get a :HttpClient ; :settings [ :attempts 1 ; :onFailure "ON_FAILURE" ;
    :headers [ :name "Authorization" ; :value "Bearer {{ env.API_KEY }}" ] ] .
:write a :FileWriter ; :settings [ :destinationFile "page.json" ; :contentField "http" ] .
"""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        sent.append(self.headers.get("Authorization", ""))
        if self.path.startswith("/broken"):
            self.wfile.write(b"nothing that HTTP knows\r\n")
            return
        self.send_response(500 if self.path.startswith("/error") else 200)
        self.send_header("Content-Length", "2")
        self.send_header("Set-Cookie", f"session={CANARY}")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: Any) -> None:
        pass


sent: list[str] = []


@pytest.fixture
def address() -> Iterator[str]:
    """Serve on this machine, and forget every secret afterwards."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
    secrets.forget_all()


@pytest.mark.parametrize("path", ["/", "/error", "/broken"])
@pytest.mark.parametrize("on_failure", ["fail", "field"])
@pytest.mark.parametrize("flags", [["--debug", "-v"], []], ids=["debug", "plain"])
def test_no_byte_of_a_run_holds_a_secret(
    path: str,
    on_failure: str,
    flags: list[str],
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Files, report, messages, log and errors are searched for it, and the server tells that it was used."""
    monkeypatch.setenv("API_KEY", CANARY)
    monkeypatch.chdir(tmp_path)
    Path("get.ttl").write_text(PIPELINE.replace("ON_FAILURE", on_failure), encoding="utf-8")
    sent.clear()
    message = f'{{"url": "http://{address}{path}?key=1"}}'
    begun = ["run", "get.ttl", "-m", message, "--target", "out", "--allow-host", "127.0.0.1"]
    code = main([*begun, "--report", "report.json", "--messages", "left.jsonl", *flags])
    assert sent == [f"Bearer {CANARY}"]
    assert (code == 0) is (path == "/" or (on_failure == "field" and path == "/error"))
    said = capfd.readouterr()
    left = {str(file): file.read_text("utf-8", "replace") for file in tmp_path.rglob("*") if file.is_file()}
    assert "get.ttl" in str(left) and "report.json" in str(left)
    for place, text in {"stdout": said.out, "stderr": said.err, **left}.items():
        assert CANARY not in text, place
        assert "canary" not in text, place


SHOWN = """@prefix : <http://purl.org/stuff/transmissions/> .
:p a :EntryTransmission ; :pipe (:get :fill :each) .
:get a :HttpClient ; :settings [ :url "http://e.org/?key={{ env.API_KEY }}" ;
    :headers [ :name "Authorization" ; :value "Bearer {{ env.API_KEY }}" ] ] .
:fill a :Restructure ; :settings [ :remove "{{ env.API_KEY }}" ;
    :rename ( [ :pre "{{ env.API_KEY }}" ; :post "b" ] ) ] .
:each a :ForEach ; :settings [ MORE ] .
"""


@pytest.mark.parametrize(
    "words",
    [
        ["run", "p.ttl", "--dry-run"],
        ["run", "p.ttl", "--dry-run", "--json"],
        ["run", "p.ttl", "-m", "{}", "--debug"],
        ["validate", "p.ttl"],
        ["validate", "p.ttl", "--json"],
        ["graph", "p.ttl"],
        ["graph", "p.ttl", "--format", "dot"],
        ["graph", "p.ttl", "--format", "svg"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("more", ["", ':limit "{{ env.API_KEY }}"', ':forEach "x.{{ env.API_KEY }}"'])
def test_nothing_that_shows_a_pipeline_shows_its_secrets(
    words: list[str],
    more: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Plans, drawings, problems and errors say that there is a secret, in whatever part of a setting it stands."""
    monkeypatch.setenv("API_KEY", CANARY)
    monkeypatch.chdir(tmp_path)
    Path("p.ttl").write_text(SHOWN.replace("MORE", more), encoding="utf-8")
    try:
        main(words)
    finally:
        secrets.forget_all()
    said = capfd.readouterr()
    assert said.out + said.err
    assert "canary" not in said.out + said.err
    assert not [
        path for path in tmp_path.rglob("*") if path.is_file() and "canary" in path.read_text("utf-8", "replace")
    ]
