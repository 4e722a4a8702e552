"""What each day cost, as an SVG picture that reads well on light and on dark pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from html import escape

from transmissions.cli.usage_table import Day, money

__all__ = ["draw_chart"]

_HEIGHT_PX = 320
_PLOT_PX = 220
_TOP_PX = 56
_LEFT_PX = 84
_RIGHT_PX = 24
_LEAST_WIDTH_PX = 640
_MOST_WIDTH_PX = 4000
_LABEL_PX = 84
_STYLE = """
  text { font: 12px ui-sans-serif, system-ui, sans-serif; fill: #1f2430 }
  .title { font-size: 16px; font-weight: 600 }
  .scale { text-anchor: end; fill: #5b6475 }
  .day { text-anchor: middle; fill: #5b6475 }
  .line { stroke: #d5dae3; stroke-width: 1 }
  .bar { fill: #4a6fa5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6e9f0 }
    .scale, .day { fill: #a9b3c6 }
    .line { stroke: #3a4356 }
    .bar { fill: #7fa3d9 }
  }
"""


def draw_chart(days: Sequence[Day], title: str, *, in_tokens: bool) -> str:
    """Return a bar for each day as an SVG document; each bar tells its day and amount.

    Args:
        days: as `days_of` gives them.
        title: what stands above.
        in_tokens: whether the amounts are tokens, and not dollars.
    """
    step = max(4.0, min(28.0, (_MOST_WIDTH_PX - _LEFT_PX - _RIGHT_PX) / max(len(days), 1)))
    width = max(_LEAST_WIDTH_PX, round(len(days) * step) + _LEFT_PX + _RIGHT_PX)
    top = _round_up(max((amount for _, amount in days), default=Decimal(0)))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_HEIGHT_PX}" '
        f'viewBox="0 0 {width} {_HEIGHT_PX}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="{_LEFT_PX}" y="28">{escape(title)}</text>',
        *_scale(top, width, in_tokens),
        *_bars(days, top, step, in_tokens),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _scale(top: Decimal, width: int, in_tokens: bool) -> Iterator[str]:
    for part in range(5):
        y = _TOP_PX + _PLOT_PX - part * _PLOT_PX // 4
        text = _amount(top * part / 4, in_tokens)
        yield f'<path class="line" d="M{_LEFT_PX} {y}H{width - _RIGHT_PX}"/>'
        yield f'<text class="scale" x="{_LEFT_PX - 8}" y="{y + 4}">{escape(text)}</text>'


def _bars(days: Sequence[Day], top: Decimal, step: float, in_tokens: bool) -> Iterator[str]:
    bottom = _TOP_PX + _PLOT_PX
    every = max(1, round(_LABEL_PX / step))
    for number, (day, amount) in enumerate(days):
        x = _LEFT_PX + number * step
        height = float(amount / top) * _PLOT_PX
        if amount:
            label = escape(f"{day}: {_amount(amount, in_tokens)}")
            yield (
                f'<rect class="bar" x="{x + step * 0.1:.1f}" y="{bottom - height:.1f}" width="{step * 0.8:.1f}" '
                f'height="{height:.1f}"><title>{label}</title></rect>'
            )
        if number % every == 0:
            yield f'<text class="day" x="{x + step / 2:.1f}" y="{bottom + 20}">{day}</text>'


def _amount(amount: Decimal, in_tokens: bool) -> str:
    return f"{int(amount):,}" if in_tokens else money(amount)


def _round_up(amount: Decimal) -> Decimal:
    """Return the next number that divides well by four.

    >>> _round_up(Decimal("31.5"))
    Decimal('40')
    """
    if not amount:
        return Decimal(4)
    power = Decimal(1).scaleb(amount.adjusted())
    return next(power * step for step in (1, 2, 4, 6, 8, 10) if power * step >= amount)
