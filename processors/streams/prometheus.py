"""A monitor's counts in the text format that Prometheus reads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from processors.streams.histogram import Histogram
from processors.streams.tally import PERCENTS, Tally

__all__ = ["exposition"]

_PREFIX = "transmissions_monitor_"


def exposition(total: Tally, labels: Mapping[str, str], *, stamps: bool, final: bool) -> str:
    """Return the counts of a whole run as Prometheus text; rates and intervals are for Prometheus to work out.

    Args:
        total: the counts since the start.
        labels: what tells this monitor from others.
        stamps: whether to tell of latencies.
        final: whether the run has ended.
    """
    lines = [
        *_single("messages_total", "counter", "Messages that passed.", labels, total.sizes.count),
        *_single("bytes_total", "counter", "Bytes of messages that passed.", labels, total.sizes.sum),
        *_summary("message_size_bytes", "Sizes of messages.", labels, total.sizes),
        *_single("message_size_max_bytes", "gauge", "Size of the largest message.", labels, total.sizes.maximum),
        *_single("blocked_seconds_total", "counter", "Time without room behind.", labels, total.blocked_s),
        *_single("backpressure_events_total", "counter", "Waits for room behind.", labels, total.backpressure_events),
        *_single("elapsed_seconds", "gauge", "Time since the start.", labels, total.seconds),
        *_single("finished", "gauge", "Whether the run has ended, 1 or 0.", labels, int(final)),
    ]
    if stamps:
        lines += _stamps(total, labels)
    return "".join(line + "\n" for line in lines)


def _stamps(total: Tally, labels: Mapping[str, str]) -> Iterator[str]:
    yield from _summary("latency_seconds", "Time since messages were stamped.", labels, total.latencies)
    yield from _single(
        "latency_max_seconds", "gauge", "Longest time since a message was stamped.", labels, total.latencies.maximum
    )
    samples = [("", {**labels, "outcome": outcome}, number) for outcome, number in total.outcomes().items()]
    yield from _family("stamps_total", "counter", "Messages by what became of their stamps.", samples)


def _summary(name: str, text: str, labels: Mapping[str, str], values: Histogram) -> Iterator[str]:
    told = zip(PERCENTS, values.percentiles(*PERCENTS), strict=True)
    samples: list[tuple[str, Mapping[str, str], float]] = [
        ("", {**labels, "quantile": f"{percent / 100:g}"}, math.nan if value is None else value)
        for percent, value in told
    ]
    samples += [("_sum", labels, values.sum), ("_count", labels, values.count)]
    return _family(name, "summary", text, samples)


def _single(name: str, kind: str, text: str, labels: Mapping[str, str], value: float) -> Iterator[str]:
    return _family(name, kind, text, [("", labels, value)])


def _family(name: str, kind: str, text: str, samples: Iterable[tuple[str, Mapping[str, str], float]]) -> Iterator[str]:
    yield f"# HELP {_PREFIX}{name} {text}"
    yield f"# TYPE {_PREFIX}{name} {kind}"
    for suffix, labels, value in samples:
        pairs = ",".join(f'{label}="{_escaped(told)}"' for label, told in labels.items())
        yield f"{_PREFIX}{name}{suffix}{{{pairs}}} {'NaN' if math.isnan(value) else repr(value)}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
