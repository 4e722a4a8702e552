"""Draw a pipeline as a Mermaid flowchart, which Markdown pages of many hosts show as a picture."""

from __future__ import annotations

from transmissions.drawing.labels import buffer_label, group_of, groups, printable, stage_lines, title
from transmissions.drawing.notes import PLAIN, Notes
from transmissions.model import Definition

__all__ = ["draw_mermaid"]


def draw_mermaid(definition: Definition, notes: Notes = PLAIN) -> str:
    """Return the pipeline as Mermaid text."""
    ids = {stage.name: f"s{number}" for number, stage in enumerate(definition.stages)}
    lines = ["---", f"title: {_quoted(title(definition, notes.title))}", "---", "flowchart TD"]
    lines += _members(definition, (), ids, notes, "  ")
    for source, target in definition.edges:
        buffer = definition.stage(target).buffer
        said = notes.at(source, target) or (buffer_label(buffer) if buffer and target not in notes.stages else "")
        mark = f"|{_escape_in_quotes(said)}|" if said else ""
        lines.append(f"  {ids[source]} -->{mark} {ids[target]}")
    if notes.marked in ids:
        lines.append(f"  style {ids[notes.marked]} stroke:#c0392b,stroke-width:3px")
    return "\n".join(lines) + "\n"


def _members(
    definition: Definition, group: tuple[str, ...], ids: dict[str, str], notes: Notes, indent: str
) -> list[str]:
    lines = []
    for stage in definition.stages:
        if group_of(stage.name) == group:
            name, processor = stage_lines(stage)
            small = "".join(f"<br/><small>{_escape(line)}</small>" for line in (processor, *notes.of(stage.name)))
            lines.append(f'{indent}{ids[stage.name]}["{_escape(name)}{small}"]')
    for number, inner in enumerate(groups(definition)):
        if inner[:-1] == group:
            lines.append(f"{indent}subgraph g{number}[{_escape_in_quotes(inner[-1])}]")
            lines += _members(definition, inner, ids, notes, indent + "  ")
            lines.append(f"{indent}end")
    return lines


def _escape(text: str) -> str:
    # Mermaid writes characters by number as #35; - letters, digits and a few marks are safe as they are.
    return "".join(c if c.isalnum() or c in " _-./,:+" else f"#{ord(c)};" for c in printable(text))


def _escape_in_quotes(text: str) -> str:
    return f'"{_escape(text)}"'


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
