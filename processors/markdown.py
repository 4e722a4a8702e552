"""Processors of Markdown: to HTML, and to the links in it."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

from transmissions import Message, Processor, copy_message, get_field, require_field, set_field, setting

__all__ = ["MarkdownBindingsToHTML", "MarkdownToHTML", "MarkdownToLinks", "html_of"]


def html_of(text: str) -> str:
    """Return Markdown with GitHub's tables, strike-through and footnotes as HTML; HTML in it stays as it is."""
    return str(_parser().render(text))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"linkify": False}, renderer_cls=_Renderer)
    parser.enable(["table", "strikethrough"]).use(footnote_plugin, inline=False)
    return parser


class _Renderer(RendererHTML):
    """Writes HTML as readers of the JavaScript project's output know it."""

    def tbody_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "<tbody>"

    def tbody_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "</tbody>"

    def s_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "<del>"

    def s_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "</del>"

    def footnote_ref(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        name, number = _footnote(tokens[index], env), tokens[index].meta["subId"]
        again = f"-{number + 1}" if number else ""
        return (
            f'<sup><a id="footnote-ref-{name}{again}" href="#footnote-{name}" data-footnote-ref '
            f'aria-describedby="footnote-label">{tokens[index].meta["id"] + 1}</a></sup>'
        )

    def footnote_block_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        title = '<h2 id="footnote-label" class="sr-only">Footnotes</h2>'
        return f'<section class="footnotes" data-footnotes>\n{title}\n<ol>\n'

    def footnote_block_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "</ol>\n</section>\n"

    def footnote_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return f'<li id="footnote-{_footnote(tokens[index], env)}">\n'

    def footnote_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "</li>\n"

    def footnote_anchor(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        name, number = _footnote(tokens[index], env), tokens[index].meta["subId"]
        again, shown = (f"-{number + 1}", f"<sup>{number + 1}</sup>") if number else ("", "")
        label = f'aria-label="Back to reference {name}"'
        return f' <a href="#footnote-ref-{name}{again}" data-footnote-backref {label}>↩{shown}</a>'


def _footnote(token: Token, env: Any) -> str:
    """Return the name of a footnote, as the text has it, for use in an attribute."""
    label = token.meta.get("label") or str(token.meta["id"] + 1)
    return html.escape(re.sub(r"\s+", "-", str(label)))


class MarkdownToHTML(Processor):
    """Turn Markdown into HTML, with tables, strike-through and footnotes; HTML in it stays as it is.

    Guarantee: pure.
    """

    source_field: str = setting("content", "field with the Markdown, as a dotted path", reads=True)
    output_field: str = setting("content", "field that receives the HTML, as a dotted path", writes=True)

    def process(self, message: Message) -> Message:
        """Return the message with the HTML."""
        text = require_field(message, self.source_field)
        if not isinstance(text, str):
            raise ValueError(f"the field {self.source_field} holds no text but {type(text).__name__}")
        set_field(message, self.output_field, html_of(text))
        return message


class MarkdownBindingsToHTML(Processor):
    """Turn the Markdown in each row of a SPARQL result into HTML.

    Guarantee: pure.
    """

    reads = ("queryResults",)

    list_field: str = setting("queryResults.results.bindings", "field with the rows, as a dotted path")
    source_field: str = setting("content", "variable with the Markdown")
    output_field: str = setting("content", "variable that receives the HTML")

    def process(self, message: Message) -> Message:
        """Return the message with the HTML in its rows."""
        rows = require_field(message, self.list_field)
        if not isinstance(rows, list):
            raise ValueError(f"the field {self.list_field} holds no list but {type(rows).__name__}")
        set_field(message, self.list_field, [self._row(row) for row in rows])
        return message

    def _row(self, row: Any) -> Any:
        source = self.source_field.removesuffix(".value")
        text = get_field(row, f"{source}.value", None) if isinstance(row, dict) else None
        if not isinstance(text, str):
            return row
        made = copy_message(row)
        made[self.output_field.removesuffix(".value")] = {"type": "literal", "value": html_of(text)}
        return made


_LINK = re.compile(r"\[([^\]\[]*)\]\(([^()]*(?:\([^()]*\)[^()]*)*)\)")


class MarkdownToLinks(Processor):
    """Gather the links that stand in Markdown, images among them, as a list of `url` and `text`.

    What stands in the brackets behind a link is its `url`, with its title if it has one.

    Guarantee: pure.
    """

    reads = ("content",)

    links_field: str = setting("links", "field that receives the list, as a dotted path", writes=True)

    def process(self, message: Message) -> Message:
        """Return the message with its links."""
        text = require_field(message, "content")
        if not isinstance(text, str):
            raise ValueError(f"the field content holds no text but {type(text).__name__}")
        links = [{"url": found.group(2).strip(), "text": found.group(1)} for found in _LINK.finditer(text)]
        set_field(message, self.links_field, links)
        return message
