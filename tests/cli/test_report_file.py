"""`trans graph --report`: a finished run drawn from its report, and files that are no report of it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from transmissions.cli import main

OWN = ["--processors", "own.py"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def report(demo: Path, capsys: Capture) -> Path:
    """Run the pipeline and keep its report."""
    assert main(["run", "demo.ttl", "40", *OWN, "--report", "report.json", "-q"]) == 0
    capsys.readouterr()
    return demo / "report.json"


def changed(report: Path, **values: Any) -> None:
    """Change values at the top of a report; None takes one away."""
    read = json.loads(report.read_text()) | values
    report.write_text(json.dumps({name: value for name, value in read.items() if value is not None}))


def test_a_report_is_enough_to_draw_a_run(report: Path, capsys: Capture) -> None:
    """Without the pipeline: stages, messages on each edge, the peak of each buffer, and what was slowest."""
    assert main(["graph", "--report", "report.json"]) == 0
    drawn = capsys.readouterr().out
    assert drawn.startswith("demo: complete in ")
    assert drawn.count("▼ 40 messages") == 2
    peak = json.loads(report.read_text())["stages"][2]["buffer"]["peak"]
    assert f" peak {peak}/8 " in drawn
    assert drawn.splitlines()[-1].startswith(("slowest: ", "no stage was the limit: "))


@pytest.mark.parametrize("form", ["text", "mermaid", "dot", "svg"])
def test_every_format_holds_the_figures(report: Path, capsys: Capture, form: str) -> None:
    """With the pipeline named, its label is the title; the figures are the same."""
    assert main(["graph", "demo.ttl", "--report", "report.json", "--format", form, *OWN]) == 0
    drawn = capsys.readouterr().out
    assert "A demo: complete in " in drawn
    assert drawn.count("40 messages") == 2
    assert drawn.count("busy ") >= 3
    if form == "svg":
        ET.fromstring(drawn)


def test_what_failed_was_dropped_or_is_on_disk_is_drawn(report: Path, capsys: Capture) -> None:
    """What did not get through is seen in the box of its stage."""
    stages = json.loads(report.read_text())["stages"]
    stages[1]["failed"] = 3
    stages[2]["buffer"] |= {"drops": 1234}
    changed(report, stages=stages)
    assert main(["graph", "--report", "report.json"]) == 0
    drawn = capsys.readouterr().out
    assert "│ failed 3 " in drawn
    assert "│ dropped 1,234 " in drawn


def test_a_report_without_edges_needs_its_pipeline(report: Path, capsys: Capture) -> None:
    """A report of an earlier version is drawn when the pipeline is named, and says so when it is not."""
    changed(report, edges=None)
    assert main(["graph", "--report", "report.json"]) == 2
    assert capsys.readouterr().err.endswith("it does not name its edges; name the pipeline too: demo\n")
    assert main(["graph", "demo.ttl", "--report", "report.json", *OWN]) == 0
    assert capsys.readouterr().out.count("▼ 40 messages") == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file or directory"),
        ("", "the file is empty"),
        (" \n", "the file is empty"),
        ("{", "not JSON: "),
        ("[]", "not the report of a run: the file is no object"),
        ("{}", "not the report of a run: it has no list of stages"),
        ('{"stages": []}', "not the report of a run: it has no stages"),
        ('{"stages": [{"stage": "a"}]}', "not the report of a run: stage 1 has no processor"),
        (
            '{"stages": [{"stage": "a", "processor": "P", "busy_s": "long"}]}',
            "not the report of a run: busy_s of :a is no number, 0 or more",
        ),
        (
            '{"stages": [{"stage": "a", "processor": "P", "buffer": {"peak": -1}}]}',
            "not the report of a run: peak of the buffer of :a is no number, 0 or more",
        ),
        (
            '{"stages": [{"stage": "a", "processor": "P"}, {"stage": "a", "processor": "P"}]}',
            "not the report of a run: a stage is named twice",
        ),
        (
            '{"stages": [{"stage": "a", "processor": "P"}], "edges": [{"from": "a", "to": "b"}]}',
            "not the report of a run: an edge names :b, which is none of its stages",
        ),
        ('{"stages": [{"stage": "a", "processor": "P"}]}', "not the report of a run: seconds is no number, 0 or more"),
    ],
)
def test_a_file_that_is_no_report_is_refused(demo: Path, capsys: Capture, content: str | None, said: str) -> None:
    """It is said what is wrong with it, with exit code 2."""
    if content is not None:
        (demo / "r.json").write_text(content)
    assert main(["graph", "--report", "r.json"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"trans: --report r.json: {said}")
    assert "Traceback" not in error


def test_a_report_of_another_pipeline_is_refused(report: Path, capsys: Capture) -> None:
    """The two names are told."""
    assert main(["graph", "hello", "--report", "report.json"]) == 2
    assert capsys.readouterr().err == "trans: --report report.json: this is a run of demo, not of hello\n"


def test_stages_that_the_pipeline_lacks_are_named(report: Path, capsys: Capture) -> None:
    """After a stage was renamed or added, the report does not fit any more, and it is said where."""
    text = (report.parent / "demo.ttl").read_text()
    (report.parent / "demo.ttl").write_text(text.replace(":shout a", ":shouts a").replace(":shout)", ":shouts)"))
    assert main(["graph", "demo.ttl", "--report", "report.json", *OWN]) == 2
    assert capsys.readouterr().err == (
        "trans: --report report.json: demo has no stage :shout; did it change, and is :shouts now what this was?\n"
    )
    (report.parent / "demo.ttl").write_text(text.replace(":shout)", ":shout :more)") + "\n:more a :NOP .\n")
    assert main(["graph", "demo.ttl", "--report", "report.json", *OWN]) == 2
    assert capsys.readouterr().err == "trans: --report report.json: it tells nothing of stage :more of demo\n"


def test_a_pipeline_or_a_report_is_needed(capsys: Capture) -> None:
    """Neither leaves nothing to draw."""
    assert main(["graph"]) == 2
    assert capsys.readouterr().err.startswith("trans: name a pipeline to draw, or give --report FILE")
