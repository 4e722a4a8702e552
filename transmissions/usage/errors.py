"""The errors of usage, prices and the ledger."""

from __future__ import annotations

from datetime import datetime

from transmissions.errors import TransmissionsError

__all__ = ["InvalidPrices", "InvalidUsage", "LedgerError", "LedgerUnavailable", "LimitExceeded"]


class InvalidUsage(TransmissionsError, ValueError):
    """Usage metadata holds a number that cannot be one of tokens, or lacks what it needs; nothing was written.

    Args:
        field: the field that is wrong, as the metadata calls it.
        expected: what it must be.
        got: what was found.
    """

    def __init__(self, field: str, expected: str, got: object) -> None:
        self.field = field
        self.expected = expected
        self.got = got
        super().__init__(f"{field} must be {expected}, got {got!r}")


class InvalidPrices(TransmissionsError, ValueError):
    """A price table cannot be read: it names the file, the model and the rate that is wrong."""


class LedgerError(TransmissionsError):
    """The ledger refused an operation: an unknown reservation, a ledger of a later version, an amount that is none."""


class LedgerUnavailable(LedgerError):
    """The ledger's store cannot be read or written now: it is locked for too long, its disk is full, …"""


class LimitExceeded(LedgerError):
    """A call was refused, or a run ended, because a limit is reached.

    Args:
        scope: what the limit is on: `owner alpha`, `run 7f`, `model gpt-4o in 2026-11`.
        limit: the limit, with its unit: `0.50 USD`, `1000 tokens`.
        value: what is used, reserved and asked for, with its unit.
        retry_at: when it may be tried again; None if time alone will not free it.
    """

    def __init__(self, scope: str, limit: str, value: str, retry_at: datetime | None = None) -> None:
        self.scope = scope
        self.limit = limit
        self.value = value
        self.retry_at = retry_at
        when = f"; it may be free again at {retry_at.isoformat()}" if retry_at else ""
        super().__init__(f"{scope}: the limit is {limit}, and this makes {value}{when}")
