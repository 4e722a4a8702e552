"""`trans graph`: draw a pipeline."""

from __future__ import annotations

from typing import Annotated

import typer

from transmissions.cli.choices import check_choice
from transmissions.cli.command import Command
from transmissions.cli.loading import load_definition
from transmissions.cli.options import Debug, Processors

__all__ = ["graph", "register"]

_EXAMPLES = """\b
Examples:
  trans graph claude-archive
  trans graph my.ttl --format svg > my.svg
  trans graph my.ttl --format mermaid
  trans graph my.ttl --format dot | dot -Tpng > my.png
"""
_FORMATS = ("text", "mermaid", "dot", "svg")


def graph(
    pipeline: Annotated[
        str, typer.Argument(metavar="PIPELINE", show_default=False, help="A bundled name, a .ttl file, or FILE#name.")
    ],
    form: Annotated[str, typer.Option("--format", metavar="|".join(_FORMATS), help="What to draw it in.")] = "text",
    processors: Processors = None,
    debug: Debug = False,
) -> int:
    """Draw a pipeline.

    The drawing has its stages, the edges between them, and the buffers that it asks for. No other program is needed."""
    check_choice("--format", form, _FORMATS)
    from transmissions.drawing import FORMATS

    typer.echo(FORMATS[form](load_definition(pipeline, processors)), nl=False)
    return 0


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("graph", cls=Command, epilog=_EXAMPLES)(graph)
