"""Processors of pages, feeds, diagrams and RDF, and those that remember."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import transmissions
from transmissions import StageError

Make = Callable[..., Any]
OF_RDFLIB = pytest.mark.filterwarnings("ignore:Dataset.default_context is deprecated:DeprecationWarning")
"""What rdflib's parsers say of rdflib."""
ATOM = "{http://www.w3.org/2005/Atom}"


def stage(application: Make, processor: str, given: str = "", **files: str) -> Any:
    """Return an application of one stage."""
    return application(
        f":t a :Transmission ; :pipe (:a) . :a a :{processor} ; :settings [ {given} ] .",
        files={"data/x": "", **{name.replace("__", "/").replace("_ttl", ".ttl"): text for name, text in files.items()}},
    )


def test_html_becomes_markdown(application: Make) -> None:
    """Blanks between inline elements stay, lists nest, scripts and what the selectors name are gone."""
    page = """<html><head><title>T</title><style>b{}</style></head><body><nav>menu</nav><h2>Head</h2>
        <p><b>a</b> <i>b</i> <a href="u">c</a></p><ul><li>one<ul><li>two</li></ul></li></ul>
        <script>alert()</script><p class="ad">buy</p></body></html>"""
    app = stage(application, "HTMLToMarkdown", ':inputField "h" ; :cleanSelectors "nav, .ad"')
    text = app.run({"h": page})[0]["content"]
    assert "## Head\n\n**a** *b* [c](u)\n\n- one\n  - two" in text
    assert not any(word in text for word in ("menu", "buy", "alert", "T\n"))
    with pytest.raises(StageError, match="is no CSS selector"):
        app.run({"h": "", "cleanSelectors": "a["})


def test_pages_tell_of_themselves_and_their_links(application: Make) -> None:
    """Links are made absolute; what a page says of itself is gathered, what it does not say is left out."""
    page = """<html lang="en"><head><title> A  page </title><meta name="Description" content="d">
        <link rel="canonical" href="http://e.org/p"></head><a href="x"> t <b>u</b></a><a>no</a>"""
    links = stage(application, "LinkFinder").run({"content": page, "url": "http://e.org/a/"})[0]["links"]
    assert links == [{"url": "http://e.org/a/x", "text": "t u"}]
    (left,) = stage(application, "MetadataExtractor").run({"content": page})
    assert left["metadata"] == {"title": "A page", "url": "http://e.org/p", "language": "en", "description": "d"}


FEED = """<rss version="2.0"><channel><title>News</title><link>http://e.org/</link>
<item><title>One</title><guid>g1</guid><link>http://e.org/1</link><pubDate>Thu, 02 Jan 2025 03:04:05 +0100</pubDate>
<description>&lt;p&gt;text&lt;/p&gt;</description></item></channel></rss>"""


def test_feeds_are_read(application: Make) -> None:
    """The feed's facts and its entries are there, dates in UTC; what is no feed is told and goes on."""
    app = stage(application, "FeedParser", ':inputField "f" ; :includeRawContent "true"')
    (left,) = app.run({"f": FEED})
    assert (left["feed"]["format"], left["feed"]["meta"]["title"], left["feedRaw"]) == ("rss20", "News", FEED)
    (entry,) = left["feed"]["entries"]
    assert (entry["guid"], entry["published"], entry["content"]) == ("g1", "2025-01-02T02:04:05Z", "<p>text</p>")
    atom = "<feed xmlns='http://www.w3.org/2005/Atom'><entry><updated>2025-01-02T00:00:00Z</updated></entry></feed>"
    assert app.run({"f": atom})[0]["feed"]["entries"][0]["updated"] == "2025-01-02T00:00:00Z"


def test_text_that_names_a_file_is_no_feed(application: Make) -> None:
    """What stands in the field is the feed; it is never opened as a file or fetched as an address."""
    app = stage(application, "FeedParser", ':inputField "f"')
    (app.folder / "feed.xml").write_text(FEED)
    for named in (str(app.folder / "feed.xml"), (app.folder / "feed.xml").as_uri()):
        (left,) = app.run({"f": named})
        assert "feed" not in left
        assert "no feed" in left["feedError"]


