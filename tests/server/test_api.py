"""The HTTP API: start, follow, leave, come back, abort."""

from __future__ import annotations

import itertools
import json
import random
import threading
from pathlib import Path

import pytest

from tests.jobs.conftest import together, when
from tests.server.conftest import PATIENCE_S, PIPELINE, Client
from transmissions.server import Service


def start(client: Client, **asked: object) -> str:
    """Start a run that goes on until the file `stop` is there; return its job's id."""
    answer = client.post("/api/jobs", {"pipeline": "numbers.ttl", "parameters": {"file": "stop"}, **asked})
    assert answer.status == 201, answer.body
    return str(answer.json["job"])


def test_a_run_is_started_followed_and_read_back(client: Client) -> None:
    """A bundled pipeline runs; its messages and its result are in its events, and in what the job amounts to."""
    answer = client.post("/api/jobs", {"pipeline": "hello", "parameters": {"name": "you"}})
    assert (answer.status, answer.json["made"]) == (201, True)
    job = answer.json["job"]
    assert answer.headers["location"] == f"/api/jobs/{job}"
    events = [json.loads(event.split(b"data: ")[1]) for event in client.events(job)]
    assert events[-1]["type"] == "end"
    assert any("you" in json.dumps(one["data"]) for one in events if one["type"] == "message")
    told = client.get(f"/api/jobs/{job}").json
    assert (told["job"]["status"], told["end"]["result"]["status"]) == ("complete", "complete")
    assert {box["stage"] for box in told["picture"]["boxes"]} == {one["stage"] for one in told["counters"]["stages"]}
    [listed] = client.get("/api/jobs").json["jobs"]
    assert (listed["id"], listed["status"], listed["pipeline"]) == (job, "complete", "hello")
    assert client.get("/api/jobs?status=live").json["jobs"] == []


def test_a_follower_that_comes_back_misses_and_repeats_nothing(client: Client, place: Path) -> None:
    """However often it leaves, what it got is byte for byte what one who stayed got."""
    job = start(client)
    got: list[bytes] = []
    for stay in (1, 3, 1, 7):
        got += itertools.islice(client.events(job, len(got) - 1 if got else None), stay)
    (place / "stop").touch()
    got += client.events(job, len(got) - 1)
    whole = list(client.events(job))
    assert b"".join(got) == b"".join(whole)
    assert [event.partition(b"\n")[0] for event in whole] == [b"id: %d" % number for number in range(len(whole))]
    assert client.ask("GET", f"/api/jobs/{job}/events", {"Last-Event-ID": str(len(whole) - 1)}).status == 204


def test_many_followers_that_leave_anywhere_have_the_text_to_the_byte(client: Client, service: Service) -> None:
    """Twenty follow a job while it writes, leave at random, and come back with `Last-Event-ID`; each has all of it."""
    begun = service.manager.begin()
    control, clients = begun.control, 20
    assert control is not None
    words = [f"{number}é " for number in range(1000)]
    arrived = threading.Semaphore(0)

    def act(place: int) -> str:
        if place == clients:
            for number, word in enumerate(words):
                if number % 10 == 0:
                    arrived.acquire(timeout=PATIENCE_S)
                control.text(word)
            control.finish()
            return "".join(words)
        chance = random.Random(place)
        got: list[bytes] = []
        while not got or b'"type":"end"' not in got[-1]:
            arrived.release()
            got += itertools.islice(client.events(control.id, len(got) - 1 if got else None), chance.randrange(1, 300))
        assert [event.partition(b"\n")[0] for event in got] == [b"id: %d" % number for number in range(len(got))]
        return "".join(json.loads(event.split(b"data: ")[1])["data"].get("text", "") for event in got)

    assert set(together(clients + 1, act)) == {"".join(words)}


def test_an_abort_ends_the_run_and_a_second_one_says_that_it_came_late(client: Client) -> None:
    """The follower is told by the last event, with the reason."""
    job = start(client)
    answer = client.post(f"/api/jobs/{job}/abort", {"reason": "enough"})
    assert (answer.status, answer.json["landed"], answer.json["acknowledged"]) == (200, True, True)
    last = json.loads(list(client.events(job))[-1].split(b"data: ")[1])
    assert (last["type"], last["data"]["status"], last["data"]["reason"]) == ("end", "aborted", "enough")
    assert client.post(f"/api/jobs/{job}/abort", {}).json["landed"] is False


def test_a_request_that_is_made_again_under_its_key_starts_nothing_twice(client: Client) -> None:
    """The second is led to the job of the first, also when there is no room for another."""
    first = start(client, key="once")
    start(client)
    again = client.post("/api/jobs", {"pipeline": "numbers.ttl", "parameters": {"file": "stop"}, "key": "once"})
    assert (again.status, again.json["job"], again.json["made"]) == (200, first, False)
    full = client.post("/api/jobs", {"pipeline": "hello"})
    assert (full.status, full.json["error"]["code"]) == (429, "busy")


