"""Pages, feeds and diagrams as they are found, which is seldom as they should be."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

import transmissions
from processors.mermaid import parsed
from transmissions import StageError

ATOM = "{http://www.w3.org/2005/Atom}"


def through(folder: Path, processor: str, message: dict[str, Any], settings: str = "") -> dict[str, Any]:
    """Send a message through one stage of a plain pipeline, and return what leaves it."""
    stage = f":p a :EntryTransmission ; :pipe (:a) . :a a :{processor} ; :settings [ {settings} ] ."
    (folder / "p.ttl").write_text(f"@prefix : <http://purl.org/stuff/transmissions/> .\n{stage}", encoding="utf-8")
    (left,) = transmissions.load(folder / "p.ttl").stream(messages=[message], target=folder)
    return left


ODD = "<![if !IE]><![foo[x]]><base href='/b/'>"


def test_odd_sections_and_addresses_spoil_no_page(tmp_path: Path) -> None:
    """What browsers pass over is passed over, the page's base counts, and a broken address stays as it is."""
    page = f"{ODD}<a href='x'>ü</a><a href='http://['>broken</a>"
    links = through(tmp_path, "LinkFinder", {"content": page, "url": "http://e.org/a/"})["links"]
    assert links == [{"url": "http://e.org/b/x", "text": "ü"}, {"url": "http://[", "text": "broken"}]
    links = through(tmp_path, "LinkFinder", {"content": "<a href='x'>y</a>", "url": None})["links"]
    assert links == [{"url": "x", "text": "y"}]
    assert through(tmp_path, "LinkFinder", {"content": ""})["links"] == []
    page = f"{ODD}<link rel='alternate' type='application/rss+xml' href='f'>"
    left = through(tmp_path, "HTMLFeedExtractor", {"content": page, "url": "http://e.org/a/"}, ':inputField "content"')
    assert left["feedUrl"] == "http://e.org/b/f"


@pytest.mark.parametrize("value", [None, 0, False, {"a": 1}])
@pytest.mark.parametrize(
    "processor",
    ["HTMLToMarkdown", "HTMLFeedExtractor", "OpmlFeedExtractor", "FeedParser", "LinkFinder", "MetadataExtractor"],
)
def test_what_is_no_text_is_told(tmp_path: Path, processor: str, value: Any) -> None:
    """A field without text is an error that says so, and is not read as the word for it."""
    with pytest.raises(StageError, match="the field f holds no text but"):
        through(tmp_path, processor, {"f": value}, ':inputField "f"')


def test_a_feed_of_poor_entries_is_a_sound_one(tmp_path: Path) -> None:
    """Dates as in RSS feeds count, entries without an address have ids of their own, and odd links spoil nothing."""
    entries = [
        {"title": "a", "published": "Thu, 02 Jan 2025 03:04:05 +0100"},
        {"title": "b", "link": "http://["},
        {"title": "c", "updated": "0001-01-01T00:00:00+14:00"},
    ]
    text = through(tmp_path, "AtomBuilder", {"entries": entries}, ':baseUrl "http://e.org/"')["content"]
    feed = ElementTree.fromstring(text.partition("?>")[2])
    found = list(feed.iter(f"{ATOM}entry"))
    assert found[0].findtext(f"{ATOM}updated") == "2025-01-02T02:04:05Z"
    assert len({one.findtext(f"{ATOM}id") for one in found}) == 3
    assert found[0].find(f"{ATOM}link") is None


@pytest.mark.parametrize(
    ("line", "edge"),
    [
        ("A---B", ("A", "B", "")),
        ("A-- text ---B", ("A", "B", "text")),
        ("A--text-->B", ("A", "B", "text")),
        ("A --only--> B", ("A", "B", "only")),
        ("A-.->B", ("A", "B", "")),
        ("A -. maybe .-> B", ("A", "B", "maybe")),
        ("A == sure ==> B", ("A", "B", "sure")),
        ("A -->|a b| B", ("A", "B", "a b")),
        ("Größe --> b-c.d", ("Größe", "b-c.d", "")),
    ],
)
def test_edges_are_read_in_all_their_spellings(line: str, edge: tuple[str, str, str]) -> None:
    """With or without blanks, with texts, in any script, two nodes and what is between them are told apart."""
    assert parsed(f"flowchart TD\n{line}").edges == [edge]


def test_texts_of_nodes_are_read_in_all_their_shapes() -> None:
    """Quotes keep what would end a text or a line, and line breaks become blanks."""
    chart = parsed('graph LR\nA["a; b]"] --> B[[sub]] --> C{{six}} --> D[/lean/] --> E>flag]; F(one<br/>two)')
    assert [text for text, _ in chart.nodes.values()] == ["a; b]", "sub", "six", "lean", "flag", "one two"]
