"""What spilling promises: bounded memory and bounded disk, everything again in order, and nothing left on the disk."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.streams.conftest import Side
from transmissions.errors import StreamAborted, StreamError, StreamFull
from transmissions.streams import EventStream, WhenFull


def spilling(bound: int = 4, **options: Any) -> EventStream:
    return EventStream(bound, when_full=WhenFull.SPILL, **options)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, empty."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def open_files() -> set[str]:
    return set(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else set()


def test_what_finds_no_room_waits_on_disk_in_order(side: Side) -> None:
    """A sender never waits while there is disk space, and everything comes out as it went in."""
    stream = spilling()
    side.do(stream, "send_batch", list(range(500)))
    counted = stream.statistics()
    assert (counted.depth, counted.spill_depth, counted.spilled, counted.pauses) == (4, 496, 496, 0)
    assert counted.spill_bytes == counted.peak_spill_bytes > 0
    assert len(stream) == 500
    assert [side.do(stream, "receive") for _ in range(100)] == list(range(100))
    side.do(stream, "send", 500)
    stream.close()
    assert side.all_of(stream) == list(range(100, 501))
    counted = stream.statistics()
    assert (counted.spill_depth, counted.spill_bytes, counted.sent, counted.received) == (0, 0, 501, 501)


def test_every_kind_of_message_comes_back_as_it_was() -> None:
    """Text of any script, numbers of any size, bytes, lone surrogates and nothing: equal after the disk."""
    messages = [
        {"text": "Zoë 漢字 🙂", "lone": "\ud800"},
        {"n": 2**70, "f": 0.1, "b": b"\x00\xff"},
        {},
        None,
        [],
        0,
        "",
    ]
    stream = spilling(1)
    stream.send_batch([*messages, {"big": "x" * 1_000_000}])
    stream.close()
    assert list(stream) == [*messages, {"big": "x" * 1_000_000}]


@given(
    st.lists(st.one_of(st.lists(st.binary(max_size=40), min_size=1, max_size=20), st.integers(1, 30)), max_size=30),
    st.integers(1, 8),
    st.sampled_from([None, 30]),
)
def test_it_does_what_an_unbounded_queue_would(steps: list[Any], bound: int, max_bytes: int | None) -> None:
    """However sends and receives are mixed, order is kept, and memory holds no more than its bounds."""
    stream = spilling(bound, max_bytes=max_bytes, size_of=len)
    model: list[bytes] = []
    for step in steps:
        if isinstance(step, list):
            if len(step) == 1:
                stream.send(step[0])
            else:
                stream.send_batch(step)
            model += step
        elif model:
            batch = stream.receive_batch(step)
            assert batch == model[: len(batch)]
            del model[: len(batch)]
        counted = stream.statistics()
        assert counted.depth + counted.spill_depth == len(model)
        assert counted.peak <= bound
        assert max_bytes is None or counted.peak_bytes <= max(max_bytes, 40)
    stream.close()
    assert list(stream) == model


def test_a_single_message_does_not_overtake_what_is_on_disk(side: Side) -> None:
    """It goes to disk as well while memory has room again but has not fetched the rest from there."""
    stream = spilling(8)
    stream.send_batch(list(range(12)))
    assert stream.receive_batch(3) == [0, 1, 2]
    assert (stream.statistics().depth, stream.statistics().spill_depth) == (5, 4)
    if side.asynchronous:
        asyncio.run(stream.send_async(12))
    else:
        stream.send(12)
    stream.close()
    assert side.all_of(stream) == list(range(3, 13))


def test_disk_space_is_given_back_while_the_stream_is_in_use() -> None:
    """Of a stream that never runs empty, what has been read makes room, however much goes through it."""
    stream = spilling(2, max_spill_bytes=40_000)
    stream.send_batch([b"x" * 1000 for _ in range(12)])
    for number in range(200):
        stream.send_nowait(b"x" * 1000)
        assert stream.receive() == b"x" * 1000, number
    counted = stream.statistics()
    assert (counted.pauses, counted.depth + counted.spill_depth) == (0, 12)
    assert counted.spill_bytes < 20_000


def test_disk_space_is_bounded(side: Side) -> None:
    """When the disk's part is full too, senders are paused until half of it is free again."""
    stream = spilling(2, max_spill_bytes=4000)
    sending = side.begin(stream, "send_batch", list(range(1000)))
    counted = stream.statistics()
    assert counted.waiting_senders == 1
    assert 3800 < counted.spill_bytes <= 4000
    with pytest.raises(StreamFull):
        stream.send_nowait(-1)
    received = []
    while len(received) < 1000:
        received += stream.receive_batch(3)
        assert stream.statistics().spill_bytes <= 4000
    assert received == list(range(1000))
    assert sending.wait().error is None
    counted = stream.statistics()
    assert counted.peak_spill_bytes <= 4000
    assert counted.pauses == counted.resumes > 0


