"""Processors that find feeds: in a page, and in a list of subscriptions."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Literal
from urllib.parse import urljoin
from xml.etree import ElementTree

from transmissions import Message, Processor, get_field, require_field, set_field, setting

__all__ = ["HTMLFeedExtractor", "OpmlFeedExtractor"]

_FEEDS = {"application/rss+xml": "rss", "application/atom+xml": "atom", "application/feed+json": "json"}


class HTMLFeedExtractor(Processor):
    """Find the feed that an HTML page names, in `feedUrl`, and of which type it is, in `feedType`.

    Guarantee: pure.
    """

    writes = ("feedType",)

    input_field: str = setting("http.data", "field with the HTML, as a dotted path", reads=True)
    output_field: str = setting("feedUrl", "field that receives the address, as a dotted path", writes=True)
    base_url_field: str = setting("url", "field with the page's address, which relative ones start from")
    preferred_type: Literal["rss", "atom", "json"] = setting("rss", "the type that is taken if there are several")

    def process(self, message: Message) -> Message:
        """Return the message with the feed; as it came, if the page names none."""
        page = _Page()
        page.feed(str(require_field(message, self.input_field)))
        page.close()
        chosen = next((one for one in page.feeds if one[0] == self.preferred_type), None)
        chosen = chosen or next(iter(page.feeds), None)
        if chosen is not None:
            base = str(get_field(message, self.base_url_field, ""))
            set_field(message, self.output_field, urljoin(urljoin(base, page.base), chosen[1]))
            message["feedType"] = chosen[0]
        return message


class _Page(HTMLParser):
    """Gathers the feeds that a page's head links to."""

    def __init__(self) -> None:
        super().__init__()
        self.feeds: list[tuple[str, str]] = []
        self.base = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at a tag."""
        known = {name: value or "" for name, value in attrs}
        if tag == "base" and not self.base:
            self.base = known.get("href", "")
        kind = _FEEDS.get(known.get("type", "").partition(";")[0].strip().lower())
        if tag == "link" and kind and known.get("href") and "alternate" in known.get("rel", "").lower().split():
            self.feeds.append((kind, known["href"]))


class OpmlFeedExtractor(Processor):
    """Gather the addresses of the feeds in an OPML list of subscriptions, in their order.

    Guarantee: pure.
    """

    input_field: str = setting("content", "field with the OPML, as a dotted path", reads=True)
    output_field: str = setting("feedUrls", "field that receives the list, as a dotted path", writes=True)
    unique: bool = setting(True, "whether each address stands once")

    def process(self, message: Message) -> Message:
        """Return the message with the list."""
        text = str(require_field(message, self.input_field)).strip()
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise ValueError(f"the field {self.input_field} holds XML with a document type, which is not read")
        try:
            root = ElementTree.fromstring(text)  # noqa: S314 (without a document type there are no entities to expand)
        except ElementTree.ParseError as error:
            raise ValueError(f"the field {self.input_field} holds no XML: {error}") from None
        found = [outline.get("xmlUrl", "").strip() for outline in root.iter("outline")]
        addresses = [address for address in found if address]
        set_field(message, self.output_field, list(dict.fromkeys(addresses)) if self.unique else addresses)
        return message
