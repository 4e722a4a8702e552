"""Draw a pipeline in Graphviz' DOT language."""

from __future__ import annotations

from transmissions.drawing.labels import buffer_label, group_of, groups, printable, stage_lines, title
from transmissions.model import Definition

__all__ = ["draw_dot"]


def draw_dot(definition: Definition) -> str:
    """Return the pipeline as DOT text."""
    lines = [
        f"digraph {_quoted(definition.name)} {{",
        f"  label={_quoted(title(definition))}; labelloc=t; rankdir=TB;",
        '  node [shape=box, style=rounded, fontname="sans-serif"];',
        '  edge [fontname="sans-serif", fontsize=10];',
    ]
    lines += _members(definition, (), "  ")
    for source, target in definition.edges:
        buffer = definition.stage(target).buffer
        mark = f" [label={_quoted(buffer_label(buffer))}]" if buffer else ""
        lines.append(f"  {_quoted(source)} -> {_quoted(target)}{mark};")
    return "\n".join([*lines, "}"]) + "\n"


def _members(definition: Definition, group: tuple[str, ...], indent: str) -> list[str]:
    lines = []
    for stage in definition.stages:
        if group_of(stage.name) == group:
            label = '"' + "\\n".join(_escape(line) for line in stage_lines(stage)) + '"'
            lines.append(f"{indent}{_quoted(stage.name)} [label={label}];")
    for number, inner in enumerate(groups(definition)):
        if inner[:-1] == group:
            lines.append(f"{indent}subgraph cluster_{number} {{")
            lines.append(f"{indent}  label={_quoted(inner[-1])};")
            lines += _members(definition, inner, indent + "  ")
            lines.append(f"{indent}}}")
    return lines


def _escape(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')


def _quoted(text: str) -> str:
    return f'"{_escape(text)}"'
