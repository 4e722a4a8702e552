"""A histogram of bounded size: it forgets the values that it counts, and tells their percentiles within one percent."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from math import ceil, log

__all__ = ["RELATIVE_ERROR", "Histogram"]

RELATIVE_ERROR = 0.01
"""How far, at most, a percentile is from the value that stands at its place, as a part of that value."""

# The middle of a bucket is at most 0.941 % from its ends. Rounding to four digits, which tells nobody more digits than
# there are, adds 0.05 %.
_STEP = math.log(1.0189)
_LARGEST_EXPONENT = 709.78  # that of the largest float


class Histogram:
    """Counts of values in buckets whose bounds grow by not quite 2 %.

    It takes some hundred of them for sizes and times as they come, and 80,000 for any numbers whatever. Count, sum,
    least and greatest value are exact.

    Args:
        values: the first ones, as for `add`.

    Attributes:
        count: how many values there are.
        sum: what they add up to; exact as long as they are whole numbers.
        minimum: the least; infinity if there are none.
        maximum: the greatest; 0 if there are none.
    """

    __slots__ = ("_buckets", "count", "maximum", "minimum", "sum")

    def __init__(self, values: Sequence[float] = ()) -> None:
        self.count = 0
        self.sum: float = 0
        self.minimum = math.inf
        self.maximum: float = 0
        # Bucket i holds what is above step i - 1, up to step i; zero is in a bucket of its own, at minus infinity.
        self._buckets: dict[float, int] = {}
        self.add(values)

    def add(self, values: Sequence[float]) -> None:
        """Count values; many at once cost least.

        Args:
            values: finite numbers, none of them negative.
        """
        if not values:
            return
        buckets = self._buckets
        # Sizes repeat, and what repeats needs one logarithm.
        for value, number in Counter(values).items():
            place = ceil(log(value) / _STEP) if value else -math.inf
            buckets[place] = buckets.get(place, 0) + number
        self.count += len(values)
        self.sum += sum(values)
        self.minimum = min(self.minimum, *values)
        self.maximum = max(self.maximum, *values)

    def merge(self, other: Histogram) -> None:
        """Count what another histogram has counted."""
        for place, number in other._buckets.items():
            self._buckets[place] = self._buckets.get(place, 0) + number
        self.count += other.count
        self.sum += other.sum
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)

    @property
    def mean(self) -> float | None:
        """The mean of all values; None if there are none."""
        return self.sum / self.count if self.count else None

    def percentiles(self, *percents: int) -> list[float | None]:
        """Return, for each percent, the least value that so many percent of the values do not exceed.

        Args:
            percents: from 1 to 100, ascending.

        Returns:
            For each a value within `RELATIVE_ERROR` of the exact one; None if there are no values.

        >>> Histogram([33] * 10).percentiles(50, 99)
        [33, 33]
        """
        found: list[float | None] = []
        places = iter(sorted(self._buckets))
        place, seen = -math.inf, 0
        for percent in percents:
            rank = -(-percent * self.count // 100)
            while seen < rank:
                place = next(places)
                seen += self._buckets[place]
            found.append(self._middle(place) if self.count else None)
        return found

    def _middle(self, place: float) -> float:
        middle = math.exp(min((place - 0.5) * _STEP, _LARGEST_EXPONENT))
        return min(max(float(f"{middle:.4g}"), self.minimum), self.maximum)
