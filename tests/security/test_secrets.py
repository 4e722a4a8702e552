"""A secret that a pipeline uses is in nothing that a run leaves behind or says, also when it fails."""

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
