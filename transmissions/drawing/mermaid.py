"""Draw a pipeline as a Mermaid flowchart, which Markdown pages of many hosts show as a picture."""

from __future__ import annotations

from transmissions.drawing.labels import buffer_label, group_of, groups, printable, stage_lines, title
from transmissions.model import Definition

__all__ = ["draw_mermaid"]


def draw_mermaid(definition: Definition) -> str:
    """Return the pipeline as Mermaid text."""
    ids = {stage.name: f"s{number}" for number, stage in enumerate(definition.stages)}
    lines = ["---", f"title: {_quoted(title(definition))}", "---", "flowchart TD"]
    lines += _members(definition, (), ids, "  ")
    for source, target in definition.edges:
        buffer = definition.stage(target).buffer
        mark = f"|{_escape_in_quotes(buffer_label(buffer))}|" if buffer else ""
        lines.append(f"  {ids[source]} -->{mark} {ids[target]}")
    return "\n".join(lines) + "\n"


def _members(definition: Definition, group: tuple[str, ...], ids: dict[str, str], indent: str) -> list[str]:
    lines = []
    for stage in definition.stages:
        if group_of(stage.name) == group:
            name, processor = stage_lines(stage)
            lines.append(f'{indent}{ids[stage.name]}["{_escape(name)}<br/><small>{_escape(processor)}</small>"]')
    for number, inner in enumerate(groups(definition)):
        if inner[:-1] == group:
            lines.append(f"{indent}subgraph g{number}[{_escape_in_quotes(inner[-1])}]")
            lines += _members(definition, inner, ids, indent + "  ")
            lines.append(f"{indent}end")
    return lines


def _escape(text: str) -> str:
    # Mermaid writes characters by number as #35; - letters, digits and a few marks are safe as they are.
    return "".join(c if c.isalnum() or c in " _-./,:+" else f"#{ord(c)};" for c in printable(text))


def _escape_in_quotes(text: str) -> str:
    return f'"{_escape(text)}"'


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
