"""Processors of links: where in a page they stand, and whether they lead anywhere."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urldefrag, urlsplit

from markdown_it.token import Token

from processors.front_matter import split
from processors.http import WebProcessor
from processors.markdown import tokens_of
from processors.values import require_text
from transmissions import (
    Mark,
    Message,
    NetworkRefused,
    Processor,
    TransmissionsError,
    require_field,
    set_field,
    setting,
)

__all__ = ["LinkChecker", "PageLinks"]

_MARKDOWN = (".md", ".markdown", ".mdown", ".mkd")
_ATTRIBUTES = {"a": "href", "area": "href", "iframe": "src", "img": "src", "link": "href", "script": "src"}


class PageLinks(Processor):
    r"""List the links and pictures of a Markdown or HTML page with their lines, and the anchors that it has.

    `links` holds objects with `url` and `line`. `anchors` are what a link may name behind `#`: the ids and names of
    elements and, in Markdown, the ids that GitHub and `:headingIds` of MarkdownToHTML give to headings.

    Example:
        :stage a :PageLinks .
        in {"filepath": "a.md", "content": "# The end\n\nSee [b](b.md#top).\n"}
        out {"filepath": "a.md", "content": "…", "links": [{"url": "b.md#top", "line": 3}], "anchors": ["the-end"]}

    Guarantee: pure.
    """

    reads = ("filepath",)

    source_field: str = setting("content", "field with the page, as a dotted path", reads=True, fixed=True)
    links_field: str = setting("links", "field that receives the links", writes=True, fixed=True)
    anchors_field: str = setting("anchors", "field that receives the anchors", writes=True, fixed=True)
    form: Literal["auto", "markdown", "html"] = setting(
        "auto", "what the page is; by the ending of `filepath` unless said", fixed=True
    )

    def process(self, message: Message) -> Message:
        """Return the message with links and anchors."""
        text = require_text(message, self.source_field)
        is_markdown = str(message.get("filepath", "")).lower().endswith(_MARKDOWN)
        found = _Found()
        if self.form == "markdown" or (self.form == "auto" and is_markdown):
            block, rest = split(text)
            found.take_markdown(rest, text.count("\n") - rest.count("\n") if block else 0)
        else:
            found.take_html(text, 1)
        set_field(message, self.links_field, [{"url": url, "line": line} for url, line in found.links])
        set_field(message, self.anchors_field, list(dict.fromkeys(found.anchors)))
        return message


class _Found(HTMLParser):
    """Gathers links and anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, int]] = []
        self.anchors: list[str] = []
        self._first_line = 1

    def take_html(self, text: str, line: int) -> None:
        """Look at HTML that begins at a line."""
        self.reset()
        self._first_line = line
        self.feed(text)
        self.close()

    def take_markdown(self, text: str, lines_before: int) -> None:
        """Look at Markdown that so many lines stand in front of."""
        for token in tokens_of(text):
            line = lines_before + 1 + (token.map[0] if token.map else 0)
            if token.type == "heading_open":
                self.anchors.append(str(token.attrGet("id")))
            elif token.type == "html_block":
                self.take_html(token.content, line)
            elif token.type == "inline":
                self._take_inline(token.children or [], line)

    def _take_inline(self, tokens: list[Token], line: int) -> None:
        for token in tokens:
            if token.type in ("softbreak", "hardbreak"):
                line += 1
            elif token.type == "html_inline":
                self.take_html(token.content, line)
                line += token.content.count("\n")
            elif address := token.attrGet("href") or token.attrGet("src"):
                self.links.append((str(address), line))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at a tag."""
        said = {name: value for name, value in attrs if value}
        address = said.get(_ATTRIBUTES.get(tag, ""), "").strip()
        # What a page asks the browser to connect to beforehand is no page.
        if address and said.get("rel", "").lower() not in ("preconnect", "dns-prefetch"):
            self.links.append((address, self._first_line - 1 + self.getpos()[0]))
        self.anchors += [said[name] for name in ("id", "name") if name in said and (name == "id" or tag == "a")]


class LinkChecker(WebProcessor):
    r"""Check where the links of a group of pages lead, each distinct one once, and send a message for each broken one.

    It takes pages as PageLinks sends them. Behind them it sends messages with `file`, `line`, `url`, `reason` and
    `severity`, and the pages end here. Files and anchors are looked for on this machine. An address of the web is
    asked for, if the run's `--allow-host` names its host; else it counts as unchecked. Where a server asks who asks,
    or finds that it is asked too often (401, 403, 429), the link is doubtful: its severity is `warning`.

    Example:
        :example a :EntryTransmission ; :pipe (:each :read :links :check) .
        :each a :ForEach ; :settings [ :itemField "filepath" ] .
        :read a :FileReader .
        :links a :PageLinks .
        :check a :LinkChecker .
        file a.md "# A\n\n[b](b.md), [c](c.md),\n[the end](b.md#end)\n"
        file b.md "# B\n"
        in {"items": ["a.md", "b.md"]}
        out {"file": "a.md", "line": 3, "url": "c.md", "reason": "there is no such file", "severity": "error"}
        out {"file": "a.md", "line": 4, "url": "b.md#end", "reason": "b.md has no anchor end", "severity": "error"}

    Guarantee: at least once; asking changes nothing.
    """

    stateful = True
    reads = ("links", "anchors", "filepath")
    writes = ("file", "line", "url", "reason", "severity")

    root: Path | None = setting(None, "folder that addresses that begin with a slash start from", fixed=True)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._anchors: dict[str, frozenset[str]] = {}
        self._places: dict[tuple[str, str], list[tuple[str, int, str]]] = {}
        self._unchecked: Counter[str] = Counter()
        self._counts = dict.fromkeys(("pages", "links", "distinct", "internal", "external", "unchecked", "broken"), 0)

    def report(self) -> dict[str, Any]:
        """Return how many pages, links and broken links there were."""
        return dict(self._counts)

    def start(self) -> None:
        """Do nothing: the door to the web is opened when the first address comes, so that none needs it installed."""

    def process(self, message: Message) -> None:
        """Take a page in."""
        path = os.path.normpath(Path(str(require_field(message, "filepath"))).absolute())
        here = f"{Path.cwd()}{os.sep}"
        shown = path.removeprefix(here)
        self._anchors[path] = frozenset(require_field(message, "anchors"))
        self._counts["pages"] += 1
        for link in require_field(message, "links"):
            target = self._target(str(link["url"]), path)
            if target is not None:
                self._counts["links"] += 1
                self._places.setdefault(target, []).append((shown, int(link["line"]), str(link["url"])))

    def end_group(self, mark: Mark) -> Iterator[Message]:
        """Yield the broken links of a group."""
        yield from self._checked()

    def finish(self) -> Iterator[Message]:
        """Yield the broken links that no group has claimed, and tell which hosts were not asked."""
        yield from self._checked()
        if self._unchecked:
            hosts = ", ".join(host for host, _ in self._unchecked.most_common(5))
            text = f"{self._unchecked.total()} addresses of {len(self._unchecked)} hosts were not checked: {hosts}"
            more = ", …" if len(self._unchecked) > 5 else ""
            self.context.log("notice", f"{text}{more}; --allow-host allows a host, --allow-host '*' all", {})

    def _target(self, url: str, page: str) -> tuple[str, str] | None:
        """Return what a link leads to, an address or a file, and the anchor there; None for what is no page."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return url, "invalid"
        if parts.scheme in ("http", "https") or parts.netloc:
            return urldefrag(url if parts.scheme else f"https:{url}").url, "web"
        if parts.scheme:
            return None
        path = unquote(parts.path)
        if not path:
            place = page
        elif path.startswith("/"):
            place = os.path.normpath((self.root or Path(page).parent).absolute() / path.lstrip("/"))
        else:
            place = os.path.normpath(Path(page).parent / path)
        return place, f"#{unquote(parts.fragment)}"

    def _checked(self) -> Iterator[Message]:
        places, self._places = self._places, {}
        self._counts["distinct"] += len(places)
        for (target, kind), found in places.items():
            if self.context.stopping():
                return
            if kind == "invalid":
                wrong: tuple[str, str] | None = ("this is no address", "error")
            elif kind == "web":
                wrong = self._wrong_on_the_web(target)
            else:
                self._counts["internal"] += 1
                wrong = self._wrong_here(Path(target), kind[1:])
            if wrong is not None:
                self._counts["broken"] += len(found)
                for file, line, url in found:
                    yield {"file": file, "line": line, "url": url, "reason": wrong[0], "severity": wrong[1]}
        self._anchors = {}

    def _wrong_here(self, path: Path, anchor: str) -> tuple[str, str] | None:
        try:
            if not path.exists():
                return "there is no such file", "error"
        except (OSError, ValueError):
            return "this cannot be a file", "error"
        anchors = self._anchors.get(str(path))
        if anchor and anchor != "top" and anchors is not None and anchor not in anchors:
            return f"{path.name} has no anchor {anchor}", "error"
        return None

    def _wrong_on_the_web(self, url: str) -> tuple[str, str] | None:
        try:
            self.context.network.check_name(urlsplit(url).hostname or "")
            fetcher = self.fetcher
        except NetworkRefused:
            self._leave_unchecked(url)
            return None
        try:
            fetched = fetcher.fetch(url, "HEAD")
            if fetched.status >= 400:
                # Not every server that has a page says so to a HEAD.
                fetched = fetcher.fetch(url)
        except NetworkRefused:
            self._leave_unchecked(url)
            return None
        except TransmissionsError as error:
            self._counts["external"] += 1
            return str(error), "error"
        self._counts["external"] += 1
        if fetched.status < 400:
            return None
        severity = "warning" if fetched.status in (401, 403, 429) else "error"
        return f"the server answers {fetched.status} {fetched.reason}".rstrip(), severity

    def _leave_unchecked(self, url: str) -> None:
        self._counts["unchecked"] += 1
        self._unchecked[urlsplit(url).hostname or url] += 1
