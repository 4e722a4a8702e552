"""Processors of feeds: find them in a page and in a list of subscriptions, read them, and write one."""

from __future__ import annotations

import calendar
import re
import uuid
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from io import BytesIO
from typing import Any, Literal
from xml.etree import ElementTree
from xml.sax import SAXParseException

from processors.extras import library
from processors.values import as_text, require_text
from processors.web_pages import absolute, without_sections
from transmissions import Message, Processor, get_field, require_field, set_field, setting

__all__ = ["AtomBuilder", "FeedParser", "HTMLFeedExtractor", "OpmlFeedExtractor"]

_HTML = re.compile(r"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
_FEEDS = {"application/rss+xml": "rss", "application/atom+xml": "atom", "application/feed+json": "json"}


class HTMLFeedExtractor(Processor):
    """Find the feed that an HTML page names, in `feedUrl`, and of which type it is, in `feedType`.

    Example:
        :stage a :HTMLFeedExtractor ; :settings [ :inputField "page" ; :preferredType "atom" ] .
        in {"url": "https://example.org/news/", "page": "<link rel='alternate' type='application/atom+xml'
            href='feed.xml'>"}
        out {"url": "https://example.org/news/", "page": "<link rel='alternate' type='application/atom+xml'
            href='feed.xml'>",
            "feedUrl": "https://example.org/news/feed.xml", "feedType": "atom"}

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
        page.feed(without_sections(require_text(message, self.input_field)))
        page.close()
        chosen = next((one for one in page.feeds if one[0] == self.preferred_type), None)
        chosen = chosen or next(iter(page.feeds), None)
        if chosen is not None:
            base = absolute(get_field(message, self.base_url_field, ""), page.base)
            set_field(message, self.output_field, absolute(base, chosen[1]))
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
    r"""Gather the addresses of the feeds in an OPML list of subscriptions, in their order.

    Example:
        :main a :EntryTransmission ; :pipe (:read :stage) .
        :read  a :FileReader ; :settings [ :sourceFile "feeds.opml" ] .
        :stage a :OpmlFeedExtractor .
        file feeds.opml "<opml version='2.0'><body>\n <outline text='News' xmlUrl='https://example.org/feed'/>\n
            <outline text='Again' xmlUrl='https://example.org/feed'/>\n</body></opml>"
        out {"content": "<opml…", "filepath": "…/feeds.opml", "feedUrls": ["https://example.org/feed"]}

    Guarantee: pure.
    """

    input_field: str = setting("content", "field with the OPML, as a dotted path", reads=True)
    output_field: str = setting("feedUrls", "field that receives the list, as a dotted path", writes=True)
    unique: bool = setting(True, "whether each address stands once")

    def process(self, message: Message) -> Message:
        """Return the message with the list."""
        text = require_text(message, self.input_field).strip()
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


class FeedParser(Processor):
    r"""Read a feed, RSS or Atom: `format`, `meta` (of the whole) and `entries`, with their dates in UTC.

    What is broken is read as far as it goes. If it is no feed at all, `feedError` says so and the message goes on.

    Example:
        :main a :EntryTransmission ; :pipe (:read :stage) .
        :read  a :FileReader ; :settings [ :sourceFile "news.xml" ] .
        :stage a :FeedParser ; :settings [ :inputField "content" ] .
        file news.xml "<rss version='2.0'><channel>\n<title>News</title>\n<item>\n  <title>Thaw</title>\n
            <link>https://example.org/1</link>\n  <pubDate>Sat, 01 Mar 2025 09:00:00 +0100</pubDate>\n  <description>It
            rained.</description>\n</item>\n</channel></rss>"
        out {"content": "<rss…", "filepath": "…/news.xml", "feed": {"format": "rss20", "meta": {"title": "News"},
            "entries": [{"title": "Thaw", "link": "https://example.org/1", "guid": "https://example.org/1",
            "published": "2025-03-01T08:00:00Z", "updated": "2025-03-01T08:00:00Z", "summary": "It rained.",
            "content": "It rained."}]}}

    Guarantee: pure.
    """

    writes = ("feedError", "feedRaw")

    input_field: str = setting("http.data", "field with the feed's text, as a dotted path", reads=True)
    output_field: str = setting("feed", "field that receives what was read, as a dotted path", writes=True)
    include_raw_content: bool = setting(False, "whether the text goes on in `feedRaw`")

    def process(self, message: Message) -> Message:
        """Return the message with the feed."""
        text = require_text(message, self.input_field)
        if self.include_raw_content:
            message["feedRaw"] = text
        if "<!ENTITY" in text:
            message["feedError"] = "no feed: it declares entities, which can make a little XML endless"
            return message
        read = library("feedparser", "markup").parse(
            # As a stream: bytes that name a file would be opened.
            BytesIO(text.encode("utf-8", "replace")),
            sanitize_html=False,
            resolve_relative_uris=False,
        )
        if not read.get("version"):
            message["feedError"] = f"no feed: {_why_none(text, read)}"
            return message
        if isinstance(broken := read.get("bozo_exception"), SAXParseException):
            place = str(message.get("place") or message.get("filepath") or self.input_field)
            self.warn(f"{place}: not sound XML, and read as far as it goes: {_xml_error(broken, text)}")
        feed = {"format": read.version, "meta": _meta(read.feed), "entries": [_entry(one) for one in read.entries]}
        set_field(message, self.output_field, feed)
        return message


def _why_none(text: str, read: Any) -> str:
    """Return why a text is no feed, as a person can make use of it."""
    if not text.strip():
        return "it is empty"
    if _HTML.match(text):
        return "it is a page of HTML; its address may lead to one, look for a link to RSS or Atom in it"
    error = read.get("bozo_exception")
    return (
        f"it is not XML: {_xml_error(error, text)}"
        if isinstance(error, SAXParseException)
        else "it is of no known form"
    )


def _xml_error(error: SAXParseException, text: str) -> str:
    # The library puts a declaration on a line of its own before a text that has none.
    line = (error.getLineNumber() or 0) - (not text.lstrip().startswith("<?xml"))
    return f"line {line}: {error.getMessage()}" if line > 0 else error.getMessage()


def _meta(feed: Any) -> dict[str, Any]:
    names = {"title": "title", "link": "link", "description": "subtitle", "language": "language", "id": "id"}
    found = {name: feed.get(theirs) for name, theirs in names.items()}
    return _said({**found, "updated": _date(feed, "updated"), "author": feed.get("author")})


def _entry(entry: Any) -> dict[str, Any]:
    contents = [one.get("value") for one in entry.get("content", [])]
    return _said(
        {
            "title": entry.get("title"),
            "link": entry.get("link"),
            "guid": entry.get("id") or entry.get("link"),
            "published": _date(entry, "published") or _date(entry, "updated"),
            "updated": _date(entry, "updated") or _date(entry, "published"),
            "author": entry.get("author"),
            "summary": entry.get("summary"),
            "content": next(filter(None, contents), None) or entry.get("summary"),
            "categories": [tag.get("term") for tag in entry.get("tags", []) if tag.get("term")],
        }
    )


def _date(said: Any, name: str) -> str | None:
    parsed = said.get(f"{name}_parsed") if name in said else None
    if parsed is None:
        return None
    return datetime.fromtimestamp(calendar.timegm(parsed), UTC).isoformat().replace("+00:00", "Z")


def _said(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", [])}


_ATOM = "http://www.w3.org/2005/Atom"
_EPOCH = "1970-01-01T00:00:00Z"


class AtomBuilder(Processor):
    r"""Write an Atom feed of a list of entries, newest first, into `content`.

    An entry is an object with `title`, `link` (or `url`), `id` (or `guid`, or `uri`), `published`, `updated`,
    `summary`, `content` (HTML) and `author`; each may be missing. Dates are written as in ISO 8601 or as in an RSS
    feed; an entry without one counts as the oldest. The feed was last changed when its newest entry was.

    Example:
        :main a :EntryTransmission ; :pipe (:stage :write) .
        :stage a :AtomBuilder ; :settings [ :feedTitle "News" ; :baseUrl "https://example.org/" ;
            :feedUrl "https://example.org/feed.xml" ] .
        :write a :FileWriter ; :settings [ :destinationFile "feed.xml" ] .
        in {"entries": [{"title": "Thaw", "link": "thaw.html", "published": "2025-03-01", "content": "<p>Rain.</p>"}]}
        out {"entries": [{"title": "Thaw", "link": "thaw.html", "published": "2025-03-01", "content": "<p>Rain.</p>"}],
            "content": "<?xml…", "filepath": "feed.xml"}
        written feed.xml "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n"
            "  <title>News</title>\n"
            "  <id>https://example.org/feed.xml</id>\n"
            "  <updated>2025-03-01T00:00:00Z</updated>\n"
            "  <link rel=\"alternate\" href=\"https://example.org/\" />\n"
            "  <link rel=\"self\" href=\"https://example.org/feed.xml\" />\n"
            "  <entry>\n"
            "    <title>Thaw</title>\n"
            "    <id>https://example.org/thaw.html</id>\n"
            "    <updated>2025-03-01T00:00:00Z</updated>\n"
            "    <published>2025-03-01T00:00:00Z</published>\n"
            "    <link rel=\"alternate\" href=\"https://example.org/thaw.html\" />\n"
            "    <content type=\"html\">&lt;p&gt;Rain.&lt;/p&gt;</content>\n"
            "  </entry>\n</feed>\n"

    Guarantee: pure: the same entries give the same feed.
    """

    input_field: str = setting("entries", "field with the list of entries, as a dotted path", reads=True)
    output_field: str = setting("content", "field that receives the feed, as a dotted path", writes=True)
    feed_title: str = setting("Feed", "the feed's title")
    feed_subtitle: str = setting("", "its subtitle")
    feed_author_name: str = setting("", "who writes it")
    feed_author_email: str = setting("", "the writer's address")
    base_url: str = setting("", "the address of the site, which relative links start from")
    feed_url: str = setting("", "the feed's own address")
    feed_id: str = setting("", "what tells the feed apart; its own address, or the site's, if empty")
    max_entries: int = setting(50, "at most this many entries", minimum=1)

    def process(self, message: Message) -> Message:
        """Return the message with the feed."""
        entries = require_field(message, self.input_field)
        if not isinstance(entries, list):
            raise ValueError(f"the field {self.input_field} holds no list but {type(entries).__name__}")
        dated = [(_when(one), one) for one in entries if isinstance(one, dict)]
        dated.sort(key=lambda one: one[0], reverse=True)
        ElementTree.register_namespace("", _ATOM)
        feed = ElementTree.Element(f"{{{_ATOM}}}feed")
        _add(feed, "title", self.feed_title)
        _add(feed, "subtitle", self.feed_subtitle)
        _add(feed, "id", self.feed_id or self.feed_url or self.base_url or "urn:feed")
        _add(feed, "updated", dated[0][0] if dated else _EPOCH)
        _link(feed, self.base_url, "alternate")
        _link(feed, self.feed_url, "self")
        _author(feed, self.feed_author_name, self.feed_author_email)
        for when, entry in dated[: self.max_entries]:
            self._add_entry(feed, entry, when)
        ElementTree.indent(feed)
        text = ElementTree.tostring(feed, encoding="unicode")
        set_field(message, self.output_field, f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n')
        return message

    def _add_entry(self, feed: ElementTree.Element, entry: dict[str, Any], when: str) -> None:
        element = ElementTree.SubElement(feed, f"{{{_ATOM}}}entry")
        named = str(entry.get("link") or entry.get("url") or "")
        link = absolute(self.base_url, named) if named else ""
        _add(element, "title", str(entry.get("title") or "Untitled"))
        _add(element, "id", str(entry.get("id") or entry.get("guid") or entry.get("uri") or link or _id_of(entry)))
        _add(element, "updated", when)
        _add(element, "published", _as_date(entry.get("published")) or "")
        _link(element, link, "alternate")
        author = entry.get("author")
        _author(element, str(author.get("name", "")) if isinstance(author, dict) else str(author or ""), "")
        _add(element, "summary", _clean(entry.get("summary")))
        if entry.get("content"):
            _add(element, "content", _clean(entry["content"])).set("type", "html")


def _id_of(entry: dict[str, Any]) -> str:
    """Return an id for an entry without any: no two entries of a feed may have the same."""
    return uuid.uuid5(uuid.NAMESPACE_OID, as_text(entry)).urn


def _add(parent: ElementTree.Element, name: str, text: str) -> ElementTree.Element:
    """Add an element, unless it would be empty; return it."""
    element = ElementTree.Element(f"{{{_ATOM}}}{name}")
    if text:
        element.text = _clean(text)
        parent.append(element)
    return element


def _link(parent: ElementTree.Element, address: str, kind: str) -> None:
    if address:
        ElementTree.SubElement(parent, f"{{{_ATOM}}}link", {"rel": kind, "href": _clean(address)})


def _author(parent: ElementTree.Element, name: str, email: str) -> None:
    if name or email:
        author = ElementTree.SubElement(parent, f"{{{_ATOM}}}author")
        _add(author, "name", name or email)
        _add(author, "email", email)


def _clean(value: Any) -> str:
    """Return text without what XML cannot hold."""
    return "".join(
        sign for sign in str(value or "") if sign in "\t\n\r" or "\x20" <= sign <= "\ud7ff" or sign >= "\ue000"
    )


def _when(entry: dict[str, Any]) -> str:
    return _as_date(entry.get("updated")) or _as_date(entry.get("published")) or _EPOCH


def _as_date(value: Any) -> str | None:
    for reader in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            read = reader(str(value))
            read = read if read.tzinfo else read.replace(tzinfo=UTC)
            return read.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        except (ValueError, OverflowError, TypeError):
            continue
    return None
