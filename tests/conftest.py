"""A guard that is on in every test: what a test does to the machine, it does in a temporary folder and on loopback.

Python tells an audit hook of every file opened for writing, every change of a folder, every connection and
every program started. What is not allowed raises where it happens, and fails the test even if something there
catches it. C libraries that open files themselves, and programs that were started, are not seen. Programs
other than this Python are started only by tests that name them: `@pytest.mark.programs("redis-server")`.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from transmissions.secrets import forget_all

ROOT = Path(__file__).parent.parent
_PROJECT = os.path.realpath(ROOT)
_CACHES = (".pytest_cache", ".hypothesis", ".mypy_cache", ".ruff_cache", "__pycache__")
_DEVICES = ("/dev/", "/proc/self/", f"/proc/{os.getpid()}/")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PYTHON = Path(sys.executable).parent


class Forbidden(BaseException):
    """A test did what none may; no `except Exception` hides it."""


class Guard:
    """Looks at what is done, and remembers what should not have been.

    Attributes:
        on: whether it guards: from the first test to the last, not while pytest begins and ends.
        programs: names of the programs that the present test may start.
        found: what was done and is not allowed.
    """

    def __init__(self) -> None:
        self.on = False
        self.programs: frozenset[str] = frozenset()
        self.found: list[str] = []
        self.roots = [os.path.realpath(tempfile.gettempdir())]
        self._relative: dict[str, int | None] = {}
        self._listeners: list[tuple[str, list[tuple[Any, ...]]]] = []
        self._busy = threading.local()
        path = self._path
        self._checks: dict[str, Callable[[tuple[Any, ...]], None]] = {
            "open": self._open,
            "os.chmod": lambda a: path(a[0], a[2]),
            "os.chown": lambda a: path(a[0], a[3]),
            "os.link": lambda a: path(a[1], a[3]),
            "os.mkdir": lambda a: path(a[0], a[2]),
            "os.remove": lambda a: path(a[0], a[1]),
            "os.rename": lambda a: (path(a[0], a[2]), path(a[1], a[3]))[0],
            "os.rmdir": lambda a: path(a[0], a[1]),
            "os.symlink": lambda a: path(a[1], a[2]),
            "os.truncate": lambda a: path(a[0]),
            "os.utime": lambda a: path(a[0], a[3]),
            "sqlite3.connect": lambda a: None if str(a[0]).startswith((":memory:", "file:")) else path(a[0]),
            "socket.bind": lambda a: self._address("bind to", a[1]),
            "socket.connect": lambda a: self._address("connect to", a[1]),
            "socket.getaddrinfo": lambda a: self._name(a[0]),
            "socket.gethostbyaddr": lambda a: self._name(a[0]),
            "socket.gethostbyname": lambda a: self._name(a[0]),
            "socket.sendto": lambda a: self._address("send to", a[1]),
            "os.exec": lambda a: self._program(a[0]),
            "os.posix_spawn": lambda a: self._program(a[0]),
            "os.spawn": lambda a: self._program(a[1]),
            "os.startfile": lambda a: self._program(a[0]),
            "os.system": lambda a: self._refuse(f"run a shell: {a[0]!r}"),
            "subprocess.Popen": lambda a: self._program(a[0]),
        }

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Look at one thing that is done."""
        check = self._checks.get(event) if self.on else None
        if check is None and not self._listeners:
            return
        for wanted, seen in self._listeners:
            if wanted == event:
                seen.append(arguments)
        if check is not None and not getattr(self._busy, "now", False):
            # Finding out where a path leads is itself something that is done.
            self._busy.now = True
            try:
                check(arguments)
            finally:
                self._busy.now = False

    @contextlib.contextmanager
    def listening(self, event: str) -> Iterator[list[tuple[Any, ...]]]:
        """Gather the arguments of all events of a kind."""
        listener: tuple[str, list[tuple[Any, ...]]] = (event, [])
        self._listeners.append(listener)
        try:
            yield listener[1]
        finally:
            self._listeners.remove(listener)

    def take(self) -> list[str]:
        """Return what was found, and forget it."""
        for path, before in self._relative.items():
            if _changed(path) != before:
                self.found.append(f"write {path}")
        self._relative.clear()
        found, self.found = self.found, []
        return found

    def _refuse(self, what: str) -> None:
        self.found.append(what)
        raise Forbidden(f"no test may {what}")

    def _open(self, arguments: tuple[Any, ...]) -> None:
        path, mode, flags = arguments
        writing = any(sign in mode for sign in "wax+") if isinstance(mode, str) else bool((flags or 0) & _WRITING)
        if not writing or isinstance(path, int):
            return
        text = os.fsdecode(path)
        if os.path.isabs(text):
            self._path(text)
        elif not self._allowed(os.path.realpath(text)):
            # The event does not tell of a folder that the name is relative to; whether it was this one shows later.
            self._relative.setdefault(os.path.abspath(text), _changed(os.path.abspath(text)))

    def _path(self, path: Any, folder: int = -1) -> None:
        if isinstance(path, int) or path is None:
            return
        text = os.fsdecode(path)
        if folder is not None and folder >= 0 and not os.path.isabs(text):
            link = f"/proc/self/fd/{folder}"
            if not os.path.lexists(link):
                return
            text = os.path.join(os.readlink(link), text)
        # A link itself may be made and removed where it is, wherever it leads.
        real = os.path.join(os.path.realpath(os.path.dirname(text) or "."), os.path.basename(text))
        if not self._allowed(real):
            self._refuse(f"write {real}")

    def _allowed(self, real: str) -> bool:
        if os.environ.get("UPDATE_GOLDEN") and _is_in(real, _PROJECT):
            return True
        # The project may itself be in a temporary folder, and then that does not make it one.
        inside = any(
            _is_in(real, root) for root in self.roots if not (_is_in(_PROJECT, root) and _is_in(real, _PROJECT))
        )
        return inside or real.startswith(_DEVICES) or any(part in _CACHES for part in Path(real).parts)

    def _address(self, what: str, address: Any) -> None:
        # Nothing can listen on an address that documents use, so a test may try to.
        fruitless = what == "bind to" and str(address[0]).startswith("192.0.2.")
        if isinstance(address, tuple) and not fruitless and not _is_loopback(address[0]):
            self._refuse(f"{what} {address[0]}")

    def _name(self, host: Any) -> None:
        text = os.fsdecode(host) if isinstance(host, str | bytes) else ""
        if text and text != "localhost" and not _is_literal(text):
            self._refuse(f"look up {text}")

    def _program(self, program: Any) -> None:
        path = Path(os.fsdecode(program))
        if path.name in self.programs or path.parent == _PYTHON or path == Path(sys.executable).resolve():
            return
        self._refuse(f"start {path}")


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)


