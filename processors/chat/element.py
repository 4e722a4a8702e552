"""An element of the input: the byte slice of one conversation, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["LIMIT_BYTES", "Element", "Prove", "repair_element"]

LIMIT_BYTES = 64 << 20

Prove = Callable[[bytes], Any]
"""Makes a value of bytes, or raises ValueError."""


@dataclass(slots=True)
class Element:
    """One element of the input.

    Args:
        start: offset of its first byte.
        end: offset behind its last byte.
        value: what `prove` or `repair` made of its bytes; None if both refused them.
        repaired: whether it was `repair`.
        data: its bytes, if `prove` refused them and they are held; else empty.
        problem: why it is not even a whole element (`truncated`, `too large`, …); "" if it is one.
    """

    start: int
    end: int
    value: Any = None
    repaired: bool = False
    data: bytes = b""
    problem: str = ""


def repair_element(element: Element, repair: Prove) -> None:
    """Give an element that was refused the value that `repair` makes of its bytes, or a problem."""
    try:
        element.value = repair(element.data)
        element.repaired = True
    except ValueError:
        element.problem = element.problem or "not JSON"
