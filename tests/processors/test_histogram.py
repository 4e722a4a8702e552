"""The monitor's histogram against sorted lists."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.streams.histogram import RELATIVE_ERROR, Histogram

SIZES = st.lists(st.integers(0, 1 << 50) | st.integers(0, 100), min_size=1, max_size=200)
TIMES = st.lists(st.floats(0, allow_infinity=False) | st.floats(0, 10), min_size=1, max_size=200)


def exact(values: list[float], percent: int) -> float:
    """Return the least value that so many percent of the values do not exceed."""
    return sorted(values)[math.ceil(percent * len(values) / 100) - 1]


@given(values=SIZES | TIMES, percent=st.integers(1, 100))
def test_percentiles_are_within_one_percent(values: list[float], percent: int) -> None:
    """Whatever the values, from the smallest to the largest float, a percentile is within 1 % of the exact one."""
    [found] = Histogram(values).percentiles(percent)
    assert found == pytest.approx(exact(values, percent), rel=RELATIVE_ERROR, abs=0)


@given(values=SIZES)
def test_count_sum_and_ends_are_exact(values: list[float]) -> None:
    """Count, sum, least, greatest and mean are those of the values themselves."""
    histogram = Histogram(values)
    assert (histogram.count, histogram.sum) == (len(values), sum(values))
    assert (histogram.minimum, histogram.maximum) == (min(values), max(values))
    assert histogram.mean == sum(values) / len(values)


@given(parts=st.lists(SIZES, max_size=5), percents=st.sets(st.integers(1, 100), min_size=1))
def test_merged_is_counted_together(parts: list[list[float]], percents: set[int]) -> None:
    """Histograms that are merged, and values that are added in parts, tell what all values at once tell."""
    merged, added = Histogram(), Histogram()
    for part in parts:
        merged.merge(Histogram(part))
        added.add(part)
    together = Histogram([value for part in parts for value in part])
    asked = sorted(percents)
    assert merged.percentiles(*asked) == added.percentiles(*asked) == together.percentiles(*asked)
    assert (merged.count, merged.sum, merged.mean) == (together.count, together.sum, together.mean)


def test_nothing_counted_has_no_percentiles() -> None:
    """Without a value there is no mean and no percentile, and no error."""
    assert Histogram().percentiles(50, 99) == [None, None]
    assert Histogram().mean is None


def test_equal_values_are_told_exactly() -> None:
    """A percentile never lies outside of what was counted, so that equal sizes give that size."""
    assert Histogram([33] * 1000).percentiles(1, 50, 100) == [33, 33, 33]


def test_its_size_does_not_grow_with_what_it_counts() -> None:
    """A million different sizes up to a gigabyte take about a thousand buckets."""
    histogram = Histogram()
    for begin in range(0, 1 << 30, 1 << 22):
        histogram.add(range(begin, begin + (1 << 22), 1 << 10))
    assert histogram.count == 1 << 20
    assert len(histogram._buckets) < 1200
