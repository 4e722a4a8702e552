"""What processors write is in the target, whichever setting or message names the file.

Holds "inside the target": these are the doors of the processors; `test_paths` has the names.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import transmissions
from transmissions import TransmissionsError

PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"
STAGES = {
    "FileWriter": ':destinationFile "PATH"',
    "FileCopy": ':source "in.txt" ; :destination "PATH"',
    "FileRemove": ':target "PATH"',
    "MessageChangeDetector": ':keyField "content" ; :cacheFile "PATH"',
    "FileChangeDetector": ':pathField "content" ; :cacheFile "PATH"',
    "StreamMonitor": ':jsonLinesFile "PATH"',
}
PATHS = ["../secret.txt", "OUT/secret.txt", "link.txt", "folder/secret.txt", "a/../../secret.txt", "folder/new.txt"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a target that holds links which lead out of it, beside a file that nothing may touch."""
    (tmp_path / "secret.txt").write_text("secret")
    target = tmp_path / "target"
    target.mkdir()
    (target / "in.txt").write_text("in")
    (target / "link.txt").symlink_to(tmp_path / "secret.txt")
    (target / "folder").symlink_to(tmp_path)
    monkeypatch.chdir(target)
    return target


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("application", [False, True], ids=["plain", "application"])
def test_no_setting_leads_out(stage: str, path: str, application: bool, place: Path) -> None:
    """A path that leads out, by itself or through a link, fails the run, and nothing outside is changed."""
    path = path.replace("OUT", str(place.parent))
    turtle = f":p a :EntryTransmission ; :pipe (:a :b) . :b a :NOP . :a a :{stage} ; :settings [ {STAGES[stage]} ] ."
    source = place.parent / ("app/transmissions.ttl" if application else "p.ttl")
    source.parent.mkdir(exist_ok=True)
    source.write_text(PREFIX + turtle.replace("PATH", path))
    before = sorted(place.parent.rglob("*"))
    pipeline = transmissions.load(source.parent if application else source)
    try:
        status = str(pipeline.run(messages={"content": "in.txt"}, target=place).status)
    except TransmissionsError:
        status = "error"
    assert status == "error"
    assert (place.parent / "secret.txt").read_text() == "secret"
    assert [one for one in sorted(place.parent.rglob("*")) if one not in before and place not in one.parents] == []


@pytest.mark.parametrize("held", [b"", b"text", b"SQLite format 3\0" + bytes(84), "database"])
def test_a_ledger_is_made_of_no_other_file(held: bytes | str, place: Path) -> None:
    """A file elsewhere that a pipeline names as its ledger, empty or a database of something else, stays as it is."""
    other = place.parent / "other.sqlite"
    if isinstance(held, bytes):
        other.write_bytes(held)
    else:
        with sqlite3.connect(other) as connection:
            connection.execute("CREATE TABLE t (c)")
        connection.close()
    before = other.read_bytes()
    (place / "ledger.sqlite").symlink_to(other)
    for path in ("../other.sqlite", str(other), "ledger.sqlite"):
        (place / "p.ttl").write_text(
            PREFIX
            + f':p a :Transmission ; :pipe (:a) . :a a :UsageSpender ; :settings [ :ledger "{path}" ; :owner "x" ] .'
        )
        with pytest.raises(TransmissionsError, match="no ledger"):
            transmissions.load(place / "p.ttl").run(messages={}, target=place)
    assert other.read_bytes() == before
    assert [one.name for one in place.parent.glob("other*")] == ["other.sqlite"]
