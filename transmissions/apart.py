"""Have a pipeline checked by another process, while this one gets ready to run it.

To read and check Turtle takes libraries that a run has no use for, half of a small run's memory. So another process
loads them, and sends back what it found, a definition or what is wrong with it, as data.
"""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transmissions import bundled
from transmissions.errors import InvalidPipeline

if TYPE_CHECKING:
    from transmissions.pipeline import Pipeline

__all__ = ["Checking", "answer"]

_CHECKER = "pyshacl"
_START = "import sys; sys.path[:] = {path!r}; from transmissions.apart import answer; answer()"


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
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def begin(self, source: str, *, own_code: bool = False) -> None:
        """Begin to check a pipeline, unless that was begun, or is better done here.

        Args:
            source: what the person called it.
            own_code: whether it uses processors of the user's own.
        """
        if self._process is None and not own_code and _CHECKER not in sys.modules and _is_file(source):
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
        if not data:
            return load(source, processors=processors)
        # No stranger's data: the process is this program.
        definition, problems = pickle.loads(data)  # noqa: S301
        if definition is None:
            raise InvalidPipeline(problems)
        return Pipeline(definition, Registry(), problems)

    def _answer(self) -> bytes:
        return b"" if self._process is None or self._process.stdout is None else self._process.stdout.read()


def answer() -> None:
    """Be the other process: check the pipeline that the command line names, and write down what is found."""
    from transmissions import loading
    from transmissions.registry import Registry

    source, out = sys.argv[1], sys.stdout.buffer
    # What a processor's module prints must not get among the answer.
    sys.stdout = sys.stderr
    if loading.application(source) is not None:
        return
    found: tuple[object, object]
    try:
        found = loading.load(source, Registry())
    except InvalidPipeline as error:
        found = None, error.problems
    with out:
        out.write(pickle.dumps(found))


def _is_file(source: str) -> bool:
    """Say whether a pipeline is a bundled one or in a file."""
    names = (source, source.rpartition("#")[0])
    with contextlib.suppress(OSError, ValueError):
        return any(name and (bundled.find(name) is not None or Path(name).is_file()) for name in names)
    return False


def _started(source: str) -> subprocess.Popen[bytes] | None:
    command = [sys.executable, "-c", _START.format(path=sys.path), source]
    # An interpreter that is part of another program has no name to be started by.
    with contextlib.suppress(OSError, ValueError):
        return subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    return None
