"""EndpointsGenerator: the file it writes works for the stages that ask a server, and holds no secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import transmissions
from transmissions import StageError

PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"


def run(folder: Path, stage: str, message: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what leaves a pipeline of one stage."""
    (folder / "p.ttl").write_text(f"{PREFIX}:p a :EntryTransmission ; :pipe (:s) .\n:s {stage} .")
    pipeline = transmissions.load(folder / "p.ttl")
    (left,) = pipeline.stream(messages=message or {}, target=folder, allow_hosts=["127.0.0.1"])
    return left


def test_what_it_writes_is_what_the_others_read(
    serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """A query by way of the file reaches the data set's address with the password, which no file holds."""
    monkeypatch.setenv("STORE_USER", "user")
    monkeypatch.setenv("STORE_PASSWORD", "canary-4711")
    monkeypatch.chdir(tmp_path)
    with serve("canary-4711") as server:
        left = run(
            tmp_path,
            f'a :EndpointsGenerator ; :settings [ :dataset "a b" ; :server "{server.address}" ; '
            ':userVariable "STORE_USER" ; :passwordVariable "STORE_PASSWORD" ; :destinationFile "to/ends.json" ]',
        )
        assert left["endpoints"] == [f"{server.address}/a%20b/query", f"{server.address}/a%20b/update"]
        asks = 'a :SPARQLSelect ; :settings [ :endpointSettings "to/ends.json" ; :template "SELECT * { ?s ?p ?o }" ]'
        assert run(tmp_path, asks)["queryResults"]["results"]["bindings"] == []
        assert [one[0] for one in server.requests] == ["a%20b/query"]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"canary" in path.read_bytes()]


def test_a_server_that_asks_nobody_has_no_credentials(tmp_path: Path) -> None:
    """Without a variable for the user there are none, and writing again changes nothing."""
    stage = 'a :EndpointsGenerator ; :settings [ :dataset "d" ; :userVariable "" ]'
    run(tmp_path, stage)
    text = (tmp_path / "endpoints.json").read_text()
    assert "credentials" not in text
    (tmp_path / "q.ttl").write_text(f"{PREFIX}:p a :EntryTransmission ; :pipe (:s) .\n:s {stage} .")
    result = transmissions.load(tmp_path / "q.ttl").run(target=tmp_path)
    assert (result.outputs["unchanged"], (tmp_path / "endpoints.json").read_text()) == (1, text)


def test_in_an_application_the_file_is_where_it_is_looked_for(tmp_path: Path) -> None:
    """It is written in the application's folder, whatever fields of its settings' names the message has."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "transmissions.ttl").write_text(
        f'{PREFIX}:t a :Transmission ; :pipe (:s) .\n:s a :EndpointsGenerator ; :settings [ :dataset "d" ] .'
    )
    message = {"dataset": "<urn:a> <urn:b> <urn:c> .", "destinationFile": "other.json", "server": "http://10.0.0.1/"}
    (left,) = transmissions.load(app).stream(messages=message)
    assert left["endpoints"][0] == "http://localhost:3030/d/query"
    assert sorted(path.name for path in app.iterdir()) == ["endpoints.json", "transmissions.ttl"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (':server "http://me:canary@localhost/"', "refused: :server holds who asks"),
        (':server "localhost:3030"', "is none that begins with http://"),
        (':passwordVariable "secret value"', "is no name of a variable"),
        (':passwordVariable ""', "is no name of a variable"),
        (':destinationFile "../endpoints.json"', "refused"),
    ],
)
def test_what_must_not_be_written_is_refused(settings: str, said: str, tmp_path: Path) -> None:
    """No password comes into the file by way of the address, none in place of its variable, and none elsewhere."""
    target = tmp_path / "target"
    target.mkdir()
    with pytest.raises(StageError, match=said) as caught:
        run(target, f'a :EndpointsGenerator ; :settings [ :dataset "d" ; {settings} ]')
    assert "canary" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.rglob("*.json")) == []
