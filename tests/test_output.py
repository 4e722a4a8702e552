"""The door to files: whole or absent, inside the target, untouched when unchanged."""

import errno
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from transmissions.errors import OutputFailed, OutputRefused
from transmissions.output import Output, System

UNANCHORED = System(anchored=False)


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(params=[System(), UNANCHORED], ids=["anchored", "by whole path"])
def output(request, tmp_path):
    """Offer an output, on a platform that can hold folders open, and on one that cannot."""
    with Output(tmp_path / "out", request.param) as output:
        yield output


def test_nothing_is_made_before_the_first_write(tmp_path):
    """An output that writes nothing leaves no trace."""
    with Output(tmp_path / "deep" / "out") as output:
        assert not output.exists("a.md")
        assert output.read("a.md") is None
        assert not output.remove("a.md")
        assert output.manifest is not None
    assert list(tmp_path.iterdir()) == []


def test_content_arrives_as_given(output):
    """Text becomes UTF-8, bytes stay, pieces are joined, and folders are made."""
    assert output.write("a/b/c.md", "grüße 🎈") == "written"
    assert output.write("bytes", b"\x00\xff") == "written"
    assert output.write("pieces", iter([b"one ", b"", b"two"])) == "written"
    assert output.write("empty", "") == "written"
    assert _tree(output.target) == {
        "a/b/c.md": "grüße 🎈".encode(),
        "bytes": b"\x00\xff",
        "pieces": b"one two",
        "empty": b"",
    }
    assert (output.files_written, output.bytes_written) == (4, 12 + 2 + 7)
    assert output.read("bytes") == b"\x00\xff"


def test_unchanged_content_is_not_written_again(output):
    """The same content leaves file and time of change alone, for whole data and for pieces."""
    big = bytes(range(256)) * 8192
    for path, data in [("a.md", b"text"), ("big", big)]:
        output.write(path, data)
        before = (output.target / path).stat()
        assert output.write(path, data) == "unchanged"
        assert output.write(path, iter([data[:3], data[3:]])) == "unchanged"
        after = (output.target / path).stat()
        assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert output.files_unchanged == 4


@given(old=st.binary(max_size=40), pieces=st.lists(st.binary(max_size=9), max_size=6))
@settings(max_examples=150, deadline=None)
def test_pieces_end_as_their_sum_whatever_was_there(tmp_path_factory, old, pieces):
    """Comparing pieces while they come never loses or doubles a byte."""
    with Output(tmp_path_factory.mktemp("out")) as output:
        output.write("f", old)
        assert output.write("f", iter(pieces)) == ("unchanged" if b"".join(pieces) == old else "written")
        assert output.read("f") == b"".join(pieces)


def test_no_unfinished_file_stays(output):
    """When the pieces end in an error, the old content is there and nothing else."""
    output.write("a.md", "old")

    def pieces():
        yield b"new"
        raise ValueError("the source broke")

    with pytest.raises(ValueError, match="broke"):
        output.write("a.md", pieces())
    assert _tree(output.target) == {"a.md": b"old"}


def test_removing_takes_empty_folders_along(output):
    """A removed file leaves no empty folder, and what is beside it stays."""
    output.write("a/b/c.md", "1")
    output.write("a/d.md", "2")
    assert output.remove("a/b/c.md")
    assert not output.remove("a/b/c.md")
    assert not (output.target / "a/b").exists()
    assert output.write("a/b/c.md", "3") == "written"
    assert _tree(output.target) == {"a/b/c.md": b"3", "a/d.md": b"2"}


def test_more_folders_than_are_held_open(output):
    """Any number of folders works with few descriptors."""
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    for turn in ("one", "two"):
        for number in range(200):
            output.write(f"f{number}/sub/file.md", turn)
    if before:
        assert len(os.listdir("/proc/self/fd")) < before + 100
    assert set(_tree(output.target).values()) == {b"two"}


def test_a_folder_removed_meanwhile_is_made_again(output):
    """A person who removes a folder during a run does not end it."""
    output.write("a/b.md", "1")
    (output.target / "a/b.md").unlink()
    (output.target / "a").rmdir()
    output.write("a/c.md", "2")
    assert _tree(output.target) == {"a/c.md": b"2"}


def test_paths_are_normalised(output):
    """Dots and doubled slashes name the same file as the plain path does."""
    assert output.write("./a//./b.md", "1") == "written"
    assert output.write("a/b.md", "1") == "unchanged"
    assert output.claimed("./a/b.md")
    assert not output.claimed("a/c.md")


def test_case_twins_are_refused(output):
    """Two paths of a run that are one file elsewhere are not both written."""
    output.write("Notes/Über.md", "1")
    for twin in ("notes/Über.md", "Notes/über.md", "Notes/U\u0308ber.md"):
        with pytest.raises(OutputRefused, match="differs only by case"):
            output.write(twin, "2")
    assert list(_tree(output.target).values()) == [b"1"]
    assert [p.name for p in output.target.iterdir()] == ["Notes"]


def test_a_path_belongs_to_its_owner(output):
    """What one owner wrote is not lost to another, unless both wrote the same."""
    output.write("a.md", "1", owner="first")
    assert output.write("a.md", "1", owner="second") == "unchanged"
    with pytest.raises(OutputRefused, match="made of something else"):
        output.write("a.md", "2", owner="second")
    assert output.write("a.md", "2", owner="first") == "written"
    assert output.write("a.md", "3") == "written"


