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
    return _simple(pattern).fullmatch(text) is not None


def glob_matches(path: str, pattern: str) -> bool:
    """Say whether a glob matches a path: `**` crosses folders, `*` and `?` do not; `[ab]` and `{a,b}` give choices.

    >>> glob_matches("a/b/c.md", "**/*.md"), glob_matches("c.md", "**/*.md"), glob_matches("a/b.md", "*.md")
    (True, True, False)
    """
    return _glob(pattern).fullmatch(path) is not None


@functools.lru_cache(maxsize=512)
def _simple(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


_PARTS = re.compile(r"\*\*/|\*\*|\*|\?|\[[!^]?[^\]/]+\]|[{},]|.", re.DOTALL)


@functools.lru_cache(maxsize=512)
def _glob(pattern: str) -> re.Pattern[str]:
    depth, made = 0, []
    for part in _PARTS.findall(pattern):
        if part == "**/":
            made.append("(?:.*/)?")
        elif part == "**":
            made.append(".*")
        elif part in ("*", "?"):
            made.append("[^/]*" if part == "*" else "[^/]")
        elif part[0] == "[" and len(part) > 1:
            made.append(
                "[" + ("^" if part[1] in "!^" else "") + re.escape(part[1:-1].lstrip("!^")).replace(r"\-", "-") + "]"
            )
        elif part == "{" and "}" in pattern:
            depth += 1
            made.append("(?:")
        elif part == "}" and depth:
            depth -= 1
            made.append(")")
        else:
            made.append("|" if part == "," and depth else re.escape(part))
    return re.compile("".join(made) + ")" * depth, re.DOTALL)
