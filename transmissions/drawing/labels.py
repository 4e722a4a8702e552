"""The words of a drawing: what stands in a stage's box and on the edge in front of it, and how wide it is."""

from __future__ import annotations

import unicodedata

from transmissions.model import Buffer, Definition, Stage, WhenFull
from transmissions.quantities import size_text

__all__ = ["buffer_label", "display_width", "group_of", "groups", "printable", "stage_lines", "title"]

_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")


def title(definition: Definition, instead: str = "") -> str:
    """Return `instead` if that is something, or the pipeline's label, or its name if it has none."""
    return printable(instead or definition.label or definition.name)


def stage_lines(stage: Stage) -> list[str]:
    """Return what a stage's box says: its name, and below it its processor."""
    return [printable(stage.name), printable(stage.processor)]


def buffer_label(buffer: Buffer) -> str:
    """Return the bounds of a buffer in a few words.

    >>> buffer_label(Buffer(max_messages=8, max_bytes=1048576))
    '8 messages, 1 MiB'
    """
    parts = [f"{buffer.max_messages} messages"]
    if buffer.max_bytes is not None:
        parts.append(size_text(buffer.max_bytes))
    if buffer.when_full is not WhenFull.BLOCK:
        parts.append(str(buffer.when_full))
    return ", ".join(parts)


def group_of(name: str) -> tuple[str, ...]:
    """Return the nested pipelines that a stage stands in, outermost first.

    >>> group_of("outer/inner/read")
    ('outer', 'inner')
    """
    return tuple(name.split("/")[:-1])


def groups(definition: Definition) -> list[tuple[str, ...]]:
    """Return every group of the pipeline, parents before what is in them, in the order of the stages."""
    found: dict[tuple[str, ...], None] = {}
    for stage in definition.stages:
        path = group_of(stage.name)
        for depth in range(1, len(path) + 1):
            found.setdefault(path[:depth])
    return list(found)


def printable(text: str) -> str:
    """Return the text on one line, without the control characters that no format of drawing may hold."""
    return "".join(" " if unicodedata.category(c) in _UNPRINTABLE or c in "\ufffe\uffff" else c for c in text)


def display_width(text: str) -> int:
    """Return how many columns of a terminal the text takes; wide characters take two, combining ones none."""
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
