"""The command as a process: signals, pipes, and a terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and terminals are those of POSIX")

ENDLESS = ["run", "demo.ttl", "--count=-1", "--processors", "own.py"]
LIMIT_S = 30


@contextmanager
def started(*words: str, **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start the command, and make sure that it does not outlive the test."""
    environment = os.environ | {"COLUMNS": "120", "LINES": "40", "TERM": "xterm"}
    process = subprocess.Popen([sys.executable, "-m", "transmissions", *words], env=environment, **streams)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(descriptor: int, wanted: bytes) -> bytes:
    """Read a terminal until it has shown `wanted`."""
    seen = b""
    while wanted not in seen:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:
            # Linux' way of saying that nobody writes there any more.
            piece = b""
        assert piece, f"{wanted!r} was not shown in {seen[-2000:]!r}"
        seen += piece
    return seen


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_in_order(demo: Path, number: int, code: int) -> None:
    """The run ends, its report says aborted, and the exit code is the signal's."""
    words = [*ENDLESS, "--messages", "-", "--report", "report.json"]
    with started(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        _, error = process.communicate(timeout=LIMIT_S)
    assert process.returncode == code
    assert json.loads((demo / "report.json").read_text())["status"] == "aborted"
    assert b"demo: aborted in " in error
    assert b"Traceback" not in error


def test_a_second_signal_kills(demo: Path) -> None:
    """A stage that does not listen cannot hold a person up: the second Ctrl-C ends the process without a word."""
    text = (
        (demo / "demo.ttl").read_text().replace(':fail a :Fail ; :settings [ :at "{{ failAt }}" ] .', ":fail a :Hang .")
    )
    text = text.replace(',\n        [ :name "failAt" ; :default "-1" ; rdfs:comment "where to fail" ]', "")
    (demo / "demo.ttl").write_text(text)
    words = ["run", "demo.ttl", "--processors", "own.py", "--report", "report.json"]
    with started(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"hanging\n"
        process.send_signal(signal.SIGINT)
        line = b""
        while b"again to stop at once" not in line:
            line = process.stderr.readline()
            assert line
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130
    assert not (demo / "report.json").exists()


def test_a_reader_that_goes_away_ends_the_run_quietly(demo: Path) -> None:
    """`trans run … | head` ends, and nothing is said about it."""
    words = [*ENDLESS, "--messages", "-", "--report", "report.json"]
    with started(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        error = process.stderr.read()
        assert process.wait(LIMIT_S) == 141
    assert error == b""
    assert json.loads((demo / "report.json").read_text())["status"] == "aborted"


def test_a_command_without_a_reader_is_quiet(demo: Path) -> None:
    """A listing whose reader has gone says nothing about it."""
    reading, writing = os.pipe()
    os.close(reading)
    with started("graph", "demo.ttl", "--processors", "own.py", stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(LIMIT_S) == 141


def test_messages_are_streamed(demo: Path) -> None:
    """The first message is there before the run ends."""
    with started(*ENDLESS, "--messages", "-", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["n"] == 0
        assert process.poll() is None


def test_a_terminal_shows_a_live_view(demo: Path) -> None:
    """Stages, counts, rate and the fill of the buffer are seen while it runs, and the summary at the end."""
    master, slave = os.openpty()
    try:
        with started(*ENDLESS, stdout=subprocess.DEVNULL, stderr=slave) as process:
            os.close(slave)
            seen = read_until(master, b"/8")
            assert all(word in seen for word in (b"make", b"shout", b"buffer", b"messages/s", b"in"))
            process.send_signal(signal.SIGINT)
            read_until(master, b"demo: aborted in ")
            assert process.wait(LIMIT_S) == 130
    finally:
        os.close(master)


def test_a_quiet_run_shows_nothing_on_a_terminal(demo: Path) -> None:
    """`--quiet` leaves the terminal alone."""
    master, slave = os.openpty()
    try:
        with started("run", "demo.ttl", "--processors", "own.py", "-q", stdout=slave, stderr=slave) as process:
            assert process.wait(LIMIT_S) == 0
        os.write(slave, b"end")
        assert os.read(master, 1000) == b"end"
    finally:
        os.close(slave)
        os.close(master)


def test_list_is_a_table_on_a_terminal(demo: Path) -> None:
    """A person sees columns with a head."""
    master, slave = os.openpty()
    try:
        with started("list", "processors", "--processors", "own.py", stdout=slave, stderr=slave) as process:
            os.close(slave)
            seen = read_until(master, b"Shout")
            assert b"summary" in seen
            assert process.wait(LIMIT_S) == 0
    finally:
        os.close(master)


@pytest.mark.skipif(sys.platform == "win32", reason="file sizes can be limited on POSIX only")
@pytest.mark.parametrize("option", ["--report", "--messages"])
def test_a_disk_that_is_full_is_told_with_the_file(demo: Path, option: str) -> None:
    """What cannot be written is named, how the run ended is told all the same, and no part of a file is left."""
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY));"
        "from transmissions.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    words = ["run", "demo.ttl", "1000", "--processors", "own.py", option, "out.json"]
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("demo: complete in" if option == "--report" else "demo: aborted in")
    assert done.stderr.splitlines()[-1] == f"trans: {option} out.json: cannot be written: file too large"
    assert {path.name for path in demo.iterdir()} == {"demo.ttl", "own.py"}


@pytest.mark.parametrize("option", ["--report", "--messages"])
def test_what_is_no_file_is_written_to_and_never_replaced(demo: Path, option: str) -> None:
    """A pipe, as a device, takes what is written and stays what it is; a link stays a link."""
    os.mkfifo(demo / "pipe")
    with started("run", "demo.ttl", "--processors", "own.py", "-q", option, "pipe") as process:
        told = (demo / "pipe").read_text()
        assert process.wait(LIMIT_S) == 0
    assert json.loads(told.splitlines()[0] if option == "--messages" else told)
    assert (demo / "pipe").is_fifo()
    (demo / "real.json").write_text("before")
    (demo / "link.json").symlink_to("real.json")
    with started("run", "demo.ttl", "--processors", "own.py", "-q", option, "link.json") as process:
        assert process.wait(LIMIT_S) == 0
    assert (demo / "link.json").is_symlink()
    assert (demo / "real.json").read_text() not in ("before", "")


@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1, 2]])
def test_streams_that_are_closed_take_nothing_and_hurt_nobody(demo: Path, closed: list[int]) -> None:
    """A run goes on without what was closed before it began."""
    words = ["run", "demo.ttl", "--processors", "own.py", "--report", "report.json", "--messages", "-"]
    code = f"import os, sys; [os.close(one) for one in {closed}]; os.execv(sys.executable, ['python', *sys.argv[1:]])"
    command = [sys.executable, "-c", code, "-m", "transmissions", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0
    assert "Error" not in done.stderr
    assert json.loads((demo / "report.json").read_text())["status"] == "complete"
