"""The stream monitor: it measures what passes, and reports it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from processors.streams.histogram import Histogram
from processors.streams.prometheus import exposition
from processors.streams.stamps import seconds_of
from processors.streams.tally import Tally
from transmissions import (
    Duration,
    Message,
    Processor,
    TransmissionsError,
    get_field,
    set_field,
    setting,
    size_of_message,
)

__all__ = ["StreamMonitor"]

_BATCH = 1024
"""Messages whose sizes are kept before they are counted into histograms, all at once."""


class StreamMonitor(Processor):
    r"""Measure how many messages and bytes pass, and report it at intervals and at the end; messages pass unchanged.

    A report holds, in total and for the interval since the last one: messages and bytes a second, mean size and
    percentiles of sizes, and how often, and for how long, the stages behind had no room. With `:stampField` it
    holds latencies, too: the first monitor that a message meets writes the time into that field, later ones read how
    long ago that was. Any number of monitors may stand in one pipeline. Reports go to the log, and as asked into
    files of the target; a report that is due comes with the next message, and the final one however the run ends.

    Example:
        :stage a :StreamMonitor ; :settings [
            :name "letters" ; :reportInterval "PT5S" ; :jsonLinesFile "monitor.jsonl"
        ] .
        in {"title": "Letters"}
        in {"title": "Papers"}
        logged :stage letters, final, seconds …, messages 2, bytes 23, messages_per_s …, bytes_per_s …,
            size_bytes_mean 11.5, size_bytes_p50 11.09, size_bytes_p90 11.95, size_bytes_p99 11.95, size_bytes_max 12,
            blocked_s …, backpressure_events …
        out {"title": "Letters"}
        out {"title": "Papers"}
        written monitor.jsonl "{\"time\":\"…\",\"monitor\":\"letters\",\"report\":1,\"final\":true,"
            "\"seconds\":…,\"messages\":2,\"bytes\":23,…}\n"

    Guarantee: pure, but for the field that `:stampField` names.
    """

    stateful = True

    name: str = setting("", "what the reports call it; its stage's name if not given", volatile=True)
    report_interval: Duration = setting(Duration(5.0), "time between two reports", minimum=0.001, volatile=True)
    stamp_field: str | None = setting(
        None, "message field that holds the time at which a message was seen first; written where there is none",
        writes=True,
    )  # fmt: skip
    json_lines_file: str | None = setting(
        None, "file in the target for the reports, one JSON object a line; each run begins it anew", volatile=True
    )
    prometheus_file: str | None = setting(
        None, "file in the target for the newest report as Prometheus text; node_exporter wants `.prom`", volatile=True
    )

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.perf_counter,
        wall_clock: Callable[[], float] = time.time,
        **settings: Any,
    ) -> None:
        """Make a monitor that takes spans of time from `clock`, and seconds since 1970 from `wall_clock`."""
        super().__init__(**settings)
        self._clock, self._wall_clock = clock, wall_clock
        # What came since it was counted last: sizes, latencies, and what became of stamps that gave none.
        self._sizes: list[int] = []
        self._latencies: list[float] = []
        self._stamps: list[str] = []
        self._total, self._interval = Tally(), Tally()
        self._began: float | None = None
        self._ended: float | None = None
        self._interval_began = self._due = self._blocked_before = 0.0
        self._events_before = 0
        self._has_lines = False
        self._reports = 0
        self._failure: TransmissionsError | None = None

    def start(self) -> None:
        """Claim the files, and start the clock."""
        for path, owner in ((self.json_lines_file, self._lines_owner), (self.prometheus_file, self._text_owner)):
            if path:
                self.context.output.claim(path, owner)
        self._began = self._interval_began = self._clock()
        self._due = self._began + self.report_interval

    def process(self, message: Message) -> Message:
        """Count the message and return it."""
        self._sizes.append(size_of_message(message))
        if self.stamp_field:
            self._meet(message, self.stamp_field)
        now = self._clock()
        if now >= self._due:
            self._make_report(now, final=False)
        elif len(self._sizes) >= _BATCH:
            self._count()
        return message

    def finish(self) -> None:
        """Stop the clock: nothing more passes, whatever the stages behind still do."""
        self._ended = self._clock()

    def close(self) -> None:
        """Make the final report, however the run ended.

        Raises:
            TransmissionsError: this report or an earlier one could not be written into its file.
        """
        if self._began is None:
            return
        if self._ended is None:
            self._ended = self._clock()
        self._make_report(self._ended, final=True)
        if self._failure is not None:
            raise self._failure

    def report(self) -> dict[str, Any]:
        """Return the figures in total and, as `interval`, of the last interval; `docs/monitoring.md` lists them."""
        if self._began is None:
            return {}
        if self._ended is None:
            self._measure(self._clock())
        return self._figures()

    def _meet(self, message: Message, field: str) -> None:
        """Stamp a message that has no stamp; measure how long ago one that has was stamped."""
        now = self._wall_clock()
        stamp = get_field(message, field, None)
        if stamp is None:
            try:
                set_field(message, field, now)
                self._stamps.append("written")
            except TypeError:
                self._stamps.append("unreadable")
        elif (seconds := seconds_of(stamp)) is None:
            self._stamps.append("unreadable")
        elif seconds > now:
            self._stamps.append("negative")
        else:
            self._latencies.append(now - seconds)

    def _count(self) -> None:
        sizes, latencies, stamps = Histogram(self._sizes), Histogram(self._latencies), self._stamps
        self._sizes, self._latencies, self._stamps = [], [], []
        for tally in (self._total, self._interval):
            tally.sizes.merge(sizes)
            tally.latencies.merge(latencies)
            tally.stamps.update(stamps)

    def _measure(self, now: float) -> None:
        """Bring the counts up to date."""
        self._count()
        total, interval, statistics = self._total, self._interval, self.context.statistics()
        total.seconds, interval.seconds = now - (self._began or 0.0), now - self._interval_began
        total.blocked_s = statistics.get("blocked_s", 0.0)
        total.backpressure_events = statistics.get("backpressure_events", 0)
        interval.blocked_s = total.blocked_s - self._blocked_before
        interval.backpressure_events = total.backpressure_events - self._events_before

    def _figures(self) -> dict[str, Any]:
        stamps = bool(self.stamp_field)
        return {**self._total.figures(stamps=stamps), "interval": self._interval.figures(stamps=stamps)}

    def _make_report(self, now: float, *, final: bool) -> None:
        self._measure(now)
        self._reports += 1
        figures = self._figures()
        which = f"{self.name + ', ' if self.name else ''}{'final' if final else 'current'}"
        facts = {name: value for name, value in figures.items() if final == (name != "interval")}
        self.context.log("notice" if final else "info", which, _flat(facts))
        for path, write in ((self.json_lines_file, self._add_line), (self.prometheus_file, self._write_text)):
            if path:
                self._attempt(path, write, figures, final)
        if not final:
            self._interval, self._interval_began, self._due = Tally(), now, now + self.report_interval
            self._blocked_before = self._total.blocked_s
            self._events_before = self._total.backpressure_events

    def _attempt(
        self, path: str, write: Callable[[str, dict[str, Any], bool], None], figures: dict[str, Any], final: bool
    ) -> None:
        try:
            write(path, figures, final)
        except TransmissionsError as error:
            # No message is lost for a report; the run ends with the error, but not before its time.
            if self._failure is None:
                self._failure = error
                self.context.log("warning", f"a report could not be written: {error}", {})

    def _add_line(self, path: str, figures: dict[str, Any], final: bool) -> None:
        moment = datetime.fromtimestamp(self._wall_clock(), UTC).isoformat(timespec="milliseconds")
        head = {"time": moment, **self._labels, "report": self._reports, "final": final}
        line = orjson.dumps({**head, **figures}) + b"\n"
        if self._has_lines:
            self.context.output.grow(path, line, owner=self._lines_owner)
        else:
            self.context.output.write(path, line, owner=self._lines_owner)
            self._has_lines = True

    def _write_text(self, path: str, figures: dict[str, Any], final: bool) -> None:
        text = exposition(self._total, self._labels, stamps="stamps" in figures, final=final)
        self.context.output.write(path, text, owner=self._text_owner)

    @property
    def _labels(self) -> dict[str, str]:
        stage = self.context.stage
        labels = {"pipeline": self.context.pipeline, "stage": stage, "monitor": self.name or stage}
        # A name from a command line may hold bytes that are no text.
        return {label: text.encode(errors="replace").decode() for label, text in labels.items()}

    @property
    def _lines_owner(self) -> str:
        return f":jsonLinesFile of stage :{self.context.stage}"

    @property
    def _text_owner(self) -> str:
        return f":prometheusFile of stage :{self.context.stage}"


def _flat(figures: dict[str, Any]) -> dict[str, Any]:
    """Return figures on one level, rounded, without those that there are not."""
    facts: dict[str, Any] = {}
    for name, value in figures.items():
        if isinstance(value, dict):
            facts |= {f"{name}_{part}": told for part, told in _flat(value).items()}
        elif value is not None:
            facts[name] = float(f"{value:.6g}") if isinstance(value, float) else value
    return facts
