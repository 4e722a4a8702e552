"""The stream monitor: its figures against independent counts, its files, its stamps; on a clock that tests drive."""

from __future__ import annotations

import errno
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import transmissions
from processors.streams import StreamMonitor
from transmissions import Context, Output, StageError, TransmissionsError, size_of_message
from transmissions.output import System

PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"
NOON = 1_767_268_800.0
"""12:00 on 1 January 2026, in UTC."""
GAPS = st.integers(0, 3000).map(lambda gap_ms: gap_ms / 1000)


class Bench:
    """A monitor outside of a run, with a clock, counters of backpressure and a log that the test holds.

    Args:
        target: the folder of its files; None if it has none.
        system: the operating system's calls.
        settings: of the monitor; reports are due every second unless said otherwise.
    """

    def __init__(self, target: Path | None = None, system: System | None = None, **settings: Any) -> None:
        self.seconds = 0.0
        self.blocked: dict[str, float] = {}
        self.log: list[tuple[str, str, Mapping[str, Any]]] = []
        self.target = target or Path()
        self.monitor = StreamMonitor(
            clock=lambda: self.seconds,
            wall_clock=lambda: NOON + self.seconds,
            **{"report_interval": 1.0, **settings},
        )
        self.monitor.context = Context(
            stage="m",
            pipeline="p",
            output=Output(self.target, system or System()),
            statistics=lambda: self.blocked,
            log=lambda *record: self.log.append(record),
        )
        self.monitor.start()

    def send(self, message: dict[str, Any], after_s: float = 0.0) -> None:
        """Let some time pass, and then a message; see that it is handed on as the very same."""
        self.seconds += after_s
        assert self.monitor.process(message) is message

    def end(self, after_s: float = 0.0) -> dict[str, Any]:
        """End the stream and the run; return the monitor's part of the report."""
        self.seconds += after_s
        self.monitor.finish()
        self.monitor.close()
        return self.monitor.report()

    def lines(self, file: str = "r.jsonl") -> list[dict[str, Any]]:
        """Return the reports in the file."""
        return lines_of(self.target / file)


