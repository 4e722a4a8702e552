"""A full `:buffer` in Turtle, under each policy: a fast source, a sink that is held, and figures that add up."""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from transmissions import Message, Pipeline, Processor, Result, Run, StageError, Status, setting
from transmissions.loading import load
from transmissions.registry import Registry
from transmissions.runtime.pace import LARGEST_BATCH

MANY = 6000
LATENCY_S = 30


class Payload:
    """A part of a message that knows how many of its kind there are; one on disk is none."""

    live = peak = 0
    lock = threading.Lock()

    def __new__(cls) -> Payload:
        with cls.lock:
            Payload.live += 1
            Payload.peak = max(Payload.peak, Payload.live)
        return super().__new__(cls)

    def __del__(self) -> None:
        with Payload.lock:
            Payload.live -= 1


class Bench:
    """One run of a Turtle file in which `:Hold` lets nothing past until the gate is open.

    The gate opens when the source has handed on all that it makes, or has to wait: so the buffer is full by then.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gate = threading.Event()
        self.came: list[int] = []
        self.hits: list[tuple[str, str]] = []

    def processors(self) -> dict[str, type[Processor]]:
        """Return the processors of this file, which know this bench."""
        return {cls.__name__: self.own(cls) for cls in (Make, Odd, Groups, Hold, AsyncHold, Lose)}

    def own(self, cls: type[OnBench]) -> type[Processor]:
        """Return a processor that knows this bench."""
        return type(cls.__name__, (cls,), {"bench": self, "__doc__": cls.__doc__})

    def waited(self, stream: str, operation: str) -> None:
        self.hits.append((stream, operation))
        if operation == "send":
            self.gate.set()

    def start(self, turtle: str, **options: Any) -> Run:
        path = self.folder / "flow.ttl"
        path.write_text(f"@prefix : <http://purl.org/stuff/transmissions/> .\n\n{turtle}\n")
        registry = Registry(self.processors())
        definition, warnings = load(path, registry)
        return Pipeline(definition, registry, warnings).start(target=self.folder, on_wait=self.waited, **options)

    def run(self, turtle: str) -> Result:
        result = self.start(turtle).wait(LATENCY_S)
        assert result is not None, "the run never ended"
        return result


class OnBench(Processor):
    """What a bench runs."""

    bench: Bench


class Source(OnBench):
    """Open the gate when all that it made is on its way."""

    def close(self) -> None:
        self.bench.gate.set()


class Make(Source):
    """Yield numbered messages."""

    count: int = setting(MANY)

    def process(self, message: Message) -> Iterator[Message]:
        for number in range(self.count):
            yield {"n": number, "text": "x" * 72, "payload": Payload()}


class Odd(Source):
    """Yield what no buffer can take: a generator, or a list that holds itself."""

    oddity: str = setting()

    def process(self, message: Message) -> Iterator[Message]:
        endless: list[Any] = []
        endless.append(endless)
        odd = endless if self.oddity == "endless" else (one for one in "ab")
        for number in range(5):
            yield {"n": number, "odd": odd if number == 3 else 1}


class Groups(Source):
    """Yield messages with a list each."""

    count: int = setting(50)

    def process(self, message: Message) -> Iterator[Message]:
        for number in range(self.count):
            yield {"n": number, "items": [f"{number}.{part}" for part in range(number % 7)]}


class Hold(OnBench):
    """Keep the numbers that come, once the gate is open."""

    def process(self, message: Message) -> Message | None:
        assert self.bench.gate.wait(LATENCY_S)
        self.bench.came.append(message["n"])
        return message if "currentItem" in message else None


class AsyncHold(OnBench):
    """The same in a coroutine."""

    async def process(self, message: Message) -> Message | None:
        assert await asyncio.to_thread(self.bench.gate.wait, LATENCY_S)
        self.bench.came.append(message["n"])
        return message if "currentItem" in message else None


class Lose(OnBench):
    """Hold, and let the disk lose what was spilled."""

    def process(self, message: Message) -> None:
        assert self.bench.gate.wait(LATENCY_S)
        for descriptor in os.listdir("/proc/self/fd"):
            if "deleted" in _link(descriptor) and os.fstat(int(descriptor)).st_size > 300_000:
                os.ftruncate(int(descriptor), 10)


def _link(descriptor: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""


def open_files() -> set[str]:
    """Return the files that this process has open, by name."""
    return (
        {_link(descriptor) for descriptor in os.listdir("/proc/self/fd")} if Path("/proc/self/fd").exists() else set()
    )


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench of its own, with a folder for temporary files of its own."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    Payload.peak = Payload.live
    return Bench(tmp_path)


def flow(buffer: str, sink: str = "Hold") -> str:
    return f":flow a :Transmission ; :pipe (:make :hold) .\n:make a :Make .\n:hold a :{sink} ; :buffer [ {buffer} ] ."


def adds_up(result: Result, name: str, came: list[int]) -> None:
    """See that what was made is what came, what was dropped and what was forgotten; no more and no less."""
    buffer = result.stage(name).buffer
    assert buffer is not None
    assert buffer.sent == result.stages[0].emitted
    assert buffer.sent == len(came) + buffer.drops + buffer.forgotten
    assert buffer.received == result.stage(name).received == len(came)
    assert (buffer.depth, buffer.spill_depth) == (0, 0)
    assert sorted(set(came)) == came, "each once and in order"
    told = {stage["stage"]: stage for stage in result.as_json()["stages"]}[name]["buffer"]
    assert {key: told[key] for key in ("sent", "received", "drops", "spilled")} == {
        "sent": buffer.sent, "received": len(came), "drops": buffer.drops, "spilled": buffer.spilled,
    }  # fmt: skip


BOUNDS = {"messages": ":maxMessages 20", "bytes": ":maxMessages 1000 ; :maxBytes 2000"}


@pytest.mark.parametrize("sink", ["Hold", "AsyncHold"])
@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("policy", ["block", "dropNewest", "dropOldest", "spill"])
def test_every_policy_accounts_for_every_message(bench: Bench, policy: str, bounds: str, sink: str) -> None:
    """What the source made was received, in order, or is counted as dropped; memory and the disk stay bounded."""
    before = open_files()
    result = bench.run(flow(f"{BOUNDS[bounds]} ; :whenFull :{policy}", sink))
    assert (result.status, result.error, result.problems) == (Status.COMPLETE, "", [])
    assert result.stage("make").emitted == MANY
    adds_up(result, "hold", bench.came)
    buffer = result.stage("hold").buffer
    assert buffer is not None
    assert buffer.peak <= 20
    assert buffer.peak_bytes <= 2000
    assert buffer.overflows >= MANY - 20 - 2 * LARGEST_BATCH or policy == "block"
    # What the two stages have in hand beside the buffer is a batch each, and it is far less than all.
    assert Payload.peak <= 20 + 2 * LARGEST_BATCH < MANY
    assert open_files() <= before
    assert list(Path(tempfile.gettempdir()).iterdir()) == []
    if policy in ("block", "spill"):
        assert bench.came == list(range(MANY))
        assert buffer.drops == 0
    assert (buffer.pauses > 0) == (policy == "block")
    assert (buffer.spilled > 0) == (policy == "spill")


def test_what_is_dropped_is_the_newest_or_the_oldest(bench: Bench, tmp_path: Path) -> None:
    """Behind a sink that was held all the while, the first are there in the one case, the last in the other."""
    bench.run(flow(":maxMessages 20 ; :whenFull :dropNewest"))
    # At most one was in the sink's hands when the buffer filled up.
    assert bench.came[:20] == list(range(20))
    assert len(bench.came) <= 21
    later = Bench(tmp_path)
    later.run(flow(":maxMessages 20 ; :whenFull :dropOldest"))
    assert later.came[-20:] == list(range(MANY - 20, MANY))
    assert len(later.came) <= 21


@pytest.mark.parametrize("sink", ["Hold", "AsyncHold"])
@pytest.mark.parametrize("bounds", BOUNDS)
def test_a_buffer_that_fails_ends_the_run_with_what_to_change(bench: Bench, bounds: str, sink: str) -> None:
    """Under `:fail` the run ends; the error names the stage and its buffer, and what was let in is accounted for."""
    run = bench.start(flow(f"{BOUNDS[bounds]} ; :whenFull :fail", sink))
    result = run.wait(LATENCY_S)
    assert result is not None
    assert result.status is Status.ERROR
    assert result.error == (
        f"{bench.folder / 'flow.ttl'}:5:1: stage :hold failed in buffer: stream before :hold: send: "
        f"it is full, with 20 messages; {_found_no_room(result)} found no room; give its :buffer more :maxMessages or "
        ":maxBytes, or choose another :whenFull than :fail"
    )
    assert [problem["stage"] for problem in result.problems] == ["hold"]
    assert isinstance(run.error, StageError)
    buffer = result.stage("hold").buffer
    assert buffer is not None
    assert bench.came == list(range(len(bench.came)))
    assert buffer.sent == len(bench.came) + buffer.forgotten
    assert buffer.drops == 0


def _found_no_room(result: Result) -> int:
    buffer = result.stage("hold").buffer
    assert buffer is not None
    return buffer.overflows


def test_an_async_source_fails_by_the_same_words(bench: Bench) -> None:
    """A coroutine in front of a buffer that fails, in its process or its finish, leads to the buffer's stage too."""

    class Early(Source):
        """Yield from process."""

        async def process(self, message: Message) -> Any:
            for number in range(100):
                yield {"n": number}

    class Late(Source):
        """Yield from finish."""

        async def process(self, message: Message) -> None:
            return None

        async def finish(self) -> Any:
            for number in range(100):
                yield {"n": number}

    for source in (Early, Late):
        bench.gate.clear()
        own = bench.processors() | {"Make": bench.own(source)}
        path = bench.folder / "flow.ttl"
        path.write_text(
            f"@prefix : <http://purl.org/stuff/transmissions/> .\n{flow(':maxMessages 9 ; :whenFull :fail')}"
        )
        definition, _ = load(path, Registry(own))
        with pytest.raises(
            StageError, match=r"flow\.ttl:4:1: stage :hold failed in buffer: .* with 9 messages"
        ) as caught:
            Pipeline(definition, Registry(own)).run()
        assert caught.value.stage == "hold"


