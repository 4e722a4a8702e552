"""A run as a picture: the pipeline with the figures of a span of time, to be drawn in any format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from transmissions.bottleneck import Verdict, fused, share_text
from transmissions.cli.window import Span
from transmissions.drawing import Notes
from transmissions.model import Definition, Stage
from transmissions.runtime.result import StageStatistics
from transmissions.streams import StreamStatistics

__all__ = ["MARK", "buffer_text", "definition_of", "fill_bar", "notes_of", "rate_text"]

MARK = "◀ slowest"
_BAR_COLUMNS = 8


def definition_of(
    pipeline: str, stages: Iterable[StageStatistics], edges: Iterable[tuple[str, str]], label: str = ""
) -> Definition:
    """Return a pipeline to draw, made of what its run tells."""
    return Definition(pipeline, "", tuple(Stage(one.stage, one.processor) for one in stages), tuple(edges), label)


def notes_of(span: Span, edges: Sequence[tuple[str, str]], verdict: Verdict | None, title: str = "") -> Notes:
    """Return the figures of a span of time.

    Beside an edge stand the messages a second that went over it, or how many did in the whole run. A box says how full
    the buffer in front is, or at most was; for which share of the time the stage worked and waited for room; and what
    failed, was dropped, or waits on disk, or did so in the whole run.
    """
    marked = verdict.marked if verdict else None
    by_name = {one.stage: one for one in span.stages}
    ends = {segment[-1].stage for segment in fused(span.stages, edges)} & {first for first, _ in edges}
    return Notes(
        stages={
            name: tuple(_lines(one, span, can_wait=name in ends, is_marked=name == marked))
            for name, one in by_name.items()
        },
        edges={edge: _edge_text(by_name[edge[0]], span) for edge in edges},
        marked=marked,
        title=title,
    )


def _lines(one: StageStatistics, span: Span, *, can_wait: bool, is_marked: bool) -> list[str]:
    # Shares that change are padded, so that the picture keeps still.
    width, seconds = 0 if span.is_whole else 5, max(span.seconds, 1e-6)
    work = f"busy {share_text(one.busy_s / seconds):>{width}}"
    if one.blocked_s > 0 or (can_wait and not is_marked):
        work += f"  blocked {share_text(one.blocked_s / seconds):>{width}}"
    lines = [work + (f"  {MARK}" if is_marked else "")]
    if one.buffer is not None:
        lines.insert(0, f"≡ {buffer_text(one.buffer, at_most=span.is_whole)}")
        if one.buffer.drops:
            lines.append(f"dropped {one.buffer.drops:,}")
        if on_disk := getattr(one.buffer, "spilled" if span.is_whole else "spill_depth", 0):
            lines.append(f"on disk {on_disk:,}")
    return lines + ([f"failed {one.failed:,}"] if one.failed else [])


def buffer_text(stream: StreamStatistics, *, at_most: bool = False) -> str:
    """Return how full a buffer is, or at most was, as a bar and in messages; the bar shows the bound that is nearest.

    >>> buffer_text(StreamStatistics(8, depth=4))
    '████░░░░ 4/8'
    """
    depth = stream.peak if at_most else stream.depth
    fill = depth / stream.capacity if stream.capacity else 0.0
    if stream.capacity_bytes:
        fill = max(fill, (stream.peak_bytes if at_most else stream.depth_bytes) / stream.capacity_bytes)
    capacity = f"{stream.capacity:,}"
    bar = fill_bar(fill, _BAR_COLUMNS)
    return f"{bar} peak {depth:,}/{capacity}" if at_most else f"{bar} {depth:>{len(capacity)},}/{capacity}"


def fill_bar(fill: float, columns: int) -> str:
    """Return a share, 0 to 1, as a bar."""
    full = round(min(1.0, max(0.0, fill)) * columns)
    return "█" * full + "░" * (columns - full)


def _edge_text(sender: StageStatistics, span: Span) -> str:
    if span.is_whole:
        return f"{sender.emitted:,} message{'' if sender.emitted == 1 else 's'}"
    # Padded as well; the widest rate is 9 characters.
    return f"{rate_text(sender.emitted / span.seconds if span.seconds > 0 else 0.0):<9}"


def rate_text(messages_per_s: float) -> str:
    """Return a rate in few characters.

    >>> rate_text(1234.5), rate_text(0.5), rate_text(1234567)
    ('1,234/s', '0.5/s', '1.2M/s')
    """
    if messages_per_s >= 999_500:
        return f"{messages_per_s / 1e6:.1f}M/s"
    if messages_per_s >= 10_000:
        return f"{messages_per_s / 1e3:.0f}k/s"
    # Few messages a second are told apart by a decimal.
    return f"{messages_per_s:.1f}/s" if 0 < messages_per_s < 10 else f"{messages_per_s:,.0f}/s"
