"""What `docs/monitoring.md` says of the figures is so: fields, files and pipelines are those of today."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from processors.streams import StreamBufferManager, StreamMonitor
from transmissions import Context, Output, loading
from transmissions.registry import Registry

PAGE = (Path(__file__).parent.parent / "docs" / "monitoring.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """Return the code blocks of the page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def table(heading: str) -> list[str]:
    """Return what stands in the first column of the table below a heading, names only."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [name for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in re.findall(r"`(.+?)`", row)]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Return the folder into which the monitor of the page wrote its reports, of six messages in six seconds."""
    now = 0.0
    monitor = StreamMonitor(
        clock=lambda: now,
        wall_clock=lambda: 1_767_268_800 + now,
        stamp_field="seenAt",
        json_lines_file="arrived.jsonl",
        prometheus_file="arrived.prom",
    )
    blocked = {"blocked_s": 0.25, "backpressure_events": 1}
    monitor.context = Context("arrived", "measured", Output(tmp_path), statistics=lambda: blocked)
    monitor.start()
    for number in range(1, 7):
        now = float(number)
        monitor.process({"text": "x" * 100 * number, "seenAt": 1_767_268_800 + now - number / 8})
    monitor.finish()
    monitor.close()
    return tmp_path


def names(figures: dict[str, Any], before: str = "") -> list[str]:
    """Return the names of all figures, those within others by their path."""
    found = []
    for name, value in figures.items():
        found += names(value, f"{before}{name}.") if isinstance(value, dict) else [before + name]
    return found


def test_the_tables_have_the_fields_that_reports_have(written: Path) -> None:
    """Each field of a line is in the table once, in the order of the line, and the table has no other."""
    line = json.loads((written / "arrived.jsonl").read_text().splitlines()[0])
    interval = line.pop("interval")
    assert table("JSON lines") == [*names(line), "interval"]
    assert names(interval) == [name for name in names(line) if name in names(interval)]
    assert {"time", "pipeline", "stage", "monitor", "report", "final"} == set(line) - set(interval)


def test_the_line_shown_is_a_line_of_a_report(written: Path) -> None:
    """The page shows the first line that the monitor of its example writes, broken only for the page."""
    [shown] = blocks("json")
    assert json.loads(shown) == json.loads((written / "arrived.jsonl").read_text().splitlines()[0])


def test_the_prometheus_text_shown_is_what_is_written(written: Path) -> None:
    """The page shows the file at the end of that run."""
    [shown] = blocks("prometheus")
    assert shown == (written / "arrived.prom").read_text()


def test_the_buffer_table_has_the_figures_of_the_buffer_manager() -> None:
    """Each figure of the buffer manager's report is in its table, in order, and no other."""
    assert table("The buffer manager") == list(StreamBufferManager().report())


def test_the_pipelines_of_the_page_are_valid(tmp_path: Path) -> None:
    """Each Turtle example is a whole file without a problem."""
    for turtle in blocks("turtle"):
        (tmp_path / "example.ttl").write_text(turtle, encoding="utf-8")
        definition, problems = loading.check(tmp_path / "example.ttl", Registry())
        assert definition is not None
        assert not problems
