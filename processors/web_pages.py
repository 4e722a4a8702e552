"""Processors of HTML: to Markdown, to the links in it, and to what it says of itself."""

from __future__ import annotations

import functools
import re
from typing import Any
from urllib.parse import urljoin

from processors.extras import library
from processors.values import require_text
from transmissions import Message, Processor, get_field, set_field, setting

__all__ = ["HTMLToMarkdown", "LinkFinder", "MetadataExtractor", "absolute", "without_sections"]


class _PageProcessor(Processor):
    """What they have in common: the page, read leniently, however broken it is."""

    def _soup(self, message: Message, path: str) -> Any:
        page = require_text(message, path)
        return library("bs4", "markup").BeautifulSoup(without_sections(page), "html.parser")


_SECTION = re.compile(r"<!\[(?!CDATA\[)([^>]*)>?", re.IGNORECASE)


def without_sections(page: str) -> str:
    """Return a page without marked sections, such as `<![if !IE]>`, which browsers take for comments.

    The parser refuses a whole page for one of a kind that it does not know.

    >>> without_sections("<![if !IE]>a<![endif]>")
    'a'
    """
    return _SECTION.sub("", page)


def absolute(base: Any, address: str) -> str:
    """Return an address as one that starts from a base; one that cannot be made sense of, as it is.

    >>> absolute("http://e.org/a/", "b"), absolute(None, "b"), absolute("http://e.org/", "http://[")
    ('http://e.org/a/b', 'b', 'http://[')
    """
    try:
        return urljoin(base if isinstance(base, str) else "", address)
    except ValueError:
        return address


_CODE = ("code", "kbd", "samp")
_INLINE = frozenset(
    {"a", "abbr", "b", "cite", "del", "dfn", "em", "i", "ins", "mark", "q", "s", "small", "span", "strike", "strong"}
    | {"sub", "sup", "u", "var", *_CODE}
)
_QUOTED = ("alt", "title", "href", "src")


class HTMLToMarkdown(_PageProcessor):
    r"""Turn HTML into Markdown, without scripts, styles and what the selectors name.

    Example:
        :stage a :HTMLToMarkdown ; :settings [ :inputField "page" ; :cleanSelectors "nav", ".ad" ] .
        in {"page": "<nav>Menu</nav><h1>Thaw</h1><p>It <b>rained</b>, see <a href='map.html'>the map</a>.</p>
            <p class='ad'>Buy!</p>"}
        out {"page": "<nav>…", "content": "# Thaw\n\nIt **rained**, see [the map](map.html).\n"}

    Guarantee: pure.
    """

    input_field: str = setting("http.data", "field with the HTML, as a dotted path", reads=True)
    output_field: str = setting("content", "field that receives the Markdown, as a dotted path", writes=True)
    clean_selectors: list[str] = setting((), "CSS selectors of what is left out; one text may hold several, by commas")

    def process(self, message: Message) -> Message:
        """Return the message with the Markdown."""
        soup = self._soup(message, self.input_field)
        for selector in ["script, style, noscript, template", *filter(str.strip, self.clean_selectors)]:
            try:
                found = soup.select(selector)
            except library("soupsieve", "markup").SelectorSyntaxError as error:
                raise ValueError(f":cleanSelectors: {selector!r} is no CSS selector: {error}") from None
            for element in found:
                element.decompose()
        for title in soup.select("head"):
            title.decompose()
        for block in soup.select("pre"):
            # The fences of a block stand on lines of their own, which they have only outside of a paragraph.
            for around in [one for one in block.parents if one.name in _INLINE]:
                around.unwrap()
        for code in soup.select(", ".join(_CODE)):
            if code.find_parent(_CODE) is not None or code.parent is None:
                continue
            code.string = code.get_text()
            # Two spans side by side would share their quotes.
            code.insert_before(" " if getattr(code.previous_sibling, "name", None) in _CODE else "")
        for element in soup.select("[alt], [title], [href], [src]"):
            element.attrs |= {name: _shown(element[name]) for name in _QUOTED if isinstance(element.get(name), str)}
        converter = _converter()(heading_style="ATX", bullets="-", newline_style="backslash")
        text = converter.convert_soup(soup)
        set_field(message, self.output_field, re.sub(r"\n{3,}", "\n\n", text).strip() + "\n")
        return message


