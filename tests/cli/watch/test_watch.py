"""`trans run --watch` on a terminal: what is drawn, when it does not fit, and how it is left behind."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transmissions.cli import main
from transmissions.cli.summary import summary
from transmissions.cli.window import Window
from transmissions.runtime.result import Result, StageStatistics, Status
from transmissions.streams import StreamStatistics

PAGE = Path(__file__).parents[3] / "docs" / "watching.md"
RUN = ["run", "import.ttl", "--processors", "own.py"]
WATCH = [*RUN, "--watch"]
CONTROL_C = b"\x03"
Command = Callable[..., Any]


def is_flowing(text: str) -> bool:
    """Say whether the drawing shows messages that pass, and a stage that is held back by the slowest."""
    return bool(
        re.search(r"▼ [1-9]", text)
        and re.search(r"blocked +(\d\d|100) %", text)
        and re.search(r"busy +(\d\d|100) %  ◀ slowest", text)
    )


def normal(text: str) -> str:
    """Return a drawing without what differs from run to run: numbers, bars, and the blanks that make room for them."""
    text = re.sub(r"[\d.,]+(k|M)?(?=/| |$)", "#", text)
    text = re.sub(r"[█░]+", "~", text)
    text = re.sub(r" *busy +# %( +blocked +# %)?", " busy", text)
    return re.sub(r" +", " ", text)


def test_the_screenshot_in_the_docs_is_what_is_seen(gate: Any, terminal: Any) -> None:
    """In the middle of a run the terminal shows what docs/watching.md does: stages, edges, rates, buffer, slowest."""
    with terminal(*WATCH, size=(72, 24)) as shown:
        seen = shown.read_until(is_flowing, each=lambda: gate.open(30))
    page = PAGE.read_text(encoding="utf-8")
    found = re.search(r"(?<=<!-- live -->\n\n```text\n).*?(?=```)", page, re.DOTALL)
    assert found is not None
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(page[: found.start()] + seen + "\n" + page[found.end() :], encoding="utf-8", newline="\n")
    else:
        assert normal(seen + "\n") == normal(found.group())


def test_control_c_leaves_a_picture_of_the_run_and_the_terminal_as_it_was(gate: Any, terminal: Any) -> None:
    """The run is aborted in order; the whole run is drawn once, then comes the summary, and 130 is returned."""
    with terminal(*WATCH, "--report", "report.json") as shown:
        shown.read_until(is_flowing, each=lambda: gate.open(30))
        shown.type(CONTROL_C)
        shown.read_until(lambda text: "import: aborted in " in text, each=lambda: gate.open(200))
        assert shown.wait() == 130
        assert shown.is_as_before
        text = shown.text
    assert [text.count(name) for name in ("read (", "parse (", "store (", "count (")] == [1, 1, 1, 1]
    assert "peak 64/64" in text
    assert re.search(r"▼ [\d,]+ messages", text)
    assert text.index("◀ slowest") < text.index("import: aborted in ") < text.index("slowest: :store, busy ")
    drawn = json.loads(Path("report.json").read_text())
    assert drawn["edges"] == [
        {"from": "read", "to": "parse", "messages": drawn["stages"][0]["emitted"]},
        {"from": "parse", "to": "store", "messages": drawn["stages"][1]["emitted"]},
        {"from": "parse", "to": "count", "messages": drawn["stages"][1]["emitted"]},
    ]


def test_a_first_control_c_is_said_and_a_second_one_kills(gate: Any, terminal: Any) -> None:
    """A stage that does not listen is ended at once by the second Ctrl-C, and the terminal is as it was then, too."""
    with terminal(*WATCH, "--report", "report.json") as shown:
        shown.read_until(lambda text: "blocked 100 %" in text)
        shown.type(CONTROL_C)
        seen = shown.read_until(lambda text: "interrupted; again to stop at once" in text)
        assert re.match(r"import: .*; interrupted; again to stop at once\n", seen)
        shown.type(CONTROL_C)
        assert shown.wait() == 130
        assert shown.is_as_before
    assert not Path("report.json").exists()


def test_a_run_that_fails_is_drawn_too(gate: Any, terminal: Any) -> None:
    """The last picture shows where it failed, and the error follows."""
    Path("empty").write_bytes(b"...")
    with terminal(*WATCH, "-s", "store.gate=empty") as shown:
        assert shown.wait() == 1
        assert shown.is_as_before
        assert "failed 1" in shown.text
        assert "the gate is shut" in shown.text


@pytest.mark.parametrize("size", [(40, 24), (100, 10)], ids=["narrow", "low"])
def test_a_small_terminal_shows_a_list(gate: Any, terminal: Any, size: tuple[int, int]) -> None:
    """Where the drawing has no room, every stage has a line, and none is broken."""
    with terminal(*WATCH, size=size) as shown:
        lines = shown.read_until(lambda text: "100 %" in text).splitlines()
    assert lines[0].startswith("import: ")
    assert lines[1].split()[:4] == ["stage", "out", "busy", "blocked"]
    assert [line.split()[0] for line in lines[2:]] == ["read", "parse", "store", "count"]


def test_of_many_stages_those_that_matter_are_shown(gate: Any, terminal: Any) -> None:
    """Where not even the list has room, the stages that work or wait most are in it, the slowest among them."""
    names = [f"pass{number}" for number in range(50)]
    text = (
        Path("import.ttl")
        .read_text()
        .replace(":parse :store)", f":parse {' '.join(f':{one}' for one in names)} :store)")
    )
    Path("import.ttl").write_text(text + "".join(f":{one} a :NOP .\n" for one in names))
    with terminal(*WATCH, size=(80, 12)) as shown:
        lines = shown.read_until(lambda text: "100 %" in text).splitlines()
    listed = [line.split()[0] for line in lines[2:-1]]
    assert next(line for line in lines if line.startswith("store ")).endswith("◀ slowest")
    assert len(listed) == 8
    assert lines[-1] == f"… and {54 - 8} more"


def test_a_terminal_may_change_its_size(gate: Any, terminal: Any) -> None:
    """Made smaller and larger again, it shows one picture that fits, and nothing of the one before."""
    with terminal(*WATCH) as shown:
        shown.read_until(lambda text: "◀ slowest" in text)
        shown.resize(40, 20)
        small = shown.read_until(lambda text: "stage " in text and "┌" not in text)
        shown.resize(90, 40)
        large = shown.read_until(lambda text: "┌" in text and "stage " not in text)
    assert small.count("import: ") == large.count("import: ") == 1
    assert len(small.splitlines()) == 6
    assert [large.count(name) for name in ("read (", "parse (", "store (", "count (")] == [1, 1, 1, 1]


def test_what_a_stage_prints_stands_above_the_drawing(gate: Any, terminal: Any) -> None:
    """A processor that prints does not spoil the drawing, and what it printed is not lost."""
    with terminal(*WATCH, "-s", "count.say=counting") as shown:
        shown.read_until(lambda text: "◀ slowest" in text)
        shown.read_until(lambda text: "counting" in text, each=lambda: gate.open(500))
        text = shown.read_until(lambda text: "blocked 100 %" in text)
    assert text.startswith("counting\nimport: ")
    assert text.count("import: ") == 1


def test_without_colour_it_says_the_same(gate: Any, terminal: Any) -> None:
    """NO_COLOR is heeded, and the slowest stage is seen all the same."""
    with terminal(*WATCH, NO_COLOR="1") as shown:
        shown.read_until(lambda text: "◀ slowest" in text)
        assert not re.search(rb"\x1b\[[\d;]*3\d(;[\d;]*)?m", shown.raw)
    with terminal(*WATCH) as shown:
        shown.read_until(lambda text: "◀ slowest" in text)
        assert re.search(rb"\x1b\[[\d;]*3\d(;[\d;]*)?m", shown.raw)


def test_elsewhere_than_on_a_terminal_lines_tell_of_it(demo: Path, trans: Command) -> None:
    """Nothing is drawn into a file or a pipe: that is said, and the summary names the slowest stage as asked."""
    done = trans("run", "demo.ttl", "2000", "--processors", "own.py", "--watch")
    assert done.returncode == 0
    assert done.stderr.startswith("--watch: standard error is no terminal that can be drawn on")
    assert "┌" not in done.stderr
    assert re.search(r"slowest: :|no stage was the limit", done.stderr)


def test_a_terminal_without_a_cursor_is_not_drawn_on(demo: Path, terminal: Any) -> None:
    """A dumb terminal is told the same."""
    with terminal("run", "demo.ttl", "--processors", "own.py", "--watch", TERM="dumb") as shown:
        assert shown.wait() == 0
        assert b"\x1b" not in shown.raw
        assert "no terminal that can be drawn on" in shown.text


def test_watch_is_refused_where_it_makes_no_sense(
    demo: Path, terminal: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --quiet, and with messages on the same terminal, the command is wrong."""
    assert main(["run", "demo.ttl", "--processors", "own.py", "--watch", "-q"]) == 2
    assert "--watch draws the run and --quiet says nothing" in capsys.readouterr().err
    with terminal("run", "demo.ttl", "--processors", "own.py", "--watch", "--messages", "-") as shown:
        assert shown.wait() == 2
        assert "both write to this terminal; give --messages a file" in shown.text


