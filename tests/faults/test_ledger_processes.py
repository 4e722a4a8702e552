"""A ledger shared by processes that are killed and try again: nothing is lost, nothing is charged twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from transmissions.usage import Ledger, LedgerError, LedgerUnavailable, PriceFile, SqliteStore, UsageRecord

PROCESSES = int(os.environ.get("LEDGER_PROCESSES", "8"))
CALLS = int(os.environ.get("LEDGER_CALLS", "120"))
RACES = int(os.environ.get("LEDGER_RACES", "200"))

WORKER = """
import sys
from transmissions.usage import Ledger, PriceFile, SqliteStore, UsageRecord
file, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
ledger = Ledger(SqliteStore(file), prices=PriceFile([("m", {"input": 1, "output": 0})]))
again = True
while again:
    for number in range(first, last):
        ledger.settle(UsageRecord(f"call {number}", "run", "m", input=number + 1, owner=f"owner {number % 3}"))
        print(number, flush=True)
    again = "until killed" in sys.argv
"""
ASKER = """
import sys
from transmissions.usage import Ledger, PriceFile, SqliteStore, UsageRecord
ledger = Ledger(SqliteStore(sys.argv[1]), prices=PriceFile([("m", {"input": 1, "output": 0})]), prepaid=True)
print("ready", flush=True)
sys.stdin.readline()
print(ledger.admit(UsageRecord("", "run", "m", input=1_000_000, owner="alpha")).admitted, flush=True)
sys.stdin.readline()
"""


def started(code: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
    """Start a process that runs this code."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload,no-any-return]


