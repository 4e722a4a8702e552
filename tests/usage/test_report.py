"""Sums of usage: the same total in every grouping, with what the cost leaves out."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transmissions.usage import (
    GROUPINGS,
    Budget,
    CallKind,
    InvalidUsage,
    Ledger,
    MemoryStore,
    Period,
    PriceFile,
    Tally,
    UsageRecord,
    zone_of,
)

PRICES = PriceFile(
    [
        (
            "a",
            {"input": Decimal("2.5"), "output": 10, "cacheRead": Decimal("1.25"), "tier": [{"above": 100, "input": 5}]},
        ),
        ("b", {"input": Decimal("0.333333333333"), "output": 1}),
    ]
)
COUNTS = st.integers(0, 1000)
NAMES = st.sampled_from(["", "x", "y"])


def minute(number: int) -> datetime:
    """Return a moment of 2026 by its number."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)


RECORDS = st.builds(
    UsageRecord,
    call=st.uuids().map(str), run=NAMES, model=st.sampled_from(["a", "b", "nope"]), provider=NAMES, input=COUNTS,
    cache_read=COUNTS, cache_write_5m=COUNTS, cache_write_1h=COUNTS, output=COUNTS, owner=NAMES, project=NAMES,
    session=NAMES, agent=NAMES, kind=st.sampled_from(list(CallKind)),
    at=st.none() | st.integers(0, 10**6).map(minute),
    unmeasured=st.booleans(),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(RECORDS, max_size=12), st.sampled_from(["UTC", "America/St_Johns", "Asia/Kathmandu"]))
def test_every_grouping_has_the_same_totals(records: list[UsageRecord], zone: str) -> None:
    """However calls are grouped, the totals are the same, and each is the sum of its rows, to the last digit."""
    tallies = [Tally(by, prices=PRICES, zone=zone_of(zone)) for by in [*GROUPINGS, ("day", "model"), ()]]
    for tally in tallies:
        tally.add_all(records)
    first = tallies[0].total()
    for tally in tallies:
        assert tally.total() == first
        rows = tally.rows()
        assert sum(row.atto for row in rows) == first.atto
        assert sum(row.total_tokens for row in rows) == first.total_tokens == sum(one.total_tokens for one in records)
        assert first.calls == len(records)


@settings(max_examples=60, deadline=None)
@given(st.lists(RECORDS, max_size=6), RECORDS)
def test_what_is_taken_away_leaves_no_trace(records: list[UsageRecord], other: UsageRecord) -> None:
    """Adding a call and taking it away gives the report without it."""
    one, two = Tally("model"), Tally("model")
    for tally in (one, two):
        for record in records:
            tally.add_priced(record, record.output if record.model == "a" else None)
    two.add_priced(other, None)
    two.take_away(other, None)
    assert one.as_json() == two.as_json()


def test_the_form_of_a_report() -> None:
    """Rows and totals hold what a program reads; what has no price is named, and a cost of nothing is not made up."""
    tally = Tally("model", prices=PRICES)
    tally.add(UsageRecord("1", model="a", input=100, output=10, cache_write_5m=0))
    tally.add(UsageRecord("2", model="nope", input=7))
    tally.add(UsageRecord("3", model="a", unmeasured=True))
    made = tally.as_json()
    assert [row["model"] for row in made["rows"]] == ["a", "nope"]
    assert made["rows"][0]["cost"] == 0.00035
    assert made["rows"][1]["cost"] is None
    assert made["totals"] == {
        "input": 107, "cache_read": 0, "cache_write": 0, "output": 10, "total_tokens": 117, "cost": 0.00035,
        "unpriced": ["nope"], "calls": 3, "reasoning": 0, "estimated": 0, "unmeasured": 1,
    }  # fmt: skip
    assert tally.total().partial
    assert not Tally("model").total().partial
    assert Tally("model").as_json()["totals"]["cost"] == 0


def test_days_are_those_of_the_time_zone() -> None:
    """A call near midnight belongs to the day of the zone that is asked for."""
    record = UsageRecord("1", at=datetime(2026, 3, 31, 23, 30, tzinfo=UTC))
    days: list[Any] = []
    for zone in ("UTC", "Europe/Rome", "America/New_York"):
        tally = Tally(("day", "month"), zone=zone_of(zone))
        tally.add(record)
        days.append(tally.rows()[0].group)
    assert [day["day"] for day in days] == ["2026-03-31", "2026-04-01", "2026-03-31"]
    assert [day["month"] for day in days] == ["2026-03", "2026-04", "2026-03"]


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process cannot be set here")
def test_the_zone_of_the_machine_has_summer_and_winter(monkeypatch: pytest.MonkeyPatch) -> None:
    """`local` is the same as the machine's zone by name, at every moment, also where the clock is put back."""
    monkeypatch.setenv("TZ", "Europe/Rome")
    time.tzset()
    try:
        local, named = zone_of("local"), zone_of("Europe/Rome")
        hours = [datetime(2026, month, 25, hour, 30, tzinfo=UTC) for month in (1, 3, 7, 10) for hour in range(24)]
        for at in [*hours, datetime(2, 1, 1, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)]:
            there = at.astimezone(local)
            assert (there.isoformat(), there.fold) == (at.astimezone(named).isoformat(), at.astimezone(named).fold)
            assert there.astimezone(UTC) == at
        for edge in (datetime.min, datetime.max):
            assert edge.replace(tzinfo=local).utcoffset() == timedelta(hours=1)
        july = UsageRecord("1", at=datetime(2026, 7, 10, 22, 30, tzinfo=UTC))
        tally = Tally("day", zone=local)
        tally.add(july)
        assert tally.rows()[0].group == {"day": "2026-07-11"}
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_time_at_an_end_of_the_calendar_ends_no_report() -> None:
    """A record whose day the zone does not have is counted by its own day; a ledger refuses it before it charges."""
    late = UsageRecord("1", "r", "m", at=datetime(9999, 12, 31, 23, 30, tzinfo=UTC))
    tally = Tally("day", zone=zone_of("Europe/Rome"))
    tally.add(late)
    assert tally.rows()[0].group == {"day": "9999-12-31"}
    ledger = Ledger(MemoryStore(), budgets=[Budget("all", hard=1, period=Period.MONTH, zone="Europe/Rome")])
    with pytest.raises(InvalidUsage, match="at must be a time of the years 2 to 9998"):
        ledger.settle(late)
    assert list(ledger.entries()) == []


def test_unknown_groupings_and_zones_are_refused() -> None:
    """The error names what there is."""
    with pytest.raises(ValueError, match="not grouped by week, but by day"):
        Tally("week")
    with pytest.raises(ValueError, match="no time zone"):
        zone_of("Europe/Nowhere")
