"""Processors of Markdown: to HTML, and to the links in it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin
from mdit_py_plugins.footnote import footnote_plugin

from processors.values import require_text
from transmissions import Message, Processor, copy_message, get_field, require_field, set_field, setting

__all__ = ["MarkdownBindingsToHTML", "MarkdownToHTML", "MarkdownToLinks", "html_of", "tokens_of"]


def html_of(text: str, *, heading_ids: bool = False) -> str:
    """Return Markdown with GitHub's tables, strike-through and footnotes as HTML; HTML in it stays as it is.

    Args:
        text: the Markdown.
        heading_ids: whether headings get ids, made of their texts as GitHub makes them.
    """
    return str(_parser(heading_ids).render(text))


def tokens_of(text: str) -> list[Token]:
    """Return what Markdown is made of; headings have the ids of `html_of`."""
    return _parser(True).parse(text)


@cache
def _parser(heading_ids: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark")
    parser.enable(["table", "strikethrough"]).use(footnote_plugin, inline=False)
    if heading_ids:
        parser.use(anchors_plugin, max_level=6)
    for name, rule in _RULES.items():
        parser.add_render_rule(name, rule)
    return parser


_Rule = Callable[[RendererHTML, Sequence[Token], int, Any, Any], str]


def _fixed(text: str) -> _Rule:
    def rule(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return text

    return rule


def _reference(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    name, shown = _footnote(tokens[index]), tokens[index].meta["id"] + 1
    return (
        f'<sup><a id="footnote-ref-{name}{_again(tokens[index])}" href="#footnote-{name}" data-footnote-ref '
        f'aria-describedby="footnote-label">{shown}</a></sup>'
    )


def _note(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return f'<li id="footnote-{_footnote(tokens[index])}">\n'


def _way_back(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    name, number = _footnote(tokens[index]), tokens[index].meta["subId"]
    shown = f"<sup>{number + 1}</sup>" if number else ""
    address = f"#footnote-ref-{name}{_again(tokens[index])}"
    return f' <a href="{address}" data-footnote-backref aria-label="Back to reference {name}">↩{shown}</a>'


def _again(token: Token) -> str:
    return f"-{token.meta['subId'] + 1}" if token.meta["subId"] else ""


_RULES: dict[str, _Rule] = {
    # HTML as those know it who use what the JavaScript project writes.
    "tbody_open": _fixed("<tbody>"),
    "tbody_close": _fixed("</tbody>"),
    "s_open": _fixed("<del>"),
    "s_close": _fixed("</del>"),
    "footnote_ref": _reference,
    "footnote_block_open": _fixed(
        '<section class="footnotes" data-footnotes>\n<h2 id="footnote-label" class="sr-only">Footnotes</h2>\n<ol>\n'
    ),
    "footnote_block_close": _fixed("</ol>\n</section>\n"),
    "footnote_open": _note,
    "footnote_close": _fixed("</li>\n"),
    "footnote_anchor": _way_back,
}


def _footnote(token: Token) -> str:
    """Return the name of a footnote, as the text has it, for use in an attribute."""
    label = token.meta.get("label") or str(token.meta["id"] + 1)
    return html.escape(re.sub(r"\s+", "-", str(label)))


class MarkdownToHTML(Processor):
    r"""Turn Markdown into HTML, with tables, strike-through and footnotes; HTML in it stays as it is.

    Example:
        :stage a :MarkdownToHTML ; :settings [ :outputField "html" ] .
        in {"content": "# Thaw\n\nIt *rained*, it did not ~~snow~~."}
        out {"content": "# Thaw\n\nIt *rained*, it did not ~~snow~~.",
            "html": "<h1>Thaw</h1>\n<p>It <em>rained</em>, it did not <del>snow</del>.</p>\n"}

    Guarantee: pure.
    """

    source_field: str = setting("content", "field with the Markdown, as a dotted path", reads=True)
    output_field: str = setting("content", "field that receives the HTML, as a dotted path", writes=True)
    heading_ids: bool = setting(
        False, "whether headings have ids, made of their texts as GitHub makes them, for links to lead to", fixed=True
    )

    def process(self, message: Message) -> Message:
        """Return the message with the HTML."""
        text = require_text(message, self.source_field)
        set_field(message, self.output_field, html_of(text, heading_ids=self.heading_ids))
        return message


class MarkdownBindingsToHTML(Processor):
    r"""Turn the Markdown in each row of a SPARQL result into HTML; a row that has none stays as it is.

    Example:
        :stage a :MarkdownBindingsToHTML ; :settings [ :sourceField "text" ; :outputField "html" ] .
        in {"queryResults": {"results": {"bindings": [{"text": {"type": "literal", "value": "It *rained*."}}]}}}
        out {"queryResults": {"results": {"bindings": [{"text": {"type": "literal", "value": "It *rained*."},
            "html": {"type": "literal", "value": "<p>It <em>rained</em>.</p>\n"}}]}}}

    Guarantee: pure.
    """

    list_field: str = setting("queryResults.results.bindings", "field with the rows, as a dotted path", reads=True)
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

    Example:
        :stage a :MarkdownToLinks .
        in {"content": "See [the map](map.html) and ![snow](snow.jpg)."}
        out {"content": "See [the map](map.html) and ![snow](snow.jpg).",
            "links": [{"url": "map.html", "text": "the map"}, {"url": "snow.jpg", "text": "snow"}]}

    Guarantee: pure.
    """

    reads = ("content",)

    links_field: str = setting("links", "field that receives the list, as a dotted path", writes=True)

    def process(self, message: Message) -> Message:
        """Return the message with its links."""
        text = require_text(message, "content")
        links = [{"url": found.group(2).strip(), "text": found.group(1)} for found in _LINK.finditer(text)]
        set_field(message, self.links_field, links)
        return message
