"""The monitor's Prometheus text, read back by the rules of the exposition format."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.streams.histogram import Histogram
from processors.streams.prometheus import exposition
from processors.streams.tally import Tally

# https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*)\} (\S+)')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"')
UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parse(text: str) -> tuple[dict[str, str], Samples]:
    """Return the kinds of the families, and the samples by name and labels; each line has to fit its family."""
    kinds: dict[str, str] = {}
    samples: Samples = {}
    lines = text.split("\n")
    assert lines.pop() == ""
    family, helped = "", ""
    for line in lines:
        if line.startswith("# HELP "):
            helped, told = line[7:].split(" ", 1)
            assert told
        elif line.startswith("# TYPE "):
            family, kind = line[7:].split(" ")
            assert family not in kinds
            kinds[family] = kind
            assert family == helped
        else:
            found = SAMPLE.fullmatch(line)
            assert found, line
            labels = [
                (name, re.sub(r"\\.", lambda one: UNESCAPED[one[0]], value)) for name, value in LABEL.findall(found[2])
            ]
            suffixes = ("", "_sum", "_count") if kinds[family] == "summary" else ("",)
            assert found[1] in [family + suffix for suffix in suffixes]
            key = (found[1], tuple(labels))
            assert key not in samples
            samples[key] = float(found[3])
    return kinds, samples


def tally() -> Tally:
    """Return counts of three messages."""
    total = Tally()
    total.sizes = Histogram([10, 10, 300])
    total.latencies = Histogram([0.5])
    total.stamps.update(["negative", "written"])
    total.seconds, total.blocked_s, total.backpressure_events = 4.0, 1.5, 2
    return total


def test_the_text_has_what_was_counted_in_base_units() -> None:
    """Counters end in `_total`, sizes are in bytes, times in seconds, and summaries have quantiles, sum and count."""
    kinds, samples = parse(exposition(tally(), {"stage": "m"}, stamps=True, final=False))
    prefix, labels = "transmissions_monitor_", (("stage", "m"),)
    assert {name.removeprefix(prefix): kind for name, kind in kinds.items()} == {
        "messages_total": "counter",
        "bytes_total": "counter",
        "message_size_bytes": "summary",
        "message_size_max_bytes": "gauge",
        "blocked_seconds_total": "counter",
        "backpressure_events_total": "counter",
        "elapsed_seconds": "gauge",
        "finished": "gauge",
        "latency_seconds": "summary",
        "latency_max_seconds": "gauge",
        "stamps_total": "counter",
    }
    plain = {name.removeprefix(prefix): value for (name, found), value in samples.items() if found == labels}
    assert plain == {
        "messages_total": 3,
        "bytes_total": 320,
        "message_size_bytes_sum": 320,
        "message_size_bytes_count": 3,
        "message_size_max_bytes": 300,
        "blocked_seconds_total": 1.5,
        "backpressure_events_total": 2,
        "elapsed_seconds": 4,
        "finished": 0,
        "latency_seconds_sum": 0.5,
        "latency_seconds_count": 1,
        "latency_max_seconds": 0.5,
    }
    quantiles = [samples[prefix + "message_size_bytes", (*labels, ("quantile", q))] for q in ("0.5", "0.9", "0.99")]
    assert quantiles == pytest.approx([10, 300, 300], rel=0.01)
    outcomes = {found[-1][1]: value for (name, found), value in samples.items() if name == prefix + "stamps_total"}
    assert outcomes == {"written": 1, "read": 1, "negative": 1, "unreadable": 0}


def test_without_stamps_there_is_no_latency() -> None:
    """A monitor that measures no latency has no family of it, and one that has ended says so."""
    kinds, samples = parse(exposition(tally(), {"stage": "m"}, stamps=False, final=True))
    assert not [name for name in kinds if "latency" in name or "stamps" in name]
    assert samples["transmissions_monitor_finished", (("stage", "m"),)] == 1


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_name_stays_itself_as_a_label(name: str) -> None:
    """Backslashes, quotes and line ends in a name are escaped; read back, it is the name."""
    _, samples = parse(exposition(tally(), {"pipeline": name, "stage": "m"}, stamps=True, final=True))
    assert {dict(labels)["pipeline"] for _, labels in samples} == {name}
