"""The pipelines `claude-code-usage` and `spend`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import transmissions
from transmissions.usage import Ledger, SqliteStore

Json = dict[str, Any]
PRICES = {"models": {"river-1": {"input": 10, "output": 100, "cacheRead": 1, "cacheWrite": 20}}}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with a session log, whose first call is logged three times, and a price table."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prices.json").write_text(json.dumps(PRICES), encoding="utf-8")
    lines = []
    for number, output in ((1, 3), (1, 3), (1, 200), (2, 100)):
        usage = {"input_tokens": 1000, "cache_read_input_tokens": 2000, "cache_creation_input_tokens": 500}
        message = {"id": f"msg_{number}", "model": "river-1", "usage": usage | {"output_tokens": output}}
        line = {"type": "assistant", "sessionId": "s", "cwd": "/work", "requestId": f"req_{number}", "message": message}
        lines.append(json.dumps(line | {"timestamp": f"2026-01-0{number}T12:00:00Z"}))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "s.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def trans(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "transmissions", *words]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", input=given, check=False)


def test_claude_code_usage_writes_sums(place: Path) -> None:
    """The sums are written as JSON, each call once; running again changes nothing."""
    run = transmissions.load("claude-code-usage").run
    given: Json = {"source": "logs", "prices": "prices.json", "timeZone": "UTC", "target": "out"}
    assert run(**given).outputs == {"written": 1, "unchanged": 0, "failed": 0}
    made = json.loads((place / "out" / "usage.json").read_text("utf-8"))
    assert (made["by"], made["timezone"]) == ("day+model", "UTC")
    assert [(row["day"], row["model"], row["calls"], row["output"], row["cost"]) for row in made["rows"]] == [
        ("2026-01-01", "river-1", 1, 200, 0.042),
        ("2026-01-02", "river-1", 1, 100, 0.032),
    ]
    assert (made["totals"]["total_tokens"], made["totals"]["cost"]) == (7300, 0.074)
    assert run(**given).outputs == {"written": 0, "unchanged": 1, "failed": 0}


def test_claude_code_usage_reads_the_usual_place(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a source the logs are read that Claude Code keeps; every parameter may be given."""
    (place / "home").mkdir()
    (place / "logs").rename(place / "home" / "projects")
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(place / "home"))
    words = ["--by", "owner+project", "--prices", "prices.json", "--owner", "alpha", "--file", "sums/a.json"]
    done = trans("run", "claude-code-usage", *words, "--time-zone", "Europe/Rome")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((place / "sums" / "a.json").read_text("utf-8"))["rows"]
    assert (row["owner"], row["project"], row["cost"]) == ("alpha", "/work", 0.074)


def test_a_broken_log_makes_the_run_partial(place: Path) -> None:
    """What could not be read is told with its line, the rest is written, and the exit code is 2."""
    with (place / "logs" / "s.jsonl").open("a", encoding="utf-8") as file:
        file.write("{broken}\n{}\n")
    done = trans("run", "claude-code-usage", "logs", "--report", "report.json")
    assert done.returncode == 2
    problems = json.loads((place / "report.json").read_text("utf-8"))["problems"]
    assert [(one["text"], one["line"]) for one in problems] == [("the line is not JSON", 5)]
    assert json.loads((place / "usage.json").read_text("utf-8"))["totals"]["calls"] == 2


def calls(*numbers: int) -> str:
    """Return messages with usage, one a line."""
    usage = {"input_tokens": 1000, "output_tokens": 100}
    lines = [{"model": "river-1", "call": f"c{number}", "run": "r", "usage": usage, "n": number} for number in numbers]
    return "".join(json.dumps(line) + "\n" for line in lines)


SPEND = ["run", "spend", "own.sqlite", "--owner", "alpha", "--provider", "anthropic", "--prices", "prices.json"]


def test_spend_charges_each_call_once(place: Path) -> None:
    """Messages go on with their cost; what was charged before, in this run or another, is not charged again."""
    for numbers in ((1, 2, 2), (2, 3)):
        done = trans(*SPEND, "-m", "-", "--messages", "-", given=calls(*numbers) + '{"note": "no usage"}\n')
        assert done.returncode == 0, done.stderr
        *charged, other = [json.loads(line) for line in done.stdout.splitlines()]
        assert [(message["n"], message["cost"]) for message in charged] == [(number, 0.02) for number in numbers]
        assert {message["usage"]["owner"] for message in charged} == {"alpha"}
        assert other["note"] == "no usage"
        assert not {"ledger", "prices", "whenOver"} & {*other, *charged[0]}
    ledger = Ledger(SqliteStore("own.sqlite"))
    assert (str(ledger.balance("alpha")), len(list(ledger.charges()))) == ("-0.06", 3)
    ledger.close()


@pytest.mark.parametrize(("when_over", "left", "code"), [("end", 0, 1), ("skip", 0, 0), ("warn", 2, 0)])
def test_spend_keeps_to_the_limits_of_the_ledger(place: Path, when_over: str, left: int, code: int) -> None:
    """A limit that the ledger keeps ends the run, skips messages, or is told, as `--when-over` says."""
    assert trans("usage", "limits", "--on", "owner=alpha", "--hard", "0.01", "--ledger", "own.sqlite").returncode == 0
    done = trans(*SPEND, "--when-over", when_over, "-m", "-", "--messages", "-", given=calls(1, 2))
    assert (len(done.stdout.splitlines()), done.returncode) == (left, code), done.stderr
    assert "alpha" in done.stderr or when_over == "skip"


def test_spend_needs_no_ledger(place: Path) -> None:
    """Without a ledger there is one for this run, which still charges each call once."""
    pipeline = transmissions.load("spend")
    messages = [json.loads(line) for line in calls(1, 1).splitlines()]
    found = list(pipeline.stream(messages=messages, prices="prices.json", provider="anthropic"))
    assert [message["usage"]["outcome"] for message in found] == ["settled", "already"]
    assert sorted(path.name for path in place.iterdir()) == ["logs", "prices.json"]
