"""Libraries that only some processors need, and that come with an extra of the package."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from transmissions import TransmissionsError

__all__ = ["library"]


def library(module: str, extra: str) -> Any:
    """Return a module that an extra of the package brings.

    Raises:
        TransmissionsError: it is not installed; the text says how to install it.
    """
    try:
        return import_module(module)
    except ImportError:
        raise TransmissionsError(
            f"{module} is not installed; it comes with: pip install 'transmissions-engine[{extra}]'"
        ) from None
