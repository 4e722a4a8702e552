"""FileReader and FileWriter."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from processors.files import FileReader, FileWriter
from transmissions.context import Context
from transmissions.errors import OutputRefused, TransmissionsError
from transmissions.output import Output


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and ".transmissions" not in p.parts
    }


def _write(target, *messages, **options):
    """Run a FileWriter over messages, as a pipeline does, and return it."""
    writer = FileWriter(**options)
    with Output(target) as output:
        writer.context = Context(output=output)
        writer.start()
        for message in messages:
            writer.process(message)
        writer.finish()
    return writer


def _remember(target, *messages, **options):
    return _write(target, *messages, incremental=True, **options)


def _piece(key, path, content, **source):
    source = {"key": key, "digest": f"{key} {path} {content}", **source}
    return {"filepath": path, "content": content, "source": source}


class TestFileReader:
    def test_reads_text(self, tmp_path):
        """Text arrives in the target field, without a byte order mark, and the path beside it."""
        (tmp_path / "a.md").write_bytes(b"\xef\xbb\xbfgr\xc3\xbc\xc3\x9fe\r\n")
        reader = FileReader(source_file=tmp_path / "a.md", target_field="text")
        assert reader.process({"n": 0}) == {"n": 0, "text": "grüße\r\n", "filepath": str(tmp_path / "a.md")}
        assert reader.bytes_done == 12

    def test_reads_what_the_message_names(self, tmp_path):
        """Without a setting, the message's filepath counts; a setting comes first."""
        (tmp_path / "a").write_text("A")
        (tmp_path / "b").write_text("B")
        assert FileReader().process({"filepath": str(tmp_path / "b")})["content"] == "B"
        assert FileReader(source_file=tmp_path / "a").process({"filepath": str(tmp_path / "b")})["content"] == "A"

    @pytest.mark.parametrize("value", [0, "", False, None, [], {"a": [1.5, "é"]}])
    def test_reads_json(self, tmp_path, value):
        """With the media type of JSON the value arrives, empty ones included."""
        (tmp_path / "a").write_text(json.dumps(value))
        reader = FileReader(source_file=tmp_path / "a", media_type="application/json; charset=utf-8")
        assert reader.process({})["content"] == value

    def test_other_encodings(self, tmp_path):
        """A file in another encoding is read when it is named; one that does not exist is refused at the start."""
        (tmp_path / "a").write_bytes("é".encode("latin-1"))
        assert FileReader(source_file=tmp_path / "a", encoding="latin-1").process({})["content"] == "é"
        with pytest.raises(TransmissionsError, match='no encoding is called "utf-9"'):
            FileReader(encoding="utf-9").start()

    @pytest.mark.parametrize(
        ("content", "options", "text"),
        [
            (b"ab\xffc", {}, "not utf-8: byte 2 is 0xff; set :encoding"),
            (b'{"a":\n 1,}', {"media_type": "application/json"}, ":2:3: not valid JSON"),
            (b"[" * 100_000, {"media_type": "application/json"}, "not valid JSON"),
            (b"", {"media_type": "application/json"}, "not valid JSON"),
            (None, {}, "there is no such file"),
            ("folder", {}, "it is a folder; name a file in it"),
        ],
    )
    def test_what_cannot_be_read_is_named(self, tmp_path, content, options, text):
        """A missing, broken or wrongly encoded file gives one line with its path, the place and what to do."""
        path = tmp_path / "a"
        if content == "folder":
            path.mkdir()
        elif content is not None:
            path.write_bytes(content)
        with pytest.raises(TransmissionsError) as caught:
            FileReader(source_file=path, **options).process({})
        assert str(path) in str(caught.value)
        assert text in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_a_message_must_name_a_file(self):
        """Neither setting nor field is an error that says which."""
        with pytest.raises(TransmissionsError, match="set :sourceFile"):
            FileReader().process({})

    def test_declares_its_fields(self):
        """A pipeline can be checked for the fields it reads and writes."""
        assert FileReader.fields_read({}) == {"filepath"}
        assert FileReader.fields_read({"source_file": "a"}) == set()
        assert FileReader.fields_written({"target_field": "x"}) == {"x", "filepath"}
        assert FileReader.guarantee().startswith("pure")


