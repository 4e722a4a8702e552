"""A pipeline's run as a job: what happens in it is told to whoever follows the job."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import transmissions
from tests.jobs.conftest import PATIENCE_S, when
from transmissions import Pipeline, secrets
from transmissions.errors import ParameterError, StageError
from transmissions.jobs import JobManager, MemoryJobStore
from transmissions.pipeline_job import start_job

PROCESSORS = '''
import threading
from transmissions import Processor, setting

GATE = threading.Event()


class Count(Processor):
    """Yield numbers, then wait for the gate if asked to.

    Guarantee: pure.
    """

    limit: int = setting(3, "how many")
    gate: bool = setting(False, "whether to wait at the end")

    def process(self, message):
        for number in range(self.limit):
            if number % 100 == 0:
                self.context.log("info", f"at {number}", {"number": number})
            yield {"number": number}
        while self.gate and not GATE.wait(0.01):
            yield {"number": -1}


class Odd(Processor):
    """Raise on even numbers, and report how many passed.

    Guarantee: pure.
    """

    stateful = True

    def start(self):
        self.passed = 0

    def process(self, message):
        if message["number"] % 2 == 0:
            raise ValueError(f"{message['number']} is even")
        self.passed += 1
        self.warn("odd", number=message["number"])
        return message

    def report(self):
        return {"passed": self.passed}
'''
TURTLE = """
@prefix : <http://purl.org/stuff/transmissions/> .
:numbers a :Transmission ; :pipe (:count {pipe}) ;
    :parameter [ :name "limit" ; :default "3" ], [ :name "gate" ; :default "false" ] .
:count a :Count ; :settings [ :limit "{{{{ limit }}}}" ; :gate "{{{{ gate }}}}" ] .
:odd a :Odd ; :onError {on_error} .
"""


@pytest.fixture
def manager() -> Iterator[JobManager]:
    """A manager on a store in memory; afterwards no thread is left."""
    before = threading.active_count()
    with MemoryJobStore() as store, JobManager(store) as made:
        yield made
    when(lambda: threading.active_count() <= before)


def numbers(folder: Path, pipe: str = "", on_error: str = ":skip") -> Pipeline:
    (folder / "own.py").write_text(PROCESSORS, encoding="utf-8")
    text = TURTLE.format(pipe=pipe, on_error=on_error)
    text = text if pipe else "\n".join(line for line in text.splitlines() if ":odd" not in line)
    (folder / "numbers.ttl").write_text(text, encoding="utf-8")
    return transmissions.load(folder / "numbers.ttl", processors=[folder / "own.py"])


def told(manager: JobManager, job_id: str, kind: str) -> list[dict[str, Any]]:
    return [event.data for event in manager.store.events(job_id) if event.type == kind]


def test_a_run_is_told_as_events(manager: JobManager, tmp_path: Path) -> None:
    """Messages, log lines, skipped messages, problems, reports, figures and the result are the job's events."""
    pipeline = numbers(tmp_path, ":odd")
    made = start_job(pipeline, manager, stream="nightly", owner="o", limit=4)
    result = made.wait()
    assert result is not None
    job = manager.get(made.job.id, owner="o")
    assert (job.status, job.stream) == ("complete", "nightly")
    assert told(manager, job.id, "message") == [{"number": 1}, {"number": 3}]
    lines = [(line["level"], line["stage"], line["text"]) for line in told(manager, job.id, "log")]
    assert ("info", "count", "at 0") in lines
    assert next(text for level, stage, text in lines if stage == "odd").startswith("skipped a message: ")
    assert len(lines) == 5
    assert told(manager, job.id, "report") == [{"stage": "odd", "report": {"passed": 2}}]
    assert told(manager, job.id, "problem") == result.problems
    assert len(result.problems) == 4
    assert told(manager, job.id, "counters")[-1]["stages"] == [stage.as_json() for stage in result.stages]
    assert told(manager, job.id, "end") == [{"result": result.as_json(), "status": "complete", "reason": ""}]
    assert job.facts == {
        "kind": "pipeline", "pipeline": "numbers", "label": "", "file": str(tmp_path / "numbers.ttl"),
        "stages": [{"stage": "count", "processor": "Count"}, {"stage": "odd", "processor": "Odd"}],
        "edges": [["count", "odd"]], "parameters": {"limit": 4}, "target": "", "run": result.run,
    }  # fmt: skip


