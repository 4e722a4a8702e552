"""Each operating-system call that writing needs fails once; every time the tree is legal and the next run heals it."""

import errno
import os
from dataclasses import fields, replace
from pathlib import Path

import pytest

from processors.files import FileWriter
from transmissions.context import Context
from transmissions.errors import TransmissionsError
from transmissions.output import Output, System

CALLS = ["open", "read", "write", "fsync", "replace", "mkdir", "unlink", "rmdir", "stat", "listdir"]
# These tell that something could not be known or cleared away; a run may end well without them.
HARMLESS = {"stat", "unlink", "rmdir", "listdir", "read"}


class _FailingOnce:
    """The real system, except that the Nth of some calls fails."""

    def __init__(self, names, nth, number):
        self.left = nth
        self.hit = ""
        self.number = number
        real = System()
        self.system = replace(real, **{name: self.wrap(name, getattr(real, name)) for name in names})

    def wrap(self, name, call):
        def maybe(*arguments, **options):
            self.left -= 1
            if self.left == 0:
                self.hit = name
                raise OSError(self.number, os.strerror(self.number))
            return call(*arguments, **options)

        return maybe


def _message(key, path, content, parts=1):
    digest = f"{key} {path if parts == 1 else ''} {content if parts == 1 else ''}"
    return {
        "filepath": path,
        "content": content,
        "source": {"key": key, "digest": digest, "parts": parts, "entry": {"title": path}},
    }


OLD = [_message("a", "a.md", "A"), _message("b", "f/b.md", "B"), _message("c", "c.md", "C")]
NEW = [
    _message("a", "f/g/a2.md", "A"),
    _message("b", "f/b.md", "B changed"),
    _message("c", "c.md", "C"),
    _message("d", "d/1.md", "D1", 2),
    _message("d", "d/2.md", "D2", 2),
]


def _convert(target, messages, system=None, **settings):
    output = Output(target, system or System())
    try:
        writer = FileWriter(incremental=True, **settings)
        writer.context = Context(output=output)
        writer.start()
        for message in messages:
            if output.manifest.unchanged(message["source"]["digest"]) is None:
                writer.process({**message})
        writer.finish()
    finally:
        output.close()
    return writer


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


LEGAL = {(m["filepath"], m["content"].encode()) for m in OLD + NEW}


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
@pytest.mark.parametrize("durable", [False, True], ids=["plain", "durable"])
@pytest.mark.parametrize("existing", [False, True], ids=["fresh", "update"])
def test_any_failing_call_is_reported_and_healed(tmp_path, number, durable, existing):
    """For N = 1, 2, … until none is left: the Nth call fails, no file is half, and running again ends the same."""
    _convert(tmp_path / "right", OLD if existing else [])
    _convert(tmp_path / "right", NEW)
    right = _tree(tmp_path / "right")
    failed, hits = 0, []
    for nth in range(1, 1000):
        target = tmp_path / str(nth)
        if existing:
            _convert(target, OLD)
        fault = _FailingOnce(CALLS, nth, number)
        try:
            _convert(target, NEW, fault.system, durable=durable)
            error = None
        except TransmissionsError as caught:
            error, failed = caught, failed + 1
        if not fault.hit:
            break
        hits.append(fault.hit)
        assert error or fault.hit in HARMLESS, (nth, fault.hit)
        if error:
            assert "\n" not in str(error)
            assert os.strerror(number).lower() in str(error)
        visible = {(p, c) for p, c in _tree(target).items() if not p.startswith((".transmissions", ".~"))}
        assert {(p, c) for p, c in visible if ".~trn-" not in p} <= LEGAL
        healed = _convert(target, NEW)
        assert healed.outputs.get("kept", 0) == 0
        assert _tree(target) == right, (nth, fault.hit)
    assert not fault.hit
    assert 15 < failed <= len(hits)
    needed = {
        "open",
        "write",
        "replace",
        "mkdir",
        "stat",
        *(["fsync"] if durable else []),
        *(["unlink"] if existing else []),
    }
    assert needed <= set(hits)


@pytest.mark.parametrize("data", ["text", [b"pie", b"ces"]], ids=["whole", "pieces"])
def test_what_is_durable_is_ordered(tmp_path, data):
    """A durable write waits for the file, then renames, then waits for the folder; new folders are waited for too."""
    real, events = System(), []
    names = {}

    def noted(name):
        def call(*arguments, **options):
            result = getattr(real, name)(*arguments, **options)
            if name == "open":
                names[result] = os.path.basename(str(arguments[0]))
            elif name == "replace":
                events.append(("replace", arguments[1]))
            elif name == "mkdir":
                events.append(("mkdir", arguments[0]))
            else:
                file = names[arguments[0]]
                events.append((name, "file" if file.startswith(".~trn-") else file))
            return result

        return call

    system = replace(real, **{name: noted(name) for name in ("open", "write", "fsync", "replace", "mkdir")})
    (tmp_path / "out").mkdir()
    with Output(tmp_path / "out", system) as output:
        output.write("a/b.md", data, durable=True)
        assert events == [
            ("mkdir", "a"),
            ("fsync", "out"),
            *[("write", "file")] * (1 if data == "text" else 2),
            ("fsync", "file"),
            ("replace", "b.md"),
            ("fsync", "a"),
        ]
        events.clear()
        output.write("a/c.md", data)
        assert not [event for event in events if event[0] == "fsync"]


def test_a_durable_record_comes_before_its_file(tmp_path):
    """The journal is on disk before the file that it speaks of becomes visible."""
    real, events = System(), []
    names = {}

    def opened(path, *arguments, **options):
        descriptor = real.open(path, *arguments, **options)
        names[descriptor] = os.path.basename(str(path))
        return descriptor

    def synced(descriptor):
        events.append(names[descriptor])
        real.fsync(descriptor)

    def replaced(source, destination, **options):
        events.append(f"-> {destination}")
        real.replace(source, destination, **options)

    _convert(tmp_path, OLD[:1], replace(real, open=opened, fsync=synced, replace=replaced), durable=True)
    assert events.index("journal.jsonl") < events.index("-> a.md") < events.index("-> manifest.jsonl")


def test_every_call_is_among_those_that_fail():
    """A call added to the system's is also made to fail here, but for the one that takes back what failed."""
    assert {field.name for field in fields(System)} - {"anchored", "close", "ftruncate"} == set(CALLS)
