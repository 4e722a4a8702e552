"""The address of a Redis server: what it has to look like, and what of it may be shown."""

from __future__ import annotations

import re

from transmissions.jobs.errors import StoreError

__all__ = ["check_database", "no_address", "shown"]


def shown(address: str) -> str:
    """Return an address without the user, the password and the settings that it may hold.

    >>> shown("redis://user:pass@word@host:6379/0?password=secret")
    'redis://host:6379/0'
    """
    found = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", address)
    scheme = found.group() if found else ""
    rest, *settings = re.split(r"[?#]", address[len(scheme) :], maxsplit=1)
    # A password may hold these signs as well; where it ends cannot be told then.
    return scheme + ("…" if settings and "@" in settings[0] else rest.rpartition("@")[2])


def no_address(address: str) -> StoreError:
    """Return the error for an address that is none; without what a library says of it, which may hold a password."""
    return StoreError(f"{shown(address)}: this is no address of a Redis server; write redis://host:6379/0")


def check_database(address: str) -> None:
    """Raise StoreError if the address of a host goes on with anything but the number of a database."""
    scheme, _, rest = re.split(r"[?#]", address, maxsplit=1)[0].partition("://")
    path = rest.rpartition("@")[2].partition("/")[2]
    if scheme in ("redis", "rediss") and not re.fullmatch(r"[0-9]*/?", path):
        raise no_address(address)