def test_figures_are_told_while_it_runs(manager: JobManager, tmp_path: Path) -> None:
    """Who follows a run that goes on sees its figures grow; to abort the job aborts the run."""
    made = start_job(numbers(tmp_path), manager, interval_s=0.005, max_messages=2, gate="true")
    received = []
    with manager.subscribe(made.job.id) as events:
        for event in events:
            if event.type == "counters":
                received.append(event.data["stages"][0]["emitted"])
                if received[-1] > received[0]:
                    break
    assert received == sorted(received)
    result = manager.abort(made.job.id, "enough", wait_s=PATIENCE_S)
    assert (result.landed, result.acknowledged) == (True, True)
    ended = made.wait()
    assert ended is not None
    assert (ended.status, ended.error) == ("aborted", "enough")
    assert manager.get(made.job.id).status == "aborted"


def test_to_abort_the_run_aborts_the_job(manager: JobManager, tmp_path: Path) -> None:
    """The other way round, the job has the run's reason, and its result."""
    made = start_job(numbers(tmp_path), manager, gate="true")
    made.abort("no longer wanted")
    assert made.wait() is not None
    job = manager.get(made.job.id)
    assert (job.status, job.reason) == ("aborted", "no longer wanted")
    assert told(manager, job.id, "end")[0]["result"]["status"] == "aborted"


def test_an_error_ends_the_job_with_it(manager: JobManager, tmp_path: Path) -> None:
    """A stage that fails makes the job an error, which names stage and place."""
    made = start_job(numbers(tmp_path, ":odd", ":fail"), manager)
    result = made.wait()
    assert result is not None
    job = manager.get(made.job.id)
    assert job.status == "error"
    assert job.reason == result.error
    assert "stage :odd failed in process: ValueError: 0 is even" in job.reason


def test_a_run_that_cannot_begin_leaves_an_error(manager: JobManager, tmp_path: Path) -> None:
    """The error is raised, stands in the job, and the key is free for the next try."""
    pipeline = numbers(tmp_path)
    with pytest.raises(ParameterError):
        start_job(pipeline, manager, key="k", limit="many")
    (job,) = manager.store.jobs()
    assert (job.status, "limit" in job.reason) == ("error", True)
    assert start_job(pipeline, manager, key="k").wait() is not None


def test_one_key_runs_once(manager: JobManager, tmp_path: Path) -> None:
    """Asked for again with its key a run is not run again, and leads to the job that there is."""
    pipeline = numbers(tmp_path)
    first = start_job(pipeline, manager, key="k")
    first.wait()
    again = start_job(pipeline, manager, key="k")
    assert (again.job.id, again.run, again.wait(0)) == (first.job.id, None, None)
    assert manager.store.count() == 1
    with pytest.raises(ValueError, match="not started with collect"):
        next(again.messages())


def test_how_many_messages_are_kept(manager: JobManager, tmp_path: Path) -> None:
    """A bound on the messages that become events holds, and is said; none costs no reading; large ones are short."""
    pipeline = numbers(tmp_path)
    for bound, kept in ((2, 2), (0, 0), (None, 150)):
        made = start_job(pipeline, manager, limit=150, max_messages=bound)
        assert made.wait() is not None
        assert len(told(manager, made.job.id, "message")) == kept
        said = [line["text"] for line in told(manager, made.job.id, "log") if "counted only" in line["text"]]
        assert said == (["more than 2 messages leave; the others are counted only"] if bound == 2 else [])
    made = start_job(pipeline, manager, max_message_bytes=5)
    made.wait()
    assert told(manager, made.job.id, "message")[0] == {"shortened": '{"number": 0}', "bytes": 14}


def test_messages_can_be_read_as_well(manager: JobManager, tmp_path: Path) -> None:
    """With `collect` they come to the reader and to the job; leaving the loop early aborts both."""
    pipeline = numbers(tmp_path)
    made = start_job(pipeline, manager, collect=True, limit=500)
    assert [message["number"] for message in made.messages()] == list(range(500))
    assert made.wait() is not None
    assert len(told(manager, made.job.id, "message")) == 500
    left = start_job(pipeline, manager, collect=True, gate="true")
    reading = left.messages()
    assert next(reading) == {"number": 0}
    reading.close()  # type: ignore[attr-defined]
    assert left.wait() is not None
    assert manager.get(left.job.id).status == "aborted"
    unread = start_job(pipeline, manager, collect=True, gate="true")
    unread.abort()
    assert unread.wait() is not None


