"""`trans describe`: what a processor or a pipeline does, and what it takes."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from transmissions.cli.arguments import placeholder, usage
from transmissions.cli.command import Command
from transmissions.cli.loading import load_definition, make_registry
from transmissions.cli.options import Debug, Json, Processors
from transmissions.errors import NoSuchPipeline, TransmissionsError
from transmissions.problem import nearest

if TYPE_CHECKING:
    from transmissions.describe import Description
    from transmissions.model import Definition
    from transmissions.registry import Registry

__all__ = ["describe", "register"]

_EXAMPLES = """\b
Examples:
  trans describe FileWriter
  trans describe claude-archive
  trans describe my.ttl
  trans describe Shout --processors my.py --json
"""
_LINE_CHARACTERS = 88


def describe(
    name: Annotated[
        str, typer.Argument(metavar="NAME", show_default=False, help="A processor, a bundled pipeline, or a .ttl file.")
    ],
    processors: Processors = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown (of a processor).")] = False,
    debug: Debug = False,
    json: Json = False,
) -> int:
    """Describe a processor or a pipeline.

    A processor: settings, types, defaults, fields, guarantee, example. A pipeline: parameters, stages, drawing."""
    from transmissions.describe import describe as describe_processor

    registry = make_registry(processors)
    asked = name.removeprefix(":")
    if asked in registry:
        description = describe_processor(asked, registry.find(asked))
        text = description.as_markdown() if markdown else processor_text(description)
        _print(description.as_json(), text, json)
        return 0
    definition = _definition(name, registry, processors)
    _print(pipeline_as_json(definition), pipeline_text(definition, name), json)
    return 0


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("describe", cls=Command, epilog=_EXAMPLES)(describe)


def processor_text(description: Description) -> str:
    """Return a processor's description for a terminal."""
    parts = [f":{description.name}", _wrapped(description.summary)]
    if description.details:
        parts.append(textwrap.indent(description.details, "  "))
    if description.settings:
        rows = ["Settings:"]
        for one in description.settings:
            default = "required" if one.required else f"default {one.default}" if one.default else ""
            takes = one.takes + (", several" if one.many else "")
            rows.append(f"  :{one.name}  {takes}" + (f"  [{default}]" if default else ""))
            rows += [_wrapped(one.doc, 6)] if one.doc else []
        parts.append("\n".join(rows))
    parts.append("\n".join(f"{name.capitalize()}: {text}" for name, text in description.facts()))
    where = f" {description.run.pipeline} holds" if description.run and description.run.application else ""
    parts.append(f"Example:{where}\n" + textwrap.indent(description.example, "  ").rstrip())
    if description.run:
        run = description.run
        before = [f"{name} holds\n{textwrap.indent(text, '  ')}" for name, text in run.files.items()]
        after = [f"and {name} then holds\n{textwrap.indent(text, '  ')}" for name, text in run.written.items()]
        after += [f"and {name} is gone" for name in run.gone]
        parts += [textwrap.indent(text.rstrip(), "  ") for text in [*before, run.as_session(), *after]]
    return "\n\n".join(parts)


def pipeline_text(definition: Definition, name: str) -> str:
    """Return a pipeline's description for a terminal.

    Args:
        definition: the pipeline.
        name: as the person wrote it.
    """
    from transmissions.drawing import draw_text

    parts = [definition.name, *([_wrapped(definition.comment)] if definition.comment else [])]
    rows = usage(definition.parameters)
    if rows:
        width = max(len(option) for option, _ in rows)
        parts.append("\n".join(["Parameters:", *(f"  {option:<{width}}  {text}".rstrip() for option, text in rows)]))
    values = [placeholder(one) for one in definition.parameters if one.required]
    optional = ["[--OPTION VALUE]..."] if len(values) < len(definition.parameters) else []
    parts.append("Run it:\n  " + " ".join(["trans run", name, *values, *optional]))
    parts.append(f"File:\n  {definition.file}")
    parts.append("Stages:\n" + textwrap.indent(draw_text(definition), "  ").rstrip())
    return "\n\n".join(parts)


def pipeline_as_json(definition: Definition) -> dict[str, Any]:
    """Return a pipeline's description as JSON values."""
    return {
        "name": definition.name,
        "file": definition.file,
        "label": definition.label,
        "comment": definition.comment,
        "parameters": [
            {
                "name": one.name,
                "comment": one.comment,
                "required": one.required,
                "default": one.default,
                "choices": list(one.choices),
                "datatype": one.datatype,
                "several": one.several,
            }
            for one in definition.parameters
        ],
        "stages": [{"stage": stage.name, "processor": stage.processor} for stage in definition.stages],
        "edges": [list(edge) for edge in definition.edges],
    }


def _definition(name: str, registry: Registry, processors: list[str] | None) -> Definition:
    from transmissions import bundled

    try:
        return load_definition(name, processors)
    except NoSuchPipeline:
        guess = nearest(name.removeprefix(":"), [*registry.names(), *bundled.names()])
        hint = f"did you mean {guess}?   " if guess else ""
        raise TransmissionsError(
            f"neither a processor nor a pipeline is called {name}; {hint}`trans list` shows all"
        ) from None


def _print(data: dict[str, Any], text: str, json: bool) -> None:
    if json:
        from json import dumps

        text = dumps(data, indent=2, ensure_ascii=False, default=str)
    typer.echo(text)


def _wrapped(text: str, indent: int = 2) -> str:
    return textwrap.fill(
        " ".join(text.split()), _LINE_CHARACTERS, initial_indent=" " * indent, subsequent_indent=" " * indent
    )
