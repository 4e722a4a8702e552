"""Where the user's own ledger is."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["default_ledger"]


def default_ledger() -> Path:
    """Return the file of the user's own ledger: `TRANSMISSIONS_LEDGER`, or one in the user's data folder."""
    if named := os.environ.get("TRANSMISSIONS_LEDGER"):
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(data) if data else Path.home() / ".local" / "share") / "transmissions" / "ledger.sqlite"
