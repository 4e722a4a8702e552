"""`trans usage balance`, `grant` and `limits`: what a ledger holds, and what it allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from transmissions.cli.choices import check_choice
from transmissions.cli.options import Debug, Json
from transmissions.errors import ParameterError

if TYPE_CHECKING:
    from transmissions.usage import Ledger
    from transmissions.usage.budgets import Budget

__all__ = ["BALANCE_EXAMPLES", "GRANT_EXAMPLES", "LIMITS_EXAMPLES", "balance", "grant", "limits", "open_ledger"]

BALANCE_EXAMPLES = """\b
Examples:
  trans usage balance
  trans usage balance alpha --json
  trans usage balance --ledger ledger.sqlite
"""
GRANT_EXAMPLES = """\b
Examples:
  trans usage grant alpha 25
  trans usage grant alpha 25 --key invoice-17 --note "paid in January"
  trans usage grant alpha 10 --every "1 month" --below 5
  trans usage grant alpha -- -3.50
"""
LIMITS_EXAMPLES = """\b
Examples:
  trans usage limits
  trans usage limits --on owner=alpha --hard 50 --warn 40 --per month
  trans usage limits --on model --hard 2000000 --measure tokens --per day
  trans usage limits --on all --hard 500 --per month --timezone Europe/Rome
  trans usage limits --drop "cost of owner alpha, a month"