# Groups


def groups(policy: str, bound: int = 4) -> str:
    return f"""\
:groups a :Transmission ; :pipe (:make :each :hold :gather) .
:make a :Groups .
:each a :ForEach .
:hold a :Hold ; :buffer [ :maxMessages {bound} ; :whenFull :{policy} ] .
:gather a :Accumulate ; :settings [ :parts false ] ."""


@pytest.mark.parametrize("policy", ["block", "dropNewest", "dropOldest", "spill"])
def test_a_buffer_drops_parts_but_never_the_end_of_a_group(bench: Bench, policy: str) -> None:
    """Every group comes out once, in order, holding none but its own parts; only the dropped ones are missing."""
    run = bench.start(groups(policy), collect=True)
    wholes = list(run.messages())
    result = run.wait(LATENCY_S)
    assert result is not None
    assert (result.status, result.error) == (Status.COMPLETE, "")
    assert [whole["n"] for whole in wholes] == list(range(50))
    made = [f"{number}.{part}" for number in range(50) for part in range(number % 7)]
    gathered = [part for whole in wholes for part in whole["accumulate"]]
    for whole in wholes:
        assert [part for part in whole["accumulate"] if not part.startswith(f"{whole['n']}.")] == []
    buffer = result.stage("hold").buffer
    assert buffer is not None
    assert len(gathered) == len(made) - buffer.drops
    assert buffer.sent == len(made) + 50 == buffer.received + buffer.drops
    assert buffer.peak <= 4
    assert (buffer.drops > 0) == policy.startswith("drop")
    assert gathered == [part for part in made if part in set(gathered)]


