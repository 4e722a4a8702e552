"""Patterns of paths: the simple ones, in which `*` is anything, and globs, in which `**` crosses folders."""

from __future__ import annotations

import functools
import re

__all__ = ["glob_matches", "matches"]


def matches(text: str, pattern: str) -> bool:
    """Say whether a pattern matches the whole of a text; `*` stands for any characters, also slashes.

    >>> matches("notes/today.md", "*.md"), matches("today.mdx", "*.md")
    (True, False)
    """
    first, *others = pattern.split("*")
    if not others:
        return text == pattern
    *middle, last = others
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        # The first place will do: whatever follows has the most room behind it.
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def glob_matches(path: str, pattern: str) -> bool:
    """Say whether a glob matches a path: `**` crosses folders, `*` and `?` do not; `[ab]` and `{a,b}` give choices.

    >>> glob_matches("a/b/c.md", "**/*.md"), glob_matches("c.md", "**/*.md"), glob_matches("a/b.md", "*.md")
    (True, True, False)

    Raises:
        ValueError: a choice of signs is none, such as `[z-a]`.
    """
    return len(path) in _ends(_glob(pattern), path, {0})


_PARTS = re.compile(r"\*\*/|\*\*|\*|\?|\[[!^]?+[^\]/]+\]|[{},]|[^*?\[{},]+|.", re.DOTALL)
_Part = str | re.Pattern[str] | list["_Glob"]
_Glob = list[_Part]
_FOLDERS, _ANYTHING, _NAME, _SIGN = "**/", "**", "*", re.compile("[^/]", re.DOTALL)


@functools.lru_cache(maxsize=512)
def _glob(pattern: str) -> _Glob:
    """Return a glob as its parts: wildcards, texts behind a `=`, patterns of one sign, and lists of choices."""
    whole: _Glob = []
    open_choices: list[list[_Glob]] = []
    parts = whole
    for part in _PARTS.findall(pattern):
        if part in (_FOLDERS, _ANYTHING, _NAME):
            parts.append(part)
        elif part == "?":
            parts.append(_SIGN)
        elif part[0] == "[" and len(part) > 1:
            signs = re.escape(part[1:-1].lstrip("!^")).replace(r"\-", "-")
            try:
                parts.append(re.compile(f"[{'^' if part[1] in '!^' else ''}{signs}]", re.DOTALL))
            except re.error:
                raise ValueError(f"the glob {pattern} has a choice that is none: {part}") from None
        elif part == "{" and "}" in pattern:
            open_choices.append([[]])
            parts.append(open_choices[-1])
            parts = open_choices[-1][-1]
        elif part == "," and open_choices:
            open_choices[-1].append([])
            parts = open_choices[-1][-1]
        elif part == "}" and open_choices:
            open_choices.pop()
            parts = _last(whole, len(open_choices))
        else:
            parts.append("=" + part)
    return whole


def _last(parts: _Glob, depth: int) -> _Glob:
    """Return where parts go on at a depth of choices."""
    for _ in range(depth):
        choices = parts[-1]
        assert isinstance(choices, list)
        parts = choices[-1]
    return parts


def _ends(parts: _Glob, path: str, starts: set[int]) -> set[int]:
    """Return where a glob may end that begins at one of some places.

    All places are followed at once, so that the work grows with the path's length times the pattern's: backtracking
    would try every way there is.
    """
    for part in parts:
        if not starts:
            break
        if isinstance(part, list):
            starts = set().union(*(_ends(choice, path, starts) for choice in part))
        elif isinstance(part, re.Pattern):
            starts = {at + 1 for at in starts if part.match(path, at)}
        elif part[0] == "=":
            starts = {at + len(part) - 1 for at in starts if path.startswith(part[1:], at)}
        elif part == _NAME:
            starts = _within_names(path, starts)
        else:
            first = min(starts)
            after = range(first, len(path) + 1)
            whole = part == _ANYTHING
            starts = starts | {at for at in after if whole or (at > first and path[at - 1] == "/")}
    return starts


def _within_names(path: str, starts: set[int]) -> set[int]:
    """Return the places that are in the same name of the path as one of some places, or behind it in that name."""
    found: set[int] = set()
    for start in sorted(starts):
        at = start
        while at not in found:
            found.add(at)
            if at == len(path) or path[at] == "/":
                break
            at += 1
    return found
