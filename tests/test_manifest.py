"""What runs remember of a target."""

import os
import subprocess
import sys
from dataclasses import replace

import orjson
import pytest

from transmissions.errors import OutputFailed, OutputRefused
from transmissions.output import Output, System, content_hash

STATE = ".transmissions"


def _put(output, key, path, text, digest=None, parts=1, entry=None):
    data = text.encode()
    output.manifest.record(key, digest or f"{key}{text}", path, content_hash(data), parts=parts, entry=entry)
    output.write(path, data)


def _crash(output):
    """End without saving, as a killed process does; what is open is closed by the system then."""
    output.manifest._state.release()
    output._manifest = None


def test_a_complete_piece_is_unchanged(tmp_path):
    """A piece is skipped only when the digest is known, all its parts were recorded and all files are there."""
    with Output(tmp_path) as output:
        _put(output, "k", "a.md", "A", "d", parts=2)
        assert output.manifest.unchanged("d") is None
        _put(output, "k", "b.md", "B", "d", parts=2)
        assert output.manifest.unchanged("d") == 2
        assert output.manifest.unchanged("other") is None
    with Output(tmp_path) as output:
        assert output.manifest.unchanged("d") == 2
        (tmp_path / "b.md").unlink()
        assert output.manifest.unchanged("d") is None


def test_what_is_known_can_be_asked(tmp_path):
    """Hashes, files and entries come back, in this run and in the next."""
    with Output(tmp_path) as output:
        _put(output, "k2", "é.md", "A", entry={"title": "T"})
        _put(output, "k1", "b.md", "B", entry={"title": "U"})
        _put(output, "k3", "c.md", "C")
    for _ in range(2):
        with Output(tmp_path) as output:
            manifest = output.manifest
            assert manifest.known_hash("é.md") == content_hash(b"A")
            assert manifest.known_hash("x.md") is None
            assert manifest.files_of("k1") == ["b.md"]
            assert manifest.files_of("none") == []
            assert list(manifest.entries()) == [("k1", {"title": "U"}), ("k2", {"title": "T"})]
            assert manifest.is_ours("b.md", content_hash(b"B"))
            assert manifest.is_ours("b.md", content_hash(b"B"), "k1")
            assert not manifest.is_ours("b.md", content_hash(b"X"), "k1")


def test_the_same_tree_has_the_same_bytes(tmp_path):
    """Neither the order of records nor the number of runs shows in the manifest; an idle run touches nothing."""
    with Output(tmp_path / "1") as output:
        for key in "abc":
            _put(output, key, f"{key}.md", key)
    for keys in ("c", "ba"):
        with Output(tmp_path / "2") as output:
            for key in keys:
                _put(output, key, f"{key}.md", key)
    one, two = (tmp_path / n / STATE for n in "12")
    assert (one / "manifest.jsonl").read_bytes() == (two / "manifest.jsonl").read_bytes()
    assert sorted(p.name for p in one.iterdir()) == ["lock", "manifest.jsonl"]
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "1").rglob("*")}
    with Output(tmp_path / "1") as output:
        assert output.manifest.unchanged("aa") == 1
        _put(output, "b", "b.md", "b")
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "1").rglob("*")} == before


def test_a_crashed_runs_journal_counts(tmp_path):
    """What a killed run recorded is known to the next one."""
    output = Output(tmp_path)
    _put(output, "k", "a.md", "A", "d", entry={"title": "T"})
    _put(output, "k2", "b.md", "B", "d2", parts=2)
    _crash(output)
    assert (tmp_path / STATE / "journal.jsonl").exists()
    with Output(tmp_path) as output:
        assert output.manifest.unchanged("d") == 1
        assert output.manifest.unchanged("d2") is None
        assert list(output.manifest.entries()) == [("k", {"title": "T"})]
        assert not (tmp_path / STATE / "journal.jsonl").exists()


def test_the_journal_is_believed_where_files_agree(tmp_path):
    """A record whose file never became visible does not count, and the older content is still known as ours."""
    with Output(tmp_path) as output:
        _put(output, "k", "a.md", "old", "d1")
    output = Output(tmp_path)
    output.manifest.record("k", "d2", "a.md", content_hash(b"new"))
    output.manifest.record("n", "d3", "n.md", content_hash(b"new"))
    _crash(output)
    with Output(tmp_path) as output:
        assert output.manifest.unchanged("d2") is None
        assert output.manifest.unchanged("d3") is None
        assert output.manifest.is_ours("a.md", content_hash(b"old"), "k")


def test_a_failed_write_is_withdrawn(tmp_path):
    """A record whose write failed does not outlive it; what was there before is still known as ours."""
    with Output(tmp_path) as output:
        _put(output, "k", "a.md", "old", "d1")
        output.manifest.record("k", "d2", "a.md", content_hash(b"new"))
        output.manifest.withdraw("k", "a.md")
        assert output.manifest.unchanged("d2") is None
        assert output.manifest.is_ours("a.md", content_hash(b"old"), "k")
        _put(output, "k", "a.md", "new", "d2")
        output.manifest.withdraw("k", "a.md")
        assert output.manifest.unchanged("d2") == 1


