"""Usage as a table that a person reads, and bars of what each day cost."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from transmissions.drawing.labels import display_width, printable

if TYPE_CHECKING:
    from transmissions.usage import Row

__all__ = ["Day", "bars", "days_of", "money", "plain_lines", "print_table"]

_COUNTS = ("input", "cache_read", "cache_write", "output", "total_tokens")
_BAR_COLUMNS = 40
_BARS = 31
_EIGHTHS = " ▏▎▍▌▋▊▉"
_MOST_FILLED_DAYS = 3660

Day = tuple[str, Decimal]
"""A day, and what it cost in dollars, or used in tokens."""


def money(dollars: Decimal | None, partial: bool = False) -> str:
    """Return dollars to the cent, and finer where that would say nothing; what is only a part begins with "≥".

    >>> money(Decimal("1234.5678")), money(Decimal("0.001234")), money(Decimal("2"), partial=True), money(None)
    ('$1,234.57', '$0.001234', '≥ $2.00', 'unpriced')
    """
    from transmissions.usage import dollars_text

    if dollars is None:
        return "unpriced"
    text = dollars_text(round(dollars, 2) if abs(dollars) >= Decimal("0.1") or not dollars else round(dollars, 6))
    return f"≥ {text}" if partial else text


def print_table(rows: Sequence[Row], total: Row, by: Sequence[str]) -> None:
    """Print rows of usage and their sum: in colours on a terminal, plain elsewhere."""
    titles = [*by, "calls", "input", "cache read", "cache write", "output", "total", "cost"]
    lines = [[*(printable(row.group[name]) or "(none)" for name in by), *_numbers(row)] for row in rows]
    last = ["total", *[""] * (len(by) - 1), *_numbers(total)]
    if sys.stdout.isatty():
        _print_rich(titles, lines, last, len(by))
    else:
        print("\n".join(plain_lines([titles, *lines, last], len(by))))  # noqa: T201


def _numbers(row: Row) -> list[str]:
    counts = [f"{getattr(row, name):,}" for name in _COUNTS]
    return [f"{row.calls:,}", *counts, money(row.cost, row.partial)]


def plain_lines(lines: Sequence[Sequence[str]], texts: int) -> Iterator[str]:
    """Yield rows as lines with aligned columns, of which the first so many hold text and the others numbers."""
    widths = [max(display_width(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        cells = []
        for column, cell in enumerate(line):
            space = " " * (widths[column] - display_width(cell))
            cells.append(cell + space if column < texts else space + cell)
        yield "  ".join(cells).rstrip()


def _print_rich(titles: Sequence[str], lines: Sequence[Sequence[str]], last: Sequence[str], texts: int) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_footer=True)
    for column, title in enumerate(titles):
        is_text = column < texts
        table.add_column(
            title, Text(last[column], "bold"), justify="left" if is_text else "right", overflow="fold", no_wrap=False
        )
    for line in lines:
        table.add_row(*(Text(cell, "bold" if column < texts else "") for column, cell in enumerate(line)))
    Console().print(table)


def days_of(rows: Sequence[Row], *, in_tokens: bool) -> list[Day]:
    """Return each day from the first to the last with what it cost, or used; days without calls are zero.

    Args:
        rows: rows by day.
        in_tokens: whether to count tokens, for want of prices.
    """
    found = {row.group["day"]: Decimal(row.total_tokens) if in_tokens else row.cost or Decimal(0) for row in rows}
    days = sorted(date.fromisoformat(day) for day in found if day)
    if not days:
        return []
    between = (days[-1] - days[0]).days + 1
    if between > _MOST_FILLED_DAYS:
        return [(day.isoformat(), found[day.isoformat()]) for day in days]
    every = [(days[0] + timedelta(days=number)).isoformat() for number in range(between)]
    return [(day, found.get(day, Decimal(0))) for day in every]


def bars(days: Sequence[Day], *, in_tokens: bool) -> Iterator[str]:
    """Yield a line with a bar for each of the last days on which something was used."""
    used = [(day, amount) for day, amount in days if amount]
    shown = used[-_BARS:]
    if len(used) > len(shown):
        yield f"({len(used) - len(shown)} earlier days are not shown)"
    most = max((amount for _, amount in shown), default=Decimal(1))
    texts = [f"{int(amount):,}" if in_tokens else money(amount) for _, amount in shown]
    width = max(map(len, texts), default=0)
    for (day, amount), text in zip(shown, texts, strict=True):
        yield f"{day}  {text:>{width}}  {_bar(amount / most)}"


def _bar(share: Decimal) -> str:
    eighths = int(share * _BAR_COLUMNS * 8)
    # The least that was used is more than nothing.
    eighths = max(eighths, 1)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