@pytest.mark.parametrize("policy", ["dropNewest", "dropOldest"])
def test_a_group_ends_once_where_branches_that_drop_meet(bench: Bench, policy: str) -> None:
    """A mark that was dropped on one branch would leave its group open for ever where the branches meet."""
    turtle = f"""\
:groups a :Transmission ; :pipe (:make :each :hold :gather), (:each :other :gather) .
:make a :Groups .
:each a :ForEach .
:hold a :Hold ; :buffer [ :maxMessages 3 ; :whenFull :{policy} ] .
:other a :Hold ; :buffer [ :maxMessages 5 ; :whenFull :{policy} ] .
:gather a :Accumulate ; :settings [ :parts false ] ."""
    run = bench.start(turtle, collect=True)
    wholes = list(run.messages())
    result = run.wait(LATENCY_S)
    assert result is not None
    assert (result.status, result.error) == (Status.COMPLETE, "")
    assert [whole["n"] for whole in wholes] == list(range(50))
    buffers = [result.stage(name).buffer for name in ("hold", "other")]
    drops = sum(buffer.drops for buffer in buffers if buffer is not None)
    assert drops > 0
    assert sum(len(whole["accumulate"]) for whole in wholes) == 2 * sum(n % 7 for n in range(50)) - drops


# What goes wrong with the disk


