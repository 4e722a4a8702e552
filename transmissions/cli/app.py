"""The command `trans`: its sub-commands, and what a person sees when something goes wrong."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import traceback
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer

from transmissions.cli import describe, graph, jobs, listing, run, serve, usage, validate, vocabulary
from transmissions.cli.command import Group
from transmissions.errors import (
    InvalidPipeline,
    OutputFailed,
    OutputRefused,
    StageError,
    StreamError,
    TransmissionsError,
)

__all__ = ["app", "main", "program"]

THREAD_NAMES = "transmissions "
"""What the names of a run's threads begin with."""

DONE, FAILED, WRONG, INTERRUPTED, READER_GONE = 0, 1, 2, 130, 141
"""Exit codes; `READER_GONE` is what a shell gives a program whose reader, as in `| head`, has gone away."""

app = typer.Typer(
    cls=Group,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done; 1 the run failed; 2 the command, the pipeline or part of the input was wrong; "
    "130 interrupted.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"transmissions {version('transmissions-engine')}")
        raise typer.Exit


@app.callback()
def trans(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Run dataflows that are written in Turtle: checked before they run, streamed, and bounded in memory."""


for command in (run, validate, graph, listing, describe, jobs, serve, usage, vocabulary):
    command.register(app)


def program() -> NoReturn:
    """Be the program `trans`: run the command line of this process and end it with the exit code."""
    code = main()
    # A thread that was left behind in foreign code may hold what the interpreter wants when it ends.
    if any(thread.name.startswith(THREAD_NAMES) for thread in threading.enumerate()):
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
    _make_printable()
    try:
        code = _dispatch(given or ["--help"])
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _let_go_of_stdout()
        return READER_GONE
    except Exception as error:
        if "--debug" in given:
            print(_redacted("".join(traceback.format_exception(error))), end="", file=sys.stderr)  # noqa: T201
        code, text = _judge(error)
        print(text, file=sys.stderr)  # noqa: T201
        return code


def _dispatch(given: list[str]) -> int:
    # Not by the library's own `main`: it ends the process with 1 when the reader of a pipe goes away.
    command = typer.main.get_command(app)
    try:
        with command.make_context("trans", given) as context:
            return int(command.invoke(context) or DONE)
    except typer.Exit as end:
        return int(end.exit_code)


def _judge(error: Exception) -> tuple[int, str]:
    """Return the exit code for an error, and what a person is told."""
    if isinstance(error, InvalidPipeline):
        count = sum(problem.severity == "error" for problem in error.problems)
        return WRONG, f"{_redacted(str(error))}\n\n{count} error{'s' if count != 1 else ''}; nothing was run"
    if isinstance(error, StageError | StreamError | OutputRefused | OutputFailed):
        return FAILED, f"trans: {_redacted(str(error))}"
    if isinstance(error, TransmissionsError):
        return WRONG, f"trans: {_redacted(str(error))}"
    if isinstance(error, _USAGE_ERRORS):
        return WRONG, _usage(error)
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return FAILED, f"trans: {where}{error.strerror[0].lower()}{error.strerror[1:]}"
    text = " ".join(str(error).split())[:300]
    return FAILED, _redacted(f"trans: unexpected {type(error).__name__}: {text}; run again with --debug to see where")


def _usage(error: Any) -> str:
    path = error.ctx.command_path if getattr(error, "ctx", None) else "trans"
    text = error.format_message().strip().rstrip(".").replace(". Did you mean", "; did you mean")
    return f"{path}: {text[:1].lower()}{text[1:]}\n`{path} --help` shows how it is used"


# The base of all errors that the command-line library raises for a wrong command line.
_USAGE_ERRORS: tuple[type[Any], ...] = tuple(
    base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException"
)


def _redacted(text: str) -> str:
    from transmissions.secrets import redact

    return redact(text)


def _make_printable() -> None:
    # A terminal may lack a character, and a file's name may be no Unicode; neither may end the command.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace" if "utf" in (stream.encoding or "").lower() else "replace")


def _let_go_of_stdout() -> None:
    """Point stdout where the interpreter's last flush cannot fail."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
