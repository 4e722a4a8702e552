"""Measure processes and print tables."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
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
        output: what it printed.
    """

    cpu_s: float
    wall_s: float
    peak_bytes: int
    output: str


# A process counts as its own the memory of the one that it was made of, so it is started by one that is small.
_START = """
import json, os, sys, tempfile, time
with tempfile.TemporaryFile() as printed:
    began = time.perf_counter()
    to = [(os.POSIX_SPAWN_DUP2, printed.fileno(), 1)]
    process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=to)
    _, status, usage = os.wait4(process, 0)
    wall_s = time.perf_counter() - began
    printed.seek(0)
    print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, wall_s, usage.ru_maxrss,
                      printed.read().decode(errors="replace")]))
"""


def measured(command: Sequence[str]) -> Measured:
    """Run a command to its end and return what it took and printed; raises if it fails."""
    started = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _START, *command], stdin=subprocess.DEVNULL, capture_output=True, check=True
    )
    code, cpu_s, wall_s, peak, output = json.loads(started.stdout)
    if code:
        sys.stderr.buffer.write(started.stderr)
        raise RuntimeError(f"{command} ended with {code}")
    return Measured(cpu_s, wall_s, peak if sys.platform == "darwin" else peak * 1024, output)


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
