"""`trans vocabulary`: the classes and properties that pipelines are written with, in Turtle."""

from __future__ import annotations

import typer

from transmissions.cli.command import Command
from transmissions.cli.loading import make_registry
from transmissions.cli.options import Debug, Processors

__all__ = ["register", "vocabulary"]

_EXAMPLES = """\b
Examples:
  trans vocabulary > transmissions.ttl
  trans vocabulary --processors my.py
"""


def vocabulary(processors: Processors = None, debug: Debug = False) -> int:
    """Print the vocabulary of pipelines, in Turtle.

    The terms of pipelines, a class for each processor, and a property for each setting: what it is for, which
    processors have it, what its values are. For editors, reasoners, and documentation."""
    from transmissions.ontology import ontology_text

    registry = make_registry(processors)
    typer.echo(ontology_text({name: registry.find(name) for name in registry.names()}), nl=False)
    return 0


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("vocabulary", cls=Command, epilog=_EXAMPLES)(vocabulary)