def lines_of(file: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSON lines file, all of whose lines have to be whole."""
    text = file.read_text("utf-8")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def run(folder: Path, turtle: str, own: str = "", **options: Any) -> Any:
    """Run a pipeline given as Turtle, with processors given as Python; the target is `out`."""
    (folder / "p.ttl").write_text(PREFIX + turtle, encoding="utf-8")
    (folder / "own.py").write_text(own, encoding="utf-8")
    processors = [folder / "own.py"] if own else []
    return transmissions.load(folder / "p.ttl", processors=processors).run(target=folder / "out", **options)


# Figures


@given(
    passing=st.lists(st.tuples(GAPS, st.integers(0, 5000)), max_size=60),
    rest=GAPS,
)
def test_the_figures_agree_with_an_independent_count(
    tmp_path_factory: pytest.TempPathFactory, passing: list[tuple[float, int]], rest: float
) -> None:
    """Whenever messages come: totals and intervals are exact to the message and the byte, rates to the clock."""
    bench = Bench(tmp_path_factory.mktemp("count"), json_lines_file="r.jsonl")
    met: list[tuple[float, int]] = []
    for gap, size in passing:
        bench.send({"": "x" * size}, gap)
        met.append((bench.seconds, size))
    total = bench.end(rest)
    reports = bench.lines()
    assert [report["final"] for report in reports] == [False] * (len(reports) - 1) + [True]
    assert [report["report"] for report in reports] == list(range(1, len(reports) + 1))
    waiting, began = list(met), 0.0
    for report in reports:
        interval, ended = report["interval"], report["seconds"]
        # A report that is due comes with the message that finds it so, and counts it.
        late = next((at for at, _ in waiting if at >= began + 1.0), bench.seconds)
        assert ended == (bench.seconds if report["final"] else late)
        count = len(waiting) if report["final"] else [at for at, _ in waiting].index(late) + 1
        sizes = sorted(size for _, size in waiting[:count])
        waiting = waiting[count:]
        check(interval, sizes, ended - began)
        check(report, sorted(size for _, size in met[: len(met) - len(waiting)]), ended)
        began = ended
    assert not waiting
    assert total == {name: value for name, value in reports[-1].items() if name in total}


def check(figures: Mapping[str, Any], sizes: list[int], seconds: float) -> None:
    """See that figures are those of messages of these sizes, ascending, in so much time."""
    assert figures["seconds"] == pytest.approx(seconds)
    assert (figures["messages"], figures["bytes"]) == (len(sizes), sum(sizes))
    assert figures["messages_per_s"] == (pytest.approx(len(sizes) / seconds) if seconds else 0)
    assert figures["bytes_per_s"] == (pytest.approx(sum(sizes) / seconds) if seconds else 0)
    if not sizes:
        assert figures["size_bytes"] == {"mean": None, "p50": None, "p90": None, "p99": None, "max": None}
        return
    assert figures["size_bytes"]["mean"] == pytest.approx(sum(sizes) / len(sizes))
    assert figures["size_bytes"]["max"] == sizes[-1]
    for percent in (50, 90, 99):
        exact = sizes[math.ceil(percent * len(sizes) / 100) - 1]
        assert figures["size_bytes"][f"p{percent}"] == pytest.approx(exact, rel=0.01)


DRIVEN = """
from processors.streams import StreamMonitor
from transmissions import Processor

now = 0.0

class Ticking(Processor):
    def process(self, message):
        global now
        for number in range(10_000):
            now = (number + 1) / 1000
            yield {"number": number, "text": "x" * (number % 500)}

class Driven(StreamMonitor):
    def __init__(self, **settings):
        super().__init__(clock=lambda: now, **settings)
"""


def test_in_a_run_of_ten_seconds_counts_are_exact_and_rates_within_a_thousandth(tmp_path: Path) -> None:
    """10,000 messages in 10 s, through the engine: what the monitor says is what a count of what came out says."""
    turtle = """:p a :Transmission ; :pipe (:t :m :n) . :t a :Ticking . :n a :NOP .
        :m a :Driven ; :settings [ :reportInterval 1 ; :jsonLinesFile "r.jsonl" ] ."""
    figures = run(tmp_path, turtle, DRIVEN).processors["m"]
    messages = [{"number": number, "text": "x" * (number % 500)} for number in range(10_000)]
    size = sum(map(size_of_message, messages))
    assert (figures["messages"], figures["bytes"]) == (10_000, size)
    assert figures["messages_per_s"] == pytest.approx(1000, rel=0.001)
    assert figures["bytes_per_s"] == pytest.approx(size / 10, rel=0.001)
    intervals = [report["interval"] for report in lines_of(tmp_path / "out" / "r.jsonl")]
    assert 5 <= len(intervals) <= 11
    assert sum(interval["messages"] for interval in intervals) == 10_000
    assert sum(interval["bytes"] for interval in intervals) == size
    assert sum(interval["seconds"] for interval in intervals) == pytest.approx(figures["seconds"])


def test_marks_pass_by_uncounted(tmp_path: Path) -> None:
    """What ForEach sends behind its parts is no message of the stream, and is not measured."""
    turtle = ":p a :Transmission ; :pipe (:f :m) . :f a :ForEach . :m a :StreamMonitor ."
    figures = run(tmp_path, turtle, messages={"items": ["äb"] * 1000}).processors["m"]
    # Two keys of eleven letters, two characters of three bytes, a number of eight bytes.
    assert (figures["messages"], figures["bytes"]) == (1000, 1000 * (11 + 11 + 3 + 8))
    assert figures["size_bytes"] == {"mean": 33, "p50": 33, "p90": 33, "p99": 33, "max": 33}
    assert figures["interval"]["messages"] == 1000


def test_several_monitors_measure_each_for_itself(tmp_path: Path) -> None:
    """Of two monitors in one pipeline, each tells what passed at its own place."""
    turtle = """:p a :Transmission ; :pipe (:a :f :b) . :f a :ForEach .
        :a a :StreamMonitor ; :settings [ :jsonLinesFile "a.jsonl" ; :prometheusFile "a.prom" ] .
        :b a :StreamMonitor ; :settings [ :jsonLinesFile "b.jsonl" ; :prometheusFile "b.prom" ; :name "parts" ] ."""
    result = run(tmp_path, turtle, messages={"items": [1, 2, 3]})
    assert [result.processors[stage]["messages"] for stage in "ab"] == [1, 3]
    [[a], [b]] = (lines_of(tmp_path / "out" / f"{stage}.jsonl") for stage in "ab")
    assert (a["pipeline"], a["stage"], a["monitor"], a["messages"]) == ("p", "a", "a", 1)
    assert (b["pipeline"], b["stage"], b["monitor"], b["messages"]) == ("p", "b", "parts", 3)
    for stage, monitor, number in (("a", "a", 1), ("b", "parts", 3)):
        sample = f'messages_total{{pipeline="p",stage="{stage}",monitor="{monitor}"}} {number}\n'
        assert sample in (tmp_path / "out" / f"{stage}.prom").read_text()


def test_an_interval_in_which_nothing_passed_has_its_whole_length(tmp_path: Path) -> None:
    """After a silence of nine seconds, rates are over the nine seconds, not over the interval that was set."""
    bench = Bench(tmp_path, json_lines_file="r.jsonl")
    bench.send({"": "x" * 90}, 9.0)
    bench.end(1.0)
    first, final = bench.lines()
    assert (first["interval"]["messages_per_s"], first["interval"]["bytes_per_s"]) == (pytest.approx(1 / 9), 10)
    assert (final["interval"]["messages"], final["interval"]["messages_per_s"]) == (0, 0)
    assert final["bytes_per_s"] == 9


# What was wrong with the monitor of the JavaScript project


def test_the_rate_of_an_interval_counts_what_passed_in_it_alone(tmp_path: Path) -> None:
    """An interval's bytes a second are not all bytes since the start over the interval's time."""
    bench = Bench(tmp_path, json_lines_file="r.jsonl")
    bench.send({"": "x" * 5000}, 1.0)
    bench.send({"": "x" * 10}, 1.0)
    bench.end()
    assert [report["interval"]["bytes_per_s"] for report in bench.lines()] == [5000, 10, 0]
    assert bench.lines()[1]["bytes_per_s"] == 2505


def test_backpressure_is_counted_where_it_happens(tmp_path: Path) -> None:
    """The stages behind have no room, and the monitor says how often and how long, though nobody sends it an event."""
    own = """
import threading
from transmissions import Processor
class Slow(Processor):
    def process(self, message):
        threading.Event().wait(0.0005)
        return message
"""
    turtle = """:p a :Transmission ; :pipe (:f :m :s) . :f a :ForEach . :m a :StreamMonitor .
        :s a :Slow ; :buffer [ :maxMessages 10 ] ."""
    result = run(tmp_path, turtle, own, messages={"items": [1] * 300})
    figures = result.processors["m"]
    assert figures["backpressure_events"] > 0
    assert figures["blocked_s"] == pytest.approx(result.stage("m").blocked_s)
    assert 0 < figures["blocked_s"] <= result.seconds


def test_backpressure_is_told_in_total_and_for_the_interval(tmp_path: Path) -> None:
    """An interval has the waits that fell into it, the total has all."""
    bench = Bench(tmp_path, json_lines_file="r.jsonl")
    bench.blocked = {"blocked_s": 0.25, "backpressure_events": 2}
    bench.send({}, 1.0)
    bench.blocked = {"blocked_s": 0.75, "backpressure_events": 3}
    bench.send({}, 1.0)
    bench.end()
    told = [(part["blocked_s"], part["backpressure_events"]) for part in bench.lines()]
    intervals = [(part["interval"]["blocked_s"], part["interval"]["backpressure_events"]) for part in bench.lines()]
    assert told == [(0.25, 2), (0.75, 3), (0.75, 3)]
    assert intervals == [(0.25, 2), (0.5, 1), (0, 0)]


def test_nothing_is_divided_by_nothing(tmp_path: Path) -> None:
    """A run of no time and no message has rates of nothing, and no sizes."""
    bench = Bench(tmp_path, json_lines_file="r.jsonl", prometheus_file="r.prom", stamp_field="t")
    figures = bench.end()
    assert (figures["messages_per_s"], figures["bytes_per_s"]) == (0, 0)
    assert set(figures["size_bytes"].values()) == set(figures["latency_s"].values()) == {None}
    check(bench.lines()[0], [], 0.0)
    assert 'quantile="0.5"} NaN\n' in (tmp_path / "r.prom").read_text()


def test_messages_have_the_size_of_what_they_hold() -> None:
    """A message is not one byte because it has no length, nor is an empty one."""
    bench = Bench()
    for message in ({}, {"a": "xyz"}, {"list": ["é"]}):
        bench.send(message)
    assert bench.end()["bytes"] == 0 + 4 + 6


# Stamps


def test_without_the_setting_messages_have_no_stamps() -> None:
    """A message passes as it is, and the report has no latency."""
    bench = Bench()
    message: dict[str, Any] = {"a": [1]}
    bench.send(message)
    assert message == {"a": [1]}
    assert not {"latency_s", "stamps"} & bench.end().keys()


def test_one_monitor_stamps_and_later_ones_measure(tmp_path: Path) -> None:
    """The first monitor that a message meets writes the time; a later one tells how long ago that was."""
    near, far = Bench(stamp_field="meta.seen"), Bench(stamp_field="meta.seen")
    for number in range(100):
        message: dict[str, Any] = {"meta": {"number": number}}
        near.send(message)
        assert message == {"meta": {"number": number, "seen": NOON + near.seconds}}
        far.seconds = near.seconds + (number + 1) / 1000
        far.send(message)
    assert near.end()["stamps"] == {"written": 100, "read": 0, "negative": 0, "unreadable": 0}
    figures = far.end()
    assert figures["stamps"] == {"written": 0, "read": 100, "negative": 0, "unreadable": 0}
    expected = {"mean": 0.0505, "p50": 0.05, "p90": 0.09, "p99": 0.099, "max": 0.1}
    assert figures["latency_s"] == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    "stamp",
    [
        NOON - 2,
        int(NOON) - 2,
        "2026-01-01T11:59:58Z",
        "2026-01-01T11:59:58.000000000+00:00",
        "2026-01-01T06:59:58-05:00",
        "20260101T135958+0200",
    ],
)
def test_a_stamp_is_seconds_or_a_moment(stamp: object) -> None:
    """Seconds since 1970, whole or not, and ISO 8601 with any offset are read; the message keeps its stamp."""
    bench = Bench(stamp_field="t")
    message = {"t": stamp}
    bench.send(message)
    assert message == {"t": stamp}
    figures = bench.end()
    assert figures["stamps"]["read"] == 1
    assert figures["latency_s"]["max"] == pytest.approx(2, abs=1e-5)


@pytest.mark.parametrize(
    "stamp",
    ["2026-01-01T11:59:58", "yesterday", "", True, [], {"a": 1}, math.nan, math.inf, 10**400, b"2026", "\ud800"],
)
def test_an_unreadable_stamp_is_counted_and_the_message_passes(stamp: object) -> None:
    """A text without offset, or no time at all, is counted apart; it fails nothing and changes nothing."""
    bench = Bench(stamp_field="t")
    message = {"t": stamp}
    bench.send(message)
    assert message["t"] is stamp
    figures = bench.end()
    assert figures["stamps"] == {"written": 0, "read": 0, "negative": 0, "unreadable": 1}
    assert (figures["messages"], figures["latency_s"]["mean"]) == (1, None)


@pytest.mark.parametrize("stamp", [NOON + 1, 10**300, "9999-12-31T23:59:59Z"])
def test_a_stamp_of_the_future_is_counted_apart(stamp: object) -> None:
    """A stamp that lies ahead gives no latency, least of all a negative one."""
    bench = Bench(stamp_field="t")
    bench.send({"t": stamp})
    figures = bench.end()
    assert figures["stamps"] == {"written": 0, "read": 0, "negative": 1, "unreadable": 0}
    assert figures["latency_s"]["max"] is None


def test_a_message_without_a_place_for_a_stamp_passes() -> None:
    """Where the field's path leads through a text, the stamp is counted as unreadable; null counts as none."""
    bench = Bench(stamp_field="meta.seen")
    bench.send({"meta": "text"})
    message: dict[str, Any] = {"meta": {"seen": None}}
    bench.send(message)
    assert message == {"meta": {"seen": NOON}}
    assert bench.end()["stamps"] == {"written": 1, "read": 0, "negative": 0, "unreadable": 1}


# Reports


def test_reports_are_logged_with_their_figures_as_facts() -> None:
    """A report that is due is an info with the interval's figures, the final one a notice with the total's."""
    bench = Bench(name="in the middle")
    bench.send({"": "x" * 80}, 2.0)
    bench.send({"": "x" * 40}, 2.0)
    bench.end()
    assert [record[:2] for record in bench.log] == [
        ("info", "in the middle, current"),
        ("info", "in the middle, current"),
        ("notice", "in the middle, final"),
    ]
    first, second, final = (facts for _, _, facts in bench.log)
    assert (first["interval_messages"], first["interval_bytes_per_s"], first["interval_size_bytes_p99"]) == (
        1,
        40.0,
        80,
    )
    assert second["interval_bytes_per_s"] == 20.0
    assert (final["messages"], final["bytes_per_s"], final["size_bytes_max"]) == (2, 30.0, 80)
    assert not any(value is None or isinstance(value, dict) for value in (final | first).values())
    assert all(name.startswith("interval_") == (facts is not final) for facts in (first, final) for name in facts)


def test_the_final_report_comes_when_a_stage_fails(tmp_path: Path) -> None:
    """A run that ends with an error has its final report, with all that had passed."""
    own = """
from transmissions import Processor
class Failing(Processor):
    def process(self, message):
        raise RuntimeError("as it must")
"""
    turtle = """:p a :Transmission ; :pipe (:m :x) . :x a :Failing .
        :m a :StreamMonitor ; :settings [ :jsonLinesFile "r.jsonl" ] ."""
    with pytest.raises(StageError, match="as it must") as raised:
        run(tmp_path, turtle, own)
    [report] = lines_of(tmp_path / "out" / "r.jsonl")
    assert report["final"]
    assert report["messages"] == raised.value.result.processors["m"]["messages"] == 1


def test_the_final_report_comes_when_the_run_is_aborted(tmp_path: Path) -> None:
    """Whoever stops reading aborts the run; the file still ends with a final report, of what had passed until then."""
    own = """
from transmissions import Processor
class Endless(Processor):
    def process(self, message):
        number = 0
        while True:
            yield {"number": (number := number + 1)}
"""
    (tmp_path / "own.py").write_text(own)
    turtle = """:p a :Transmission ; :pipe (:e :m) . :e a :Endless .
        :m a :StreamMonitor ; :settings [ :jsonLinesFile "r.jsonl" ; :prometheusFile "r.prom" ] ."""
    (tmp_path / "p.ttl").write_text(PREFIX + turtle)
    pipeline = transmissions.load(tmp_path / "p.ttl", processors=[tmp_path / "own.py"])
    for read, _ in enumerate(pipeline.stream(target=tmp_path / "out"), 1):
        if read == 100:
            break
    *_, final = lines_of(tmp_path / "out" / "r.jsonl")
    assert final["final"]
    assert final["messages"] >= 100
    prometheus = (tmp_path / "out" / "r.prom").read_text()
    assert f'messages_total{{pipeline="p",stage="m",monitor="m"}} {final["messages"]}\n' in prometheus
    assert 'finished{pipeline="p",stage="m",monitor="m"} 1\n' in prometheus


# Files

DYING = """
import os, signal, sys
import transmissions
from processors.streams import StreamMonitor
from transmissions import Processor

class Many(Processor):
    def process(self, message):
        for number in range(100_000):
            yield {"number": number}

class Dying(Processor):
    def process(self, message):
        if message["number"] == 5000:
            os.kill(os.getpid(), signal.SIGKILL)
        return message

class Busy(StreamMonitor):
    ticks = 0
    def __init__(self, **settings):
        super().__init__(clock=self.tick, **settings)
    def tick(self):
        self.ticks += 1
        return self.ticks / 100

if __name__ == "__main__":
    transmissions.load("p.ttl", processors=[__file__]).run(target="out")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_after_a_kill_lines_are_whole_and_the_next_run_begins_anew(tmp_path: Path) -> None:
    """A process killed between two reports leaves whole lines; another run leaves its own lines and no others."""
    turtle = """:p a :Transmission ; :pipe (:a :m :d) . :a a :Many . :d a :Dying .
        :m a :Busy ; :settings [ :reportInterval 1 ; :jsonLinesFile "r.jsonl" ; :prometheusFile "r.prom" ] ."""
    (tmp_path / "p.ttl").write_text(PREFIX + turtle)
    (tmp_path / "own.py").write_text(DYING)
    ended = subprocess.run([sys.executable, "own.py"], cwd=tmp_path, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    reports = lines_of(tmp_path / "out" / "r.jsonl")
    assert [report["report"] for report in reports] == list(range(1, len(reports) + 1))
    assert len(reports) > 40
    assert not reports[-1]["final"]
    assert (tmp_path / "out" / "r.prom").read_bytes().endswith(b"\n")
    (tmp_path / "own.py").write_text(DYING.replace("range(100_000)", "range(10)"))
    subprocess.run([sys.executable, "own.py"], cwd=tmp_path, timeout=60, check=True)
    [report] = lines_of(tmp_path / "out" / "r.jsonl")
    assert (report["messages"], report["final"]) == (10, True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["r.jsonl", "r.prom"]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (':jsonLinesFile "x"', ':jsonLinesFile "x"'),
        (':prometheusFile "x"', ':prometheusFile "./x"'),
        (':jsonLinesFile "x"', ':prometheusFile "x"'),
        (':jsonLinesFile "x" ; :prometheusFile "x"', ""),
    ],
)
def test_two_reports_never_share_a_file(tmp_path: Path, a: str, b: str) -> None:
    """Two monitors, or two outputs of one, that name one file are refused before a message passes."""
    turtle = f""":p a :Transmission ; :pipe (:a :b) .
        :a a :StreamMonitor ; :settings [ :name "a" ; {a} ] . :b a :StreamMonitor ; :settings [ :name "b" ; {b} ] ."""
    with pytest.raises(StageError, match=r"failed in start: .*x: refused: something else of this run writes it"):
        run(tmp_path, turtle)
    assert b or not (tmp_path / "out").exists()


def test_a_report_that_cannot_be_written_loses_no_message(tmp_path: Path) -> None:
    """A disk that is full for a while costs a report, not a message; it is told at once, and the run ends in error."""
    full = False

    def write(descriptor: int, data: bytes) -> int:
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(descriptor, data)

    bench = Bench(tmp_path, replace(System(), write=write), json_lines_file="r.jsonl")
    bench.send({}, 1.0)
    full = True
    bench.send({}, 1.0)
    assert ("warning", "a report could not be written: r.jsonl: cannot be written: no space left on device; free some "
            "space and run again: what is written stays", {}) in bench.log  # fmt: skip
    full = False
    bench.send({}, 1.0)
    with pytest.raises(TransmissionsError, match=r"^r\.jsonl: cannot be written: no space left"):
        bench.end()
    assert [(report["report"], report["messages"]) for report in bench.lines()] == [(1, 1), (3, 3), (4, 3)]
    assert bench.monitor.report()["messages"] == 3


def test_a_path_outside_of_the_target_is_refused_at_the_start(tmp_path: Path) -> None:
    """A file of reports is written inside the target, like every other."""
    turtle = ':p a :Transmission ; :pipe (:m) . :m a :StreamMonitor ; :settings [ :jsonLinesFile "../r.jsonl" ] .'
    with pytest.raises(StageError, match=r"failed in start: .*leads out of the target"):
        run(tmp_path, turtle)
    assert not (tmp_path / "r.jsonl").exists()
