"""Opening the ledger that a pipeline names."""

from __future__ import annotations

from pathlib import Path

from transmissions import TransmissionsError
from transmissions.usage import MemoryStore, SqliteStore, default_ledger, is_ledger

__all__ = ["open_store"]


def open_store(ledger: Path | None, target: Path) -> MemoryStore | SqliteStore:
    """Return the store of a ledger; one in memory, for this run alone, if none is named.

    A pipeline may be anybody's, so it makes a new ledger only within the target, or where the user's own is to be.

    Args:
        ledger: its file; None for none.
        target: the folder that the run writes to.

    Raises:
        TransmissionsError: there is no such ledger, and a pipeline may not make one there, nor of what else is there.
    """
    if ledger is None:
        return MemoryStore()
    inside = ledger.resolve().is_relative_to(target.resolve())
    own = ledger.resolve() == default_ledger().resolve()
    if not inside and not own and ledger.exists() and not is_ledger(ledger):
        raise TransmissionsError(f"{ledger}: this is no ledger, and a pipeline makes none out of a file elsewhere")
    if not inside and not own and not ledger.exists():
        raise TransmissionsError(
            f"{ledger}: there is no such ledger, and a pipeline makes one only inside its target ({target}); make it "
            "first, with `trans usage grant`, or name another"
        )
    return SqliteStore(ledger)
