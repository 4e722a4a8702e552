"""What the tests of the command line share: a pipeline with processors of its own, and the command itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROCESSORS = '''
import itertools
import threading

from transmissions.processor import Processor, processor
from transmissions.settings import setting


class Make(Processor):
    """Make numbered messages.

    Guarantee: pure.
    """

    writes = ("n", "content")
    count: int = setting(3, "how many; less than 0 for no end", minimum=-1)
    lost: bool = setting(False, "whether a part of the input is broken")

    def process(self, message):
        self.bytes_total = max(self.count, 0) * 10 or 10**12
        if self.lost:
            self.lose("not JSON", bytes=[0, 9])
        for number in itertools.count() if self.count < 0 else range(self.count):
            self.bytes_done += 10
            yield message | {"n": number, "content": f"text {number}"}


class Fail(Processor):
    """Fail on one message."""

    reads = ("n",)
    at: int = setting(-1, "the number to fail on; -1 for none")

    def process(self, message):
        if message["n"] == self.at:
            raise ValueError("this number is not liked")
        return message


class Hang(Processor):
    """Never come back."""

    def process(self, message):
        print("hanging", flush=True)
        threading.Event().wait()


@processor
def shout(message, *, field: str = "content"):
    """Make a field upper case."""
    message[field] = message[field].upper()
    return message
'''

PIPELINE = """\
@prefix : <http://purl.org/stuff/transmissions/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .

:demo a :EntryTransmission ;
    rdfs:label "A demo" ;
    rdfs:comment "Make messages and shout." ;
    :parameter [ :name "count" ; :default "3" ; rdfs:comment "how many messages" ] ,
        [ :name "failAt" ; :default "-1" ; rdfs:comment "where to fail" ] ;
    :pipe (:make :fail :shout) .

:make a :Make ; :settings [ :count "{{ count }}" ] .
:fail a :Fail ; :settings [ :at "{{ failAt }}" ] .
:shout a :Shout ; :buffer [ :maxMessages 8 ] .
"""


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with a pipeline and its processors."""
    (tmp_path / "demo.ttl").write_text(PIPELINE, encoding="utf-8")
    (tmp_path / "own.py").write_text(PROCESSORS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def trans() -> Command:
    """Return a function that runs the real command in a process of its own."""

    def run(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "transmissions", *arguments],
            input=given, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False,
        )  # fmt: skip

    return run