def test_what_json_has_no_form_for_is_shown(manager: JobManager, tmp_path: Path) -> None:
    """Messages with other values become events all the same, shortened."""
    made = start_job(numbers(tmp_path), manager, messages=[{"number": 1, "raw": {1, 2}}])
    assert made.wait() is not None
    (tmp_path / "raw.py").write_text(
        'from transmissions import Processor\n\n\nclass Raw(Processor):\n    """Add what is no JSON.\n\n'
        '    Guarantee: pure.\n    """\n\n    def process(self, message):\n        return {"raw": {1}}\n'
    )
    (tmp_path / "raw.ttl").write_text(
        "@prefix : <http://purl.org/stuff/transmissions/> .\n:p a :Transmission ; :pipe (:raw) . :raw a :Raw .\n"
    )
    made = start_job(transmissions.load(tmp_path / "raw.ttl", processors=[tmp_path / "raw.py"]), manager)
    assert made.wait() is not None
    assert told(manager, made.job.id, "message") == [{"shortened": '{"raw": {1}}'}]


def test_no_secret_comes_into_a_store(manager: JobManager, tmp_path: Path) -> None:
    """What is known as a secret stands in no fact, event or reason."""
    secrets.remember("hunter2-canary")
    try:
        made = start_job(
            numbers(tmp_path, ":odd", ":fail"), manager, facts={"note": "hunter2-canary"},
            messages=[{"hunter2-canary": "hunter2-canary"}],
        )  # fmt: skip
        assert made.wait() is not None
        assert start_job(numbers(tmp_path), manager, messages={"number": "hunter2-canary"}).wait() is not None
        with pytest.raises((ParameterError, StageError)):
            start_job(numbers(tmp_path), manager, limit="hunter2-canary")
        for job in manager.store.jobs():
            everything = job.encoded() + b"".join(manager.store.entries(job.id))
            assert b"canary" not in everything
    finally:
        secrets.forget_all()


@pytest.mark.parametrize("name", ["password", "apiKey", "service_token"])
def test_a_parameter_that_is_named_as_a_secret_is_hidden(manager: JobManager, tmp_path: Path, name: str) -> None:
    """Its value stands nowhere in the job, also not where the run itself puts it: messages, log lines and errors."""
    pipeline = f"""
        @prefix : <http://purl.org/stuff/transmissions/> .
        :p a :Transmission ; :pipe (:say :odd) ;
            :parameter [ :name "{name}" ; :default "hunter2-default" ], [ :name "number" ; :default "1" ] .
        :say a :SetField ; :settings [ :field "said" ; :value "it is {{{{ {name} }}}}" ] .
        :odd a :Odd .
    """
    (tmp_path / "own.py").write_text(PROCESSORS.replace(" is even", "{message}"), encoding="utf-8")
    (tmp_path / "p.ttl").write_text(pipeline, encoding="utf-8")
    loaded = transmissions.load(tmp_path / "p.ttl", processors=[tmp_path / "own.py"])
    try:
        for given in ({name: "hunter2-canary"}, {}):
            for number in (1, 2):
                start_job(loaded, manager, parameters=given, messages=[{"number": number, **given}]).wait()
        for job in manager.store.jobs():
            everything = job.encoded() + b"".join(manager.store.entries(job.id))
            assert b"hunter2" not in everything
        assert {job.status for job in manager.store.jobs()} == {"complete", "error"}
        assert manager.store.jobs()[0].facts["parameters"] == {name: "[secret]"}
    finally:
        secrets.forget_all()


def test_no_secret_comes_with_a_stream_or_a_reason(manager: JobManager, tmp_path: Path) -> None:
    """What is known as a secret is hidden in the name of a stream, and in why a job was aborted."""
    pipeline = numbers(tmp_path)
    try:
        secrets.remember("hunter2")
        made = start_job(pipeline, manager, stream="for hunter2", gate="true")
        manager.abort(made.job.id, "hunter2 was wrong")
        made.wait()
        job = manager.get(made.job.id)
        assert (job.stream, job.reason) == ("for [secret]", "[secret] was wrong")
        assert not any(b"hunter2" in entry for entry in manager.store.entries(job.id))
    finally:
        secrets.forget_all()


def test_a_run_without_a_job_knows_nothing_of_jobs(tmp_path: Path) -> None:
    """To run a pipeline does not load the modules of jobs."""
    pipeline = numbers(tmp_path)
    assert pipeline.run().status == "complete"
    code = (
        "import sys, transmissions; transmissions.load('hello'); import transmissions.runtime.run\n"
        "assert not [name for name in sys.modules if name.startswith('transmissions.jobs')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
