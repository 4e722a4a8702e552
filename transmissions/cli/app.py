"""The command `trans`: its sub-commands, and what a person sees when something goes wrong."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated, Any

import typer

from transmissions.apart import Checking
from transmissions.cli import describe, graph, jobs, listing, serve, usage, validate, vocabulary
from transmissions.cli import run as run_command
from transmissions.cli.command import Group
from transmissions.errors import (
    InvalidPipeline,
    OutputFailed,
    OutputRefused,
    StageError,
    StreamError,
    TransmissionsError,
)

__all__ = ["app", "run"]

DONE, FAILED, WRONG, READER_GONE = 0, 1, 2, 141
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


for command in (run_command, validate, graph, listing, describe, jobs, serve, usage, vocabulary):
    command.register(app)


def run(given: list[str], checking: Checking) -> int:
    """Run a command line and return the exit code; KeyboardInterrupt is the only error that it raises.

    Args:
        given: the command line without the program's name.
        checking: checks the pipeline of a command, perhaps already.
    """
    _make_printable()
    try:
        code = _dispatch(given or ["--help"], checking)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _let_go_of_stdout()
        return READER_GONE
    except Exception as error:
        if "--debug" in given:
            print(_redacted("".join(traceback.format_exception(error))), end="", file=sys.stderr)  # noqa: T201
        code, text = _judge(error)
        print(text, file=sys.stderr)  # noqa: T201
        return code


def _dispatch(given: list[str], checking: Checking) -> int:
    # Not by the library's own `main`: it ends the process with 1 when the reader of a pipe goes away.
    command = typer.main.get_command(app)
    try:
        with command.make_context("trans", given, obj=checking) as context:
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