def test_a_feed_is_written_and_read_again(application: Make) -> None:
    """Entries come newest first, as many as are asked for; HTML is escaped; the same entries give the same feed."""
    entries = [
        {"title": "old", "link": "1", "published": "2024-01-01", "content": "<p>a & b</p>\x00"},
        {"title": "new <i>", "id": "urn:2", "updated": "2025-01-01T00:00:00+02:00", "author": {"name": "n"}},
        {"title": "oldest"},
    ]
    app = stage(application, "AtomBuilder", ':feedTitle "F" ; :baseUrl "http://e.org/" ; :maxEntries "2"')
    text = app.run({"entries": entries})[0]["content"]
    assert text == app.run({"entries": entries})[0]["content"]
    feed = ElementTree.fromstring(text.partition("?>")[2])
    assert [one.text for one in feed.iter(f"{ATOM}title")] == ["F", "new <i>", "old"]
    assert feed.findtext(f"{ATOM}updated") == "2024-12-31T22:00:00Z"
    assert [one.text for one in feed.iter(f"{ATOM}content")] == ["<p>a & b</p>"]
    assert [one.findtext(f"{ATOM}id") for one in feed.iter(f"{ATOM}entry")] == ["urn:2", "http://e.org/1"]


def test_flowcharts_are_drawn(application: Make) -> None:
    """Nodes with their texts, edges with theirs, chains and `&` are in the picture, which is well-formed XML."""
    chart = (
        'flowchart LR\n  %% note\n  A["a < b"] -->|yes| B{choose}\n  B -- no --> C & D(( round )) --> A; style A fill:x'
    )
    svg = ElementTree.fromstring(stage(application, "MermaidRenderer").run({"content": chart})[0]["content"])
    names = [element.text for element in svg.iter() if element.tag.endswith("text")]
    assert set(names) == {"a < b", "choose", "C", "round", "yes", "no"}
    paths = [element for element in svg.iter() if element.tag.endswith("path") and "marker-end" in element.attrib]
    assert len(paths) == 5
    with pytest.raises(StageError, match="only flowcharts are drawn"):
        stage(application, "MermaidRenderer").run({"content": "sequenceDiagram\n A->>B: x"})
    assert stage(application, "MermaidRenderer", ':sourceField "gone"').run({"content": "x"})[0]["content"] == "x"


def test_addresses_are_minted_and_made_uniform(application: Make) -> None:
    """Minting keeps the members of an object; a uniform address stays as it is."""
    app = stage(application, "ResourceMinter", ':targetField "r" ; :baseURI "http://e.org/" ; :agentURI "me"')
    (left,) = app.run({"r": {"k": 1}})
    assert (left["r"]["k"], left["r"]["agent"]) == (1, "me")
    assert left["r"]["uri"].startswith("http://e.org/")
    app = stage(application, "URLNormalizer")
    once = app.run({"url": "HTTP://E.org:80/a/?q=/"})[0]["url"]
    assert once == "http://e.org/a?q=/" == app.run({"url": once})[0]["url"]


def test_known_entries_are_left_out_or_told(application: Make) -> None:
    """Entries of a guid, link or content that the rows or earlier messages have are duplicates, and why is told."""
    rows = [{"entry": {"value": "http://e.org/1"}, "guid": {"value": "g1"}, "link": {"value": "l1"}}]
    turtle = """:t a :Transmission ; :pipe (:f :d) . :f a :ForEach ; :settings [ :forEach "entries" ] .
        :d a :EntryDeduplicator ; :settings [ :skipDuplicates "%s" ] ."""
    entries = [{"guid": "g1"}, {"guid": "g2", "content": "a  b"}, {"guid": "g3", "content": "a b"}, {"link": "l1"}]
    message = {"entries": entries, "queryResults": {"results": {"bindings": rows}}}
    told = application(turtle % "false").run(message)[:4]
    assert [one.get("matchMethod") for one in told] == ["guid", None, "hash", "link"]
    assert [one.get("existingURI") for one in told] == ["http://e.org/1", None, "g2", "http://e.org/1"]
    assert len(application(turtle % "true").run(message)) == 2
    feeds = """:t a :Transmission ; :pipe (:f :d) . :f a :ForEach ; :settings [ :forEach "u" ] .
        :d a :FeedUrlDeduplicator ; :settings [ :inputField "currentItem" ] ."""
    left = application(feeds).run({"u": ["a", "b/", "b", "c"], "existingFeeds": ["a/"]})
    assert [one["currentItem"] for one in left[:-1]] == ["b/", "c"]


