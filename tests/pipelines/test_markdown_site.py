"""The pipeline markdown-site: its example gives the golden site, and a folder of one's own a sound one."""

from __future__ import annotations

import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import transmissions
from transmissions import Result, StageError

ROOT = Path(__file__).parents[2]
NOTES = ROOT / "pipelines" / "examples" / "notes"
GOLDEN = Path(__file__).parent / "golden" / "markdown-site"


def site(source: Path, target: Path, **parameters: object) -> Result:
    """Make the site."""
    return transmissions.load("markdown-site").run(source=source, target=target, **parameters)


def tree(folder: Path) -> dict[str, bytes]:
    """Return what is in a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_example_gives_the_golden_site(tmp_path: Path) -> None:
    """Pages, list, feed and copied files are those of the golden tree, to the byte; drafts are none of them."""
    result = site(NOTES, tmp_path / "site", title="Water", address="https://example.org/water/")
    assert tree(tmp_path / "site") == tree(GOLDEN)
    assert result.outputs["written"] == len(tree(GOLDEN))


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    """What is there already is left alone, with its time; what changed is written."""
    shutil.copytree(NOTES, tmp_path / "notes")
    first = site(tmp_path / "notes", tmp_path / "site")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "site").rglob("*")}
    again = site(tmp_path / "notes", tmp_path / "site")
    assert (again.outputs["written"], again.outputs["unchanged"]) == (0, first.outputs["written"])
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "site").rglob("*")} == times
    (tmp_path / "notes" / "well.svg").write_text("<svg/>", encoding="utf-8")
    assert site(tmp_path / "notes", tmp_path / "site").outputs["written"] == 1


def test_no_link_of_the_site_is_broken(tmp_path: Path) -> None:
    """Links between pages lead to pages, at their headings as well: the link checker finds none that is broken."""
    site(NOTES, tmp_path / "site")
    assert list(transmissions.load("link-checker").stream(source=tmp_path / "site")) == []


def test_the_site_may_be_made_inside_its_source(tmp_path: Path) -> None:
    """A target in the folder is no part of what is read; the folder itself as the target is refused."""
    (tmp_path / "a.md").write_text("# A\n", encoding="utf-8")
    for _ in range(2):
        site(tmp_path, tmp_path / "site")
    assert sorted(tree(tmp_path)) == ["a.md", "site/a.html", "site/feed.atom", "site/index.html"]
    with pytest.raises(StageError, match="is read and would be written into; name another folder with --target"):
        site(tmp_path, tmp_path)


def test_templates_of_ones_own(tmp_path: Path) -> None:
    """A template sees what the page says of itself in its front matter, and escapes what it fills in."""
    (tmp_path / "in").mkdir()
    text = "---\ntitle: A & B\ndate: 2025\ncolour: red\n---\nText.\n"
    (tmp_path / "in" / "a.md").write_text(text, encoding="utf-8")
    (tmp_path / "page.html").write_text("{{ title }}|{{ created }}|{{ said.colour }}|{{ site }}", encoding="utf-8")
    site(tmp_path / "in", tmp_path / "out", page=tmp_path / "page.html", title="<S>")
    assert (tmp_path / "out" / "a.html").read_text("utf-8") == "A &amp; B|2025|red|&lt;S&gt;"


DATES = st.dates().map(str)


@settings(max_examples=8, deadline=None)
@given(dates=st.lists(DATES, max_size=6))
def test_the_list_and_the_feed_are_newest_first(tmp_path_factory: pytest.TempPathFactory, dates: list[str]) -> None:
    """Whatever the dates are and in whatever order the files are found, newer pages stand before older ones."""
    folder = tmp_path_factory.mktemp("dates")
    (folder / "in").mkdir()
    for number, date in enumerate(dates):
        (folder / "in" / f"{number}.md").write_text(f"---\ndate: {date}\n---\n# {number}\n", encoding="utf-8")
    site(folder / "in", folder / "out")
    shown = (folder / "out" / "index.html").read_text("utf-8").split('<time datetime="')[1:]
    assert [one[:10] for one in shown] == sorted(dates, reverse=True)
    feed = ElementTree.parse(folder / "out" / "feed.atom").getroot()
    told = [
        entry.findtext("{http://www.w3.org/2005/Atom}published") or ""
        for entry in feed.iter("{http://www.w3.org/2005/Atom}entry")
    ]
    assert [one[:10] for one in told] == sorted(dates, reverse=True)


def test_a_file_that_is_no_page_costs_only_itself(tmp_path: Path) -> None:
    """An empty file is an empty page; one that is no text is told of, and all others are written."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "empty.md").touch()
    (tmp_path / "in" / "latin.md").write_bytes("# Gr\xfc\xdfe\n".encode("latin-1"))
    (tmp_path / "in" / "sound.md").write_text("# Sound\n", encoding="utf-8")
    result = site(tmp_path / "in", tmp_path / "out")
    assert sorted(tree(tmp_path / "out")) == ["empty.html", "feed.atom", "index.html", "sound.html"]
    assert [problem["text"].partition("latin.md")[2][:11] for problem in result.problems] == [": not utf-8"]


def test_what_is_no_folder_is_said_to_be_none(tmp_path: Path) -> None:
    """A file in place of the folder is not said to be missing."""
    (tmp_path / "a.md").write_text("# A\n", encoding="utf-8")
    with pytest.raises(StageError, match="is no folder"):
        site(tmp_path / "a.md", tmp_path / "out")
