"""Applications of the JavaScript project, against that project's own figures.

Its figures were taken with one processor busy: ForEach and five stages that do nothing, as its command line runs it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Measured, Row, measured, median

ORIGINAL_MESSAGES_PER_CPU_S = 1120

PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"
FAN_OUT = (
    PREFIX
    + """:t a :Transmission ; :pipe (:f :a :b :c :d :e) .
:f a :ForEach ; :settings [ :forEach "items" ] .
:a a :NOP . :b a :NOP . :c a :NOP . :d a :NOP . :e a :NOP .
"""
)
MARKDOWN = (
    PREFIX
    + """:t a :Transmission ; :pipe (:f :m) .
:f a :ForEach ; :settings [ :forEach "items" ; :remove "items" ] .
:m a :MarkdownToHTML ; :settings [ :sourceField "currentItem" ; :outputField "html" ] .
"""
)
RUN = """import sys, transmissions
items = {items}
transmissions.load(sys.argv[1]).run(messages={{"items": items}})
"""


def rows(options: argparse.Namespace) -> list[Row]:
    """Run both applications, and the first as a plain pipeline, with few and with many items."""
    with tempfile.TemporaryDirectory() as name:
        folders = {}
        for which, turtle in (("fan-out", FAN_OUT), ("markdown", MARKDOWN)):
            folders[which] = Path(name) / which
            folders[which].mkdir()
            (folders[which] / "transmissions.ttl").write_text(turtle, encoding="utf-8")
        start = _run(folders["fan-out"], "[]", options.rounds)
        many = _run(folders["fan-out"], "list(range(100_000))", options.rounds)
        plain = _run(folders["fan-out"] / "transmissions.ttl", "list(range(100_000))", options.rounds)
        few_documents = _run(folders["markdown"], "['# A\\n\\nsome *text*'] * 1_000", options.rounds)
        documents = _run(folders["markdown"], "['# A\\n\\nsome *text*'] * 10_000", options.rounds)
    rate = 100_000 / (many.cpu_s - start.cpu_s)
    plain_rate = 100_000 / (plain.cpu_s - start.cpu_s)
    growth = (documents.cpu_s - start.cpu_s) / (few_documents.cpu_s - start.cpu_s)
    peak = f"peak {many.peak_bytes >> 20} MB, {start.peak_bytes >> 20} MB with none"
    times = rate / ORIGINAL_MESSAGES_PER_CPU_S
    return [
        Row("application, ForEach over 100,000 and five stages", f"{rate / 1000:,.0f} k messages/s of CPU time; {peak}",
            times, "≥ 100 × original", times >= 100),
        Row("the same as a plain pipeline", f"{plain_rate / 1000:,.0f} k messages/s of CPU time",
            plain_rate / ORIGINAL_MESSAGES_PER_CPU_S, "≥ 100 × original",
            plain_rate >= 100 * ORIGINAL_MESSAGES_PER_CPU_S),
        Row("10,000 small documents to HTML, after 1,000", f"{documents.cpu_s - start.cpu_s:.2f} s of CPU time", growth,
            "≤ 12 × (linear)", growth <= 12),
    ]  # fmt: skip


def _run(source: Path, items: str, rounds: int) -> Measured:
    found = [measured([sys.executable, "-c", RUN.format(items=items), str(source)]) for _ in range(rounds)]
    return Measured(
        median([one.cpu_s for one in found]),
        median([one.wall_s for one in found]),
        max(one.peak_bytes for one in found),
    )
