"""Measure processes and print tables."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Measured", "Row", "measured", "median", "table"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Args:
        what: what was measured.
        figure: its absolute figure, with its unit.
        ratio: against its baseline; None for a baseline.
        bar: what the ratio has to be ("≥ 0.9"); "" for none.
        met: whether it is.
    """

    what: str
    figure: str
    ratio: float | None = None
    bar: str = ""
    met: bool = True


@dataclass(frozen=True, slots=True)
class Measured:
    """What a process took, by the operating system's own account.

    Args:
        cpu_s: seconds of processor time, user and system.
        wall_s: seconds from start to end.
        peak_bytes: the most memory it held (resident).
    """

    cpu_s: float
    wall_s: float
    peak_bytes: int


def measured(command: Sequence[str]) -> Measured:
    """Run a command to its end, its output thrown away, and return what it took; raises if it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.stderr.buffer.write(errors)
        raise RuntimeError(f"{command} ended with {process.returncode}")
    scale = 1 if sys.platform == "darwin" else 1024
    return Measured(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * scale)


def median(values: Sequence[float]) -> float:
    """Return the middle value."""
    return statistics.median(values)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    cells = [("what", "figure", "ratio", "bar", "")]
    for row in rows:
        verdict = "" if not row.bar else "met" if row.met else "MISSED"
        cells.append((row.what, row.figure, "" if row.ratio is None else f"{row.ratio:.2f}", row.bar, verdict))
    widths = [max(len(cell[column]) for cell in cells) for column in range(5)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(one, widths, strict=True)) + " |" for one in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