def test_processes_that_are_killed_and_try_again(tmp_path: Path) -> None:
    """Eight processes charge at once, some killed in the middle and started anew from their beginning.

    Afterwards every call is charged exactly once; the balances, the ledger's own sums and those of a plain SQL query
    agree. (LEDGER_CALLS=1000 makes it the full size.)
    """
    file = tmp_path / "ledger.sqlite"
    spans = [(number * CALLS, (number + 1) * CALLS) for number in range(PROCESSES)]
    running = [
        started(WORKER, file, *span, *(["until killed"] if number % 2 == 0 else []))
        for number, span in enumerate(spans)
    ]
    acknowledged: set[int] = set()
    for number, process in enumerate(running):
        if number % 2:
            continue
        assert process.stdout is not None
        for _ in range(CALLS // 4):
            acknowledged.add(int(process.stdout.readline()))
        process.kill()
        acknowledged.update(map(int, process.stdout.read().split()))
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
    survived = {entry.record.call for entry in Ledger(SqliteStore(file)).charges() if entry.record}
    assert {f"call {number}" for number in acknowledged} <= survived
    again = [started(WORKER, file, *span) for number, span in enumerate(spans) if number % 2 == 0]
    for process in [*running[1::2], *again]:
        process.communicate(timeout=500)
        assert process.returncode == 0
    ledger = Ledger(SqliteStore(file))
    total = PROCESSES * CALLS
    expected = {f"owner {rest}": -sum(range(rest + 1, total + 1, 3)) * 1000 for rest in range(3)}
    assert {account.owner: account.nano for account in ledger.accounts()} == expected
    sums = dict.fromkeys(expected, 0)
    for entry in ledger.entries():
        sums[entry.owner] += entry.nano
    assert sums == expected
    with sqlite3.connect(file) as plain:
        assert dict(plain.execute("SELECT owner, sum(nano) FROM entries GROUP BY owner")) == expected
        assert dict(plain.execute("SELECT owner, nano FROM accounts")) == expected
        assert plain.execute("SELECT count(*), count(DISTINCT call) FROM entries").fetchone() == (total, total)
        assert plain.execute("SELECT sum(requests), sum(nano) FROM spent WHERE scope = 'all'").fetchone() == (
            total,
            -sum(expected.values()),
        )
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    plain.close()


def test_abort_and_completion_in_two_processes(tmp_path: Path) -> None:
    """Two processes that settle the same calls in the same order, racing for each, charge each once."""
    file = tmp_path / "ledger.sqlite"
    both = [started(WORKER, file, 0, RACES) for _ in range(2)]
    for process in both:
        process.communicate(timeout=500)
        assert process.returncode == 0
    ledger = Ledger(SqliteStore(file))
    assert sum(account.nano for account in ledger.accounts()) == -1000 * sum(range(1, RACES + 1))
    assert len(list(ledger.entries())) == RACES


def test_processes_with_credit_for_one(tmp_path: Path) -> None:
    """Of processes that ask at the same moment, with credit for one, one is admitted; killed, it still holds that."""
    file = tmp_path / "ledger.sqlite"
    ledger = Ledger(SqliteStore(file), prices=PriceFile([("m", {"input": 1, "output": 0})]), prepaid=True)
    ledger.grant("alpha", "1.5")
    asking = [started(ASKER, file, stdin=subprocess.PIPE) for _ in range(6)]
    for process in asking:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in asking:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    found = [process.stdout.readline().strip() for process in asking if process.stdout]
    for process in asking:
        process.kill()
        process.communicate()
    assert sorted(found) == ["False"] * 5 + ["True"]
    assert ledger.reserved("alpha") == 1
    assert not ledger.admit(UsageRecord("", "run", "m", input=1_000_000, owner="alpha")).admitted


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """The ledger and the files beside it can be read and written by nobody else, whatever the umask."""
    before = os.umask(0)
    try:
        ledger = Ledger(SqliteStore(tmp_path / "new" / "ledger.sqlite"))
        ledger.grant("alpha", 1)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new").iterdir()}
    finally:
        os.umask(before)
    assert modes
    assert set(modes.values()) == {0o600}
    ledger.close()


def test_what_is_no_ledger_is_refused(tmp_path: Path) -> None:
    """Another database, a later version and a file of something else are refused, and left as they are."""
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as plain:
        plain.execute("CREATE TABLE mine (one INTEGER)")
    plain.close()
    with pytest.raises(LedgerError, match="no ledger"):
        SqliteStore(other)
    SqliteStore(tmp_path / "later.sqlite").close()
    with sqlite3.connect(tmp_path / "later.sqlite") as plain:
        plain.execute("PRAGMA user_version = 99")
    plain.close()
    with pytest.raises(LedgerError, match="later version"):
        SqliteStore(tmp_path / "later.sqlite")
    (tmp_path / "notes.txt").write_text("some notes, long enough to be looked at as a header of a database " * 9)
    with pytest.raises(LedgerUnavailable, match=r"notes\.txt"):
        SqliteStore(tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text().startswith("some notes")


def test_a_locked_ledger_is_told(tmp_path: Path) -> None:
    """A store that others hold for longer than the time to wait says so, and works again when they are done."""
    file = tmp_path / "ledger.sqlite"
    ledger = Ledger(SqliteStore(file, timeout_s=0.05))
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailable, match="locked"):
        ledger.grant("alpha", 1)
    assert ledger.balance("alpha") == 0
    holder.execute("ROLLBACK")
    holder.close()
    ledger.grant("alpha", 1)
    assert ledger.balance("alpha") == 1


FORK = """
import os, sys
from transmissions.usage import Ledger, SqliteStore
store = SqliteStore(sys.argv[1])
ledger = Ledger(store)
ledger.grant("alpha", 1)
def fork(transaction):
    child = os.fork()
    if not child:
        ledger.grant("alpha", 2)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
store.read(fork)
ledger.grant("alpha", 4)
print(ledger.balance("alpha"))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system with fork")
def test_a_child_process_opens_the_file_for_itself(tmp_path: Path) -> None:
    """A store works in parent and child, even if the parent was reading it at the fork."""
    process = started(FORK, tmp_path / "ledger.sqlite")
    assert process.communicate(timeout=60)[0] == "7\n"