@pytest.mark.parametrize(
    "rubbish", [b"\n", b"{\n", b"\xff\xfe\n", b"[1]\n", b"null\n", b'{"key": 3}\n', b'["k"', b"[]\n"]
)
@pytest.mark.parametrize("name", ["manifest.jsonl", "journal.jsonl"])
def test_unreadable_lines_are_left_out(tmp_path, name, rubbish):
    """One broken line costs that line, not the others; what is left out is said."""
    with Output(tmp_path) as output:
        _put(output, "k", "a.md", "A", "d")
    file = tmp_path / STATE / name
    good = b'["j","j.md","xxxxxxxxxxxxxxxxxxxxxx",["d9",1,null,[]]]\n'
    file.write_bytes(rubbish + (file.read_bytes() if name == "manifest.jsonl" else good))
    with Output(tmp_path) as output:
        cut_off = name == "manifest.jsonl" and not rubbish.endswith(b"\n")
        assert output.manifest.unchanged("d") == (None if cut_off else 1)
        expected = 0 if rubbish == b"\n" else 1
        assert len(output.manifest.take_warnings()) == expected
        assert output.manifest.take_warnings() == []


def test_a_newer_version_in_the_same_input_replaces_the_first(tmp_path):
    """Of two versions in one input the last counts, and the next run redoes neither."""
    for run in range(3):
        with Output(tmp_path) as output:
            for digest in ("d1", "d2"):
                skip = output.manifest.unchanged(digest)
                assert (skip is None) == (run == 0)
                if skip is None:
                    _put(output, "k", f"{digest}.md", digest, digest)
            assert output.manifest.files_of("k") == ["d2.md"]
            assert [path for _, path, _ in output.manifest.stale()] == (["d1.md"] if run == 0 else [])
            output.manifest.settle("k", "d1.md")
    with Output(tmp_path) as output:
        _put(output, "k", "d3.md", "d3", "d3")
    with Output(tmp_path) as output:
        assert output.manifest.unchanged("d1") is None


def test_forgotten_pieces_are_gone(tmp_path):
    """Forgetting takes the record, not the file."""
    with Output(tmp_path) as output:
        _put(output, "k", "a.md", "A", "d")
        output.manifest.forget("k")
    with Output(tmp_path) as output:
        assert output.manifest.unchanged("d") is None
        assert not output.manifest.is_ours("a.md", content_hash(b"A"))
    assert (tmp_path / "a.md").exists()


def test_two_runs_at_once_are_told_apart(tmp_path):
    """The second run on a target fails at once, in this process or in another, until the first has ended."""
    program = (
        "import sys; from pathlib import Path; from transmissions.output import Output\n"
        "try: Output(Path(sys.argv[1])).manifest.unchanged('d')\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "else: print('fine')"
    )

    def other():
        return subprocess.run(
            [sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True
        ).stdout.strip()

    with Output(tmp_path) as output:
        _put(output, "k", "a.md", "A")
        assert other() == (
            f"OutputFailed {tmp_path}: another run is writing here; wait until it has ended, or choose another target"
        )
        with pytest.raises(OutputFailed, match="another run"):
            Output(tmp_path).manifest.unchanged("d")
    assert other() == "fine"


def test_a_read_only_target_is_named(tmp_path):
    """A target that cannot be written fails at the first question, in one line."""
    real = System()

    def read_only(path, flags, *arguments, **options):
        if flags & (os.O_CREAT | os.O_RDWR | os.O_WRONLY):
            raise OSError(30, "Read-only file system")
        return real.open(path, flags, *arguments, **options)

    output = Output(tmp_path, replace(real, open=read_only))
    with pytest.raises(OutputFailed, match="lock: cannot be written: read-only file system; choose another target"):
        output.manifest.unchanged("d")


def test_records_stay_small(tmp_path):
    """A piece of 15 files takes about a kilobyte."""
    with Output(tmp_path) as output:
        for part in range(15):
            path = f"chats/2024-01-01 A title of some words/{part:03d} human.md"
            output.manifest.record("0" * 36, "d" * 64, path, content_hash(b"%d" % part), parts=15)
    line = (tmp_path / STATE / "manifest.jsonl").read_bytes()
    assert len(line) < 1600
    assert list(orjson.loads(line)) == ["digest", "files", "key", "parts"]


def test_state_files_are_no_way_out(tmp_path):
    """A link planted where the state folder or its files go is refused."""
    outside = tmp_path / "outside"
    outside.mkdir()
    for planted in (STATE, f"{STATE}/lock", f"{STATE}/journal.jsonl"):
        target = tmp_path / planted.replace("/", "-")
        (target / planted).parent.mkdir(parents=True)
        (target / planted).symlink_to(outside if planted == STATE else outside / "new")
        output = Output(target)
        with pytest.raises((OutputFailed, OutputRefused)):
            _put(output, "k", "a.md", "A")
        assert list(outside.iterdir()) == [], planted