"""

LedgerFile = Annotated[
    str | None,
    typer.Option(
        "--ledger", metavar="FILE", help="The ledger.  [default: transmissions/ledger.sqlite in the user's data folder]"
    ),
]


def balance(
    owner: Annotated[
        str | None, typer.Argument(metavar="[OWNER]", show_default=False, help="Whose; all owners by default.")
    ] = None,
    ledger: LedgerFile = None,
    debug: Debug = False,
    json: Json = False,
) -> int:
    """Show balances.

    The balance of an owner is what was granted, less what was used; reserved is what is kept free for calls that are
    being made."""
    with open_ledger(ledger) as opened:
        owners = [account.owner for account in opened.accounts()] if owner is None else [owner]
        found = [(name, opened.balance(name), opened.reserved(name)) for name in owners]
    if json:
        _print_json([{"owner": name, "balance": float(has), "reserved": float(kept)} for name, has, kept in found])
    else:
        rows = [[name or "(none)", _dollars(has), _dollars(kept)] for name, has, kept in found]
        _print_rows(["owner", "balance", "reserved"], rows, 1, "no owner has a balance")
    return 0


def grant(  # noqa: PLR0917
    owner: Annotated[str, typer.Argument(metavar="OWNER", show_default=False, help="Whose balance.")],
    dollars: Annotated[str, typer.Argument(metavar="DOLLARS", show_default=False, help="By how much it grows.")],
    every: Annotated[
        str | None,
        typer.Option("--every", metavar="SPAN", help='Give it again at each of these intervals: "1 month".'),
    ] = None,
    below: Annotated[
        str | None, typer.Option("--below", metavar="DOLLARS", help="With --every, only if the balance is below this.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="TEXT", help="Grant once under this key, however often asked."),
    ] = None,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Why.")] = None,
    ledger: LedgerFile = None,
    debug: Debug = False,
    json: Json = False,
) -> int:
    """Give credit to an owner.

    The ledger is made if it is not there."""
    if below is not None and every is None:
        raise ParameterError(f"--below {below}: this goes with --every")
    if every is not None and (key is not None or note is not None):
        raise ParameterError("--every: a credit that repeats takes no --key and no --note")
    with open_ledger(ledger, make=True) as opened:
        if every is None:
            opened.grant(owner, dollars, key=key or "", note=note or "")
        else:
            opened.set_refill(owner, dollars, every, below=below)
        has = opened.balance(owner)
    if json:
        _print_json({"owner": owner, "balance": float(has)})
    else:
        typer.echo(
            f"{owner}: {_dollars(has)}"
            + (f", and {_dollars(_number('DOLLARS', dollars))} every {every}" if every else "")
        )
    return 0


def limits(  # noqa: PLR0917
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="SCOPE[=NAME]",
            help="Set a limit: on all, or on a run, owner, model or project; without a name, on each of them.",
        ),
    ] = None,
    hard: Annotated[
        str | None,
        typer.Option("--hard", metavar="NUMBER", help="Refuse calls above so many dollars, tokens or calls."),
    ] = None,
    warn: Annotated[
        str | None, typer.Option("--warn", metavar="NUMBER", help="Report it from here on, and let calls go on.")
    ] = None,
    measure: Annotated[
        str, typer.Option("--measure", metavar="cost|tokens|requests", help="What is counted.")
    ] = "cost",
    per: Annotated[
        str, typer.Option("--per", metavar="day|week|month|ever", help="After which span it begins anew.")
    ] = "ever",
    timezone: Annotated[
        str, typer.Option("--timezone", metavar="ZONE", help="The zone in which days, weeks and months begin.")
    ] = "UTC",
    drop: Annotated[str | None, typer.Option("--drop", metavar="LIMIT", help="Drop a limit, by its name.")] = None,
    ledger: LedgerFile = None,
    debug: Debug = False,
    json: Json = False,
) -> int:
    """Show limits and how they stand; set or drop one.

    A limit that is set takes the place of the one of the same name. The ledger is made if it is not there."""
    if on is None and (hard is not None or warn is not None):
        raise ParameterError("--hard and --warn: say on what with --on, such as --on owner=alpha")
    given = {"hard": hard, "warn": warn}
    with open_ledger(ledger, make=on is not None) as opened:
        if drop is not None:
            _drop(opened, drop)
        if on is not None:
            levels = {name: None if text is None else _number(f"--{name}", text) for name, text in given.items()}
            opened.set_budget(_budget(on, levels, measure, per, timezone))
        rows = list(_states(opened))
    if json:
        _print_json([_state_json(*row) for row in rows])
    else:
        _print_rows(
            ["limit", "on", "used", "reserved", "warns from", "at most"],
            [_state_row(*row) for row in rows],
            2,
            "there are no limits",
        )
    return 0


@contextmanager
def open_ledger(file: str | None, make: bool = False) -> Iterator[Ledger]:
    """Open a ledger for the length of a `with`.

    Args:
        file: the ledger; None for the user's own.
        make: whether to make it if it is not there.

    Raises:
        ParameterError: it is not there.
        LedgerError: it is no ledger.
    """
    from transmissions.usage import Ledger, SqliteStore, default_ledger

    path = default_ledger() if file is None else Path(file)
    if not make and not path.exists():
        raise ParameterError(f"{path}: there is no such ledger; `trans usage grant` and the pipeline `spend` make one")
    ledger = Ledger(SqliteStore(path))
    try:
        yield ledger
    finally:
        ledger.close()


def _drop(ledger: Ledger, name: str) -> None:
    names = [one.name for one in ledger.budgets()]
    if not names:
        raise ParameterError(f"--drop {name}: the ledger has no limits")
    ledger.drop_budget(check_choice("--drop", name, names))


def _budget(on: str, levels: Mapping[str, Decimal | None], measure: str, per: str, zone: str) -> Budget:
    from transmissions.usage.budgets import MEASURES, SCOPES, Budget
    from transmissions.usage.periods import Period

    scope, named, value = on.partition("=")
    return Budget(
        check_choice("--on", scope, SCOPES),
        hard=levels["hard"],
        warn=levels["warn"],
        value=value if named else None,
        measure=check_choice("--measure", measure, MEASURES),
        period=Period(check_choice("--per", per, [str(one) for one in Period])),
        zone=zone,
    )


def _number(option: str, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ParameterError(f"{option} {text}: this is no number") from None


def _states(ledger: Ledger) -> Iterator[tuple[Budget, str, int, int]]:
    """Yield each limit, what it is on, and what is used and reserved of it; also those that nobody has used yet."""
    met = set()
    for one in ledger.limits():
        met.add(one.budget.name)
        measure = one.budget.measure
        yield one.budget, one.value, one.spent.measured(measure), one.reserved.measured(measure)
    for budget in ledger.budgets():
        if budget.name not in met:
            yield budget, budget.value or "", 0, 0


def _state_json(budget: Budget, value: str, used: int, reserved: int) -> dict[str, Any]:
    unit = 10**9 if budget.measure == "cost" else 1
    levels = {"warn": budget.warn, "hard": budget.hard}
    return {
        "name": budget.name,
        "scope": budget.scope,
        "value": value,
        "measure": budget.measure,
        "period": str(budget.period),
        "used": used / unit if unit > 1 else used,
        "reserved": reserved / unit if unit > 1 else reserved,
        **{name: None if level is None else float(level) for name, level in levels.items()},
    }


def _state_row(budget: Budget, value: str, used: int, reserved: int) -> list[str]:
    levels = [budget.text(budget.level(level)) if level is not None else "" for level in (budget.warn, budget.hard)]
    whose = f"{budget.scope} {value}" if value else ""
    return [budget.name, whose, budget.text(used), budget.text(reserved), *levels]


def _dollars(amount: Decimal) -> str:
    from transmissions.usage import dollars_text

    return dollars_text(amount)


def _print_json(value: Any) -> None:
    from json import dumps

    typer.echo(dumps(value, indent=2, ensure_ascii=False))


def _print_rows(titles: Sequence[str], rows: Sequence[Sequence[str]], texts: int, nothing: str) -> None:
    from transmissions.cli.usage_table import plain_lines

    if not rows:
        typer.echo(nothing)
        return
    for line in plain_lines([titles, *rows], texts):
        typer.echo(line)
