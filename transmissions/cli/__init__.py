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
_THREADS = "transmissions "
"""What the names of this program's threads begin with."""
_CHECKED_HERE = {"-h", "--help", "--debug", "--processors"}
"""Options of `trans run` with which its pipeline is checked by this process."""


def program() -> NoReturn:
    """Be the program `trans`: run the command line of this process and end it with the exit code."""
    code = main()
    # A thread that was left behind in foreign code may hold what the interpreter wants when it ends.
    if any(thread.name.startswith(_THREADS) for thread in threading.enumerate()):
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
    _open_streams()
    try:
        with Checking() as checking:
            match given:
                case ["run", pipeline, *_] if not {word.split("=")[0] for word in given} & _CHECKED_HERE:
                    checking.begin(pipeline)
            from transmissions.cli.app import run

            return run(given, checking)
    except KeyboardInterrupt:
        return _INTERRUPTED


def _open_streams() -> None:
    """Put nothing in the place of a standard stream that was closed before this program began."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123