def test_claims_hold_for_many_paths(output):
    """The compact table of paths finds each of thousands, and no other."""
    for number in range(3000):
        output.write(f"{number}.md", "", owner=str(number))
    assert all(output.claimed(f"{number}.md") for number in range(3000))
    assert not any(output.claimed(f"x{number}.md") for number in range(3000))


def test_the_caller_has_the_last_word(output):
    """`before` is asked only when something would change, and its no leaves the file alone."""
    asked = []
    assert output.write("a.md", "1", before=lambda there: asked.append(there) or True) == "written"
    assert output.write("a.md", "1", before=lambda there: asked.append(there) or True) == "unchanged"
    assert output.write("a.md", "2", before=lambda there: asked.append(there) or False) == "kept"
    assert asked == [False, True]
    assert output.read("a.md") == b"1"


@pytest.mark.parametrize(("name", "text"), [("a.md", "a folder has that name"), ("f/x.md", "a file has that name")])
def test_what_stands_in_the_way_is_named(output, name, text):
    """A folder where a file is needed, or the reverse, gives one line that says what to do."""
    output.write("f", "a file")
    (output.target / "a.md").mkdir()
    with pytest.raises(OutputFailed, match=text) as caught:
        output.write(name, "1")
    assert "\n" not in str(caught.value)
    assert "move" in str(caught.value)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO])
def test_the_systems_refusal_is_one_line(tmp_path, number):
    """A full or read-only disk ends in an error that names the file and the reason."""

    def refuse(*_arguments, **_options):
        raise OSError(number, os.strerror(number))

    with Output(tmp_path, replace(System(), write=refuse)) as output:
        with pytest.raises(OutputFailed) as caught:
            output.write("a/b.md", "1")
        assert str(caught.value).startswith(f"a/b.md: cannot be written: {os.strerror(number).lower()}")
        assert "\n" not in str(caught.value)
    assert _tree(tmp_path) == {}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_is_really_full(tmp_path):
    """The system's own ENOSPC, not an injected one, is reported and leaves nothing behind."""
    real = System()

    def open_full(path, flags, *arguments, **options):
        if flags & os.O_CREAT:
            real.close(real.open(path, flags, *arguments, **options))
            return real.open("/dev/full", os.O_WRONLY)
        return real.open(path, flags, *arguments, **options)

    with (
        Output(tmp_path, replace(real, open=open_full)) as output,
        pytest.raises(OutputFailed, match="no space left on device; free some"),
    ):
        output.write("a.md", "1")
    assert _tree(tmp_path) == {}


def test_short_writes_are_finished(tmp_path):
    """A system that takes a few bytes at a time still gets all of them."""
    slow = replace(System(), write=lambda fd, data: os.write(fd, data[:3]))
    with Output(tmp_path, slow) as output:
        output.write("a.md", "0123456789")
        assert output.read("a.md") == b"0123456789"


def test_unfinished_files_of_ended_processes_are_removed(tmp_path):
    """What a killed process left is cleared away where the next run writes; other files are not."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "a").mkdir()
    stray = tmp_path / "a" / f".~trn-{ended.pid}-abc-1"
    alive = tmp_path / "a" / f".~trn-{os.getppid()}-abc-1"
    others = [tmp_path / "a" / name for name in (".~trn-x", ".~lock.a.odt#", f".~trn-{ended.pid}-abc-1.md")]
    for file in (stray, alive, *others):
        file.write_text("x")
    with Output(tmp_path) as output:
        output.write("a/b.md", "1")
    assert not stray.exists()
    assert all(file.exists() for file in (alive, *others))


def test_many_threads_share_one_output(output):
    """Threads that write at once lose nothing."""

    def write(thread):
        for number in range(60):
            output.write(f"f{number % 7}/{thread}-{number}.md", f"{thread} {number}")

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _tree(output.target) == {f"f{n % 7}/{t}-{n}.md": f"{t} {n}".encode() for t in range(4) for n in range(60)}


def test_a_closed_output_opens_again(output):
    """Closing releases; it does not end."""
    output.write("a.md", "1")
    output.close()
    assert output.write("a.md", "1") == "unchanged"


PATHS = st.sampled_from(["a.md", "b.md", "f/a.md", "f/g/a.md", "f/g/b.md", "h/a.md"])


class _OutputIsADict(RuleBasedStateMachine):
    """Any sequence of operations leaves what the same operations leave in a dict."""

    def __init__(self):
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.output = Output(Path(self.folder.name) / "out")
        self.model = {}

    @rule(path=PATHS, data=st.binary(max_size=3))
    def write(self, path, data):
        same = self.model.get(path) == data
        assert self.output.write(path, data) == ("unchanged" if same else "written")
        self.model[path] = data

    @rule(path=PATHS)
    def remove(self, path):
        assert self.output.remove(path) == (self.model.pop(path, None) is not None)

    @rule(path=PATHS)
    def read(self, path):
        assert self.output.read(path) == self.model.get(path)
        assert self.output.exists(path) == self.output.holds(path) == (path in self.model)

    @rule()
    def reopen(self):
        self.output.close()
        self.output = Output(Path(self.folder.name) / "out")

    @invariant()
    def trees_are_equal(self):
        assert _tree(self.output.target) == self.model

    def teardown(self):
        self.output.close()
        self.folder.cleanup()


_OutputIsADict.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
test_output_is_a_dict = _OutputIsADict.TestCase
