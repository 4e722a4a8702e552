"""Draw a pipeline in Graphviz' DOT language."""

from __future__ import annotations

from transmissions.drawing.labels import buffer_label, group_of, groups, printable, stage_lines, title
from transmissions.drawing.notes import PLAIN, Notes
from transmissions.model import Definition

__all__ = ["draw_dot"]


def draw_dot(definition: Definition, notes: Notes = PLAIN) -> str:
    """Return the pipeline as DOT text."""
    lines = [
        f"digraph {_quoted(definition.name)} {{",
        f"  label={_quoted(title(definition, notes.title))}; labelloc=t; rankdir=TB;",
        '  node [shape=box, style=rounded, fontname="sans-serif"];',
        '  edge [fontname="sans-serif", fontsize=10];',
    ]
    lines += _members(definition, (), notes, "  ")
    for source, target in definition.edges:
        buffer = definition.stage(target).buffer
        said = notes.at(source, target) or (buffer_label(buffer) if buffer and target not in notes.stages else "")
        mark = f" [label={_quoted(said)}]" if said else ""
        lines.append(f"  {_quoted(source)} -> {_quoted(target)}{mark};")
    return "\n".join([*lines, "}"]) + "\n"


def _members(definition: Definition, group: tuple[str, ...], notes: Notes, indent: str) -> list[str]:
    lines = []
    for stage in definition.stages:
        if group_of(stage.name) == group:
            label = '"' + "\\n".join(_escape(line) for line in stage_lines(stage) + notes.of(stage.name)) + '"'
            mark = ', color="#c0392b", penwidth=3' if stage.name == notes.marked else ""
            lines.append(f"{indent}{_quoted(stage.name)} [label={label}{mark}];")
    for number, inner in enumerate(groups(definition)):
        if inner[:-1] == group:
            lines.append(f"{indent}subgraph cluster_{number} {{")
            lines.append(f"{indent}  label={_quoted(inner[-1])};")
            lines += _members(definition, inner, notes, indent + "  ")
            lines.append(f"{indent}}}")
    return lines


def _escape(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')


def _quoted(text: str) -> str:
    return f'"{_escape(text)}"'