def counted(emitted: int, busy: float, **more: Any) -> list[StageStatistics]:
    """Return the counters of one stage."""
    return [StageStatistics("read", "P", 1, emitted, busy_s=busy, **more)]


def test_a_window_holds_the_last_second() -> None:
    """Rates and shares are those of the second that ends now, or of less at the beginning."""
    window = Window()
    first = window.read(counted(10, 0.1), 0.25)
    assert (first.seconds, first.stages[0].emitted) == (0.25, 10)
    for quarter in range(2, 9):
        span = window.read(counted(10 * quarter, 0.1 * quarter), quarter * 0.25)
    assert (span.seconds, span.stages[0].emitted) == (1.0, 40)
    assert span.stages[0].busy_s == pytest.approx(0.4)


def test_a_pause_in_the_readings_is_not_a_burst() -> None:
    """When nobody looked for a while, the span is as long as that."""
    window = Window()
    window.read(counted(10, 0.1), 0.25)
    span = window.read(counted(110, 5.0), 5.25)
    assert (span.seconds, span.stages[0].emitted) == (5.0, 100)


def test_a_window_knows_how_long_a_stream_was_full_of_late() -> None:
    """Depth and peak are those of now, pauses those of the span."""
    window = Window()
    window.read(counted(1, 0.0, buffer=StreamStatistics(8, pauses=2, paused_s=3.0)), 5.0)
    span = window.read(counted(1, 0.0, buffer=StreamStatistics(8, depth=7, peak=8, pauses=3, paused_s=3.5)), 6.0)
    assert span.stages[0].buffer == StreamStatistics(8, depth=7, peak=8, pauses=1, paused_s=0.5)


def ended(seconds: float, busy: float, status: Status = Status.COMPLETE) -> Result:
    """Return the result of a run of one stage."""
    return Result("r1", "demo", status, "2026-01-01T00:00:00.000+00:00", seconds, counted(5, busy))


@pytest.mark.parametrize(
    ("seconds", "busy", "status", "is_said"),
    [
        (10.0, 9.0, Status.COMPLETE, True),
        (10.0, 9.0, Status.ABORTED, True),
        (10.0, 9.0, Status.ERROR, False),
        (1.0, 0.9, Status.COMPLETE, False),
        (10.0, 3.0, Status.COMPLETE, False),
    ],
)
def test_the_slowest_stage_is_named_unasked_where_it_is_clear(
    seconds: float, busy: float, status: Status, is_said: bool
) -> None:
    """A run of two seconds or more that did not fail, and one stage that worked most of it; else only when watched."""
    result = ended(seconds, busy, status)
    assert ("slowest: :read" in summary(result, None, None)) is is_said
    assert ":read, " in summary(result, None, None, watched=True)
