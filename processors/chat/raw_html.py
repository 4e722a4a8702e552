"""Raw HTML in Markdown: escaped, or kept but kept from swallowing what follows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from processors.chat.fences import fenced_lines

__all__ = ["close_html", "escape_html"]

_OPENING = re.compile(
    r"^ {0,3}(?:(?P<comment><!--)|(?P<data><!\[CDATA\[)|(?P<instruction><\?)"
    r"|<(?P<element>script|pre|style|textarea)(?=[\s>]|$))",
    re.IGNORECASE | re.MULTILINE,
)
_CLOSING = {"comment": "-->", "data": "]]>", "instruction": "?>"}
_MARKUP = re.compile(
    r"(?P<code>(`+)(?!`).+?(?<!`)\2(?!`))|(?P<link><(?:https?|mailto):[^<>\s]*>)|<(?=[A-Za-z/!?])", re.DOTALL
)


def close_html(text: str) -> str:
    """Return `text` with the block of raw HTML closed that it leaves open: a comment, `<pre>`, `<script>` and the like.

    >>> close_html("<!-- note")
    '<!-- note\\n-->'
    """
    for code, part in _parts(text):
        for found in () if code else _OPENING.finditer(part):
            closing = _CLOSING.get(found.lastgroup or "") or f"</{found['element']}>"
            if closing.lower() not in part[found.end() :].lower():
                return f"{text}\n{closing}"
    return text


def escape_html(text: str) -> str:
    """Return `text` with raw HTML shown as it is written, rather than used; code and links in brackets stay.

    >>> escape_html("<b> and `<b>`")
    '&lt;b> and `<b>`'
    """
    return "".join(part if code else _MARKUP.sub(_escaped, part) for code, part in _parts(text))


def _escaped(found: re.Match[str]) -> str:
    return found.group() if found["code"] or found["link"] else "&lt;"


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """Yield the text in parts, each with whether it is fenced code."""
    if "```" not in text and "~~~" not in text:
        yield False, text
        return
    start = 0
    for begin, end in fenced_lines(text):
        yield False, text[start:begin]
        yield True, text[begin:end]
        start = end
    yield False, text[start:]
