"""`trans graph`: draw a pipeline, or a run of it from its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transmissions.cli.choices import check_choice
from transmissions.cli.command import Command
from transmissions.cli.loading import load_definition
from transmissions.cli.options import Debug, Processors
from transmissions.errors import ParameterError

if TYPE_CHECKING:
    from transmissions.model import Definition

__all__ = ["graph", "register"]

_EXAMPLES = """\b
Examples:
  trans graph claude-archive
  trans graph my.ttl --format svg > my.svg
  trans graph my.ttl --format mermaid
  trans graph my.ttl --format dot | dot -Tpng > my.png
  trans graph --report report.json
  trans graph my.ttl --report report.json --format svg > run.svg
"""
_FORMATS = ("text", "mermaid", "dot", "svg")


def graph(
    pipeline: Annotated[
        str | None,
        typer.Argument(
            metavar="[PIPELINE]",
            show_default=False,
            help="A bundled name, a .ttl file, or FILE#name; may be left out with --report.",
        ),
    ] = None,
    form: Annotated[str, typer.Option("--format", metavar="|".join(_FORMATS), help="What to draw it in.")] = "text",
    report: Annotated[
        str | None,
        typer.Option(
            "--report", metavar="FILE", help="Draw the run that this report of `trans run --report` tells of."
        ),
    ] = None,
    processors: Processors = None,
    debug: Debug = False,
) -> int:
    """Draw a pipeline.

    The drawing has its stages, the edges between them, and the buffers that it asks for. With --report it has the
    figures of a run: messages on each edge, how full each buffer was, how busy each stage, and which was the slowest.
    No other program is needed."""
    check_choice("--format", form, _FORMATS)
    if pipeline is None and report is None:
        raise ParameterError(
            "name a pipeline to draw, or give --report FILE; `trans list pipelines` shows what there is"
        )
    from transmissions.drawing import FORMATS

    definition = load_definition(pipeline, processors) if pipeline is not None else None
    if report is not None:
        typer.echo(_draw_run(Path(report), definition, form), nl=False)
    elif definition is not None:
        typer.echo(FORMATS[form](definition), nl=False)
    return 0


def _draw_run(path: Path, definition: Definition | None, form: str) -> str:
    from transmissions.bottleneck import find_bottleneck
    from transmissions.cli.picture import definition_of, notes_of
    from transmissions.cli.report_file import read_report
    from transmissions.cli.window import Span
    from transmissions.drawing import FORMATS
    from transmissions.quantities import time_text

    report = read_report(path)
    edges = report.edges
    if definition is not None:
        report.check_is_of(definition, path)
        edges = definition.edges if edges is None else edges
    if edges is None:
        raise ParameterError(f"--report {path}: it does not name its edges; name the pipeline too: {report.pipeline}")
    title = f"{(definition and definition.label) or report.pipeline}: {report.status} in {time_text(report.seconds)}"
    verdict = find_bottleneck(report.stages, edges, report.seconds)
    notes = notes_of(Span(report.seconds, report.stages, is_whole=True), edges, verdict, title)
    drawn = FORMATS[form](definition_of(report.pipeline, report.stages, edges), notes)
    return f"{drawn}{verdict}\n" if form == "text" and verdict else drawn


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("graph", cls=Command, epilog=_EXAMPLES)(graph)
