"""What pages, paths and reports are made of: links mapped, excerpts, paths of foreign texts, HTML that stays text."""

from __future__ import annotations

import html
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.checks import Reporter
from processors.markdown import html_of
from processors.pages import Excerpt, LinkMapper
from processors.path_template import PathTemplate
from processors.web_pages import HTMLToMarkdown
from transmissions import TransmissionsError
from transmissions.output.names import safe_path


@pytest.mark.parametrize(
    ("link", "mapped"),
    [
        ('<a href="b.md">', '<a href="b.html">'),
        ("<a title='x>y' HREF = '../b.MD?v=1&amp;w#s'>", "<a title='x>y' HREF = '../b.html?v=1&amp;w#s'>"),
        ('<a href="#b.md">', None),
        ('<a href="//host/b.md">', None),
        ('<a href="mailto:b.md">', None),
        ('<abbr href="b.md">', None),
        ('&lt;a href="b.md"&gt;', None),
        ('<a href="http://[b.md">', None),
    ],
)
def test_only_links_within_the_site_are_mapped(link: str, mapped: str | None) -> None:
    """The ending is changed where a link leads to a file of the site; all else stays to the sign."""
    assert LinkMapper().process({"content": link})["content"] == (mapped or link)


@given(text=st.text(), limit=st.integers(1, 40))
def test_an_excerpt_is_as_short_as_asked(text: str, limit: int) -> None:
    """An excerpt has at most so many signs, and begins as the text does."""
    made = Excerpt(max_length=limit).process({"content": f"<h1>Title</h1><p>{html.escape(text)}</p>"})["summary"]
    whole = " ".join(text.split())
    assert len(made) <= limit
    assert made == whole or whole.startswith(made[:-1])


@given(title=st.text(), folder=st.text())
def test_no_text_makes_a_path_that_cannot_be_written(title: str, folder: str) -> None:
    """Whatever fields hold, the path has the template's folders, and names that every system takes."""
    processor = PathTemplate(template="{folder}/x-{title:60}-{title:#8}.md")
    processor.start()
    path = processor.process({"folder": folder, "title": title})["filepath"]
    assert path.count("/") == 1
    assert path.endswith(".md")
    assert safe_path(path) == path
    assert not path.startswith((".", "/"))


@pytest.mark.parametrize("template", ["{a!r}", "{a:x}", "{", "{}"])
def test_a_template_that_makes_no_sense_is_refused(template: str) -> None:
    """What cannot be read as a template is an error before the first message."""
    with pytest.raises(TransmissionsError, match=":template"):
        PathTemplate(template=template).start()


MARKUP = st.recursive(
    st.text("<>&`\\[](){}!\"'\n *_~#-|ab", max_size=12).map(html.escape) | st.sampled_from(["<br>", "<hr>"]),
    lambda inner: st.tuples(
        st.sampled_from(
            ["p", "b", "code", "pre", "kbd", "li", "td", "blockquote", "h2", "a href='x'", "a title='<s>'"]
        ),
        inner,
        inner,
    ).map(lambda one: f"<{one[0]}>{one[1]}</{one[0].split()[0]}>{one[2]}"),
    max_leaves=8,
)


@settings(derandomize=True)
@given(
    page=MARKUP,
    where=st.sampled_from(["{}", "<p>{}</p>", "<code>{}</code>", "<pre>{}</pre>", "<b>{}</b>", "<img alt='{}'>"]),
)
def test_what_a_page_shows_as_a_tag_becomes_none(page: str, where: str) -> None:
    """However a page shows a tag, as text, as code or beside anything else, its Markdown has no such tag."""
    shown = html.escape("<script>alert(1)</script>")
    for whole in (page + where.format(shown), where.format(shown) + page, page + where.format(shown) + page):
        made = HTMLToMarkdown(input_field="page").process({"page": whole})["content"]
        assert "<script" not in html_of(made).lower()


def reported(**settings: Any) -> dict[str, Any]:
    """Return the problem that is made of one message."""
    processor = Reporter(**settings)
    message = {"file": "a.md", "line": 3, "list": [{"why": "x"}, {"why": "y"}, {"why": "x"}, 5], "how": "warning"}
    assert processor.process(message) == (message if processor.pass_on else None)
    return processor.problems[0]


def test_a_report_is_worded_by_its_template() -> None:
    """Fields, fields of a list's members and the severity come from the message; what is not there is empty."""
    text = "{file}:{line}: {list[].why}{none}"
    assert reported(text=text) == {"severity": "error", "text": "a.md:3: x; y"}
    told = reported(text="x", severity_field="how", facts=["line", "text", "none"], pass_on=False)
    assert told == {"severity": "warning", "text": "x", "line": 3}
