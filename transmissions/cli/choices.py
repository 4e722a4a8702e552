"""Check a text that must be one of a few, with a guess when it is not."""

from __future__ import annotations

from collections.abc import Sequence

from transmissions.errors import ParameterError
from transmissions.problem import nearest

__all__ = ["check_choice"]


def check_choice(option: str, given: str, choices: Sequence[str]) -> str:
    """Return `given`.

    Raises:
        ParameterError: it is none of `choices`.
    """
    if given not in choices:
        guess = nearest(given, choices)
        hint = f"did you mean {guess}?" if guess else "one of " + ", ".join(choices)
        raise ParameterError(f"{option} {given}: {hint}")
    return given
