"""What a box and an edge say of a span of time, from figures made up for it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from transmissions.bottleneck import Limit, Verdict
from transmissions.cli.picture import buffer_text, notes_of, rate_text
from transmissions.cli.window import Span
from transmissions.runtime.result import StageStatistics
from transmissions.streams import StreamStatistics

EDGES = [("read", "parse"), ("parse", "write")]


def stages(buffer: StreamStatistics) -> list[StageStatistics]:
    """Return a source that is fused to what follows it, and a sink with a buffer that failed on some messages."""
    return [
        StageStatistics("read", "R", 1, 2500, busy_s=0.5),
        StageStatistics("parse", "P", 2500, 2500, busy_s=0.25, blocked_s=0.75),
        StageStatistics("write", "W", 2400, busy_s=1.9, failed=7, buffer=buffer),
    ]


SLOWEST = Verdict(Limit.STAGE, "write", 0.95, 0.75, "", clear=True)


def test_a_live_picture_has_rates_and_shares() -> None:
    """Rates and shares are those of the span; only the end of a segment can be blocked; the slowest is marked."""
    notes = notes_of(Span(2.0, stages(StreamStatistics(8, depth=6, peak=8, drops=12))), EDGES, SLOWEST)
    assert {edge: text.strip() for edge, text in notes.edges.items()} == dict.fromkeys(EDGES, "1,250/s")
    assert notes.stages == {
        "read": ("busy  25 %",),
        "parse": ("busy  12 %  blocked  38 %",),
        "write": ("≡ ██████░░ 6/8", "busy  95 %  ◀ slowest", "dropped 12", "failed 7"),
    }
    assert notes.marked == "write"


def test_a_picture_of_the_whole_has_sums_and_peaks() -> None:
    """When the run is over, edges have their messages, and buffers the most that waited."""
    notes = notes_of(Span(2.0, stages(StreamStatistics(8, depth=0, peak=4)), is_whole=True), EDGES, None)
    assert set(notes.edges.values()) == {"2,500 messages"}
    assert notes.stages["write"] == ("≡ ████░░░░ peak 4/8", "busy 95 %", "failed 7")
    assert notes.marked is None


@dataclass(slots=True)
class Spilling(StreamStatistics):
    """The counters of a stream that has messages on disk."""

    spilled: int = 0
    spill_depth: int = 0


@pytest.mark.parametrize(("is_whole", "said"), [(False, "on disk 900"), (True, "on disk 5,000")])
def test_messages_on_disk_are_seen(is_whole: bool, said: str) -> None:
    """Those that wait there now, or all that went there in the run."""
    buffer = Spilling(8, depth=8, peak=8, spilled=5000, spill_depth=900)
    assert said in notes_of(Span(2.0, stages(buffer), is_whole=is_whole), EDGES, None).stages["write"]


def test_a_span_of_no_time_has_figures_too() -> None:
    """The first reading may come at once."""
    notes = notes_of(
        Span(0.0, [StageStatistics("read", "R"), StageStatistics("write", "W")]), [("read", "write")], None
    )
    assert notes.edges["read", "write"].strip() == "0/s"


def test_a_bar_shows_the_bound_that_is_nearest() -> None:
    """A buffer that is full of bytes looks full, however few its messages are."""
    stream = StreamStatistics(1024, capacity_bytes=1000, depth=2, depth_bytes=1000, peak=3, peak_bytes=500)
    assert buffer_text(stream) == "████████     2/1,024"
    assert buffer_text(stream, at_most=True) == "████░░░░ peak 3/1,024"


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0, "0/s"), (0.25, "0.2/s"), (9.4, "9.4/s"), (12.3, "12/s"), (9999, "9,999/s"), (12_345, "12k/s"),
     (999_499, "999k/s"), (999_500, "1.0M/s"), (1_234_567, "1.2M/s")],
)  # fmt: skip
def test_rates_are_short(rate: float, text: str) -> None:
    """A rate fits beside an arrow."""
    assert rate_text(rate) == text
