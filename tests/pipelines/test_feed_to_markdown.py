"""The pipeline feed-to-markdown: files of new entries only, whatever feeds and lists of feeds are given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import transmissions
from processors.front_matter import FrontMatterReader
from processors.markdown import html_of
from transmissions import Result, TransmissionsError

ROOT = Path(__file__).parents[2]
NEWS = ROOT / "pipelines" / "examples" / "news.atom"
GOLDEN = Path(__file__).parent / "golden" / "feed-to-markdown"


def read(source: Any, target: Path, **options: Any) -> Result:
    """Run the pipeline."""
    return transmissions.load("feed-to-markdown").run(source=source, target=target, **options)


def texts(folder: Path) -> dict[str, str]:
    """Return the Markdown files of a folder."""
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*.md")}


def rss(*items: str, title: str = "Feed") -> str:
    """Return a feed."""
    return f'<rss version="2.0"><channel><title>{title}</title>{"".join(items)}</channel></rss>'


def item(number: int, description: str = "text") -> str:
    """Return an entry."""
    return f"<item><title>Entry {number}</title><guid>{number}</guid><description>{description}</description></item>"


def test_the_example_gives_the_golden_files(tmp_path: Path) -> None:
    """Each entry is a file with front matter, its text as Markdown; only the hash in a name depends on the source."""
    read(NEWS, tmp_path)
    found = {name[: -len("-00000000.md")]: text for name, text in texts(tmp_path).items()}
    assert found == {name.removesuffix(".md"): text for name, text in texts(GOLDEN).items()}


def test_entries_that_were_seen_are_not_written_again(tmp_path: Path) -> None:
    """A second run writes what is new only, also if a person has removed a file of an entry, or changed one."""
    feed, out = tmp_path / "feed.xml", tmp_path / "out"
    feed.write_text(rss(item(1), item(2)), encoding="utf-8")
    read(feed, out)
    one, two = sorted(out.rglob("*.md"))
    one.unlink()
    two.write_text("mine", encoding="utf-8")
    feed.write_text(rss(item(1), item(2, "changed"), item(3)), encoding="utf-8")
    assert read(feed, out).outputs["written"] == 1
    assert not one.exists()
    assert two.read_text("utf-8") == "mine"


def test_a_path_that_two_entries_would_have_loses_neither(tmp_path: Path) -> None:
    """The run fails, and names what to do; with a path that tells them apart the same entries are new, and written."""
    feed, out = tmp_path / "feed.xml", tmp_path / "out"
    feed.write_text(rss(item(1), item(2), item(2)), "utf-8")
    with pytest.raises(TransmissionsError, match=r"(?s)same\.md: another message has this path already.*\{id:#8\}"):
        read(feed, out, path="same.md")
    read(feed, out, path="{entry.title}.md")
    assert texts(out).keys() == {"same.md", "entry-1.md", "entry-2.md"}


def test_lists_of_feeds_are_followed_to_the_web_only(tmp_path: Path, web: Any) -> None:
    """An OPML list leads to addresses: a file that it names is refused, a feed that is gone told."""
    secret = tmp_path / "secret.xml"
    secret.write_text(rss(item(9), title="Secret"), encoding="utf-8")
    web.answers["/a.xml"] = (200, rss(item(1), title="A"))
    urls = [f"{web.address}a.xml", f"{web.address}gone.xml", str(secret)]
    outlines = "".join(f'<outline type="rss" xmlUrl="{url}"/>' for url in urls)
    (tmp_path / "list.opml").write_text(f'<opml version="2.0"><body>{outlines}</body></opml>', encoding="utf-8")
    result = read([tmp_path / "list.opml", f"{web.address}a.xml"], tmp_path / "out", allow_hosts=["127.0.0.1"])
    assert [name.split("/")[0] for name in texts(tmp_path / "out")] == ["a"]
    told = sorted(problem["text"] for problem in result.problems)
    assert result.partial
    assert len(told) == 2
    assert "secret.xml: refused" in told[0]
    assert "gone.xml: 404" in told[1]


def test_what_is_no_feed_is_told(tmp_path: Path) -> None:
    """A source that is no feed, and one that cannot be read, are named; the others are written."""
    (tmp_path / "no.xml").write_text("hello", encoding="utf-8")
    result = read([tmp_path / "no.xml", NEWS, tmp_path / "missing.xml"], tmp_path / "out")
    assert len(texts(tmp_path / "out")) == 2
    assert sorted("no feed" in problem["text"] for problem in result.problems) == [False, True]


def test_no_host_is_asked_that_is_not_allowed(tmp_path: Path, web: Any) -> None:
    """Without --allow-host nothing is asked, and the reason is told without the secrets of the address."""
    result = read(web.address.replace("http://", "http://me:pass@") + "feed?token=hidden", tmp_path)
    assert web.asked == []
    assert "--allow-host" in result.problems[0]["text"]
    assert "pass" not in json.dumps(result.problems)
    assert "hidden" not in json.dumps(result.problems)


def test_feeds_with_hostile_entries_do_no_harm(tmp_path: Path) -> None:
    """Titles make no folders, equal titles no equal files, and what a feed shows as a tag becomes none."""
    hostile = "&lt;p&gt;&amp;lt;script&amp;gt;alert(1)&amp;lt;/script&amp;gt;&lt;/p&gt;&lt;script&gt;x&lt;/script&gt;"
    entries = [
        f"<item><title>../../etc: passwd</title><guid>{number}</guid><description>{hostile}</description></item>"
        for number in range(2)
    ]
    (tmp_path / "feed.xml").write_text(rss(*entries, "<item/>", title="../up\n---\nx: y"), encoding="utf-8")
    read(tmp_path / "feed.xml", tmp_path / "out")
    found = texts(tmp_path / "out")
    assert len(found) == 3
    for name, text in found.items():
        assert name.startswith("up-x-y/")
        assert name.count("/") == 1
        parts = FrontMatterReader().process({"content": text})
        assert parts["frontMatter"]["feed"].split() == ["../up", "---", "x:", "y"]
        assert "<script" not in html_of(parts["content"])
        assert "rss" not in parts["content"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no feed: it is empty"),
        ("\n", "no feed: it is empty"),
        ("<!DOCTYPE html>\n<html><body><p>News</body></html>", "no feed: it is a page of HTML"),
        ('{"items": []}', "no feed: it is not XML: line 1: "),
        ("<note/>", "no feed: it is of no known form"),
    ],
)
def test_why_a_source_is_no_feed_is_said(tmp_path: Path, text: str, said: str) -> None:
    """Whatever is given for a feed, the run goes on, and what is said of it is of use to a person."""
    (tmp_path / "given").write_text(text, encoding="utf-8")
    result = read(tmp_path / "given", tmp_path / "out")
    assert [said in problem["text"] for problem in result.problems] == [True]


def test_a_feed_that_breaks_off_is_told_of(tmp_path: Path) -> None:
    """The entries until then are written, and a warning says where it is broken."""
    (tmp_path / "cut.rss").write_text(rss(item(1), item(2)).removesuffix("</item></channel></rss>"), encoding="utf-8")
    result = read(tmp_path / "cut.rss", tmp_path / "out")
    assert len(texts(tmp_path / "out")) == 2
    assert [(one["severity"], "not sound XML" in one["text"]) for one in result.problems] == [("warning", True)]
    assert "line 1: " in result.problems[0]["text"]


def test_a_feed_says_how_it_is_encoded(tmp_path: Path) -> None:
    """A feed that is not in UTF-8 is read as it says; what says nothing of itself is warned of."""
    feed = rss(item(1, "Gr\xfc\xdfe"))
    (tmp_path / "said.rss").write_bytes(f"<?xml version='1.0' encoding='ISO-8859-1'?>{feed}".encode("latin-1"))
    (tmp_path / "wide.rss").write_bytes(feed.encode("utf-16"))
    (tmp_path / "unsaid.rss").write_bytes(feed.encode("latin-1"))
    for name, shown, problems in (
        ("said", "Gr\xfc\xdfe", 0),
        ("wide", "Gr\xfc\xdfe", 0),
        ("unsaid", "Gr\ufffd\ufffde", 1),
    ):
        result = read(tmp_path / f"{name}.rss", tmp_path / name)
        assert [shown in text for text in texts(tmp_path / name).values()] == [True]
        assert len(result.problems) == problems
