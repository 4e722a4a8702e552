"""Calls that are added up before they are priced cost what they cost one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from transmissions.cli.usage_sums import Sums
from transmissions.usage import GROUPINGS, LayeredPrices, PriceFile, Tally, UsageRecord, zone_of

START = datetime(2026, 3, 28, 21, 0, tzinfo=UTC)
STEPS = (1000, 5000)
PRICES = LayeredPrices(
    PriceFile(
        [
            ("stepped", {
                "input": 3, "output": 15, "cacheRead": "0.3", "cacheWrite": "3.75", "webSearch": 10, "request": 1,
                "tier": [{"above": STEPS[0], "input": 6}, {"above": STEPS[1], "input": 1, "output": 7}],
            }),
            ("flat", {"input": "0.000001", "output": 2}),
            # Prices that change in the midst of a quarter of an hour.
            ("dated", {"input": 1, "output": 1}),
            ("dated", {"input": 2, "output": 2, "validFrom": "2026-03-28T22:07:31+00:00"}),
            ("new", {"input": 5, "output": 5, "validFrom": "2026-03-28T22:00:00+00:00"}),
        ]
    )
)  # fmt: skip
SIZES = st.one_of(st.integers(0, 8000), st.sampled_from([step + by for step in STEPS for by in (-1, 0, 1)]))
MODELS = st.sampled_from(["stepped", "flat", "dated", "new", "unknown"])


@st.composite
def records(draw: st.DrawFn) -> UsageRecord:
    """Return a call at some time around an hour at which days and prices change."""
    seconds = draw(st.one_of(st.none(), st.integers(0, 3 * 3600), st.sampled_from([4050, 4051, 4052, 3599, 3600])))
    names = {name: draw(st.sampled_from(["", "a"])) for name in ("session", "project", "agent", "owner")}
    return UsageRecord(
        "c", "r", draw(MODELS), draw(st.sampled_from(["", "anthropic"])), draw(SIZES),
        output=draw(st.integers(0, 50)), cache_read=draw(st.sampled_from([0, 0, 1])),
        cache_write_1h=draw(st.sampled_from([0, 0, 7])), web_searches=draw(st.integers(0, 2)),
        at=None if seconds is None else START + timedelta(seconds=seconds), **names,
    )  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    calls=st.lists(records(), max_size=30),
    by=st.lists(st.sampled_from(sorted(GROUPINGS)), min_size=1, max_size=3, unique=True),
    zone=st.sampled_from(["UTC", "Europe/Rome", "Asia/Kathmandu", "America/St_Johns"]),
)
def test_sums_are_what_the_calls_are_one_by_one(calls: list[UsageRecord], by: list[str], zone: str) -> None:
    """R44, R50: in any grouping and zone, tokens, calls, costs and unpriced models are the same to the last digit."""
    singly = Tally(by, prices=PRICES, zone=zone_of(zone))
    singly.add_all(calls)
    together, sums = Tally(by, zone=zone_of(zone)), Sums(PRICES, by)
    for call in calls:
        sums.add(call)
    sums.tell(together)

    def told(tally: Tally) -> list[Any]:
        return [(row.as_json(), row.atto, row.priced, row.unpriced) for row in (*tally.rows(), tally.total())]

    assert told(together) == told(singly)
