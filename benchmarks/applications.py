"""ForEach and MarkdownToHTML over many items, as applications and plain pipelines, against the JavaScript project.

Its figure is that of danja/transmissions at commit 0964d93 (June 2026): ForEach over 10,000 numbers and five NOPs, with
its logging as it comes, took 8.9 s of processor time on two shared cores, which is 1,120 messages a second. With its
logging off it was 3,360. Processor time is compared, since other programs cost that least.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Row, measured, median

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
RUN = """import sys, time, transmissions
pipeline = transmissions.load(sys.argv[1])
pipeline.run(messages={{"items": {items}[:10]}})
items = {items}
began = time.process_time()
pipeline.run(messages={{"items": items}})
print(time.process_time() - began)
"""
TEN, NUMBERS = "list(range(10))", "list(range(100_000))"
DOCUMENTS = "[f'# Page {{n}}\\n\\nsome *text*' for n in range({count})]"


def rows(options: argparse.Namespace) -> list[Row]:
    """Run both applications, and the first as a plain pipeline, with few and with many items."""
    with tempfile.TemporaryDirectory() as name:
        folders = {}
        for which, turtle in (("fan-out", FAN_OUT), ("markdown", MARKDOWN)):
            folders[which] = Path(name) / which
            folders[which].mkdir()
            (folders[which] / "transmissions.ttl").write_text(turtle, encoding="utf-8")
        _, few_bytes = _run(folders["fan-out"], TEN, options.rounds)
        many_s, many_bytes = _run(folders["fan-out"], NUMBERS, options.rounds)
        plain_s, _ = _run(folders["fan-out"] / "transmissions.ttl", NUMBERS, options.rounds)
        pages_s = [_run(folders["markdown"], DOCUMENTS.format(count=count), options.rounds)[0] / count
                   for count in (1_000, 10_000)]  # fmt: skip
    rates = [100_000 / seconds for seconds in (many_s, plain_s)]
    growth, memory = pages_s[1] / pages_s[0], many_bytes / few_bytes
    against = [rate / ORIGINAL_MESSAGES_PER_CPU_S for rate in rates]
    return [
        Row("danja/transmissions 0964d93, ForEach and five NOPs", f"{ORIGINAL_MESSAGES_PER_CPU_S:,} messages/s"),
        Row("application, ForEach over 100,000 and five NOPs", f"{rates[0] / 1000:,.0f} k messages/s", against[0],
            "≥ 100 × original", against[0] >= 100),
        Row("the same as a plain pipeline", f"{rates[1] / 1000:,.0f} k messages/s", against[1],
            "≥ 100 × original", against[1] >= 100),
        Row("its memory at the most, against that of ten items", f"{many_bytes >> 20} MB, {few_bytes >> 20} MB", memory,
            "≤ 1.5 ×", memory <= 1.5),
        Row("MarkdownToHTML, 1,000 small documents", f"{pages_s[0] * 1e6:,.0f} µs a document"),
        Row("MarkdownToHTML, 10,000 small documents", f"{pages_s[1] * 1e6:,.0f} µs a document", growth, "≤ 1.2 ×",
            growth <= 1.2),
    ]  # fmt: skip


def _run(source: Path, items: str, rounds: int) -> tuple[float, int]:
    """Return seconds of processor time of a run, without start-up, and the most bytes of memory; medians."""
    command = [sys.executable, "-c", RUN.format(items=items), str(source)]
    found = [measured(command) for _ in range(rounds)]
    return median([float(one.output) for one in found]), int(median([one.peak_bytes for one in found]))
