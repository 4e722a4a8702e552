"""Keys and tokens that the environment holds, so that no pipeline has to."""

from __future__ import annotations

import os

from transmissions import TransmissionsError
from transmissions.secrets import remember

__all__ = ["key_in"]


def key_in(variable: str, purpose: str) -> str:
    """Return what a variable of the environment holds; from now on it is shown nowhere.

    Args:
        variable: the variable's name.
        purpose: what it is to hold, such as "the token".

    Raises:
        TransmissionsError: it is not set, or empty.
    """
    key = os.environ.get(variable, "").strip()
    if not key:
        raise TransmissionsError(f"the environment variable {variable} is not set; it is to hold {purpose}")
    remember(key)
    return key
