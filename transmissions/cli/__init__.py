"""The command line: `trans`, one module a command.

The commands are imported when they are asked for one, so that the pipeline of `trans run` can be checked meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

from transmissions.apart import Checking

__all__ = ["main", "program"]

_INTERRUPTED = 130


def program() -> NoReturn:
    """Be the program `trans`: run the command line of this process and end it with the exit code."""
    code = main()
    # A thread that was left behind in foreign code may hold what the interpreter wants when it ends.
    if any(thread.name.startswith("transmissions ") for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `trans` and return its exit code; nothing a user gives it leads to a traceback.

    Args:
        arguments: the command line without the program's name; None for that of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with Checking() as checking:
            match given:
                case ["run", pipeline, *rest] if not pipeline.startswith("-"):
                    checking.begin(pipeline, own_code="--processors" in " ".join(rest))
            from transmissions.cli.app import run

            return run(given, checking)
    except KeyboardInterrupt:
        return _INTERRUPTED