def test_only_what_changed_goes_on(application: Make) -> None:
    """A second run skips the files that are as they were; one that failed in between forgets nothing."""
    app = application(
        """:t a :Transmission ; :pipe (:w :c :r :s) . :w a :DirWalker ; :settings [ :sourceDir "in" ] .
        :c a :FileChangeDetector . :r a :FileReader . :s a :Reverse .""",
        files={"in/a.md": "a", "in/b.md": "b", "data/x": ""},
    )
    assert len(app.run()) == 3
    (app.folder / "in/b.md").write_text("new")
    os.chmod(app.folder / "in/b.md", 0o644)
    failing = transmissions.load(app.folder)
    with pytest.raises(StageError):
        failing.run(messages={}, overrides={"r.target_field": "elsewhere"})
    assert [one.get("content") for one in app.run()] == ["wen", None]
    assert len(app.run()) == 1
    assert len(app.run({"forceRebuild": True})) == 3


def test_messages_are_told_by_what_they_hold(application: Make) -> None:
    """A message whose value under its key is the same as last time ends here."""
    app = application(
        """:t a :Transmission ; :pipe (:f :c) . :f a :ForEach ; :settings [ :forEach "l" ; :remove "l" ] .
        :c a :MessageChangeDetector ; :settings [ :keyField "currentItem.id" ; :valueField "currentItem.v" ] .""",
        files={"data/x": ""},
    )
    assert len(app.run({"l": [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}]})) == 3
    left = app.run({"l": [{"id": 1, "v": "a"}, {"id": 2, "v": "c"}]})
    assert [one["currentItem"]["id"] for one in left[:-1]] == [2]


def test_pings_are_sent_and_counted(application: Make) -> None:
    """So many copies are sent, then the message; the kill signal sends none."""
    app = stage(application, "Ping", ':interval "0" ; :count "2" ; :payload "p"')
    left = app.run({"k": 1})
    assert [one.get("ping", {}).get("count") for one in left] == [1, 2, None]
    assert (left[2]["pingComplete"], left[2]["pingStatus"]) == (True, "complete")
    assert [one["pingStatus"] for one in app.run({"kill": "STOP"})] == ["stopped"]


BOMB = "<!DOCTYPE r [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]><rdf:RDF>&b;</rdf:RDF>"
GRAPH = "<http://e.org/a> <http://e.org/n> 1 ."


@pytest.mark.parametrize(
    ("processor", "given", "content", "reason"),
    [
        ("RDFQuery", ':query "SELECT * { SERVICE <http://e.org/> { ?s ?p ?o } }"', GRAPH, "SERVICE"),
        ("RDFQuery", ':query "SELECT * { { SERVICE SILENT ?s { ?s ?p ?o } } UNION {} }"', GRAPH, "SERVICE"),
        ("RDFQuery", ':query "SELECT * FROM <http://e.org/> { ?s ?p ?o }"', GRAPH, "FROM"),
        ("RDFQuery", ':query "LOAD <http://e.org/>"', GRAPH, "not valid SPARQL"),
        ("RDFQuery", ':query "SELEKT"', GRAPH, "not valid SPARQL"),
        ("RDFParser", ':format "json-ld"', '{"@context": "http://e.org/c"}', "nothing is fetched"),
        ("RDFParser", ':format "json-ld"', '{"a": [{"@context": ["http://e.org/c"]}]}', "nothing is fetched"),
        ("RDFParser", ':format "json-ld"', "[" * 100_000, "not valid json-ld"),
        ("RDFParser", ':format "rdf-xml"', BOMB, "<!DOCTYPE>"),
        ("RDFParser", "", ":a :b", "not valid turtle"),
        ("RDFParser", "", "[" * 5_000, "not valid turtle"),
    ],
)
def test_nothing_is_fetched_and_nothing_explodes(
    application: Make, processor: str, given: str, content: str, reason: str
) -> None:
    """A query or a document that would have something fetched, or never end, is refused, as is what is not valid."""
    with pytest.raises(StageError, match=reason):
        stage(application, processor, given).run({"content": content, "dataset": ""})


