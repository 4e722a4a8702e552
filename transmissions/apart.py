"""Have a pipeline checked by another process, while this one gets ready to run it.

To read and check Turtle takes libraries that a run has no use for, half of a small run's memory. So another process
loads them, and sends back what it found, a definition or what is wrong with it, as data.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from transmissions import bundled, child
from transmissions.errors import InvalidPipeline

if TYPE_CHECKING:
    from transmissions.pipeline import Pipeline

__all__ = ["Checking", "answer"]

_CHECKER = "pyshacl"
_OWN_FOLDERS = ("/dev/", "/proc/")
"""What stands there is another thing for each process."""


class Checking:
    """The checking of one pipeline by another process, which is given up when the block is left.

    This process checks the pipeline itself where nothing is gained, since the libraries are here already; where the
    pipeline is an application, whose Turtle is read again for each target, or uses code of the user's own, which is to
    be run once; and where no answer came, so that what went wrong is told here.
    """

    def __init__(self) -> None:
        self._source = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Checking:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def begin(self, source: str) -> None:
        """Begin to check a pipeline that needs no code of the user's own, unless that is better done here.

        Args:
            source: what the person called it.
        """
        if self._process is None and _CHECKER not in sys.modules and _is_file(source):
            self._source, self._process = source, _started(source)

    def pipeline(self, source: str, processors: Sequence[str]) -> Pipeline:
        """Wait for the end of it, and return the pipeline, ready to run.

        Args:
            source: what the person called it.
            processors: files and folders with processors of the user's own.

        Raises:
            NoSuchPipeline, InvalidPipeline, TransmissionsError: as `transmissions.load`.
        """
        from transmissions.pipeline import Pipeline, load
        from transmissions.registry import Registry

        data = self._answer() if source == self._source and not processors else b""
        self._end()
        if not data:
            return load(source, processors=processors)
        # No stranger's data: the process is this program.
        definition, problems = pickle.loads(data)  # noqa: S301
        if definition is None:
            raise InvalidPipeline(problems)
        return Pipeline(definition, Registry(), problems)

    def _answer(self) -> bytes:
        if self._process is None or self._process.stdout is None or not child.after_greeting(self._process.stdout):
            return b""
        return child.receive(self._process.stdout)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
            process.wait()


def answer(source: str) -> None:
    """Be the other process: check a pipeline, and send what is found."""
    asked, answers = child.take_streams()
    threading.Thread(target=_end_with, args=(asked,), daemon=True).start()
    from transmissions import loading
    from transmissions.registry import Registry

    try:
        if loading.application(source) is None:
            child.send(answers, pickle.dumps(loading.load(source, Registry())))
    except InvalidPipeline as error:
        child.send(answers, pickle.dumps((None, error.problems)))
    finally:
        # Nothing is left to be tidied up, and to take leave of the libraries takes a while.
        os._exit(0)


def _end_with(asked: IO[bytes]) -> None:
    """End this process when the other one does, however it ends."""
    asked.read()
    os._exit(0)


def _is_file(source: str) -> bool:
    """Say whether a pipeline is a bundled one or in a file."""
    names = (source, source.rpartition("#")[0])
    with contextlib.suppress(OSError, ValueError):
        return any(name and (bundled.find(name) is not None or _is_common(Path(name))) for name in names)
    return False


def _is_common(path: Path) -> bool:
    return path.is_file() and not str(path.absolute()).startswith(_OWN_FOLDERS)


def _started(source: str) -> subprocess.Popen[bytes] | None:
    command = [*child.python("from transmissions.apart import answer; answer(sys.argv[1])"), source]
    # An interpreter that is part of another program has no name to be started by.
    with contextlib.suppress(OSError, ValueError):
        return subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    return None
