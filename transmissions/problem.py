"""A problem: one thing wrong with an input, where it is, and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Location", "Problem", "nearest", "render"]

_WIDEST_LINE = 160


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a file.

    Args:
        file: the path as the user wrote it, or as it was found.
        line: counted from 1.
        column: counted from 1, in characters.
        length: how many characters a caret line underlines.
    """

    file: str
    line: int = 1
    column: int = 1
    length: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong (or, as a warning, doubtful) in a file.

    Args:
        location: where it is.
        message: what is wrong, in lower case, with the file's own names.
        hint: what would be right; stands behind the carets.
        code: a short fixed name of the kind of problem, for programs (`unknown-setting`).
        severity: an error stops a run before it starts; a warning does not.
        source: the line of the file that `location` names, without its line end.
    """

    location: Location
    message: str
    hint: str = ""
    code: str = "invalid"
    severity: Literal["error", "warning"] = "error"
    source: str = ""

    def __str__(self) -> str:
        severity = "warning: " if self.severity == "warning" else ""
        first = f"{self.location}: {severity}{self.message}"
        if not self.source:
            return f"{first} ({self.hint})" if self.hint else first
        source, before = _window(self.source, self.location.column - 1)
        # Tabs stay tabs in the caret line, so that the carets stand below what they mean.
        lead = "".join("\t" if c == "\t" else " " for c in source[:before])
        carets = "^" * max(1, min(self.location.length, len(source) - before))
        under = f"{lead}{carets} {self.hint}".rstrip()
        return f"{first}\n{self.location.line:>5} | {source}\n      | {under}"

    def as_json(self) -> dict[str, object]:
        """Return the problem as plain JSON values, with the names that `trans validate --json` prints."""
        return {
            "file": self.location.file,
            "line": self.location.line,
            "column": self.location.column,
            "length": self.location.length,
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
        }


def _window(line: str, at: int) -> tuple[str, int]:
    """Return the part of a line around a position that fits on a screen, and the position within it."""
    if len(line) <= _WIDEST_LINE:
        return line, at
    start = max(0, min(at - _WIDEST_LINE // 2, len(line) - _WIDEST_LINE))
    end = start + _WIDEST_LINE
    front, back = "…" if start else "", "…" if end < len(line) else ""
    return front + line[start:end] + back, at - start + len(front)


def render(problems: Iterable[Problem]) -> str:
    """Return the problems as text for a person, one below the other."""
    return "\n\n".join(str(problem) for problem in problems)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` was most likely meant to be, or None if none is near.

    >>> nearest("sorceFile", ["sourceFile", "targetField"])
    'sourceFile'
    """
    by_folded = {candidate.casefold(): candidate for candidate in known}
    found = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.65)
    return by_folded[found[0]] if found else None
