"""A report on session logs, prices included, against a loop that only decodes the same lines with `json.loads`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Measured, Row, measured, median

BASELINE = (
    "import json, sys; from pathlib import Path\n"
    "for path in Path(sys.argv[1]).rglob('*.jsonl'):\n"
    "    with path.open('rb') as file:\n"
    "        for line in file: json.loads(line)"
)
MOST_BYTES = 100_000_000


def rows(options: argparse.Namespace) -> list[Row]:
    """Write logs of the given size and measure the loop, the command and the pipeline in turn."""
    with tempfile.TemporaryDirectory() as name:
        logs, out = Path(name, "logs"), Path(name, "out")
        # In a process of its own: what this one ever held counts as the least that those it starts held.
        make = [sys.executable, "-m", "benchmarks.make_sessions", f"{options.size}MB", str(logs)]
        subprocess.run(make, check=True, stderr=subprocess.DEVNULL)
        size = sum(path.stat().st_size for path in logs.rglob("*.jsonl"))
        trans = [sys.executable, "-m", "transmissions"]
        commands = {
            "json.loads of every line, one after the other": [sys.executable, "-c", BASELINE, str(logs)],
            "trans usage report": [*trans, "usage", "report", str(logs), "--json"],
            "trans usage report, by session and model": [
                *trans, "usage", "report", str(logs), "--by", "session,model", "--json"
            ],
            "trans run claude-code-usage": [
                *trans, "run", "claude-code-usage", str(logs), "--target", str(out), "--quiet"
            ],
        }  # fmt: skip
        results: dict[str, list[Measured]] = {what: [] for what in commands}
        for _ in range(max(1, options.rounds // 2)):
            for what, command in commands.items():
                results[what].append(measured(command))
    return [row for what in results for row in _rows(what, results, size)]


def _rows(what: str, results: dict[str, list[Measured]], size: int) -> list[Row]:
    cpu = median([one.cpu_s for one in results[what]])
    peak = max(one.peak_bytes for one in results[what])
    figure = f"{size / cpu / 1e6:.0f} MB/s of CPU time, peak {peak / 1e6:.0f} MB"
    first = next(iter(results))
    if what == first:
        return [Row(what, figure)]
    ratio = median([ours.cpu_s / base.cpu_s for ours, base in zip(results[what], results[first], strict=True)])
    if what != "trans usage report":
        return [Row(what, figure, ratio)]
    return [
        Row(what, figure, ratio, "< 1 × the loop", ratio < 1),
        Row("its memory at the most, of 100 MB", f"{peak / 1e6:.0f} MB", peak / MOST_BYTES, "< 1", peak < MOST_BYTES),
    ]