def test_a_message_cannot_change_a_query_or_a_template(application: Make) -> None:
    """What is asked, and what is filled in, is the author's; a field of the setting's name is data."""
    graph = stage(application, "RDFParser").run({"content": GRAPH})[0]["dataset"]
    app = stage(application, "RDFQuery", ':query "ASK { ?s ?p 1 }"')
    left = app.run({"dataset": graph, "query": "ASK { ?s ?p 2 }", "sourceField": "query"})
    assert left[0]["queryResults"]["boolean"] is True
    app = stage(application, "Templater", ':template "mine" ; :dataField "d"')
    fields = {"template": "theirs", "templateFilename": "/etc/hostname", "d": {}}
    assert app.run(fields)[0]["content"] == "mine"


HOSTILE = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ [].append.__self__ }}",
    "{{ d.update({'a': 1}) }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ ''|attr('__class__') }}",
    "{{ ('%s' * 2) % (1, 2) }}",
    "{{ '{0.__class__}'.format('') }}",
    "{{ '{:99999999999}'.format(1) }}",
    "{{ 'a' * 100000000 }}",
    "{{ [1] * 100000000 }}",
    "{{ 'a'.center(100000000) }}",
    "{{ 'a'|center(100000000) }}",
    "{{ '%0100000000d'|format(1) }}",
    "{{ 9 ** 99999999 }}",
    "{{ range(10000000) }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% include '../../etc/passwd' %}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os }}",
    "{% for a in range(99999) %}{{ 'a' * 999999 }}{% endfor %}",
]


@pytest.mark.parametrize("template", HOSTILE)
def test_a_template_is_only_data(application: Make, template: str) -> None:
    """Nothing of Python is reached, no file outside read, and what would not end is stopped."""
    app = application(
        ':t a :Transmission ; :pipe (:a) . :a a :Templater ; :settings [ :templateFilename "t" ; :dataField "d" ] .',
        files={"data/t": template},
    )
    try:
        made = app.run({"d": {"d": {}, "x": 1}})[0]["content"]
    except StageError as error:
        assert "Traceback" not in str(error)
    else:
        # What the sandbox does not show is empty.
        assert made.strip() in ("", "{}")


def test_a_library_that_is_not_there_is_asked_for(application: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an extra's library, the processor says how to get it."""
    monkeypatch.setitem(__import__("sys").modules, "bs4", None)
    with pytest.raises(StageError, match=r"transmissions-engine\[markup\]"):
        stage(application, "LinkFinder").run({"content": "<a href=x>"})


def test_markdown_of_many_documents_costs_the_same_for_each(application: Make, tmp_path: Path) -> None:
    """Documents leave nothing behind in the parser: the last of many is made as the first was."""
    app = application(
        """:t a :Transmission ; :pipe (:f :m) . :f a :ForEach ; :settings [ :forEach "l" ; :remove "l" ] .
        :m a :MarkdownToHTML ; :settings [ :sourceField "currentItem" ] ."""
    )
    left = app.run({"l": ["a[^1]\n\n[^1]: n"] * 300})
    assert len({one["content"] for one in left[:-1]}) == 1
