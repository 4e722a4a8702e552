"""`trans usage`: what models used and cost, and the ledger that it is charged to."""

from __future__ import annotations

import typer

from transmissions.cli.command import Command, Group
from transmissions.cli.usage_ledger import BALANCE_EXAMPLES, GRANT_EXAMPLES, LIMITS_EXAMPLES, balance, grant, limits
from transmissions.cli.usage_report import EXAMPLES, report

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(
        cls=Group,
        add_completion=False,
        rich_markup_mode=None,
        help="Show what models used and cost, from session logs or a ledger; keep balances and limits.",
    )
    group.command("report", cls=Command, epilog=EXAMPLES)(report)
    group.command("balance", cls=Command, epilog=BALANCE_EXAMPLES)(balance)
    group.command("grant", cls=Command, epilog=GRANT_EXAMPLES)(grant)
    group.command("limits", cls=Command, epilog=LIMITS_EXAMPLES)(limits)
    app.add_typer(group, name="usage")
