"""`trans validate`: every problem of each pipeline file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transmissions.cli.choices import check_choice
from transmissions.cli.command import Command
from transmissions.cli.loading import make_registry, problems_of
from transmissions.cli.options import Debug, Json, Processors
from transmissions.errors import ParameterError
from transmissions.problem import Problem, render

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["register", "validate"]

_EXAMPLES = """\b
Examples:
  trans validate my.ttl
  trans validate pipelines/ --processors my.py
  trans validate my.ttl --json
  trans validate . --format sarif > problems.sarif
"""
_FORMATS = ("text", "json", "sarif")


def validate(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...", show_default=False, help="Files, bundled names, applications, or folders of these."
        ),
    ],
    form: Annotated[str, typer.Option("--format", metavar="|".join(_FORMATS), help="How to print problems.")] = "text",
    processors: Processors = None,
    debug: Debug = False,
    json: Json = False,
) -> int:
    """Check pipelines and print every problem.

    Nothing is run. The exit code is 2 if there is an error; warnings alone leave it 0.
    """
    form = "json" if json else check_choice("--format", form, _FORMATS)
    registry = make_registry(processors)
    problems: list[Problem] = []
    count = 0
    for path in _walk(paths):
        count += 1
        problems += problems_of(path, registry)
    problems = sorted(dict.fromkeys(problems), key=lambda one: (one.location, one.message))
    _print(problems, form)
    errors = sum(one.severity == "error" for one in problems)
    if form == "text":
        _summarise(count, errors, len(problems) - errors)
    return 2 if errors else 0


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("validate", cls=Command, epilog=_EXAMPLES)(validate)


def _walk(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        if Path(path).is_dir():
            found = sorted(_in_folder(path))
            if not found:
                raise ParameterError(f"{path}: there is no .ttl file in this folder")
            yield from found
        else:
            yield path


def _in_folder(path: str) -> Iterator[str]:
    """Yield the Turtle files in a folder and below it; of an application, only its folder."""
    from transmissions.applications import is_application

    for folder, folders, names in os.walk(path):
        if is_application(Path(folder)):
            folders.clear()
            yield folder
        else:
            yield from (str(Path(folder, name)) for name in names if name.endswith(".ttl"))


def _print(problems: Sequence[Problem], form: str) -> None:
    if form == "text":
        if problems:
            typer.echo(render(problems) + "\n")
        return
    from json import dumps

    from transmissions.cli.sarif import as_sarif

    value = [one.as_json() for one in problems] if form == "json" else as_sarif(problems)
    typer.echo(dumps(value, indent=2, ensure_ascii=False))


def _summarise(files: int, errors: int, warnings: int) -> None:
    parts = [
        f"{number} {noun}{'s' if number != 1 else ''}" for number, noun in ((errors, "error"), (warnings, "warning"))
    ]
    typer.echo(f"{files} file{'s' if files != 1 else ''}: {' and '.join(parts)}", err=True)
