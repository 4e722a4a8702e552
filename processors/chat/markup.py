"""Small pieces of Markdown, and values of the wrong type made text."""

from __future__ import annotations

import html
import posixpath
import re
from typing import Any
from urllib.parse import quote

import orjson

__all__ = ["as_json", "dicts_in", "escaped", "folded", "relative_link", "size_of", "text_of"]

_SPECIAL = re.compile(r"([\\\[\]*_<>`#])")


def folded(summary: str, content: str) -> str:
    """Return `content` as a paragraph that a reader unfolds."""
    if "details>" in content:
        content = content.replace("</details>", "&lt;/details>").replace("<details>", "&lt;details>")
    return f"<details>\n<summary>{html.escape(summary, quote=False)}</summary>\n\n{content}\n\n</details>"


def relative_link(path: str, page: str) -> str:
    """Return a link from a page to a file, both by their paths in the target."""
    return quote(posixpath.relpath(path, posixpath.dirname(page) or "."), safe="/-._~")


def escaped(text: str) -> str:
    """Return `text` so that Markdown shows it as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def text_of(value: Any) -> str:
    """Return a value that should be text as text; "" for null."""
    if isinstance(value, str):
        return value
    return "" if value is None else as_json(value) if isinstance(value, dict | list) else str(value)


def size_of(value: Any) -> str:
    """Return ` (5.3 kB)` for a number of bytes."""
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        return ""
    if value < 1000:
        return f" ({value:g} bytes)"
    return f" ({value / 1000:.1f} kB)" if value < 1_000_000 else f" ({value / 1_000_000:.1f} MB)"


def as_json(value: Any) -> str:
    """Return a value as indented JSON."""
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        return repr(value)


def dicts_in(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list; none, if it is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
