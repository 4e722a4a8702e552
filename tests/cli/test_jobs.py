"""`trans run --job` and `trans jobs`: a run that can be looked at, followed and aborted from another command."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from transmissions.cli import main
from transmissions.jobs import SqliteJobStore

Capture = pytest.CaptureFixture[str]
ENDLESS = '''
import itertools
from transmissions import Processor


class Endless(Processor):
    """Count without end."""

    def process(self, message):
        for number in itertools.count():
            yield {"number": number}
'''
PIPELINE = """@prefix : <http://purl.org/stuff/transmissions/> .
:endless a :Transmission ; :pipe (:count :pass) .
:count a :Endless .
:pass a :NOP ; :buffer [ :maxMessages 4 ] .
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of its own, with a store of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRANSMISSIONS_JOBS", str(tmp_path / "jobs.sqlite"))
    (tmp_path / "own.py").write_text(ENDLESS, encoding="utf-8")
    (tmp_path / "endless.ttl").write_text(PIPELINE, encoding="utf-8")
    return tmp_path


def told(capture: Capture, *words: str, code: int = 0) -> Any:
    """Run a command and return the JSON that it prints."""
    capture.readouterr()
    assert main([*words, "--json"]) == code
    return json.loads(capture.readouterr().out)


@pytest.fixture
def endless(place: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A run without end, as a job, in a process of its own; yields the job's id and the process."""
    command = [sys.executable, "-m", "transmissions", "run", "endless.ttl", "--processors", "own.py", "--job"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        yield process.stderr.readline().removeprefix("job ").strip(), process
    finally:
        process.kill()
        process.communicate()


def test_a_run_is_listed_shown_and_followed_after_its_end(capsys: Capture) -> None:
    """What a run did is there once its command has ended: status, figures, messages, the whole result."""
    assert main(["run", "hello", "--job", "--messages", "out.jsonl"]) == 0
    [job] = told(capsys, "jobs", "list")
    assert (job["status"], job["facts"]["pipeline"]) == ("complete", "hello")
    shown = told(capsys, "jobs", "show", job["id"])
    assert shown["end"]["result"]["status"] == "complete"
    assert main(["jobs", "follow", job["id"][:8], "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["seq"] for one in events] == list(range(job["events"]))
    assert [one["data"] for one in events if one["type"] == "message"] == [
        json.loads(line) for line in Path("out.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert events[-1]["type"] == "end"
    assert main(["jobs", "follow", job["id"], "--after", str(job["events"] - 2), "--json"]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == events[-1:]


def test_texts_for_people_name_what_ran_and_how_it_ended(capsys: Capture) -> None:
    """Without --json, the lists hold id, pipeline and status, and events have a line each."""
    assert main(["run", "hello", "--job", "-q"]) == 0
    [job] = told(capsys, "jobs", "list")
    for words, expected in [
        (["list"], f"{job['id']}  hello     complete"),
        (["show", job["id"]], f"job {job['id']}: hello\n  complete after "),
        (["follow", job["id"]], "end      complete\n"),
    ]:
        assert main(["jobs", *words]) == 0
        assert expected in capsys.readouterr().out


def test_an_abort_from_another_process_ends_the_run(
    endless: tuple[str, subprocess.Popen[str]], capsys: Capture
) -> None:
    """The run's own process stops, says why, and leaves with 130; a second abort changes nothing, and says so."""
    name, process = endless
    assert [job["id"] for job in told(capsys, "jobs", "list", "--status", "live")] == [name]
    result = told(capsys, "jobs", "abort", name, "--reason", "the wrong folder")
    assert (result["landed"], result["acknowledged"], result["from_status"]) == (True, True, "running")
    assert process.wait(20) == 130
    assert "aborted" in process.stderr.read()  # type: ignore[union-attr]
    shown = told(capsys, "jobs", "show", name)
    assert (shown["job"]["status"], shown["job"]["reason"]) == ("aborted", "the wrong folder")
    assert told(capsys, "jobs", "abort", name, code=1)["landed"] is False
    assert main(["jobs", "follow", name]) == 1


def test_a_run_whose_process_was_killed_is_found_interrupted(
    endless: tuple[str, subprocess.Popen[str]], capsys: Capture
) -> None:
    """Nothing has to be told: whoever looks next finds that its process is gone."""
    name, process = endless
    process.kill()
    process.wait(20)
    [job] = told(capsys, "jobs", "list")
    assert (job["id"], job["status"]) == (name, "interrupted")


def test_a_store_that_fails_ends_the_run_with_an_error(place: Path, capsys: Capture) -> None:
    """Exit code 1, since nobody interrupted it, and the store's name is told with what to do."""
    SqliteJobStore(place / "jobs.sqlite").close()
    with closing(sqlite3.connect(place / "jobs.sqlite")) as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON log WHEN NEW.seq > 5 "
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
    assert main(["run", "endless.ttl", "--processors", "own.py", "--job"]) == 1
    assert "jobs.sqlite: the job store failed: database or disk is full; make room" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["show", "follow", "abort"])
def test_a_job_whose_log_is_gone_is_told_to_be_damaged(place: Path, capsys: Capture, command: str) -> None:
    """It is not waited for, nor denied, and can be removed."""
    assert main(["run", "hello", "--job", "-q"]) == 0
    with closing(sqlite3.connect(place / "jobs.sqlite")) as database, database:
        database.execute("DELETE FROM log")
    [job] = told(capsys, "jobs", "list")
    assert main(["jobs", command, job["id"]]) == 2
    assert f"it is damaged: its log holds 0 of its {job['events']} events" in capsys.readouterr().err
    assert told(capsys, "jobs", "clean", job["id"])["removed"] == [job["id"]]


def test_a_run_may_take_as_long_as_it_likes(capsys: Capture) -> None:
    """A stage that says nothing for long is no reason to end a run that somebody waits for."""
    assert main(["run", "hello", "--job", "-q"]) == 0
    assert [job["idle_s"] for job in told(capsys, "jobs", "list")] == [0]


def test_clean_removes_what_has_ended_and_nothing_that_goes_on(
    endless: tuple[str, subprocess.Popen[str]], capsys: Capture
) -> None:
    """`--ended` leaves live jobs alone, and to name one is refused with the way to end it."""
    name, _ = endless
    assert main(["run", "hello", "--job", "-q"]) == 0
    assert len(told(capsys, "jobs", "clean", "--ended")["removed"]) == 1
    assert [job["id"] for job in told(capsys, "jobs", "list")] == [name]
    assert main(["jobs", "clean", name]) == 2
    assert f"`trans jobs abort {name}` ends it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["jobs", "show", "x"], "job x: there are no jobs yet; `trans run --job`"),
        (["jobs", "list", "--status", "runing"], "--status runing: did you mean running?"),
        (["jobs", "follow", "x", "--after", "y"], "--after y: this is no whole number"),
        (
            ["jobs", "follow", "x", "--after", str(2**63 - 1)],
            f"--after {2**63 - 1}: write the number of an event, at most",
        ),
        (["jobs", "clean", "x", "--ended"], "--ended removes all that have ended"),
        (["run", "hello", "--job-store", "x"], "--job-store x: this goes with --job"),
        (["jobs", "show", "\udcff"], "job ?: this is no id of a job"),
        (["jobs", "show", "x" * 600], f"job {'x' * 59}…: this is no id of a job"),
        (["jobs", "list", "--job-store", "own.py"], "this is no job store"),
        (["jobs", "list", "--job-store", "http://x/y"], "http://x/y: this is no address of a job store"),
        (["jobs", "list", "--job-store", "REDIS://h"], "REDIS://h: this is no address of a job store"),
        (["jobs", "list", "--job-store", ":memory:"], ":memory:: this is not the name of a file"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(capsys: Capture, words: list[str], expected: str) -> None:
    """Exit code 2, one line, and no store is made by asking for one."""
    assert main(words) == 2
    assert expected in capsys.readouterr().err
    assert not Path("jobs.sqlite").exists()
