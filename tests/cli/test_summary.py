"""What is told of a run while it goes on and when it is over."""

from __future__ import annotations

from pathlib import Path

import pytest

from transmissions.cli.meter import Meter, source_of
from transmissions.cli.progress import progress_line
from transmissions.cli.summary import summary
from transmissions.quantities import time_text
from transmissions.runtime.result import Result, StageStatistics, Status


def stages(done: int = 0, total: int | None = 1000, blocked: float = 0.0) -> list[StageStatistics]:
    """Return a source that has handled so many bytes, and a sink."""
    return [
        StageStatistics("read", "Reader", 1, 40, bytes=done, bytes_total=total, blocked_s=blocked),
        StageStatistics("write", "Writer", 38, 0, 38),
    ]


def result(status: Status = Status.COMPLETE, **more: object) -> Result:
    """Return a run's result."""
    return Result("r1", "demo", status, "2026-01-01T00:00:00.000+00:00", 2.0, stages(1_000_000), **more)  # type: ignore[arg-type]


def test_figures_follow_the_source() -> None:
    """Rate, share and time left come from the bytes of the source."""
    meter = Meter()
    meter.read(stages(0), 0.0)
    figures = meter.read(stages(500), 1.0)
    assert (figures.share, figures.bytes, figures.bytes_total) == (0.5, 500, 1000)
    assert figures.bytes_per_s > 0
    assert figures.left_s is not None


def test_who_waits_for_room_is_seen() -> None:
    """A stage that was blocked for most of the time between two readings counts as held back."""
    meter = Meter()
    meter.read(stages(), 1.0)
    assert meter.read(stages(blocked=0.9), 2.0).held_back == {"read"}
    assert meter.read(stages(blocked=0.9), 3.0).held_back == set()


def test_without_a_total_there_is_no_share() -> None:
    """What nobody knows is not shown."""
    figures = Meter().read(stages(10, None), 1.0)
    assert (figures.share, figures.left_s) == (None, None)
    assert "left" not in progress_line(figures, stages(10, None))
    assert source_of([StageStatistics("a", "NOP")]) is None


def test_a_progress_line_says_how_it_stands() -> None:
    """Amounts, rate, time left and both ends stand on one line."""
    line = progress_line(Meter().read(stages(500), 2.0), stages(500))
    assert line == (
        "2.0 s; 50%, 500 bytes of 1000 bytes; 250 bytes/s; 20 messages/s; 2.0 s left; read gave 40, write got 38"
    )


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.4, "59 s"), (59.7, "1:00 min"), (83, "1:23 min"), (3723, "1:02:03 h")]
)
def test_times_read_well(seconds: float, text: str) -> None:
    """Spans of time have units that suit them."""
    assert time_text(seconds) == text


def test_a_summary_says_what_came_of_it() -> None:
    """Status, time, amounts and files stand in a few lines."""
    text = summary(result(outputs={"written": 1200, "unchanged": 3}), Path("out"), None)
    assert text.splitlines() == [
        "demo: complete in 2.0 s",
        "  read 977 KiB, 488 KiB/s",
        "  files: 1,200 written, 3 unchanged, 0 failed in out",
    ]


def test_problems_are_grouped_and_cut() -> None:
    """Many problems of a kind are one line with a few places, and it is said where all of them are."""
    problems = [{"stage": "read", "severity": "error", "text": "not JSON", "bytes": [n, n + 1]} for n in range(1, 31)]
    lines = summary(result(problems=problems), None, Path("report.json")).splitlines()
    assert lines[0] == "demo: complete in 2.0 s, but part of the input could not be used"
    assert "  error: 30 × read: not JSON" in lines
    assert "    bytes=[1, 2]" in lines
    assert "    … and 27 more" in lines
    assert "  30 problems; all 30 are in report.json" in lines


def test_a_failed_run_names_its_error_once() -> None:
    """The error that ended the run is not told a second time among the problems."""
    problem = {"stage": "write", "severity": "error", "phase": "process", "text": "OSError: disk full", "place": ""}
    text = summary(result(Status.ERROR, error="stage :write failed: disk full", problems=[problem]), None, None)
    assert text.count("disk full") == 1
    assert "--debug" in text


def test_an_aborted_run_can_be_run_again() -> None:
    """After Ctrl-C a person reads that nothing is broken."""
    text = summary(result(Status.ABORTED, error="interrupted"), None, None)
    assert text.startswith("demo: aborted in 2.0 s\n  interrupted\n")
    assert "run it again" in text


@pytest.mark.parametrize(("number", "pointer"), [(1, ""), (200, "; --report FILE writes the full list")])
def test_the_full_list_is_offered_where_something_is_left_out(number: int, pointer: str) -> None:
    """A summary that has shown every problem sends nobody to look for more."""
    problems = [{"severity": "warning", "stage": "read", "text": "odd", "bytes": [n, n + 1]} for n in range(number)]
    lines = summary(result(problems=problems), None, None, "").splitlines()
    assert f"  {number} problem{'s' if number > 1 else ''}{pointer}" in lines


def test_a_place_is_told_once() -> None:
    """Facts that stand in a problem's text already, and what only the report is for, are not told beside it."""
    problems = [
        {"stage": "read", "severity": "error", "text": "t.csv:4: no row", "line": 4, "file": "t.csv", "columns": 40},
        {"stage": "walk", "severity": "error", "text": "a.md: not utf-8", "phase": "process", "place": "p.ttl:3:1"}
        | {"message": '{"source": "."}', "skipped": True},
    ]
    text = summary(result(problems=problems), None, None)
    assert "    columns=40" in text.splitlines()
    assert not any(fact in text for fact in ("line=", "file=", "phase=", "place=", "message=", "skipped="))


def test_only_files_can_be_missing_from_the_output() -> None:
    """A run that writes no files is not said to lack something in its output."""
    problems = [{"stage": "tell", "severity": "error", "text": "a.md:1: gone.md: there is no such file"}]
    assert summary(result(problems=problems), None, None).endswith("\n  all else was done")
    assert "missing from the output" in summary(result(problems=problems, outputs={"written": 1}), None, None)
