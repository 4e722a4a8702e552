"""Options that several commands share, so that they are named and explained alike."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["Debug", "JobStoreOption", "Json", "Processors"]

Processors = Annotated[
    list[str] | None,
    typer.Option(
        "--processors", metavar="PATH", help="Load processors of your own from this file or folder; may be repeated."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")]
JobStoreOption = Annotated[
    str | None,
    typer.Option(
        "--job-store",
        metavar="FILE|URL",
        help="Where jobs are kept: a file, or the address of a Redis server.  "
        "[default: transmissions/jobs.sqlite in the user's data folder]",
    ),
]