def test_a_stream_has_one_live_run_unless_it_is_to_be_replaced(client: Client) -> None:
    """Whoever starts a second is told which one holds the stream."""
    first = start(client, stream="nightly")
    answer = client.post("/api/jobs", {"pipeline": "numbers.ttl", "parameters": {"file": "stop"}, "stream": "nightly"})
    assert (answer.status, answer.json["error"]["job"]) == (409, first)
    second = start(client, stream="nightly", replace=True)
    assert client.get(f"/api/jobs/{first}").json["job"]["status"] == "aborted"
    assert client.get(f"/api/jobs/{second}").json["job"]["status"] == "running"


def test_a_full_server_still_replaces_a_run_and_names_who_holds_a_stream(client: Client) -> None:
    """A run takes the place of the one that it replaces; without `replace` the holder is told, not that it is full."""
    first = start(client, stream="nightly")
    start(client, stream="other")
    asked = {"pipeline": "numbers.ttl", "parameters": {"file": "stop"}, "stream": "nightly"}
    held = client.post("/api/jobs", asked)
    assert (held.status, held.json["error"]["job"]) == (409, first)
    start(client, stream="nightly", replace=True)
    assert client.get(f"/api/jobs/{first}").json["job"]["status"] == "aborted"
    assert client.post("/api/jobs", {**asked, "stream": "third", "replace": True}).status == 429


def test_a_run_that_was_aborted_takes_its_place_until_it_has_stopped(client: Client, place: Path) -> None:
    """Whoever aborts runs that do not stop gets no more of them at once than there are places."""
    flow = PIPELINE.replace(":Until", ":Deaf").replace(":numbers", ":deaf")
    (place / "flows" / "deaf.ttl").write_text(flow, encoding="utf-8")
    for _ in range(2):
        job = start(client, pipeline="deaf.ttl")
        assert client.post(f"/api/jobs/{job}/abort", {}).json["landed"] is True
    asked = {"pipeline": "deaf.ttl", "parameters": {"file": "stop"}}
    refused = client.post("/api/jobs", asked)
    assert (refused.status, refused.json["error"]["code"]) == (429, "busy")
    (place / "stop").touch()
    when(lambda: client.post("/api/jobs", asked).status == 201)


def test_the_list_is_told_again_when_it_changes(client: Client) -> None:
    """Its events hold the whole list each time."""
    connection, response = client.open("GET", "/api/events")
    lines = (line for line in response if line.startswith(b"data: "))
    assert json.loads(next(lines).removeprefix(b"data: ")) == []
    job = client.post("/api/jobs", {"pipeline": "hello"}).json["job"]
    assert json.loads(next(lines).removeprefix(b"data: "))[0]["id"] == job
    response.close()
    connection.close()


def test_the_catalogue_has_what_may_be_run_and_what_it_takes(strict: Client) -> None:
    """Bundled pipelines, and those of the folders that are served, with their parameters; and the processors."""
    found = {one["name"]: one for one in strict.get("/api/pipelines").json["pipelines"]}
    assert {"hello", "numbers.ttl"} <= found.keys()
    assert [(one["name"], one["required"]) for one in found["numbers.ttl"]["parameters"]] == [("file", True)]
    assert {"NOP", "Until"} <= {one["name"] for one in strict.get("/api/processors").json["processors"]}


def test_the_openapi_document_names_every_path_that_is_served(strict: Client, service: Service) -> None:
    """What is routed is described, and what is described is routed."""
    from transmissions.server.app import PAGE, make_app

    routed = {
        (route.path, method.lower())
        for route in make_app(service, token="t", port=1).routes
        for method in (route.methods or set()) - {"HEAD"}
        if route.path not in PAGE
    }
    paths = strict.get("/openapi.json").json["paths"]
    assert {(path, method) for path, methods in paths.items() for method in methods} == routed


@pytest.mark.parametrize(
    "name",
    ["outside.ttl", "../outside.ttl", "flows/numbers.ttl", "/etc/passwd", "numbers", "", "numbers.ttl#other", "a\0b"],
)
def test_only_what_is_in_the_catalogue_is_run(strict: Client, strict_place: Path, name: str) -> None:
    """A name that leads elsewhere, in whatever way it is written, is not there; nor is what a link leads out to."""
    for one in (name, str(strict_place / "outside.ttl"), "link.ttl"):
        answer = strict.post("/api/jobs", {"pipeline": one, "parameters": {"file": "stop"}})
        assert (answer.status, answer.json["error"]["code"]) == (404, "pipeline")
    assert strict.get("/api/jobs").json["jobs"] == []