def test_a_message_larger_than_all_the_disk_waits_for_memory() -> None:
    """What could never go to disk goes in once memory has room: nothing stands still, nothing is lost."""
    stream = spilling(1, max_spill_bytes=100)
    sending = Side("threads").begin(stream, "send_batch", ["a", "b", "x" * 10_000, "c"])
    received = [stream.receive() for _ in range(4)]
    assert received == ["a", "b", "x" * 10_000, "c"]
    assert sending.wait().error is None


def test_the_files_have_no_name(folder: Path) -> None:
    """Nobody can open what was spilled, and nothing is there to be cleaned up."""
    stream = spilling()
    stream.send_batch(["secret" * 100] * 100)
    assert stream.statistics().spill_depth
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("end", ["drained", "aborted"])
def test_the_disk_space_is_given_back(end: str) -> None:
    """Emptied or aborted, a stream holds no file open."""
    before = open_files()
    stream = spilling()
    stream.send_batch(["x" * 1000] * 1000)
    if end == "drained":
        stream.close()
        assert len(list(stream)) == 1000
    else:
        stream.abort("the test")
    assert open_files() <= before


def test_a_message_that_cannot_be_written_is_refused() -> None:
    """What is no plain value cannot wait on disk; the error says so, and those before it are in."""
    stream = spilling(1)
    with pytest.raises(StreamError, match="a message cannot be written to disk: cannot pickle") as error:
        stream.send_batch([1, 2, (one for one in "ab"), 3])
    assert error.value.accepted == 2
    stream.close()
    assert list(stream) == [1, 2]


def test_a_disk_that_takes_nothing_makes_senders_wait(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a folder to write to nothing is lost: the sender waits for memory instead, and the failure is counted."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    stream = spilling(2)
    sending = Side("threads").begin(stream, "send_batch", list(range(50)))
    assert stream.statistics().spill_failures >= 1
    received = []
    while len(received) < 50:
        received += stream.receive_batch(9)
    assert received == list(range(50))
    assert sending.wait().error is None
    assert stream.statistics().spilled == 0


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="file sizes can be limited on POSIX only")
def test_a_full_disk_makes_senders_wait() -> None:
    """A disk that fills up in the middle of a write loses nothing and doubles nothing."""
    code = """
import resource, signal, threading
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
from transmissions.streams import EventStream, WhenFull
stream = EventStream(8, when_full=WhenFull.SPILL)
sent = [f"{n}" * 50 for n in range(2000)]
def send():
    for n in range(0, 2000, 7):
        stream.send_batch(sent[n:n + 7])
    stream.close()
thread = threading.Thread(target=send)
thread.start()
assert list(stream) == sent
thread.join()
counted = stream.statistics()
assert counted.spilled and counted.spill_failures, counted
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_a_disk_that_loses_what_it_had_ends_the_stream() -> None:
    """What cannot be read back is not passed over: what was read before comes, then the reason."""
    stream = spilling(1)
    stream.send_batch(["x" * 300_000] * 9)
    for descriptor in open_files():
        try:
            if os.fstat(int(descriptor)).st_size > 1_000_000:
                os.ftruncate(int(descriptor), 1000)
        except OSError:
            continue
    assert stream.receive() == "x" * 300_000
    with pytest.raises(StreamAborted, match="what was spilled cannot be read back"):
        while True:
            stream.receive()


SPILLER = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from transmissions.streams import EventStream, WhenFull
stream = EventStream(4, when_full=WhenFull.SPILL)
while True:
    stream.send_batch([b"x" * 1000] * 10)
    if stream.statistics().spill_bytes > 5_000_000:
        print("spilled", flush=True)
        sys.stdin.read()
"""


def test_a_killed_process_leaves_no_file(tmp_path: Path) -> None:
    """kill -9 while megabytes are spilled leaves nothing behind: there is nothing to clean up at the next start."""
    process = subprocess.Popen(
        [sys.executable, "-c", SPILLER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "spilled\n"
    process.kill()
    process.wait(20)
    process.stdin.close()  # type: ignore[union-attr]
    process.stdout.close()
    assert list(tmp_path.iterdir()) == []


def test_memory_stays_bounded_while_much_is_spilled() -> None:
    """Sixty megabytes through a buffer of one megabyte raise the process's peak by less than a third of that."""
    code = """
import resource
from transmissions.streams import EventStream, WhenFull
stream = EventStream(10_000, max_bytes=1_000_000, when_full=WhenFull.SPILL)
stream.send({"text": "warm"}); stream.receive()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for n in range(600):
    stream.send_batch([{"n": n, "text": f"{n:>10}" * 100} for _ in range(100)])
stream.close()
assert sum(1 for _ in stream) == 60_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 20_000_000


def test_a_sender_that_spills_is_never_held_up() -> None:
    """A receiver that does not come holds nobody back while there is disk space."""
    stream = spilling()
    sending = Side("threads").begin(stream, "send_batch", ["x"] * 10_000)
    assert sending.wait().value == 0
    assert stream.statistics().sent == 10_000
