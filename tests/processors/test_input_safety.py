"""What a run reads it does not destroy: walkers, readers, writers, and those that copy and remove."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import transmissions
from transmissions import StageError

PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"


def run(folder: Path, turtle: str, *messages: dict[str, Any], target: Path | None = None) -> list[dict[str, Any]]:
    """Run a plain pipeline of a folder, and return what leaves it."""
    (folder / "p.ttl").write_text(PREFIX + turtle, encoding="utf-8")
    pipeline = transmissions.load(folder / "p.ttl")
    return list(pipeline.stream(messages=list(messages) or {}, target=target or folder))


WALK = """:p a :EntryTransmission ; :pipe (:d :r :m :w) . :d a :DirWalker ; :settings [ :sourceDir "in" ] .
    :r a :FileReader . :m a :MarkdownToHTML . :w a :FileWriter"""


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A folder with two notes, one of them deeper."""
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "in/a.md").write_text("# A", encoding="utf-8")
    (tmp_path / "in/deep/ö.md").write_text("# Ö", encoding="utf-8")
    return tmp_path


def test_what_is_walked_is_read_where_it_is_and_written_where_it_belongs(notes: Path) -> None:
    """A walked file is found from any folder, and its result goes to the same place in the target."""
    run(notes, f"{WALK} .", target=notes / "out")
    assert (notes / "out/a.md").read_text(encoding="utf-8") == "<h1>A</h1>\n"
    assert (notes / "out/deep/ö.md").read_text(encoding="utf-8") == "<h1>Ö</h1>\n"
    assert (notes / "in/a.md").read_text(encoding="utf-8") == "# A"


def test_a_later_name_is_read_rather_than_the_walked_one(notes: Path) -> None:
    """Once an earlier stage has set another `filepath`, that is what the reader reads."""
    turtle = """:p a :EntryTransmission ; :pipe (:d :s :r) . :r a :FileReader .
        :d a :DirWalker ; :settings [ :sourceDir "in" ; :limit 1 ] .
        :s a :SetField ; :settings [ :field "filepath" ; :value "%s" ] ."""
    (notes / "other.txt").write_text("other", encoding="utf-8")
    assert run(notes, turtle % (notes / "other.txt").as_posix())[0]["content"] == "other"


def test_no_run_overwrites_what_it_has_read(notes: Path) -> None:
    """With the walked folder as the target, the run fails with what to do, and every input stays."""
    with pytest.raises(StageError, match=r"a\.md: refused: this run has read that file"):
        run(notes, f"{WALK} .", target=notes / "in")
    assert (notes / "in/a.md").read_text(encoding="utf-8") == "# A"


def test_a_run_that_is_told_to_overwrites_what_it_has_read(notes: Path) -> None:
    """`:overwriteInput` and a name in `:destinationFile` are such words; content that is equal needs none."""
    run(notes, f"{WALK} ; :settings [ :overwriteInput true ] .", target=notes / "in")
    assert (notes / "in/a.md").read_text(encoding="utf-8") == "<h1>A</h1>\n"
    read = ':p a :EntryTransmission ; :pipe (:r :m :w) . :r a :FileReader ; :settings [ :sourceFile "in/a.md" ] . '
    run(notes, f'{read} :m a :SetText ; :settings [ :text "new" ] . :w a :FileWriter ; :settings [ '
        ':destinationFile "in/a.md" ] .')  # fmt: skip
    assert (notes / "in/a.md").read_text(encoding="utf-8") == "new"
    run(notes, WALK.replace(":r :m :w", ":r :w").replace(":m a :MarkdownToHTML .", "") + " .", target=notes / "in")


def test_a_folder_is_copied_into_itself_once(notes: Path) -> None:
    """The copy holds the folder's files and not itself, however often it is made."""
    turtle = """:p a :EntryTransmission ; :pipe (:c) . :c a :FileCopy ; :settings [ :source "%s" ;
        :destination "in/deep/copy" ] ."""
    for _ in range(3):
        run(notes, turtle % (notes / "in").as_posix())
    copied = sorted(
        path.relative_to(notes / "in/deep/copy").as_posix()
        for path in (notes / "in/deep/copy").rglob("*")
        if path.is_file()
    )
    assert copied == ["a.md", "deep/ö.md"]


def test_a_walked_file_can_be_removed_from_the_target_only(notes: Path) -> None:
    """A walker's full path is a file of the target if it is inside; outside, nothing is removed."""
    turtle = """:p a :EntryTransmission ; :pipe (:d :x) . :d a :DirWalker ; :settings [ :sourceDir "in" ] .
        :x a :FileRemove ."""
    with pytest.raises(StageError, match="refused"):
        run(notes, turtle, target=notes / "out")
    assert (notes / "in/a.md").exists()
    run(notes, turtle)
    assert not list((notes / "in").rglob("*.md"))


@pytest.mark.parametrize("path", ["", None, 5])
def test_what_names_no_file_is_not_looked_at(notes: Path, path: Any) -> None:
    """An empty path is not the current folder, nor null a file of that name."""
    with pytest.raises(StageError, match="holds no path"):
        run(notes, ":p a :EntryTransmission ; :pipe (:c) . :c a :FileChangeDetector .", {"fullPath": path})
    with pytest.raises(StageError, match="holds no path"):
        run(notes, ":p a :EntryTransmission ; :pipe (:c) . :c a :FilenameMapper .", {"filepath": path})


def test_files_are_packed_without_a_split_as_well(notes: Path) -> None:
    """The files of a whole run go into one message; what is no file is told."""
    turtle = ":p a :EntryTransmission ; :pipe (:c) . :c a :FileContainer ."
    files = [{"filepath": "a.md", "content": ""}, {"filepath": "b", "content": 0}, {"content": "x"}]
    (left,) = run(notes, turtle, *files)
    assert left["content"] == {"files": {"a.md": "", "b": 0}, "summary": {"totalFiles": 2, "fileTypes": {".md": 1, "none": 1}}}  # fmt: skip # noqa: E501
    assert left["filepath"] == "container.json"
    assert run(notes, turtle, {}) == []


@pytest.mark.parametrize(
    ("parts", "path"),
    [('[ :string "/" ] [ :string "a" ]', "/a"), ('[ :field "none" ] [ :field "n" ]', "0"), ('[ :string "" ]', ".")],
)
def test_parts_make_a_path(notes: Path, parts: str, path: str) -> None:
    """Slashes are not doubled, what is not there is left out, and 0 is there."""
    turtle = (
        f":p a :EntryTransmission ; :pipe (:c) . :c a :PathOps ; :settings [ :asPath true ; :values ( {parts} ) ] ."
    )
    assert run(notes, turtle, {"n": 0, "none": None})[0]["concat"] == path


def test_an_empty_heading_is_no_title(notes: Path) -> None:
    """The title is on the heading's line, not on one below it; text that is none is refused."""
    turtle = ":p a :EntryTransmission ; :pipe (:c) . :c a :MakeEntry ."
    (left,) = run(notes, turtle, {"filepath": "a-b.md", "content": "#\n\ntext\r\n"})
    assert left["contentBlocks"]["title"] == "A b"
    (left,) = run(notes, turtle, {"filepath": "a-b.md", "content": "x\r\n# C# for all ##\r\n"})
    assert left["contentBlocks"]["title"] == "C# for all"
    with pytest.raises(StageError, match="holds no text but NoneType"):
        run(notes, turtle, {"filepath": "a.md", "content": None})
