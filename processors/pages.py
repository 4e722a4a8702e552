"""Processors of the pages of a website: where their links lead, and how they begin."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from urllib.parse import urlsplit, urlunsplit

from processors.values import require_text
from transmissions import Message, Processor, set_field, setting

__all__ = ["Excerpt", "LinkMapper"]

_LINK = re.compile(r"""(<a\s(?:[^<>"']|"[^"]*"|'[^']*')*?\bhref\s*=\s*)("[^"]*"|'[^']*')""", re.IGNORECASE)


class LinkMapper(Processor):
    r"""Let the links of HTML that lead to files of one ending lead to those of another, as from `a.md` to `a.html`.

    Only links within the site are changed: those with a host or a scheme stay. What follows a `?` or a `#` stays, too.

    Example:
        :stage a :LinkMapper .
        in {"content": "<a href=\"b.md#end\">b</a> <a href=\"https://example.org/c.md\">c</a>"}
        out {"content": "<a href=\"b.html#end\">b</a> <a href=\"https://example.org/c.md\">c</a>"}

    Guarantee: pure.
    """

    source_field: str = setting("content", "field with the HTML, as a dotted path", reads=True, fixed=True)
    target_field: str = setting("", "field that receives it, as a dotted path; the same one if empty", fixed=True)
    from_ending: list[str] = setting((".md",), "endings of what the links lead to", fixed=True)
    to_ending: str = setting(".html", "the ending that stands there instead", fixed=True)

    def process(self, message: Message) -> Message:
        """Return the message with the links changed."""
        changed = _LINK.sub(self._mapped, require_text(message, self.source_field))
        set_field(message, self.target_field or self.source_field, changed)
        return message

    def _mapped(self, found: re.Match[str]) -> str:
        mark, address = found.group(2)[0], html.unescape(found.group(2)[1:-1]).strip()
        try:
            parts = urlsplit(address)
        except ValueError:
            return found.group()
        ending = next((one for one in self.from_ending if parts.path.lower().endswith(one.lower())), "")
        if not ending or parts.scheme or parts.netloc:
            return found.group()
        path = parts.path[: -len(ending)] + self.to_ending
        return f"{found.group(1)}{mark}{html.escape(urlunsplit(parts._replace(path=path)))}{mark}"


class Excerpt(Processor):
    r"""Take how an HTML text begins, as plain text: its first words, without headings and tables.

    Example:
        :stage a :Excerpt ; :settings [ :maxLength 12 ] .
        in {"content": "<h1>Pipes</h1><p>How <b>water</b> flows.</p>"}
        out {"content": "…", "summary": "How water…"}

    Guarantee: pure.
    """

    source_field: str = setting("content", "field with the HTML, as a dotted path", reads=True, fixed=True)
    target_field: str = setting("summary", "field that receives the text, as a dotted path", writes=True, fixed=True)
    max_length: int = setting(280, "the most signs", minimum=1, fixed=True)

    def process(self, message: Message) -> Message:
        """Return the message with the text."""
        page = _Words()
        page.feed(require_text(message, self.source_field))
        page.close()
        text = " ".join("".join(page.kept).split())
        if len(text) > self.max_length:
            cut = text[: self.max_length]
            text = (cut.rpartition(" ")[0] or cut[:-1]).rstrip(",;:.") + "…"
        set_field(message, self.target_field, text)
        return message


class _Words(HTMLParser):
    """Gathers the text of HTML that is no heading and no table."""

    _LEFT_OUT = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "script", "style", "table", "template", "title"})
    _INLINE = frozenset({"a", "abbr", "b", "code", "del", "em", "i", "mark", "s", "small", "span", "strong", "u"})

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at what begins."""
        if tag in self._LEFT_OUT:
            self._inside.append(tag)
        elif tag not in self._INLINE:
            self.kept.append(" ")

    def handle_endtag(self, tag: str) -> None:
        """Look at what ends."""
        if tag in self._inside:
            del self._inside[self._inside.index(tag) :]
        elif tag not in self._INLINE:
            self.kept.append(" ")

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        if not self._inside:
            self.kept.append(data)
