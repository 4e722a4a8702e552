"""Where the user's own jobs are kept, and which store a name stands for."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from transmissions.jobs.address import shown
from transmissions.jobs.errors import StoreError

if TYPE_CHECKING:
    from transmissions.jobs.store import JobStore

__all__ = ["default_jobs", "open_store"]

_REDIS = ("redis://", "rediss://", "unix://")


def default_jobs() -> str:
    """Return where the user's own jobs are: `TRANSMISSIONS_JOBS`, or a file in the user's data folder."""
    if named := os.environ.get("TRANSMISSIONS_JOBS"):
        return named
    data = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA")
    return str((Path(data) if data else Path.home() / ".local" / "share") / "transmissions" / "jobs.sqlite")


def open_store(where: str | None = None, *, make: bool = True) -> JobStore | None:
    """Open a store.

    Args:
        where: a file of SQLite, made if there is none, or the address of a Redis server; None for the user's own.
        make: whether a file that is not there is made, and one that is empty made a store.

    Returns:
        The store; None if its file is not there and is not to be made.

    Raises:
        StoreError: it cannot be opened, does not answer, or is no store of jobs.
    """
    place = default_jobs() if where is None else where
    if place.startswith(_REDIS):
        return _open_redis(place)
    _check_file(place)
    from transmissions.jobs.sqlite import SqliteJobStore

    if not make and not Path(place).exists():
        return None
    return SqliteJobStore(place, make=make)


def _check_file(place: str) -> None:
    """Raise StoreError for what nobody means as the name of a file, though it could be one."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", place):
        raise StoreError(
            f"{shown(place)}: this is no address of a job store; write redis://host:6379/0, or the name of a file"
        )
    if place.startswith((":memory:", "file:")):
        raise StoreError(f"{place}: this is not the name of a file; write one, or redis://host:6379/0")


def _open_redis(address: str) -> JobStore:
    from transmissions.jobs.redis import RedisJobStore

    store = RedisJobStore(address)
    try:
        # A server that goes away later is waited for; one that was never there is a mistake to tell of.
        store.check()
    except StoreError as error:
        store.close()
        raise type(error)(f"{shown(address)}: {error}; start the server, or name another store") from None
    return store