class TestFileWriter:
    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            ("grüße", "grüße".encode()),
            ("", b""),
            (b"\xff\x00", b"\xff\x00"),
            ({"b": "é", "a": [1, None]}, '{\n  "b": "é",\n  "a": [\n    1,\n    null\n  ]\n}'.encode()),
            (0, b"0"),
            (False, b"false"),
            (None, b"null"),
            ([], b"[]"),
            (2**70, b"1180591620717411303424"),
        ],
    )
    def test_writes_any_value(self, tmp_path, content, expected):
        """Text is written as UTF-8, bytes as they are, all else as JSON; the empty values too."""
        _write(tmp_path, {"filepath": "f/a", "content": content})
        assert _tree(tmp_path) == {"f/a": expected}

    def test_json_is_what_the_standard_library_writes(self, tmp_path):
        """Two spaces, letters as they are."""
        value = {"a": {"b": [], "c": {}, "d": [[1.5, 1e100]]}, "é": '\u2028💡\t"', "f": True}
        _write(tmp_path, {"filepath": "a", "content": value})
        assert json.loads((tmp_path / "a").read_text()) == value
        _write(tmp_path, {"filepath": "b", "content": {"a": {"b": [], "c": {}, "d": [[1]]}, "é": "💡"}})
        expected = json.dumps({"a": {"b": [], "c": {}, "d": [[1]]}, "é": "💡"}, indent=2, ensure_ascii=False)
        assert (tmp_path / "b").read_text() == expected

    def test_half_characters_are_replaced_and_reported(self, tmp_path):
        """A lone surrogate becomes a replacement character; halves that belong together become one character."""
        writer = _write(tmp_path, {"filepath": "a", "content": "x\ud800y\ud83d\udca1"})
        assert (tmp_path / "a").read_text() == "x�y💡"
        assert writer.problems == [
            {"severity": "warning", "text": "half characters (lone surrogates) were replaced by �", "file": "a"}
        ]

    def test_passes_the_message_on(self, tmp_path):
        """The message leaves as it came, with the path as written; the counts tell what happened."""
        writer = FileWriter(destination_file="./out//x.md", content_field="a.b")
        with Output(tmp_path) as output:
            writer.context = Context(output=output)
            writer.start()
            message = {"a": {"b": "text"}, "n": 0}
            assert writer.process(message) == {"a": {"b": "text"}, "n": 0, "filepath": "out/x.md"}
        assert writer.outputs == {"written": 1, "unchanged": 0, "failed": 0}
        assert writer.bytes_done == 4

    @pytest.mark.parametrize(
        ("message", "text"),
        [
            ({"content": "x"}, "no file is named: set :destinationFile"),
            ({"filepath": "", "content": "x"}, "no file is named"),
            ({"filepath": "a", "text": "x"}, "no field `content`, which :contentField names; it has filepath, text"),
            ({"filepath": "a", "content": float("nan")}, None),
            ({"filepath": "a", "content": {"x": object()}}, "a: the content cannot be written as JSON"),
            ({"filepath": "../a", "content": "x"}, "leads out of the target"),
            ({"filepath": 7, "content": "x"}, "a path is text"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_written_is_named(self, tmp_path, message, text):
        """A message without file or content, or with a bad one, is a counted error that says what is missing."""
        if text is None:
            assert _write(tmp_path, message).outputs["written"] == 1
            assert (tmp_path / "a").read_text() == "null"
            return
        writer = FileWriter()
        with Output(tmp_path) as output:
            writer.context = Context(output=output)
            writer.start()
            with pytest.raises(TransmissionsError) as caught:
                writer.process(message)
        assert text in str(caught.value)
        assert writer.outputs["failed"] == 1
        assert _tree(tmp_path) == {}

    def test_a_replaced_file_is_reported(self, tmp_path):
        """Two messages for one file are not lost in silence; equal content is no loss."""
        writer = _write(tmp_path, *({"content": text} for text in "112"), destination_file="a")
        assert _tree(tmp_path) == {"a": b"2"}
        assert writer.outputs == {"written": 2, "unchanged": 1, "failed": 0, "replaced": 1}
        assert [problem["file"] for problem in writer.problems] == ["a"]

    @pytest.mark.parametrize("incremental", [False, True])
    def test_one_path_claimed_by_two_pieces_is_an_error(self, tmp_path, incremental):
        """The second piece of input that wants a path is refused, and not recorded as done."""
        with pytest.raises(OutputRefused, match=r"a\.md: refused: in this run it was made of something else"):
            _write(tmp_path, _piece("k1", "a.md", "1"), _piece("k2", "a.md", "2"), incremental=incremental)
        assert _tree(tmp_path) == {"a.md": b"1"}
        if incremental:
            with Output(tmp_path) as output:
                assert output.manifest.unchanged("k2 a.md 2") is None

    def test_a_second_run_touches_nothing(self, tmp_path):
        """The same input again writes no file and changes no time, the manifest's files included."""
        pieces = [
            _piece("k1", "a.md", "1", entry={"title": "T"}),
            _piece("k2", "f/b.md", "2"),
            {"filepath": "i", "content": "x"},
        ]
        _remember(tmp_path, *pieces)
        before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
        assert _remember(tmp_path, *pieces).outputs == {"written": 0, "unchanged": 3, "failed": 0}
        assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before

    def test_a_new_name_leaves_no_copy(self, tmp_path):
        """A piece whose path changed moves: the old file and its empty folder are gone."""
        _remember(tmp_path, _piece("k", "old/a.md", "1"), _piece("j", "j.md", "2"))
        writer = _remember(tmp_path, _piece("k", "new/b.md", "1"))
        assert _tree(tmp_path) == {"new/b.md": b"1", "j.md": b"2"}
        assert not (tmp_path / "old").exists()
        assert writer.outputs["renamed"] == 1

    def test_a_name_that_changed_only_by_case(self, tmp_path):
        """Notes.md becomes notes.md without a copy; where both are one file, it is not removed."""
        _remember(tmp_path, _piece("k", "Notes.md", "1"))
        _remember(tmp_path, _piece("k", "notes.md", "1"))
        assert _tree(tmp_path) == {"notes.md": b"1"}
        # A hard link stands for a file system on which case does not count.
        (tmp_path / "NOTES.md").hardlink_to(tmp_path / "notes.md")
        _remember(tmp_path, _piece("k", "NOTES.md", "1"))
        assert (tmp_path / "NOTES.md").read_bytes() == b"1"
        assert (tmp_path / "notes.md").exists()

    def test_exchanged_names_lose_nothing(self, tmp_path):
        """Two pieces that take each other's path both end up right."""
        _remember(tmp_path, _piece("k", "a.md", "K"), _piece("j", "b.md", "J"))
        writer = _remember(tmp_path, _piece("k", "b.md", "K"), _piece("j", "a.md", "J"))
        assert _tree(tmp_path) == {"a.md": b"J", "b.md": b"K"}
        assert writer.problems == []

    def test_a_new_name_leaves_an_edited_file(self, tmp_path):
        """A file that a person has edited stays under its old name, and is reported once."""
        _remember(tmp_path, _piece("k", "a.md", "1"))
        (tmp_path / "a.md").write_text("mine")
        writer = _remember(tmp_path, _piece("k", "b.md", "1"))
        assert _tree(tmp_path) == {"a.md": b"mine", "b.md": b"1"}
        assert (writer.outputs["kept"], writer.problems[0]["file"]) == (1, "a.md")
        assert _remember(tmp_path, _piece("k", "b.md", "1")).problems == []

    def test_an_edited_file_is_kept(self, tmp_path):
        """New content goes beside a person's; running again writes nothing; undoing the edit, or force, ends it."""
        _remember(tmp_path, _piece("k", "f/a.md", "1"))
        (tmp_path / "f/a.md").write_text("mine")
        for expected in ("written", "unchanged"):
            writer = _remember(tmp_path, _piece("k", "f/a.md", "2"))
            assert _tree(tmp_path) == {"f/a.md": b"mine", "f/a.new.md": b"2"}
            assert (writer.outputs[expected], writer.outputs["kept"]) == (1, 1)
            assert writer.problems[0]["new"] == "f/a.new.md"
        _remember(tmp_path, _piece("k", "f/a.md", "3"))
        assert _tree(tmp_path) == {"f/a.md": b"mine", "f/a.new.md": b"3"}
        (tmp_path / "f/a.md").write_text("1")
        _remember(tmp_path, _piece("k", "f/a.md", "4"))
        assert _tree(tmp_path) == {"f/a.md": b"4"}
        (tmp_path / "f/a.md").write_text("mine")
        _remember(tmp_path, _piece("k", "f/a.md", "5"), force=True)
        assert _tree(tmp_path) == {"f/a.md": b"5"}

    def test_an_edit_of_unchanged_input_gets_nothing_beside_it(self, tmp_path):
        """When the input has nothing new, a person's edit just stays."""
        _remember(tmp_path, _piece("k", "a.md", "1"))
        (tmp_path / "a.md").write_text("mine")
        writer = _remember(tmp_path, _piece("k", "a.md", "1"))
        assert _tree(tmp_path) == {"a.md": b"mine"}
        assert (writer.outputs, writer.problems) == ({"written": 0, "unchanged": 0, "failed": 0, "kept": 1}, [])

    def test_a_persons_file_that_is_gone_makes_room(self, tmp_path):
        """Once the person's file is away, the content takes its place, and the copy beside it goes."""
        (tmp_path / "a.md").write_text("mine")
        _remember(tmp_path, _piece("k", "a.md", "1"))
        (tmp_path / "a.md").unlink()
        with Output(tmp_path) as output:
            assert output.manifest.unchanged("k a.md 1") is None
        _remember(tmp_path, _piece("k", "a.md", "1"))
        assert _tree(tmp_path) == {"a.md": b"1"}

    def test_edited_new_content_is_kept_too(self, tmp_path):
        """Even what was put beside a person's file is not overwritten once a person has edited it."""
        _remember(tmp_path, _piece("k", "a.md", "1"))
        (tmp_path / "a.md").write_text("mine")
        _remember(tmp_path, _piece("k", "a.md", "2"))
        (tmp_path / "a.new.md").write_text("mine too")
        _remember(tmp_path, _piece("k", "a.md", "3"))
        assert _tree(tmp_path) == {"a.md": b"mine", "a.new.md": b"mine too", "a.new2.md": b"3"}

    def test_a_file_that_was_there_before_is_a_persons(self, tmp_path):
        """A file that no run wrote is not overwritten, unless it is the same or empty."""
        for name, text in (("a", "mine"), ("b.md", "2"), ("c.md", "")):
            (tmp_path / name).write_text(text)
        _remember(tmp_path, _piece("a", "a", "1"), _piece("b", "b.md", "2"), _piece("c", "c.md", "3"))
        assert _tree(tmp_path) == {"a": b"mine", "a.new": b"1", "b.md": b"2", "c.md": b"3"}

    @pytest.mark.parametrize("name", ["x" * 252 + ".md", "é" * 126 + ".md", "a." + "x" * 250, ".hidden"])
    def test_names_beside_fit(self, tmp_path, name):
        """New content finds a place beside a file of any name."""
        (tmp_path / name).write_text("mine")
        _remember(tmp_path, _piece("k", name, "1"))
        assert sorted(_tree(tmp_path).values()) == [b"1", b"mine"]

    def test_prune_removes_what_is_gone_from_the_input(self, tmp_path):
        """What is gone from the input stays, unless prune is set; what a person has edited stays even then."""
        pieces = [_piece(key, f"{key}/x.md", key) for key in "abc"]
        _remember(tmp_path, *pieces)
        _remember(tmp_path, pieces[0])
        assert len(_tree(tmp_path)) == 3
        (tmp_path / "c/x.md").write_text("mine")
        writer = _remember(tmp_path, pieces[0], prune=True)
        assert _tree(tmp_path) == {"a/x.md": b"a", "c/x.md": b"mine"}
        assert (writer.outputs["removed"], writer.outputs["kept"]) == (1, 1)
        assert not (tmp_path / "b").exists()

    def test_an_empty_input_prunes_nothing(self, tmp_path):
        """A run that met nothing at all removes nothing, and says so."""
        _remember(tmp_path, _piece("a", "a.md", "1"))
        writer = _remember(tmp_path, prune=True)
        assert _tree(tmp_path) == {"a.md": b"1"}
        assert "nothing was pruned" in writer.problems[0]["text"]

    def test_a_newer_version_replaces_an_older_one(self, tmp_path):
        """Of two versions of a piece in one input the later one stays, without a copy of the first."""
        _remember(tmp_path, _piece("k", "a.md", "1"), _piece("k", "b.md", "2"))
        assert _tree(tmp_path) == {"b.md": b"2"}

    def test_parts_make_a_piece(self, tmp_path):
        """A piece of several files is known when all are written; a part that falls away is removed."""
        parts = [
            {**_piece("k", f"{n}.md", str(n), parts=3), "source": {"key": "k", "digest": "d", "parts": 3}}
            for n in range(3)
        ]
        _remember(tmp_path, *parts[:2])
        with Output(tmp_path) as output:
            assert output.manifest.unchanged("d") is None
        _remember(tmp_path, *parts)
        with Output(tmp_path) as output:
            assert output.manifest.unchanged("d") == 3
        _remember(tmp_path, *({**part, "source": {"key": "k", "digest": "e", "parts": 2}} for part in parts[:2]))
        assert sorted(_tree(tmp_path)) == ["0.md", "1.md"]

    def test_a_damaged_manifest_is_said(self, tmp_path):
        """A line that cannot be read is reported in the run, which goes on."""
        _remember(tmp_path, _piece("k", "a.md", "1"))
        manifest = tmp_path / ".transmissions/manifest.jsonl"
        manifest.write_bytes(b"rubbish\n" + manifest.read_bytes())
        writer = _remember(tmp_path, _piece("k", "a.md", "2"))
        assert _tree(tmp_path) == {"a.md": b"2"}
        assert writer.problems[0]["text"].endswith("manifest.jsonl:1:1: not readable; left out")

    def test_declares_its_fields(self):
        """A pipeline can be checked for the fields it reads; the guarantee is stated."""
        assert FileWriter.fields_read({}) == {"content", "filepath"}
        assert FileWriter.fields_read({"destination_file": "a", "content_field": "x.y"}) == {"x"}
        assert FileWriter.guarantee().startswith("idempotent")


KEYS = st.sampled_from("abc")
PATHS = st.sampled_from(["1.md", "2.md", "f/1.md", "f/g/2.md"])
CONTENTS = st.sampled_from(["x", "y", "z"])


class _Archive(RuleBasedStateMachine):
    """Any sequence of runs, edits and deletions: what a person wrote is never lost, and all input has its file."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.target = Path(self.folder.name)
        self.pieces = {}
        self.edits = {}
        self.edited = 0
        self.deleted = set()

    @rule(
        changed=st.dictionaries(KEYS, st.tuples(PATHS, CONTENTS), min_size=1),
        gone=st.sets(KEYS),
        prune=st.booleans(),
        skip=st.booleans(),
    )
    def run(self, changed, gone, prune, skip):
        wanted = {key: self.pieces[key] for key in self.pieces if key not in gone} | changed
        paths: set[str] = set()
        # A source gives each piece a path of its own.
        wanted = {k: v for k, v in wanted.items() if v[0] not in paths and not paths.add(v[0])}
        absent = {key for key in self.pieces if key not in wanted}
        if not prune and any(self.pieces[key][0] in paths for key in absent):
            return
        with Output(self.target) as output:
            writer = FileWriter(incremental=True, prune=prune)
            writer.context = Context(output=output)
            writer.start()
            for key, (path, content) in wanted.items():
                message = _piece(key, path, content)
                if not skip or output.manifest.unchanged(message["source"]["digest"]) is None:
                    writer.process(message)
            writer.finish()
        self.pieces = wanted if prune else self.pieces | wanted
        again = _remember(self.target, *(_piece(key, *piece) for key, piece in wanted.items()))
        assert again.outputs["written"] == 0

    @rule(path=PATHS)
    def edit(self, path):
        self.edited += 1
        file = self.target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        self.edits[path] = f"mine {self.edited}".encode()
        file.write_bytes(self.edits[path])

    @rule(path=PATHS)
    def delete(self, path):
        (self.target / path).unlink(missing_ok=True)
        self.edits.pop(path, None)
        self.deleted |= {piece for piece in self.pieces.values() if piece[0] == path}
        self.pieces = {key: piece for key, piece in self.pieces.items() if piece[0] != path}

    @invariant()
    def nothing_of_a_person_is_lost(self):
        tree = _tree(self.target)
        for path, content in self.edits.items():
            assert tree[path] == content
        for path, content in self.pieces.values():
            if path not in self.edits:
                assert tree[path] == content.encode()

    @invariant()
    def nothing_else_is_there(self):
        tree = _tree(self.target)
        extra = {path for path in tree if ".new" not in path} - {path for path, _ in self.pieces.values()}
        # What a person deleted, and another piece wrote again just the same, may stay.
        assert all((path, tree[path].decode()) in self.deleted for path in extra - set(self.edits))

    def teardown(self):
        self.folder.cleanup()


_Archive.TestCase.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)
test_an_archive_keeps_everything = _Archive.TestCase
