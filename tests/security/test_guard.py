"""The guard that is on in every test finds what it is there for.

Holds "silence": connections, programs and writes that no test may make fail it; these are the negative controls.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
OUTSIDE = ROOT / "written by a test"


def _connect(address: tuple[str, int]) -> None:
    with socket.socket() as one:
        one.connect(address)


def _send(address: tuple[str, int]) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        one.sendto(b"x", address)


BAD: dict[str, Callable[[], Any]] = {
    "write": lambda: OUTSIDE.write_text("x"),
    "append": lambda: OUTSIDE.open("a"),
    "create": lambda: os.open(OUTSIDE, os.O_CREAT | os.O_WRONLY),
    "mkdir": OUTSIDE.mkdir,
    "remove": OUTSIDE.unlink,
    "rename": lambda: (ROOT / "README.md").rename(OUTSIDE),
    "link": lambda: OUTSIDE.symlink_to("/"),
    "connect": lambda: _connect(("192.0.2.1", 80)),
    "send": lambda: _send(("192.0.2.1", 53)),
    "look up": lambda: socket.getaddrinfo("host.invalid", 80),
    "shell": lambda: os.system("true"),
    "program": lambda: subprocess.run(["true"], check=True),
    "shell of subprocess": lambda: subprocess.run("true", shell=True, check=True),
}


@pytest.mark.parametrize("name", BAD)
def test_what_no_test_may_do_is_stopped_and_remembered(name: str, guard: Any) -> None:
    """It is stopped before it is done, and is still known where the error is caught."""
    with pytest.raises(BaseException, match="no test may"):
        BAD[name]()
    assert len(guard.take()) == 1
    assert not os.path.lexists(OUTSIDE)


def test_a_relative_name_is_found_out_afterwards(guard: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write to the current folder, which the event does not tell, shows by what is there then."""
    monkeypatch.chdir(ROOT)
    try:
        with open(OUTSIDE.name, "w"):
            pass
        assert guard.take() == [f"write {OUTSIDE}"]
    finally:
        guard.programs = frozenset({"rm"})
        subprocess.run(["rm", str(OUTSIDE)], check=True)
    assert guard.take() == []


def test_what_tests_do_goes_on(tmp_path: Path, guard: Any) -> None:
    """Temporary folders, loopback and this Python are open to every test."""
    (tmp_path / "a").write_text("x")
    shutil.rmtree(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
    subprocess.run([sys.executable, "-c", ""], check=True)
    assert guard.take() == []


@pytest.mark.programs("true")
def test_a_program_that_a_test_names_may_be_started() -> None:
    """The marker opens the door to just that program."""
    subprocess.run(["true"], check=True)
