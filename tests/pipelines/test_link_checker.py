"""The pipeline link-checker: broken links with file and line, each distinct address asked for once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import transmissions
from transmissions.cli import main

ROOT = Path(__file__).parents[2]
LINKED = ROOT / "pipelines" / "examples" / "linked"


def broken(folder: Path, **options: Any) -> list[tuple[str, int, str, str]]:
    """Return file, line, address and severity of each broken link."""
    options = {"attempts": 1, "requestsPerSecond": 0, **options}
    found = transmissions.load("link-checker").stream(source=folder, **options)
    return sorted((Path(one["file"]).name, one["line"], one["url"], one["severity"]) for one in found)


def write(folder: Path, **files: str) -> Path:
    """Write pages; `_md` and `_html` at the end of a name are its ending."""
    for name, text in files.items():
        stem, _, ending = name.rpartition("_")
        (folder / f"{stem}.{ending}").write_text(text, encoding="utf-8")
    return folder


def test_the_example_shows_what_is_broken(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On the command line: file, line, address and reason of each broken link, and 2 as the exit code."""
    monkeypatch.chdir(ROOT)
    assert main(["run", "link-checker", "pipelines/examples/linked"]) == 2
    said = capsys.readouterr().err
    front = "pipelines/examples/linked"
    assert f"{front}/guide.html:7: picture.png: there is no such file" in said
    assert f"{front}/start.md:3: guide.html#use: guide.html has no anchor use" in said
    assert f"{front}/start.md:4: gone.md: there is no such file" in said
    assert "1 addresses of 1 hosts were not checked: example.org" in said
    assert [one[:3] for one in broken(LINKED)] == [
        ("guide.html", 7, "picture.png"),
        ("start.md", 3, "guide.html#use"),
        ("start.md", 4, "gone.md"),
    ]


def test_the_documentation_has_no_broken_link(capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without broken links gives nothing, and 0 as the exit code; this project's own pages are one."""
    assert main(["run", "link-checker", str(ROOT / "docs"), "--messages", "-"]) == 0
    assert capsys.readouterr().out == ""


def test_links_of_every_kind_are_found_with_their_lines(tmp_path: Path) -> None:
    """References, tables, HTML within Markdown, several lines of a paragraph: each link is told where it stands."""
    text = (
        "---\ntitle: x\n---\n# A *b* `c`\n\nText [one](1.md)\nand ![two](2.png)\\\n<a href='3.md'>three</a>\n\n"
        "| a |\n| - |\n| [four](4.md) |\n\n- item\n\n  [five][ref]\n\n<div>\n<a href=6.md>six</a></div>\n\n"
        "`[no](no.md)`\n\n    [no](no.md)\n\n[ref]: 5.md\n[here](#a-b-c) [not](#no) [top](#) <mailto:a@example.org>\n"
    )
    assert broken(write(tmp_path, page_md=text)) == [
        ("page.md", 6, "1.md", "error"),
        ("page.md", 7, "2.png", "error"),
        ("page.md", 8, "3.md", "error"),
        ("page.md", 12, "4.md", "error"),
        ("page.md", 16, "5.md", "error"),
        ("page.md", 19, "6.md", "error"),
        ("page.md", 26, "#no", "error"),
    ]


def test_files_are_found_by_every_spelling(tmp_path: Path) -> None:
    """Blanks as %20, queries, folders, paths from the root and through the parent folder lead to what is there."""
    (tmp_path / "sub dir").mkdir()
    write(tmp_path / "sub dir", b_html='<p id="x">, <a name="ü">, <a href="../a.md#a">, <a href="/a.md">')
    write(
        tmp_path,
        a_md="# A\n[1](sub%20dir/b.html?v=1#x) [2](<sub dir/b.html#ü>) [3](sub%20dir/) [4](/sub%20dir/b.html#x)\n",
    )
    assert broken(tmp_path) == []


def test_each_address_is_asked_for_once(tmp_path: Path, web: Any) -> None:
    """However often an address stands in the pages, its server is asked once; HEAD comes first, then GET."""
    web.answers |= {"/good": (200, "yes"), "/private": (403, "no"), "/late": (503, "busy")}
    links = [f"[x]({web.address}{path})" for path in ("good", "good#part", "gone", "private", "late")]
    write(tmp_path, a_md="\n".join(links), b_md="\n" + links[2], c_html=f'<a href="{web.address}good">')
    host = web.address.rstrip("/")
    assert broken(tmp_path, allow_hosts=["127.0.0.1"]) == [
        ("a.md", 3, f"{host}/gone", "error"),
        ("a.md", 4, f"{host}/private", "warning"),
        ("a.md", 5, f"{host}/late", "error"),
        ("b.md", 2, f"{host}/gone", "error"),
    ]
    asked = ["HEAD /good", "HEAD /gone", "GET /gone", "HEAD /private", "GET /private", "HEAD /late", "GET /late"]
    assert sorted(web.asked) == sorted(asked)


def test_a_doubtful_link_is_no_failure(tmp_path: Path, web: Any) -> None:
    """Where a server only wants to know who asks, the run tells it and has used all of its input."""
    web.answers["/private"] = (401, "who are you")
    write(tmp_path, a_md=f"[x]({web.address}private)")
    result = transmissions.load("link-checker").run(source=tmp_path, allow_hosts=["127.0.0.1"])
    assert ([problem["severity"] for problem in result.problems], result.partial) == (["warning"], False)


def test_nothing_is_asked_that_is_not_allowed(tmp_path: Path, web: Any) -> None:
    """Without --allow-host addresses are counted as unchecked, and are not broken."""
    write(tmp_path, a_md=f"[x]({web.address}gone) [y](//example.org/) <a href='http://[bad'>")
    result = transmissions.load("link-checker").run(source=tmp_path)
    assert web.asked == []
    counts = result.processors["check"]
    assert {name: counts[name] for name in ("pages", "unchecked", "external", "broken")} == {
        "pages": 1,
        "unchecked": 2,
        "external": 0,
        "broken": 1,
    }


def test_a_page_that_cannot_be_read_costs_only_itself(tmp_path: Path) -> None:
    """A page that is not UTF-8 is told of, and the others are checked."""
    write(tmp_path, a_md="[x](gone.md)")
    (tmp_path / "b.md").write_bytes(b"\xff\xfe\xfa")
    result = transmissions.load("link-checker").run(source=tmp_path)
    assert result.stage("read").failed == 1
    assert result.processors["check"]["broken"] == 1
