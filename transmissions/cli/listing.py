"""`trans list`: the processors and pipelines that there are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from transmissions.cli.choices import check_choice
from transmissions.cli.command import Command
from transmissions.cli.loading import load_definition, make_registry
from transmissions.cli.options import Debug, Json, Processors

__all__ = ["listing", "register"]

_EXAMPLES = """\b
Examples:
  trans list
  trans list processors
  trans list processors --processors my.py
  trans list pipelines --json
"""
_KINDS = ("processors", "pipelines")


def listing(
    kind: Annotated[
        str | None, typer.Argument(metavar="[processors|pipelines]", show_default=False, help="Which; both by default.")
    ] = None,
    processors: Processors = None,
    debug: Debug = False,
    json: Json = False,
) -> int:
    """List processors and pipelines.

    Each has one line about it: a table on a terminal, fields parted by tabs elsewhere."""
    kinds = _KINDS if kind is None else (check_choice("list", kind, _KINDS),)
    rows: list[dict[str, str]] = []
    if "pipelines" in kinds:
        rows += _pipelines(processors or [])
    if "processors" in kinds:
        rows += _processors(processors or [])
    if json:
        from json import dumps

        typer.echo(dumps(rows, indent=2, ensure_ascii=False))
    elif sys.stdout.isatty():
        _print_table(rows, len(kinds) > 1)
    else:
        for row in rows:
            typer.echo("\t".join([row["name"], row["kind"], row["summary"]]))
    return 0


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("list", cls=Command, epilog=_EXAMPLES)(listing)


def _processors(paths: Sequence[str]) -> list[dict[str, str]]:
    from transmissions.describe import describe
    from transmissions.errors import TransmissionsError

    registry = make_registry(paths)
    rows = []
    for name in registry.names():
        try:
            summary = describe(name, registry.find(name)).summary
        except TransmissionsError as error:
            # One broken plugin must not hide the rest.
            summary = str(error)
        rows.append({"name": name, "kind": "processor", "summary": summary})
    return rows


def _pipelines(paths: Sequence[str]) -> list[dict[str, str]]:
    from transmissions import bundled
    from transmissions.errors import InvalidPipeline, TransmissionsError

    rows = []
    for name in bundled.names():
        try:
            definition = load_definition(name, paths)
            summary = definition.comment or definition.label
        except InvalidPipeline as error:
            summary = f"not valid: {error.problems[0].message}"
        except TransmissionsError as error:
            summary = str(error)
        rows.append({"name": name, "kind": "pipeline", "summary": " ".join(summary.split())})
    return rows


def _print_table(rows: Sequence[dict[str, Any]], with_kind: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    columns = ["name", "kind", "summary"] if with_kind else ["name", "summary"]
    for column in columns:
        table.add_column(column, no_wrap=column != "summary")
    for row in rows:
        table.add_row(*(Text(row[column], style="bold" if column == "name" else "") for column in columns))
    Console().print(table)
