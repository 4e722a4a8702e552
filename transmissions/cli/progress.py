"""What a person sees while a run goes on: a live view on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from transmissions.cli.meter import Figures, Meter
from transmissions.quantities import size_text, time_text
from transmissions.runtime.result import Result, StageStatistics

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["LiveProgress", "NoProgress", "PlainProgress", "Progress", "make_progress", "progress_line"]

_FIRST_LINE_AFTER_S = 5.0
_LINE_EVERY_S = 5.0
_BAR_COLUMNS = 10


class Progress(Protocol):
    """Shows how a run stands, whenever it is given the counters."""

    def show(self, stages: Sequence[StageStatistics]) -> None:
        """Show these counters, if it is time to."""

    def announce(self, text: str) -> None:
        """Say something at once; may be called by a signal's handler."""

    def close(self, result: Result | None = None) -> None:
        """Leave the terminal as it was; `result` is None if there is none."""


class NoProgress:
    """Shows nothing but what is announced."""

    def show(self, stages: Sequence[StageStatistics]) -> None:
        """Do nothing."""

    def announce(self, text: str) -> None:
        """Write the text to stderr."""
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"{text}\n".encode())

    def close(self, result: Result | None = None) -> None:
        """Do nothing."""


class PlainProgress(NoProgress):
    """Writes a line to stderr every few seconds of a run that takes long.

    Args:
        pipeline: its name.
    """

    def __init__(self, pipeline: str) -> None:
        self._pipeline = pipeline
        self._meter = Meter()
        self._started = time.monotonic()
        self._next = self._started + _FIRST_LINE_AFTER_S

    def show(self, stages: Sequence[StageStatistics]) -> None:
        """Write a line, if the last one was long enough ago."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _LINE_EVERY_S
            figures = self._meter.read(stages, now - self._started)
            print(f"{self._pipeline}: {progress_line(figures, stages)}", file=sys.stderr, flush=True)  # noqa: T201


class LiveProgress(NoProgress):
    """Draws a view on the terminal that changes in place, and takes it away at the end.

    Args:
        pipeline: its name.
    """

    def __init__(self, pipeline: str) -> None:
        from rich.console import Console
        from rich.live import Live

        self._pipeline = pipeline
        self._meter = Meter()
        self._started = time.monotonic()
        self._notice = ""
        # Messages may go to stdout at the same time; only stderr is the display's.
        self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True, redirect_stdout=False)
        self._live.start()
        # A hidden cursor would stay hidden if the process is killed.
        self._live.console.show_cursor(True)

    def show(self, stages: Sequence[StageStatistics]) -> None:
        """Draw these counters."""
        figures = self._meter.read(stages, time.monotonic() - self._started)
        self._live.update(_view(self._pipeline, figures, stages, self._notice), refresh=True)

    def announce(self, text: str) -> None:
        """Show the text beside the figures."""
        self._notice = text

    def close(self, result: Result | None = None) -> None:
        """Take the view away."""
        self._live.stop()


def make_progress(pipeline: str, *, quiet: bool, stdout_is_busy: bool) -> Progress:
    """Return what suits the terminal.

    Args:
        pipeline: its name.
        quiet: whether nothing is wanted.
        stdout_is_busy: whether messages are written to stdout meanwhile.
    """
    if quiet:
        return NoProgress()
    # A view that changes in place and messages that scroll by do not go together on one terminal.
    if sys.stderr.isatty() and not (stdout_is_busy and sys.stdout.isatty()):
        return LiveProgress(pipeline)
    return PlainProgress(pipeline)


def progress_line(figures: Figures, stages: Sequence[StageStatistics]) -> str:
    """Return how a run stands on one line: time, amounts, rates, time left, who waits."""
    parts = [time_text(figures.seconds)]
    if figures.bytes:
        parts.append(_bytes_text(figures))
        parts.append(f"{size_text(figures.bytes_per_s)}/s")
    parts.append(f"{figures.messages_per_s:,.0f} messages/s")
    if figures.left_s is not None:
        parts.append(f"{time_text(figures.left_s)} left")
    if stages:
        parts.append(f"{stages[0].stage} gave {figures.read:,}, {stages[-1].stage} got {stages[-1].received:,}")
    if stages and figures.held_back:
        parts.append("held back: " + ", ".join(one.stage for one in stages if one.stage in figures.held_back))
    return "; ".join(parts)


def _bytes_text(figures: Figures) -> str:
    if figures.bytes_total is None or figures.share is None:
        return size_text(figures.bytes)
    return f"{figures.share:.0%}, {size_text(figures.bytes)} of {size_text(figures.bytes_total)}"


def _view(pipeline: str, figures: Figures, stages: Sequence[StageStatistics], notice: str) -> RenderableType:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    head = Table.grid(padding=(0, 2))
    cells: list[RenderableType] = [Text(pipeline, style="bold")]
    if figures.share is not None:
        cells.append(ProgressBar(total=1.0, completed=figures.share, width=24))
    cells.append(Text(progress_line(figures, ()) + (f"; {notice}" if notice else "")))
    head.add_row(*cells)
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for column in ("stage", "processor"):
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    for column in ("in", "out", "failed"):
        table.add_column(column, justify="right")
    table.add_column("buffer", no_wrap=True)
    table.add_column("")
    for one in stages:
        state = Text("waits for room", style="yellow") if one.stage in figures.held_back else Text("")
        failed = Text(f"{one.failed:,}", style="red" if one.failed else "dim")
        table.add_row(
            Text(one.stage), Text(one.processor, style="dim"), f"{one.received:,}", f"{one.emitted:,}", failed,
            _buffer_bar(one), state,
        )  # fmt: skip
    return Group(head, table)


def _buffer_bar(one: StageStatistics) -> str:
    if one.buffer is None:
        return ""
    full = round(min(1.0, one.buffer.fill) * _BAR_COLUMNS)
    return f"{'█' * full}{'░' * (_BAR_COLUMNS - full)} {one.buffer.depth:,}/{one.buffer.capacity:,}"
