"""`trans run --watch`: the pipeline's graph on the terminal with the figures of the last second, drawn in place."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from transmissions.bottleneck import Verdict, find_bottleneck, share_text
from transmissions.cli.meter import Meter
from transmissions.cli.picture import MARK, buffer_text, definition_of, notes_of, rate_text
from transmissions.cli.progress import NoProgress, progress_line
from transmissions.cli.window import Span, Window
from transmissions.drawing import draw_text
from transmissions.drawing.labels import display_width
from transmissions.runtime.result import Result, StageStatistics

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

__all__ = ["WatchProgress", "can_draw"]

_NARROW = 60
_MOST_DRAWN = 40
"""Stages in a drawing at most: laying out more would take longer than a look at it."""
_COLOURS = {MARK: "bold red", r"blocked +(?:[3-9]\d|100) %": "yellow", r"(?:failed|dropped) [\d,]+": "red"}


class WatchProgress(NoProgress):
    """Draws the graph in place while the run goes on, and leaves one picture of the whole run behind.

    Nothing of the terminal is changed that would have to be put back: the cursor stays where it is seen, and there is
    no second screen. So no way of ending leaves it broken.

    Args:
        pipeline: its name.
        edges: pairs of stage names.
    """

    def __init__(self, pipeline: str, edges: Sequence[tuple[str, str]]) -> None:
        from rich.console import Console
        from rich.live import Live

        self._pipeline = pipeline
        self._edges = edges
        self._meter, self._window = Meter(), Window()
        self._started = time.monotonic()
        self._console = Console(stderr=True, highlight=False)
        self._size = self._console.size
        self._notice = ""
        # What goes to the terminal meanwhile, by either stream, scrolls by above the picture.
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
            vertical_overflow="crop",
        )
        self._live.start()
        self._console.show_cursor(True)

    def show(self, stages: Sequence[StageStatistics]) -> None:
        """Draw these counters."""
        seconds = time.monotonic() - self._started
        span = self._window.read(stages, seconds)
        title = f"{self._pipeline}: {progress_line(self._meter.read(stages, seconds), ())}"
        if self._notice:
            title += f"; {self._notice}"
        if self._console.size != self._size:
            # A terminal that became narrower has broken the lines; where they are now, nobody knows.
            self._size = self._console.size
            self._console.clear()
        verdict = find_bottleneck(span.stages, self._edges, span.seconds)
        # The last line stays free: the cursor is there.
        self._live.update(self._drawn(span, title, verdict, self._size.height - 1), refresh=True)

    def announce(self, text: str) -> None:
        """Show the text beside the title."""
        self._notice = text

    def close(self, result: Result | None = None) -> None:
        """Take the picture away, and leave one of the whole run if there is a result."""
        self._live.stop()
        if result is not None:
            span = Span(result.seconds, result.stages, is_whole=True)
            verdict = find_bottleneck(span.stages, self._edges, span.seconds)
            self._console.print(self._drawn(span, self._pipeline, verdict, None), soft_wrap=False)

    def _drawn(self, span: Span, title: str, verdict: Verdict | None, height: int | None) -> RenderableType:
        """Return the graph, or the list of stages where the terminal is too small for it."""
        from rich.text import Text

        size = self._console.size.width, height
        if len(span.stages) > _MOST_DRAWN:
            return _listed(span, title, verdict, *size)
        notes = notes_of(span, self._edges, verdict, title)
        lines = draw_text(definition_of(self._pipeline, span.stages, self._edges), notes).splitlines()
        # The title may be cut; a box may not.
        too_wide = max(map(display_width, lines[1:]), default=0) > size[0]
        if too_wide or (height is not None and len(lines) > height):
            return _listed(span, title, verdict, *size)
        drawn = Text("\n".join(lines), no_wrap=True, overflow="ellipsis")
        drawn.stylize("bold", 0, len(lines[0]))
        for pattern, style in _COLOURS.items():
            drawn.highlight_regex(pattern, style)
        return drawn


def _listed(span: Span, title: str, verdict: Verdict | None, width: int, height: int | None) -> RenderableType:
    """Return the figures as a line for each stage, or each that works or waits most if there is no room for all.

    Where it is narrow, buffers have no bars, and the mark has no word.
    """
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1), header_style="dim", pad_edge=False)
    # It alone may wrap, so that it is what becomes narrower; its cells are cut instead.
    table.add_column("stage", overflow="ellipsis")
    for column in ("out", "busy", "blocked"):
        table.add_column(column, justify="right", no_wrap=True, overflow="ellipsis")
    for column in ("buffer", ""):
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    seconds, is_narrow = max(span.seconds, 1e-6), width < _NARROW
    shown = span.stages if height is None else _most_telling(span.stages, verdict, height - 2)
    for one in shown:
        is_marked = verdict is not None and one.stage == verdict.marked
        fill = buffer_text(one.buffer, at_most=span.is_whole) if one.buffer else ""
        table.add_row(
            Text(one.stage, style="bold red" if is_marked else "", no_wrap=True, overflow="ellipsis"),
            f"{one.emitted:,}" if span.is_whole else rate_text(one.emitted / seconds),
            share_text(one.busy_s / seconds),
            share_text(one.blocked_s / seconds),
            fill.split()[-1] if is_narrow and fill else fill,
            Text(MARK[0] if is_narrow else MARK, style="bold red") if is_marked else _failed(one),
        )
    rest = [Text(f"… and {left:,} more", style="dim")] if (left := len(span.stages) - len(shown)) else []
    return Group(Text(title, style="bold", no_wrap=True, overflow="ellipsis"), table, *rest)


def _most_telling(stages: list[StageStatistics], verdict: Verdict | None, lines: int) -> list[StageStatistics]:
    """Return the stages that worked or waited most, in their order, leaving a line to say that there are more."""
    if len(stages) <= lines:
        return stages
    marked = verdict.marked if verdict else None
    ranked = sorted(stages, key=lambda one: (one.stage != marked, -one.busy_s - one.blocked_s))
    kept = {one.stage for one in ranked[: max(0, lines - 1)]}
    return [one for one in stages if one.stage in kept]


def _failed(one: StageStatistics) -> Text:
    from rich.text import Text

    return Text(f"failed {one.failed:,}" if one.failed else "", style="red")


def can_draw() -> bool:
    """Say whether standard error is a terminal that can be drawn on."""
    from rich.console import Console

    console: Console = Console(stderr=True)
    return console.is_terminal and not console.is_dumb_terminal and sys.stderr.isatty()