def _changed(path: str) -> int | None:
    try:
        return os.lstat(path).st_mtime_ns
    except (OSError, ValueError):
        return None


def _is_loopback(host: Any) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


def _is_literal(host: str) -> bool:
    """Say whether a host is some spelling of an address, for which nobody is asked."""
    try:
        socket.inet_aton(host)
    except (OSError, UnicodeError):
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return not host.isascii() and any(sign.isnumeric() for sign in host)
    return True


GUARD = Guard()
sys.addaudithook(GUARD.hook)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "programs(*names): programs that the test may start, besides this Python")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let a test's fixtures start what the test may start, those that are shared by the session too."""
    GUARD.on = True
    GUARD.programs = frozenset(name for mark in item.iter_markers("programs") for name in mark.args)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    """Let pytest keep what it remembers from run to run."""
    GUARD.on = False


@pytest.fixture(scope="session", autouse=True)
def _roots(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let tests write where pytest gives them room."""
    GUARD.roots.append(os.path.realpath(tmp_path_factory.getbasetemp()))


@pytest.fixture(autouse=True)
def guard() -> Iterator[Guard]:
    """Fail a test that did what none may, and give the guard to those that ask for it; forget the test's secrets."""
    yield GUARD
    found = GUARD.take()
    GUARD.programs = frozenset()
    forget_all()
    assert not found, f"this test did what none may: {found}"
