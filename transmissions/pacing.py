"""When to ask a host, and when to ask it again."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["Pacing", "asked_wait"]

_FIRST_WAIT_S = 0.5
_LONGEST_BACKOFF_S = 20.0
_KEPT_HOSTS = 4096


class Pacing:
    """Spreads requests to one host over time, and repeated ones further and further.

    Args:
        per_second: at most this many requests a second to one host; 0 for any number.
        clock: gives seconds.
    """

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._interval_s = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._free: dict[str, float] = {}

    def turn(self, host: str) -> float:
        """Take the next turn with a host, and return how many seconds it is away."""
        if not self._interval_s:
            return 0.0
        now = self._clock()
        if len(self._free) > _KEPT_HOSTS:
            self._free = {name: at for name, at in self._free.items() if at > now}
        at = max(now, self._free.get(host, now))
        self._free[host] = at + self._interval_s
        return at - now

    def backoff(self, attempt: int) -> float:
        """Return how many seconds to wait after an attempt, from 1; chance keeps many from coming back at once."""
        longest = min(_LONGEST_BACKOFF_S, _FIRST_WAIT_S * 2.0 ** (attempt - 1))
        return random.uniform(longest / 2, longest)  # noqa: S311 - no secret is made of it


def asked_wait(header: str) -> float:
    """Return how many seconds an answer asks to wait, in its header `Retry-After`: a number of them, or a date.

    >>> asked_wait("120"), asked_wait(""), asked_wait("soon")
    (120.0, 0.0, 0.0)
    """
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())