def test_a_disk_that_is_not_there_holds_the_source_back_and_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost where nothing can be spilled; the result warns of it in one line that tells what to do."""
    monkeypatch.setattr(tempfile, "tempdir", str(bench.folder / "nowhere"))
    result = bench.run(flow(":maxMessages 20 ; :whenFull :spill"))
    assert (result.status, result.error, result.partial) == (Status.COMPLETE, "", False)
    assert bench.came == list(range(MANY))
    adds_up(result, "hold", bench.came)
    buffer = result.stage("hold").buffer
    assert buffer is not None
    assert (buffer.spilled, buffer.pauses > 0) == (0, True)
    [problem] = result.problems
    assert (problem["stage"], problem["severity"]) == ("hold", "warning")
    assert problem["text"] == (
        f"the disk could not take what the :buffer was to spill, {buffer.spill_failures} times, so that senders had to "
        "wait; make room in the folder for temporary files, or name another one in TMPDIR"
    )


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs to find the file without a name")
def test_a_disk_that_loses_messages_ends_the_run(bench: Bench) -> None:
    """What was spilled and has gone is no quiet end: the run fails, and names the stage, the buffer and the disk."""
    result = bench.run(flow(":maxMessages 2 ; :whenFull :spill", "Lose"))
    assert result.status is Status.ERROR
    assert result.error == (
        f"{bench.folder / 'flow.ttl'}:5:1: stage :hold failed in buffer: stream before :hold: receive: it was aborted: "
        "what was spilled cannot be read back: a spilled message has gone from the disk; see to the disk that holds "
        "the folder for temporary files (TMPDIR), then run again"
    )


@pytest.mark.parametrize(
    ("kind", "buffer", "what"),
    [
        ("generator", ":maxMessages 1 ; :whenFull :spill", "a message cannot be written to disk: cannot pickle"),
        ("endless", ":maxBytes 1000", "the size of a message cannot be told: "),
    ],
)
def test_a_message_that_a_buffer_cannot_hold_is_told(bench: Bench, kind: str, buffer: str, what: str) -> None:
    """What can be neither measured nor written ends the run in one line; what came before it is received."""
    odd = f':odd a :Transmission ; :pipe (:make :hold) .\n:make a :Odd ; :settings [ :oddity "{kind}" ] .'
    result = bench.run(f"{odd}\n:hold a :Hold ; :buffer [ {buffer} ] .")
    assert result.status is Status.ERROR
    assert "\n" not in result.error
    assert f"stage :hold failed in buffer: stream before :hold: send: {what}" in result.error
    assert result.error.endswith("; let the stage before it send plain values only, or choose another buffer")
    buffer_figures = result.stage("hold").buffer
    assert buffer_figures is not None
    assert buffer_figures.sent == 3 == len(bench.came) + buffer_figures.forgotten


def test_every_wait_is_told(bench: Bench) -> None:
    """Whoever asks for it learns of each waiting between stages, by the stream's name and what was to be done."""
    bench.run(flow(":maxMessages 20"))
    assert set(bench.hits) <= set(itertools.product(["before :hold", "before :make"], ["send", "receive"]))
    assert ("before :hold", "send") in bench.hits
