"""`trans usage`: reports on session logs and on a ledger, balances, credit and limits."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from transmissions.cli import main
from transmissions.usage import Ledger, PriceFile, SqliteStore, UsageRecord

Json = dict[str, Any]
PAGE = (Path(__file__).parents[2] / "docs" / "usage-reports.md").read_text(encoding="utf-8")
Capture = pytest.CaptureFixture[str]
PRICES = {
    "river-1": {"input": 10, "output": 100, "cacheRead": 1, "cacheWrite": 20},
    "river-2": {"input": 1, "output": 2},
}


def answer(number: int, time: str, model: str = "river-1", project: str = "/projects/one", output: int = 10) -> str:
    """Return the line of a call in a log of Claude Code."""
    usage = {"input_tokens": 1000, "cache_read_input_tokens": 2000, "cache_creation_input_tokens": 500}
    message = {"id": f"msg_{number}", "model": model, "role": "assistant", "usage": usage | {"output_tokens": output}}
    line = {"type": "assistant", "sessionId": f"s{number % 2}", "cwd": project, "requestId": f"req_{number}"}
    return json.dumps(line | {"message": message, "timestamp": time}) + "\n"


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with logs of both programs, a price table, and no logs in the usual places."""
    monkeypatch.chdir(tmp_path)
    for name, place in {"CLAUDE_CONFIG_DIR": "home", "CODEX_HOME": "codex", "XDG_DATA_HOME": "data"}.items():
        monkeypatch.setenv(name, str(tmp_path / place))
    monkeypatch.delenv("TRANSMISSIONS_LEDGER", raising=False)
    (tmp_path / "prices.json").write_text(json.dumps({"models": PRICES}), encoding="utf-8")
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.jsonl").write_text(
        answer(1, "2026-01-01T23:30:00Z", output=2)
        + answer(1, "2026-01-01T23:30:00Z")
        + answer(2, "2026-01-02T10:00:00Z", project="/projects/two")
        + answer(3, "2026-02-02T10:00:00Z", "river-2"),
        encoding="utf-8",
    )
    counts = {"input_tokens": 100, "cached_input_tokens": 40, "output_tokens": 7, "reasoning_output_tokens": 3}
    info = {"total_token_usage": counts, "last_token_usage": counts}
    lines = [
        {"type": "session_meta", "payload": {"id": "c1", "cwd": "/projects/two"}},
        {"type": "turn_context", "payload": {"model": "river-2"}},
        {"type": "event_msg", "payload": {"type": "token_count", "info": info}, "timestamp": "2026-02-02T11:00:00Z"},
    ]
    (folder / "codex.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return folder


def report(capsys: Capture, *words: str) -> Json:
    """Return what `trans usage report … --json` prints."""
    assert main(["usage", "report", *words, "--json", "--prices", "prices.json"]) == 0
    made: Json = json.loads(capsys.readouterr().out)
    return made


def test_a_report_has_rows_and_totals(logs: Path, capsys: Capture) -> None:
    """`--json` has a row for each group, with each token in one bucket and its cost, and the totals."""
    made = report(capsys, "logs", "--by", "model", "--timezone", "UTC")
    named = ("model", "input", "cache_read", "cache_write", "output", "total_tokens", "cost", "unpriced", "calls")
    assert [{name: row[name] for name in named} for row in made["rows"]] == [
        {
            "model": "river-1", "input": 2000, "cache_read": 4000, "cache_write": 1000, "output": 20,
            "total_tokens": 7020, "cost": 0.046, "unpriced": [], "calls": 2,
        },
        {
            "model": "river-2", "input": 1060, "cache_read": 2040, "cache_write": 500, "output": 17,
            "total_tokens": 3617, "cost": 0.003634, "unpriced": [], "calls": 2,
        },
    ]  # fmt: skip
    assert made["totals"]["cost"] == pytest.approx(0.049634, abs=0)
    assert made["totals"]["total_tokens"] == 7020 + 3617


GROUPINGS = ["day", "month", "model", "project", "session", "owner", "day,model", "agent", "kind", "provider", "run"]


@pytest.mark.parametrize("by", GROUPINGS)
def test_totals_are_equal_in_every_grouping(logs: Path, capsys: Capture, by: str) -> None:
    """R50: whatever calls are grouped by, the totals are the same, and are the sum of the rows."""
    made = report(capsys, "logs", "--by", by)
    assert made["totals"] == report(capsys, "logs", "--by", "month")["totals"]
    for name in ("input", "cache_read", "cache_write", "output", "total_tokens", "calls"):
        assert sum(row[name] for row in made["rows"]) == made["totals"][name]
    assert sum(Decimal(str(row["cost"])) for row in made["rows"]) == Decimal("0.049634")
    assert all(set(by.split(",")) <= row.keys() for row in made["rows"])


def test_several_groupings_may_be_given_in_either_way(logs: Path, capsys: Capture) -> None:
    """`--by a,b` is `--by a --by b`."""
    assert report(capsys, "logs", "--by", "day,model") == report(capsys, "logs", "--by", "day", "--by", "model")


def test_days_begin_in_the_zone_that_is_asked_for(logs: Path, capsys: Capture) -> None:
    """R50: a call late on one day in UTC is one of the next day further east; the span is of that zone's days."""

    def days(*words: str) -> list[str]:
        return [row["day"] for row in report(capsys, "logs", *words)["rows"]]

    assert days("--timezone", "UTC") == ["2026-01-01", "2026-01-02", "2026-02-02"]
    assert days("--timezone", "Europe/Rome") == ["2026-01-02", "2026-02-02"]
    assert days("--timezone", "UTC", "--until", "2026-01-01") == ["2026-01-01"]
    assert days("--timezone", "Europe/Rome", "--until", "20260101") == []
    assert days("--timezone", "UTC", "--since", "2026-01-02", "--until", "2026-01-02") == ["2026-01-02"]


def test_a_table_is_printed_for_people(logs: Path, capsys: Capture) -> None:
    """Without `--json` there are aligned columns, the sum, and bars of what each day cost."""
    assert main(["usage", "report", "logs", "--prices", "prices.json", "--timezone", "UTC"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "day         calls  input  cache read  cache write  output   total       cost",
        "2026-01-01      1  1,000       2,000          500      10   3,510     $0.023",
        "2026-01-02      1  1,000       2,000          500      10   3,510     $0.023",
        "2026-02-02      2  1,060       2,040          500      17   3,617  $0.003634",
        "total           4  3,060       6,040        1,500      37  10,637  $0.049634",
        "",
        "cost by day",
        "2026-01-01     $0.023  " + "█" * 40,
        "2026-01-02     $0.023  " + "█" * 40,
        "2026-02-02  $0.003634  ██████▎",
    ]
    assert "".join(f"    {line}".rstrip() + "\n" for line in lines) in PAGE


COMMANDS = [line.strip() for line in PAGE.splitlines() if line.startswith("    trans usage")]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_of_the_page_run(logs: Path, capsys: Capture, command: str) -> None:
    """What the page on reports shows can be typed."""
    (Path("home") / "projects").mkdir(parents=True)
    (Path("home") / "projects" / "a.jsonl").write_text((logs / "a.jsonl").read_text("utf-8"), encoding="utf-8")
    (logs / "a.jsonl").rename("session.jsonl")
    words = [word.replace("~/.claude", "home") for word in shlex.split(command)[1:]]
    assert main(words) == 0
    assert capsys.readouterr().out.strip()


def test_the_pipeline_of_the_page_charges_sessions(logs: Path, capsys: Capture) -> None:
    """The page's pipeline charges logs to a ledger once, however often it runs."""
    (turtle,) = re.findall(r"^```turtle\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    Path("charge.ttl").write_text(turtle, encoding="utf-8")
    for _ in range(2):
        assert main(["run", "charge.ttl", "logs/codex.jsonl", "own.sqlite", "--quiet"]) == 0
    capsys.readouterr()
    assert main(["usage", "report", "--ledger", "own.sqlite", "--by", "owner,session", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["owner"], row["session"], row["calls"], row["total_tokens"]) == ("alpha", "c1", 1, 107)


def test_what_has_no_price_is_listed_and_sums_say_so(logs: Path, capsys: Capture) -> None:
    """R43: a model without a price is named, its rows are unpriced, and a sum without it is the least it can be."""
    Path("prices.json").write_text(json.dumps({"models": {"river-1": PRICES["river-1"]}}), encoding="utf-8")
    totals = report(capsys, "logs", "--by", "model")["totals"]
    assert (totals["unpriced"], totals["cost"]) == (["river-2"], 0.046)
    main(["usage", "report", "logs", "--prices", "prices.json", "--by", "model"])
    out = capsys.readouterr().out
    assert "unpriced, and not in the cost: river-2 (2 calls)" in out
    rows = {line.split()[0]: line.split("  ")[-1].strip() for line in out.splitlines()[1:4]}
    assert rows == {"river-1": "$0.046", "river-2": "unpriced", "total": "≥ $0.046"}


def test_names_of_models_do_not_steer_the_terminal(logs: Path, capsys: Capture) -> None:
    """Control characters in the name of a model without a price are not printed."""
    (logs / "a.jsonl").write_text(answer(1, "2026-01-01T23:30:00Z", "evil\x1b[2J\nmodel"), encoding="utf-8")
    assert main(["usage", "report", str(logs / "a.jsonl"), "--timezone", "UTC"]) == 0
    out = capsys.readouterr().out
    assert "unpriced, and not in the cost: evil [2J model (1 calls)" in out
    assert "\x1b" not in out


def test_without_any_price_tokens_are_drawn(logs: Path, capsys: Capture) -> None:
    """Where no call has a price, bars are of tokens, and where prices come from is said."""
    Path("prices.json").write_text(json.dumps({"models": {}}), encoding="utf-8")
    assert main(["usage", "report", "logs", "--prices", "prices.json"]) == 0
    out = capsys.readouterr().out
    assert "tokens by day" in out
    assert "--prices FILE" in out


def test_what_codex_shows_itself_is_told_where_it_differs(logs: Path, capsys: Capture) -> None:
    """After a resumption Codex's own total leaves out what was used before: the report says so, and counts it."""
    first = (logs / "codex.jsonl").read_text(encoding="utf-8")
    counts = {"input_tokens": 20, "cached_input_tokens": 0, "output_tokens": 1, "total_tokens": 21}
    info = {"total_token_usage": counts, "last_token_usage": counts}
    again = {"type": "event_msg", "payload": {"type": "token_count", "info": info}, "timestamp": "2026-02-02T12:00:00Z"}
    (logs / "codex.jsonl").write_text(first + json.dumps(again) + "\n", encoding="utf-8")
    assert main(["usage", "report", "logs/codex.jsonl", "--json", "--prices", "prices.json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["totals"]["total_tokens"] == 107 + 21
    assert "anew 1×" in told.err
    assert "its own, 21 tokens" in told.err


def test_days_can_be_drawn_as_a_picture(logs: Path, capsys: Capture) -> None:
    """`--svg` writes a picture with a bar for each day that cost something, told by its title."""
    report(capsys, "logs", "--by", "model", "--timezone", "UTC", "--svg", "new/costs.svg")
    root = ET.fromstring(Path("new/costs.svg").read_text(encoding="utf-8"))
    space = "{http://www.w3.org/2000/svg}"
    bars = [one.findtext(f"{space}title") for one in root.iter(f"{space}rect")]
    assert bars == ["2026-01-01: $0.023", "2026-01-02: $0.023", "2026-02-02: $0.003634"]
    heights = [float(one.attrib["height"]) for one in root.iter(f"{space}rect")]
    assert heights[0] == heights[1] == pytest.approx(heights[2] * 0.023 / 0.003634, rel=0.02)


def test_broken_lines_are_told_and_the_exit_code_says_so(logs: Path, capsys: Capture) -> None:
    """A line that cannot be read is named once on standard error, the rest is reported, and the code is 2."""
    with (logs / "a.jsonl").open("a", encoding="utf-8") as file:
        file.write("{broken}\n" + answer(9, "2026-02-03T10:00:00Z"))
    (logs / "notes.jsonl").write_text('{"a": 1}\n', encoding="utf-8")
    assert main(["usage", "report", "logs", "--json", "--by", "month"]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out)["totals"]["calls"] == 5
    assert err.splitlines() == [
        f"{Path('logs/a.jsonl')}:5: the line is not JSON",
        f"{Path('logs/notes.jsonl')}: no session log of a program that is known",
    ]


@pytest.mark.parametrize("zone", ["Europe/Rome", "America/New_York", "local"])
def test_a_time_at_an_end_of_the_calendar_is_told_and_costs_no_other(logs: Path, capsys: Capture, zone: str) -> None:
    """A line of the year 1 or 9999 is named, and what is asked for may end there."""
    counts = {"input_tokens": 200, "output_tokens": 7}
    info = {"type": "token_count", "info": {"total_token_usage": counts, "last_token_usage": counts}}
    late = {"type": "event_msg", "payload": info, "timestamp": "9999-12-31T23:30:00Z"}
    for name, line in {"a": answer(9, "0001-01-01T00:00:00Z"), "codex": json.dumps(late) + "\n"}.items():
        with (logs / f"{name}.jsonl").open("a", encoding="utf-8") as file:
            file.write(line)
    words = ["--since", "0001-01-01", "--until", "9999-12-31", "--timezone", zone, "--json"]
    assert main(["usage", "report", "logs", *words]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out)["totals"]["calls"] == 4
    wrong = "timestamp must be a time of the years 2 to 9998, got"
    assert err.splitlines()[-2:] == [
        f"{Path('logs/a.jsonl')}:5: {wrong} '0001-01-01T00:00:00+00:00'",
        f"{Path('logs/codex.jsonl')}:4: {wrong} '9999-12-31T23:30:00+00:00'",
    ]


def test_the_usual_places_are_read_without_a_path(logs: Path, capsys: Capture) -> None:
    """Without a path both programs' own folders are read; with none there, it says where it looked."""
    assert main(["usage", "report"]) == 2
    assert "name the files or folders" in capsys.readouterr().err
    (Path("home") / "projects").mkdir(parents=True)
    logs.joinpath("a.jsonl").rename(Path("home") / "projects" / "a.jsonl")
    assert report(capsys)["totals"]["calls"] == 3
    (Path("codex") / "sessions").mkdir(parents=True)
    logs.joinpath("codex.jsonl").rename(Path("codex") / "sessions" / "b.jsonl")
    assert report(capsys)["totals"]["calls"] == 4


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--by", "modl"], "--by modl: did you mean model?"),
        (["--since", "yesterday"], "--since yesterday: write a day as 2026-01-31"),
        (["--since", "2026-02-30"], "--since 2026-02-30: write a day as 2026-01-31"),
        (["--since", "2026-02-02", "--until", "2026-02-01"], "--until 2026-02-01: this day is before"),
        (["--timezone", "Mars/Base"], '"Mars/Base" is no time zone'),
        (["gone.jsonl"], "gone.jsonl: there is no such file or folder"),
        (["logs", "--ledger", "x.sqlite"], "report on a ledger or on session logs, not on both"),
        (["--ledger", "x.sqlite", "--prices", "prices.json"], "stays as it was charged"),
        (["--ledger", "x.sqlite"], "x.sqlite: there is no such ledger"),
        (["logs", "--prices", "gone.json"], "gone.json"),
    ],
)
def test_what_is_wrong_is_said(logs: Path, capsys: Capture, words: list[str], told: str) -> None:
    """A wrong option leads to exit code 2, and a line that says what would be right; nothing is printed or made."""
    assert main(["usage", "report", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, told in err) == ("", True), err
    assert not Path("x.sqlite").exists()


def test_a_report_needs_no_rdf() -> None:
    """A report on logs starts without the libraries of pipelines."""
    code = (
        "import sys; from transmissions.cli import main; main(['usage', 'report', '--json', '/nowhere']);"
        "loaded = [name for name in ('rdflib', 'pyshacl', 'networkx', 'loguru') if name in sys.modules];"
        "sys.exit(f'loaded: {loaded}' if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_report_on_a_ledger_has_what_was_charged(logs: Path, capsys: Capture) -> None:
    """A ledger's report sums its charges at the prices of their time, also by owner."""
    ledger = Ledger(SqliteStore("own.sqlite"), prices=PriceFile(PRICES.items()))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for number, owner in enumerate(("alpha", "alpha", "beta")):
        ledger.settle(UsageRecord(f"c{number}", "r", "river-2", input=1000, output=500, owner=owner, at=at))
    ledger.close()
    assert main(["usage", "report", "--ledger", "own.sqlite", "--by", "owner", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert [(row["owner"], row["calls"], row["cost"]) for row in made["rows"]] == [
        ("alpha", 2, 0.004),
        ("beta", 1, 0.002),
    ]
    assert made["totals"]["cost"] == 0.006


def usage(capsys: Capture, *words: str) -> Any:
    """Return what `trans usage … --json` prints."""
    assert main(["usage", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_credit_is_granted_and_shown(logs: Path, capsys: Capture) -> None:
    """`grant` makes the user's own ledger, and adds or takes credit, once under a key; `balance` shows it."""
    assert main(["usage", "balance"]) == 2
    assert "there is no such ledger" in capsys.readouterr().err
    assert usage(capsys, "grant", "alpha", "25") == {"owner": "alpha", "balance": 25.0}
    assert Path("data/transmissions/ledger.sqlite").exists()
    for _ in range(2):
        assert usage(capsys, "grant", "alpha", "5", "--key", "k", "--note", "n") == {"owner": "alpha", "balance": 30.0}
    assert main(["usage", "grant", "beta", "--", "-3.50"]) == 0
    assert capsys.readouterr().out == "beta: -$3.50\n"
    assert usage(capsys, "balance") == [
        {"owner": "alpha", "balance": 30.0, "reserved": 0.0},
        {"owner": "beta", "balance": -3.5, "reserved": 0.0},
    ]
    assert main(["usage", "balance", "alpha"]) == 0
    assert capsys.readouterr().out == "owner  balance  reserved\nalpha   $30.00     $0.00\n"


def test_credit_can_repeat(logs: Path, capsys: Capture) -> None:
    """`--every` sets what is credited again, and changes no balance now."""
    words = ["usage", "grant", "alpha", "10", "--every", "1 month", "--below", "5", "--ledger", "own.sqlite"]
    assert main(words) == 0
    assert capsys.readouterr().out == "alpha: $0.00, and $10.00 every 1 month\n"
    ledger = Ledger(SqliteStore("own.sqlite"))
    (account,) = ledger.accounts()
    ledger.close()
    assert account.refill is not None
    assert (account.refill.nano, str(account.refill.every), account.refill.below) == (10**10, "1 month", 5 * 10**9)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["grant", "alpha", "much"], 'such as "2.50", got'),
        (["grant", "alpha", "5", "--every", "now and then"], "an interval is a number and a unit"),
        (["grant", "alpha", "5", "--below", "1"], "this goes with --every"),
        (["grant", "alpha", "5", "--every", "1 day", "--key", "k"], "takes no --key"),
        (["limits", "--on", "ownr=alpha", "--hard", "5"], "--on ownr: did you mean owner?"),
        (["limits", "--on", "all"], "it needs a warn or a hard level"),
        (["limits", "--on", "all", "--hard", "x"], "--hard x: this is no number"),
        (["limits", "--on", "all", "--hard", "1", "--per", "year"], "--per year: "),
        (["limits", "--on", "all", "--hard", "1", "--measure", "token"], "did you mean tokens?"),
        (["limits", "--hard", "5"], "say on what with --on"),
    ],
)
def test_what_is_wrong_with_credit_and_limits_is_said(logs: Path, capsys: Capture, words: list[str], told: str) -> None:
    """A wrong amount, interval, scope or level leads to exit code 2 and changes nothing."""
    assert main(["usage", "grant", "alpha", "1", "--ledger", "own.sqlite"]) == 0
    capsys.readouterr()
    assert main(["usage", *words, "--ledger", "own.sqlite"]) == 2
    assert told in capsys.readouterr().err
    assert usage(capsys, "balance", "--ledger", "own.sqlite")[0]["balance"] == 1
    assert usage(capsys, "limits", "--ledger", "own.sqlite") == []


def test_limits_are_set_shown_and_dropped(logs: Path, capsys: Capture) -> None:
    """A limit is shown with what is used of it, also before anybody used any; it goes by its name."""
    at = ["--ledger", "own.sqlite"]
    words = ["limits", "--on", "owner=alpha", "--hard", "50", "--warn", "40", "--per", "month", *at]
    (state,) = usage(capsys, *words)
    assert state == {
        "name": "cost of owner alpha, a month", "scope": "owner", "value": "alpha", "measure": "cost",
        "period": "month", "used": 0.0, "reserved": 0.0, "warn": 40.0, "hard": 50.0,
    }  # fmt: skip
    usage(capsys, "limits", "--on", "model", "--hard", "2000", "--measure", "tokens", *at)
    ledger = Ledger(SqliteStore("own.sqlite"), prices=PriceFile(PRICES.items()))
    ledger.settle(UsageRecord("c", "r", "river-2", input=10**6, output=500, owner="alpha"))
    ledger.close()
    assert main(["usage", "limits", *at]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "limit                         on                       used  reserved  warns from      at most",
        "cost of owner alpha, a month  owner alpha            $1.001     $0.00      $40.00       $50.00",
        "tokens of each model          model river-2  1000500 tokens  0 tokens              2000 tokens",
    ]
    assert main(["usage", "limits", "--drop", "tokens of each modl", *at]) == 2
    assert "did you mean tokens of each model?" in capsys.readouterr().err
    assert len(usage(capsys, "limits", "--drop", "tokens of each model", *at)) == 1