@pytest.mark.parametrize("target", ["..", "/tmp", "a/../../b", "link/x", "a\0b"])
def test_nothing_is_written_outside_the_servers_folder(strict: Client, strict_place: Path, target: str) -> None:
    """A target that leads out of it is refused, whether it is given as a target or as a parameter."""
    asked = {"pipeline": "claude-archive", "parameters": {"source": "none.json"}}
    answers = [
        strict.post("/api/jobs", {**asked, "target": target}),
        strict.post("/api/jobs", {**asked, "parameters": {"source": "none.json", "target": target}}),
    ]
    assert [(one.status, one.json["error"]["code"]) for one in answers] == [(422, "target")] * 2


@pytest.mark.parametrize(
    "parameters",
    [
        {"file": "stop", "overrides": {"count.file": "x"}},
        {"file": "stop", "fuse": False},
        {"file": "stop", "messages": "x"},
        {"file": "stop", "facts": "x"},
        {"file": {"a": 1}},
        {},
        ["stop"],
    ],
)
def test_parameters_are_those_that_the_pipeline_declares(strict: Client, parameters: object) -> None:
    """Nothing else of a run can be reached through them, and one that lacks is asked for."""
    answer = strict.post("/api/jobs", {"pipeline": "numbers.ttl", "parameters": parameters})
    assert answer.status == 422
    assert strict.get("/api/jobs?status=live").json["jobs"] == []


def test_what_is_refused_for_its_parameters_leaves_no_job_and_ends_none(client: Client) -> None:
    """Requests that cannot be run push no job out of the store, and the run that one would replace goes on."""
    first = start(client, stream="nightly")
    asked: dict[str, object] = {"pipeline": "numbers.ttl", "stream": "nightly", "replace": True}
    for parameters in ({}, {"file": ["a", "b"]}):
        answer = client.post("/api/jobs", {**asked, "parameters": parameters})
        assert (answer.status, answer.json["error"]["code"]) == (422, "parameters")
    assert [(one["id"], one["status"]) for one in client.get("/api/jobs").json["jobs"]] == [(first, "running")]


@pytest.mark.parametrize(
    ("parameters", "told"),
    [({}, "pipeline numbers needs the parameter file"), ({"file": ["a", "b"]}, "the parameter file must be text")],
)
def test_a_parameter_is_called_by_its_name(strict: Client, parameters: object, told: str) -> None:
    """And not by the option that it is on a command line."""
    text = strict.post("/api/jobs", {"pipeline": "numbers.ttl", "parameters": parameters}).json["error"]["text"]
    assert told in text
    assert "--" not in text


def test_a_run_whose_processor_cannot_be_made_leaves_no_job(client: Client, place: Path) -> None:
    """The answer says why, and that is all there is of it; jobs that failed in their runs stay."""
    for name in ("Unmade", "Fails"):
        flow = PIPELINE.replace(":Until", f":{name}").replace(":numbers", ":other")
        (place / "flows" / f"{name}.ttl").write_text(flow, encoding="utf-8")
    failed = start(client, pipeline="Fails.ttl")
    list(client.events(failed))
    answer = client.post("/api/jobs", {"pipeline": "Unmade.ttl", "parameters": {"file": "stop"}})
    assert (answer.status, "there is no such thing" in answer.json["error"]["text"]) == (422, True)
    assert [(one["id"], one["status"]) for one in client.get("/api/jobs").json["jobs"]] == [(failed, "error")]


@pytest.mark.parametrize("name", ["allow_hosts", "allow_programs"])
def test_no_parameter_permits_a_run_what_the_server_does_not(client: Client, place: Path, name: str) -> None:
    """Also when a pipeline declares one that is named as what permits hosts and programs is."""
    flow = PIPELINE.replace('[ :name "file"', f'[ :name "{name}" ], [ :name "file"')
    (place / "flows" / "open.ttl").write_text(flow, encoding="utf-8")
    answer = client.post("/api/jobs", {"pipeline": "open.ttl", "parameters": {"file": "stop", name: ["*"]}})
    assert (answer.status, answer.json["error"]["code"]) == (422, "parameters")
    assert client.get("/api/jobs").json["jobs"] == []


def test_an_empty_body_is_said_to_be_empty(strict: Client) -> None:
    """A POST without a body is refused with what to send, rather than with what a parser says of it."""
    answer = strict.ask("POST", "/api/jobs", body=b"")
    assert (answer.status, answer.json["error"]["code"]) == (422, "body")
    assert "send a JSON object" in answer.json["error"]["text"]
