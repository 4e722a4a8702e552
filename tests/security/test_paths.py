"""No path, and no link, leads a write out of the target.

Holds "inside the target": names, links planted before, and links swapped in meanwhile.
"""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from transmissions.errors import OutputFailed, OutputRefused, TransmissionsError
from transmissions.output import Output, System

REFUSED = [
    "", ".", "..", "/", "//", "a/", "../x", "../../x", "a/../x", "a/../../x", "./../x", "a/..", "..\\x", "a\\..\\..\\x",
    "/etc/passwd", "//server/share/x", "\\\\server\\share\\x", "C:\\x", "C:x", "c:/x", "a/C:/x", "file.md:stream",
    "x\0y", "\0", "a/\0/b", "x\ny", "x\x7f", "con", "CON.txt", "a/nul", "NUL.tar.gz", "com1", "lpt9.md", "a/com¹",
    "aux ", "CONIN$", "x.", "x ", "x/. ", ".. /x", "a/.../b", "x" * 256, "é" * 128, "a/" * 3000 + "x", "\ud800",
    "a/\udcff", ".transmissions/manifest.jsonl", "./.Transmissions/lock", ".~trn-1-a-1", None, 7, b"x", ["x"],
]  # fmt: skip
SAFE = [
    "..x",
    "x..y",
    ".hidden",
    "a/.b/c",
    "concat.md",
    "a b/c d.md",
    "💡.md",
    "x" * 255,
    "é" * 127,
    "~",
    "$HOME",
    "-rf",
]
THROUGH_A_LINK = ["link/x.md", "link/deep/x.md", "link/link/x.md", "in/link/x.md", "in/link/deep/er/x.md"]
TO_A_LINK = ["file.md", "dangling.md", "in/file.md", "in/dangling.md"]


def _files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


@pytest.fixture
def outside(tmp_path):
    """Offer a folder outside of the target that nothing may touch."""
    folder = tmp_path / "outside"
    (folder / "deep").mkdir(parents=True)
    (folder / "secret.md").write_text("secret")
    yield folder
    assert _files(folder) == ["deep", "secret.md"]
    assert (folder / "secret.md").read_text() == "secret"


def _plant(target: Path, outside: Path) -> None:
    (target / "in").mkdir(parents=True)
    for folder in (target, target / "in"):
        (folder / "link").symlink_to(outside)
        (folder / "file.md").symlink_to(outside / "secret.md")
        (folder / "dangling.md").symlink_to(outside / "new.md")


@pytest.mark.parametrize("anchored", [True, False])
@pytest.mark.parametrize("path", REFUSED, ids=lambda path: repr(path)[:24])
def test_hostile_names_are_refused(tmp_path, outside, path, anchored):
    """A name that leads out, or would on some platform, is refused in one line, and nothing at all is made."""
    output = Output(tmp_path / "target", System(anchored=anchored))
    for operation in (lambda: output.write(path, "x"), lambda: output.read(path), lambda: output.remove(path)):
        with pytest.raises(OutputRefused) as caught:
            operation()
        assert "refused" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("path", SAFE, ids=lambda path: repr(path)[:24])
def test_harmless_names_are_not_refused(tmp_path, path):
    """A name that merely looks odd is written."""
    with Output(tmp_path) as output:
        assert output.write(path, "x") == "written"
    assert (tmp_path / path).read_text() == "x"


@pytest.mark.parametrize("anchored", [True, False])
@pytest.mark.parametrize("path", [*THROUGH_A_LINK, *TO_A_LINK])
def test_links_planted_before_are_refused(tmp_path, outside, path, anchored):
    """A link in the target, to a folder or a file, is not written, read or removed through."""
    _plant(tmp_path / "target", outside)
    with Output(tmp_path / "target", System(anchored=anchored)) as output:
        for operation in (lambda: output.write(path, "x"), lambda: output.read(path), lambda: output.remove(path)):
            with pytest.raises(OutputRefused, match="link"):
                operation()


@pytest.mark.parametrize("path", ["a/b/x.md", "a/x.md", "x.md"])
@pytest.mark.parametrize("call", ["open", "stat", "write", "replace", "mkdir", "unlink"])
@pytest.mark.parametrize("swapped", ["a", "a/b", "x.md", "a/x.md", "a/b/x.md"])
@pytest.mark.parametrize("existed", [True, False])
def test_links_swapped_in_meanwhile_lead_nowhere(tmp_path, outside, path, call, swapped, existed):
    """Whichever part of a path is replaced by a link, before whichever call, nothing lands outside."""
    target = tmp_path / "target"
    real = System()

    def swap():
        place = target / swapped
        if place.is_symlink() or not place.parent.is_dir() or place.parent.resolve() != place.parent:
            return
        if place.exists():
            place.rename(place.parent / "moved away")
        place.symlink_to(outside / "secret.md" if swapped.endswith(".md") else outside)

    def after_swap(*arguments, **options):
        swap()
        return getattr(real, call)(*arguments, **options)

    with Output(target, real) as output:
        output.write("other.md", "x")
        if existed:
            output.write(path, "old")
    with Output(target, replace(real, **{call: after_swap})) as output:
        for _ in range(2):
            for operation in (lambda: output.write(path, "new text"), lambda: output.read(path)):
                try:
                    operation()
                except TransmissionsError as error:
                    assert isinstance(error, OutputRefused | OutputFailed)


def test_no_file_outside_is_opened_for_writing(tmp_path, outside):
    """The interpreter itself reports each file opened, renamed, made or removed: all relative to an open folder."""
    target = tmp_path / "target"
    _plant(target, outside)
    program = f"""
import os, sys
from pathlib import Path
from transmissions.errors import TransmissionsError
from transmissions.output import Output
seen = []
def hook(event, arguments):
    if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        seen.append((event, arguments[0]))
    elif event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.truncate"):
        seen.append((event, arguments[0]))
output = Output(Path({str(target)!r}))
output.write("first.md", "x")
sys.addaudithook(hook)
refused = 0
for path in {REFUSED + THROUGH_A_LINK + TO_A_LINK!r}:
    try: output.write(path, "x")
    except TransmissionsError: refused += 1
assert refused == {len(REFUSED + THROUGH_A_LINK + TO_A_LINK)}, refused
assert not seen, seen
output.write("good/file.md", "x")
assert seen and all("/" not in str(name) for _, name in seen), seen
"""
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONUTF8": "1"})


def test_devices_and_pipes_are_refused(tmp_path):
    """A named pipe in the target neither blocks a run nor is replaced."""
    os.mkfifo(tmp_path / "pipe.md")
    with Output(tmp_path) as output:
        for operation in (lambda: output.write("pipe.md", "x"), lambda: output.read("pipe.md")):
            with pytest.raises(OutputRefused, match="device or pipe"):
                operation()


def test_a_hard_link_is_left_to_its_owner(tmp_path, outside):
    """Replacing a file that is hard-linked to one outside changes only the name in the target."""
    target = tmp_path / "target"
    target.mkdir()
    (target / "a.md").hardlink_to(outside / "secret.md")
    with Output(target) as output:
        output.write("a.md", "new")
    assert (target / "a.md").read_text() == "new"


def test_the_target_itself_may_be_a_link(tmp_path):
    """A person's own link to where the archive lies is followed."""
    (tmp_path / "real").mkdir()
    (tmp_path / "target").symlink_to(tmp_path / "real")
    with Output(tmp_path / "target") as output:
        output.write("a/b.md", "x")
    assert (tmp_path / "real/a/b.md").read_text() == "x"
