"""Budgets: how much may be spent, by whom or on what, and when; with a level that warns and one that stops."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from transmissions.usage.errors import LedgerError, LimitExceeded
from transmissions.usage.money import dollars_of_nano, dollars_text, nano_of_dollars
from transmissions.usage.periods import Period, window
from transmissions.usage.record import UsageRecord
from transmissions.usage.zones import zone_of

__all__ = ["MEASURES", "SCOPES", "Breach", "Budget", "Spent", "scopes_of"]

SCOPES = ("all", "run", "owner", "model", "project")
"""What a budget can be on."""
MEASURES = ("cost", "tokens", "requests")
"""What a budget can count."""
_MOST_DIGITS = 30
_HIGHEST = Decimal(10 ** (_MOST_DIGITS - 1))


class Spent(NamedTuple):
    """What was spent: nanodollars, tokens and calls."""

    nano: int = 0
    tokens: int = 0
    requests: int = 0

    def plus(self, other: Spent, sign: int = 1) -> Spent:
        """Return the sum, or with a sign of -1 the difference."""
        return Spent(*(one + sign * two for one, two in zip(self, other, strict=True)))

    def measured(self, measure: str) -> int:
        """Return the number that a budget in this measure looks at."""
        return self[MEASURES.index(measure)]


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit on what is spent.

    Args:
        scope: what it is on: `all` that the ledger has, or a `run`, `owner`, `model` or `project`.
        hard: the level at which calls are refused, in dollars, tokens or calls; None for none.
        warn: the level from which it is reported; None for none.
        value: which run, owner, model or project; None for each of them by itself.
        measure: `cost` in dollars, `tokens`, or `requests`.
        period: the span after which it begins anew; `ever` for never.
        zone: the time zone in which a day, week or month begins.

    Raises:
        LedgerError: a part of it is not what it has to be.
    """

    scope: str
    hard: Decimal | int | None = None
    warn: Decimal | int | None = None
    value: str | None = None
    measure: str = "cost"
    period: Period = Period.EVER
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise LedgerError(f"a budget is on {', '.join(SCOPES)}, not on {self.scope!r}")
        if self.measure not in MEASURES:
            raise LedgerError(f"a budget counts {', '.join(MEASURES)}, not {self.measure!r}")
        if self.period not in tuple(Period):
            raise LedgerError(f"the period of a budget is one of {', '.join(Period)}, not {self.period!r}")
        try:
            zone_of(self.zone)
            levels = [self.level(level) for level in (self.warn, self.hard) if level is not None]
        except ValueError as error:
            raise LedgerError(f"budget {self.name}: {error}") from None
        if not levels or min(levels) < 0:
            raise LedgerError(f"budget {self.name}: it needs a warn or a hard level, 0 or more")
        if len(levels) == 2 and levels[0] > levels[1]:
            raise LedgerError(f"budget {self.name}: warn is above hard, so it would never warn; lower it")

    @property
    def name(self) -> str:
        """What it is called, which is also what it is kept under: "cost of owner alpha, a month"."""
        whose = "" if self.scope == "all" else f" of {'each ' if self.value is None else ''}{self.scope}"
        whose += f" {self.value}" if self.value is not None else ""
        return f"{self.measure}{whose}" + ("" if self.period == Period.EVER else f", a {self.period}")

    def level(self, limit: Decimal | int) -> int:
        """Return a level as a number to compare with: nanodollars, tokens or calls; raises ValueError if it is none."""
        if self.measure == "cost":
            return nano_of_dollars(limit, "a level")
        exact = Decimal("nan") if isinstance(limit, bool | str) else Decimal(limit)
        # The size first: to write out the digits of 1e999999 takes longer than all else.
        if not exact.is_finite() or exact.adjusted() >= _MOST_DIGITS or exact != int(exact):
            raise ValueError(f"a level must be a whole number of {self.measure} below 10^{_MOST_DIGITS}, got {limit}")
        return int(exact)

    def text(self, number: int) -> str:
        """Return a number in this budget's measure, with its unit."""
        return dollars_text(dollars_of_nano(number)) if self.measure == "cost" else f"{number} {self.measure}"

    def applies_to(self, value: str) -> bool:
        """Say whether it is a limit on this run, owner, model or project."""
        return self.scope == "all" or self.value is None or self.value == value

    def window(self, at: datetime) -> tuple[datetime, datetime] | None:
        """Return the start and end of the span that a moment is in; None if the budget is for ever."""
        return window(Period(self.period), at, zone_of(self.zone))

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values; `from_json` reads it back."""
        return {name: str(one) if isinstance(one, Decimal) else one for name, one in asdict(self).items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Budget:
        """Return the budget that `as_json` made these values of."""
        # Ledgers may hold levels from before there was a bound; refused here, they could not even be dropped.
        levels = {
            name: min(Decimal(level), _HIGHEST) for name in ("hard", "warn") if (level := values.get(name)) is not None
        }  # fmt: skip
        return cls(**{**values, **levels, "period": Period(values["period"])})


@dataclass(frozen=True, slots=True)
class Breach:
    """A budget whose level is reached.

    Args:
        budget: the budget.
        level: `warn` or `hard`.
        value: the run, owner, model or project that reached it.
        used: what is used, reserved and asked for, in the budget's measure (nanodollars, tokens or calls).
        limit: the level, likewise.
        retry_at: when it may be free again; None if time alone will not free it.
    """

    budget: Budget
    level: str
    value: str
    used: int
    limit: int
    retry_at: datetime | None = None

    def __str__(self) -> str:
        return f"{self.scope}: {self.budget.text(self.used)} of {self.budget.text(self.limit)}"

    @property
    def scope(self) -> str:
        """What the limit is on: "owner alpha, a month"."""
        whose = "everything" if self.budget.scope == "all" else f"{self.budget.scope} {self.value or '(none)'}"
        return whose + ("" if self.budget.period == Period.EVER else f", a {self.budget.period}")

    def error(self) -> LimitExceeded:
        """Return the error that refuses a call over it."""
        return LimitExceeded(self.scope, self.budget.text(self.limit), self.budget.text(self.used), self.retry_at)


def scopes_of(record: UsageRecord) -> dict[str, str]:
    """Return what a call counts for, by scope."""
    return {"all": "", "run": record.run, "owner": record.owner, "model": record.model, "project": record.project}
