"""`trans usage report`: what calls used and cost, from session logs or from a ledger."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import MINYEAR, UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from transmissions.cli.choices import check_choice
from transmissions.cli.options import Debug, Json
from transmissions.errors import ParameterError

if TYPE_CHECKING:
    from transmissions.cli.usage_logs import Logs
    from transmissions.usage import Row, Tally

__all__ = ["EXAMPLES", "report"]

EXAMPLES = """\b
Examples:
  trans usage report
  trans usage report ~/.claude/projects --by month,model
  trans usage report session.jsonl --by session --json
  trans usage report --since 2026-01-01 --until 2026-01-31 --timezone Europe/Rome
  trans usage report --ledger ledger.sqlite --by owner --svg costs.svg
"""
_SHOWN_PROBLEMS = 5
Span = Callable[[datetime | None], bool] | None
"""Says whether a moment is in the span that is asked for; None if all are."""
_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")


def report(  # noqa: PLR0917
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH]...",
            show_default=False,
            help="Session logs of Claude Code or Codex: files and folders; by default where they are kept.",
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="day|month|model|project|session|owner|…",
            help="What to group by, several parted by commas; also agent, kind, provider, run.  [default: day]",
        ),
    ] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="DATE", help="Begin with this day.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="DATE", help="End with this day.")] = None,
    timezone: Annotated[
        str, typer.Option("--timezone", metavar="ZONE", help="The zone in which days begin, such as Europe/Rome.")
    ] = "local",
    ledger: Annotated[
        str | None, typer.Option("--ledger", metavar="FILE", help="Report on this ledger, not on session logs.")
    ] = None,
    prices: Annotated[
        list[str] | None,
        typer.Option("--prices", metavar="FILE", help="A price table of your own, JSON or Turtle; may be repeated."),
    ] = None,
    svg: Annotated[
        str | None, typer.Option("--svg", metavar="FILE", help="Also draw the cost by day, as a picture.")
    ] = None,
    debug: Debug = False,
    json: Json = False,
) -> int:
    """Sum up what calls used and cost.

    Nothing is sent anywhere. Each call counts once, however often it is logged. A model without a price is listed, and
    a sum without it is marked as the least that it can be."""
    from transmissions.cli.usage_logs import Logs
    from transmissions.usage import GROUPINGS, Tally, zone_of

    groups = [check_choice("--by", name.strip(), list(GROUPINGS)) for one in by or ["day"] for name in one.split(",")]
    if ledger is not None and paths:
        raise ParameterError(f"--ledger {ledger} and {paths[0]}: report on a ledger or on session logs, not on both")
    if ledger is not None and prices:
        raise ParameterError(f"--prices {prices[0]}: what a ledger charged stays as it was charged")
    try:
        zone = zone_of(timezone)
    except ValueError as error:
        raise ParameterError(f"--timezone {error}") from None
    tally = Tally(groups, zone=zone)
    daily = tally if groups == ["day"] else Tally("day", zone=zone)
    logs = Logs(paths or [])
    span = _span(since, until, zone)
    tallies = [tally] if daily is tally else [tally, daily]
    if ledger is None:
        _sum_up(logs, prices or [], span, groups, tallies)
    else:
        _sum_up_ledger(ledger, span, tallies)
    in_tokens = tally.total().cost is None
    if svg is not None:
        _draw(svg, daily, in_tokens)
    if json:
        from json import dumps

        typer.echo(dumps(tally.as_json(), indent=2, ensure_ascii=False))
    else:
        _print(tally, daily, groups, in_tokens)
    for note in logs.notes():
        typer.echo(note, err=True)
    _tell_problems(logs.problems())
    return 2 if logs.lost() else 0


def _sum_up(logs: Logs, prices: Sequence[str], span: Span, groups: Sequence[str], tallies: Sequence[Tally]) -> None:
    """Add the calls of session logs to the sums."""
    from transmissions.cli.usage_sums import Sums
    from transmissions.usage import default_prices

    sums = Sums(default_prices(prices), groups)
    was_enabled = gc.isenabled()
    # Nothing in this loop refers to itself, and looking for what does would take a third of its time.
    gc.disable()
    try:
        for record in logs.records():
            if span is None or span(record.at):
                sums.add(record)
    finally:
        if was_enabled:
            gc.enable()
    sums.tell(*tallies)


def _sum_up_ledger(ledger: str, span: Span, tallies: Sequence[Tally]) -> None:
    """Add the charges of a ledger to the sums, each as it was priced."""
    from transmissions.cli.usage_ledger import open_ledger

    with open_ledger(ledger) as opened:
        for entry in opened.charges():
            if entry.record is not None and (span is None or span(entry.record.at)):
                for tally in tallies:
                    tally.add_priced(entry.record, entry.atto)


def _span(since: str | None, until: str | None, zone: tzinfo) -> Span:
    first, last = _day("--since", since), _day("--until", until)
    if first and last and last < first:
        raise ParameterError(f"--until {until}: this day is before --since {since}")
    if not first and not last:
        return None
    begin = _midnight(first, zone) if first else _EARLIEST
    end = _midnight(last + timedelta(days=1), zone) if last and last < date.max else _LATEST
    return lambda at: at is not None and begin <= at < end


def _midnight(day: date, zone: tzinfo) -> datetime:
    """Return when a day begins; within what the calendar has."""
    try:
        return datetime.combine(day, time(), zone).astimezone(UTC)
    except (OverflowError, ValueError):
        return _EARLIEST if day.year == MINYEAR else _LATEST


def _day(option: str, text: str | None) -> date | None:
    if text is None:
        return None
    found = _DAY.fullmatch(text)
    try:
        return date(*map(int, found.groups())) if found else date.fromisoformat(text)
    except ValueError:
        raise ParameterError(f"{option} {text}: write a day as 2026-01-31") from None


def _draw(svg: str, daily: Tally, in_tokens: bool) -> None:
    from transmissions.cli.messages import write_whole
    from transmissions.cli.usage_chart import draw_chart
    from transmissions.cli.usage_table import days_of

    days = days_of(daily.rows(), in_tokens=in_tokens)
    title = "Tokens by day" if in_tokens else "Cost by day"
    if daily.total().partial and not in_tokens:
        title += ", without what is unpriced"
    write_whole(Path(svg), draw_chart(days, title, in_tokens=in_tokens).encode())


def _print(tally: Tally, daily: Tally, groups: Sequence[str], in_tokens: bool) -> None:
    from transmissions.cli.usage_table import bars, days_of, print_table

    total = tally.total()
    if not total.calls:
        typer.echo("no calls")
        return
    print_table(tally.rows(), total, groups)
    days = days_of(daily.rows(), in_tokens=in_tokens)
    if len(days) > 1:
        typer.echo(f"\n{'tokens' if in_tokens else 'cost'} by day")
        for line in bars(days, in_tokens=in_tokens):
            typer.echo(line)
    for line in _notes(total):
        typer.echo(line)


def _notes(total: Row) -> Iterator[str]:
    from transmissions.drawing.labels import printable

    if total.unpriced:
        named = [(printable(name) or "(none)", calls) for name, calls in sorted(total.unpriced.items())]
        models = ", ".join(f"{name} ({calls:,} calls)" for name, calls in named)
        yield f"\nunpriced, and not in the cost: {models}"
        if not total.priced:
            yield "prices come from --prices FILE, or from: pip install 'transmissions-engine[prices]'"
    if total.unmeasured:
        yield f"\n{total.unmeasured:,} calls used something that nobody counted; it is in no sum"
    if total.estimated:
        yield f"\n{total.estimated:,} calls are estimates"


def _tell_problems(problems: Sequence[dict[str, Any]]) -> None:
    for problem in problems[:_SHOWN_PROBLEMS]:
        place = ":".join(str(problem[part]) for part in ("file", "line") if part in problem)
        typer.echo(f"{place}: {problem['text']}" if place else problem["text"], err=True)
    if len(problems) > _SHOWN_PROBLEMS:
        typer.echo(f"… and {len(problems) - _SHOWN_PROBLEMS:,} more problems with the logs", err=True)