@functools.cache
def _converter() -> Any:
    class Converter(library("markdownify", "markup").MarkdownConverter):  # type: ignore[misc]
        # A page that shows a tag must not come to have one: Markdown takes tags for what they are.

        def escape(self, text: str, *around: Any, **named: Any) -> str:
            plain = re.sub(r"\\(?=[!-/:-@\[-`{-~]|\Z)|`", r"\\\g<0>", text)
            return _shown(str(super().escape(plain, *around, **named)))

        def convert_code(self, element: Any, text: str, *around: Any, **named: Any) -> str:
            if element.find_parent("pre") is None:
                text = re.sub(r"\s*\n\s*", " ", text)
            return str(super().convert_code(element, text, *around, **named))

        convert_kbd = convert_samp = convert_code

        def convert_pre(self, element: Any, text: str, *around: Any, **named: Any) -> str:
            made = str(super().convert_pre(element, text, *around, **named))
            longest = max(map(len, re.findall(r"`{3,}", text)), default=0)
            fence = "`" * (longest + 1)
            return re.sub(r"\A(\n*)```|```(\n*)\Z", rf"\g<1>{fence}\g<2>", made) if longest else made

    return Converter


def _shown(text: str) -> str:
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)


class LinkFinder(_PageProcessor):
    """Gather the links of an HTML page, as a list of `url` and `text`.

    Example:
        :stage a :LinkFinder .
        in {"url": "https://example.org/news/", "content": "<p>See <a href='map.html'>the <b>map</b></a>.</p>"}
        out {"url": "https://example.org/news/", "content": "<p>…",
            "links": [{"url": "https://example.org/news/map.html", "text": "the map"}]}

    Guarantee: pure.
    """

    input_field: str = setting("content", "field with the HTML, as a dotted path", reads=True)
    output_field: str = setting("links", "field that receives the list, as a dotted path", writes=True)
    base_url_field: str = setting("url", "field with the page's address, which relative ones start from")

    def process(self, message: Message) -> Message:
        """Return the message with the links."""
        soup = self._soup(message, self.input_field)
        named = soup.select_one("base[href]")
        base = absolute(get_field(message, self.base_url_field, ""), named["href"].strip() if named else "")
        links = [
            {"url": absolute(base, link["href"].strip()), "text": " ".join(link.get_text(" ", strip=True).split())}
            for link in soup.select("a[href]")
        ]
        set_field(message, self.output_field, links)
        return message


_NAMES = {
    "description": ("description", "og:description", "twitter:description"),
    "author": ("author", "article:author"),
    "published": ("article:published_time", "date", "dcterms.created"),
    "modified": ("article:modified_time", "last-modified", "dcterms.modified"),
    "image": ("og:image", "twitter:image"),
    "keywords": ("keywords",),
}


class MetadataExtractor(_PageProcessor):
    r"""Gather what an HTML page says of itself: title, description, author, dates, language, address, keywords.

    What the page does not say is left out.

    Example:
        :main a :EntryTransmission ; :pipe (:read :stage) .
        :read  a :FileReader ; :settings [ :sourceFile "page.html" ] .
        :stage a :MetadataExtractor .
        file page.html "<html lang='en'><head>\n<title>The thaw</title>\n<meta name='description' content='It
            rained.'>\n
            <meta property='article:published_time' content='2025-03-01'>\n</head></html>"
        out {"content": "<html…", "filepath": "…/page.html", "metadata": {"title": "The thaw", "language": "en",
            "description": "It rained.", "published": "2025-03-01"}}

    Guarantee: pure.
    """

    input_field: str = setting("content", "field with the HTML, as a dotted path", reads=True)
    output_field: str = setting("metadata", "field that receives it, as a dotted path", writes=True)

    def process(self, message: Message) -> Message:
        """Return the message with what was gathered."""
        soup = self._soup(message, self.input_field)
        said: dict[str, str] = {}
        for one in soup.select("meta[content]"):
            name = str(one.get("property") or one.get("name") or "").lower()
            said.setdefault(name, str(one["content"]).strip())
        title = soup.title or soup.h1
        canonical, root = soup.select_one("link[rel~=canonical][href]"), soup.select_one("html[lang]")
        found = {
            "title": said.get("og:title") or (" ".join(title.get_text(" ").split()) if title else ""),
            "url": canonical["href"] if canonical else said.get("og:url", ""),
            "language": root["lang"] if root else "",
            **{name: next(filter(None, map(said.get, names)), "") for name, names in _NAMES.items()},
        }
        set_field(message, self.output_field, {name: value for name, value in found.items() if value})
        return message
