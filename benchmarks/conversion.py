"""A Claude export to one Markdown file per conversation, against reading the same file with `orjson.loads`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import transmissions
from benchmarks.make_export import export as make_export
from benchmarks.measure import Measured, Row, measured, median

MOST_BYTES = 100_000_000
BASELINE = "import sys, orjson; orjson.loads(open(sys.argv[1], 'rb').read())"


def rows(options: argparse.Namespace) -> list[Row]:
    """Make an export of the given size and measure baseline, first and second conversion in turn."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export = folder / "conversations.json"
        with export.open("wb") as file:
            file.writelines(make_export(options.size * 1_000_000))
        size = export.stat().st_size
        results: dict[str, list[Measured]] = {"baseline": [], "archive": [], "again": [], "messages": []}
        for _ in range(max(1, options.rounds // 2)):
            results["baseline"].append(measured([sys.executable, "-c", BASELINE, str(export)]))
            results["archive"].append(convert("claude-archive", export, folder / "archive"))
            results["again"].append(convert("claude-archive", export, folder / "archive"))
            shutil.rmtree(folder / "archive")
            results["messages"].append(convert("claude-messages", export, folder / "messages"))
            shutil.rmtree(folder / "messages")
        first = share_read_at_first_file(export, folder / "first")
    peak = max(one.peak_bytes for one in results["archive"])
    return [_row(name, results, size) for name in results] + [
        Row("memory of claude-archive, of 100 MB", f"{peak / 1e6:.0f} MB", peak / MOST_BYTES, "< 1", peak < MOST_BYTES),
        Row("input read when the first file is there", f"{first:.2%}", first, "≤ 0.02", first <= 0.02),
    ]


def convert(pipeline: str, export: Path, target: Path) -> Measured:
    """Run a bundled pipeline as a command."""
    return measured([sys.executable, "-m", "transmissions", "run", pipeline, str(export), str(target), "--quiet"])


def share_read_at_first_file(export: Path, target: Path) -> float:
    """Return which share of the input had been read when the first output file was seen."""
    run = transmissions.load("claude-archive").start(source=str(export), target=str(target))
    while not any(target.rglob("*.md")):
        time.sleep(0.001)
    source = run.statistics()[0]
    run.abort("measured")
    run.wait()
    return source.bytes / (source.bytes_total or 1)


def _row(name: str, results: dict[str, list[Measured]], size: int) -> Row:
    cpu = median([one.cpu_s for one in results[name]])
    peak = max(one.peak_bytes for one in results[name])
    what = {
        "baseline": "orjson.loads of the whole file",
        "archive": "claude-archive, one file per conversation",
        "again": "claude-archive again, nothing changed",
        "messages": "claude-messages, one file per message",
    }[name]
    figure = f"{size / cpu / 1e6:.0f} MB/s of CPU time, peak {peak / 1e6:.0f} MB"
    if name == "baseline":
        return Row(what, figure)
    ratio = median([ours.cpu_s / base.cpu_s for ours, base in zip(results[name], results["baseline"], strict=True)])
    bar = "≤ 1.5 × baseline" if name == "archive" else ""
    return Row(what, figure, ratio, bar, ratio <= 1.5 or not bar)
