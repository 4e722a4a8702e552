"""Code fences of Markdown: made long enough for what they hold, and closed where a text left one open."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["close_fence", "code_block", "fence_open_at", "fenced_lines"]

_RUNS = re.compile(r"`{3,}")
_LINE = re.compile(
    r"^(?P<prefix>[ \t]*(?:(?:[-*+]|\d{1,9}[.)]|>)[ \t]*)*)(?P<fence>`{3,}|~{3,})(?P<rest>[^\n]*)", re.MULTILINE
)
_INFO = re.compile(r"[^\w+#.-]")


def code_block(content: str, info: str = "") -> str:
    """Return `content` as a fenced block whose fence is longer than any in it.

    >>> print(code_block("x = 1", "python"))
    ```python
    x = 1
    ```
    """
    fence = "```"
    if "```" in content:
        fence = "`" * (1 + max(map(len, _RUNS.findall(content))))
    end = "" if content.endswith("\n") else "\n"
    return f"{fence}{_INFO.sub('', info)[:40] if info else ''}\n{content}{end}{fence}"


def close_fence(text: str) -> str:
    """Return `text` with the fence closed that it leaves open, so that it swallows nothing that follows."""
    if "```" not in text and "~~~" not in text:
        return text
    return text + _closing(text)


def fence_open_at(text: str, start: int, end: int) -> bool:
    """Say whether a fence that begins at `start` or later in `text` is open at `end`."""
    part = text[start:end]
    return ("```" in part or "~~~" in part) and _open_fence(part) is not None


def fenced_lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield where fenced code begins and ends in `text`, its fences included."""
    opened: tuple[str, str] | None = None
    start = 0
    for found in _LINE.finditer(text):
        before, opened = opened, _after(opened, found["prefix"], found["fence"], found["rest"])
        if before is None and opened is not None:
            start = found.start()
        elif before is not None and opened is None:
            yield start, found.end()
    if opened is not None:
        yield start, len(text)


def _closing(text: str) -> str:
    found = _open_fence(text) if "~~~" in text else _open_backticks(text)
    if found is None:
        return ""
    prefix, fence = found
    if prefix.strip():
        # The fence began in a list item or a quotation, which ends, and with it the fence, where the next text begins.
        return ""
    return f"{'' if text.endswith(chr(10)) else chr(10)}{prefix}{fence}"


def _open_fence(text: str) -> tuple[str, str] | None:
    """Return what stands before the fence that is open at the end of `text`, and the fence."""
    opened: tuple[str, str] | None = None
    for found in _LINE.finditer(text):
        opened = _after(opened, found["prefix"], found["fence"], found["rest"])
    return opened


def _open_backticks(text: str) -> tuple[str, str] | None:
    """Do what `_open_fence` does for a text without tildes, by searching, which is much faster."""
    opened: tuple[str, str] | None = None
    position = text.find("```")
    while position >= 0:
        line = text.rfind("\n", 0, position) + 1
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        if line == position:
            rest = text[position:end].lstrip("`")
            opened = _after(opened, "", text[position : end - len(rest)], rest)
        elif found := _LINE.match(text, line):
            opened = _after(opened, found["prefix"], found["fence"], found["rest"])
        position = text.find("```", end)
    return opened


def _after(opened: tuple[str, str] | None, prefix: str, fence: str, rest: str) -> tuple[str, str] | None:
    """Return which fence is open behind a line that looks like one."""
    if opened is None:
        return None if fence[0] == "`" and "`" in rest else (prefix, fence)
    closes = fence.startswith(opened[1]) and not rest.strip() and not prefix.strip()
    return None if closes else opened
