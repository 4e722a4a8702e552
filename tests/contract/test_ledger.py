"""What every ledger promises, whatever keeps it: run over each store."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from transmissions.usage import (
    Budget,
    InvalidUsage,
    Ledger,
    LedgerError,
    LedgerUnavailable,
    LimitExceeded,
    MemoryStore,
    Outcome,
    Period,
    PriceFile,
    SqliteStore,
    UsageRecord,
)

PRICES = PriceFile([("m", {"input": 1, "output": 2}), ("thirds", {"input": Decimal("0.333333333333"), "output": 0})])
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
MILLION = 1_000_000


class Clock:
    """Gives the time that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemoryStore | SqliteStore]:
    """Return an empty store of each kind."""
    made = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "ledger.sqlite", fast=True)
    yield made
    made.close()


@pytest.fixture
def make(store: MemoryStore | SqliteStore, clock: Clock) -> Callable[..., Ledger]:
    """Return a function that makes a ledger in the store, with options."""
    return lambda **options: Ledger(store, **{"prices": PRICES, "clock": clock, **options})


def call(name: str = "c", dollars: Decimal | int | str = 1, **more: Any) -> UsageRecord:
    """Return a record of a call that costs so many dollars."""
    made = {"call": name, "run": "r", "model": "m", "input": int(Decimal(dollars) * MILLION), "owner": "alpha"}
    return UsageRecord(**{**made, **more})


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Do something in many threads at once and return what each returned."""
    found: list[Any] = [None] * count
    gate = threading.Barrier(count)

    def one(number: int) -> None:
        gate.wait()
        found[number] = work(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def adds_up(ledger: Ledger) -> bool:
    """Say whether every balance is the sum of its entries, and entries and costs agree."""
    sums: dict[str, Decimal] = {}
    for entry in ledger.entries():
        sums[entry.owner] = sums.get(entry.owner, Decimal(0)) + entry.amount
    return {account.owner: account.balance for account in ledger.accounts()} == sums


# Charging


def test_a_call_is_charged_in_full(make: Callable[..., Ledger]) -> None:
    """Input and output are charged, and the balance is lower by exactly that [54, 60, 66, 69]."""
    ledger = make()
    ledger.grant("alpha", 10)
    settled = ledger.settle(call(dollars=1, output=MILLION))
    assert (settled.outcome, settled.entry.amount, settled.balance) == (Outcome.SETTLED, -3, 7)
    assert settled.entry.rates is not None
    assert settled.entry.rates["input"] == "1"
    assert adds_up(ledger)


@pytest.mark.parametrize("record", [call(output=0), call(dollars=0, output=7), call(dollars=0, output=0)])
def test_zero_counts_leave_a_line(make: Callable[..., Ledger], record: UsageRecord) -> None:
    """A call is one entry whatever of it is zero [55, 67, 72, 73].

    The original wrote a row for a zero completion on one path and none on the other, and two rows for a call.
    """
    ledger = make()
    ledger.settle(record)
    assert [entry.record for entry in ledger.entries()] == [record._replace(at=NOW)]


def test_a_call_is_charged_once(make: Callable[..., Ledger]) -> None:
    """Reporting a call again changes nothing and says so; the same call id in another run is another call [R38]."""
    ledger = make()
    assert [ledger.settle(call()).outcome for _ in range(3)] == ["settled", "already", "already"]
    assert ledger.settle(call(run="other")).outcome == "settled"
    assert ledger.balance("alpha") == -2
    assert len(list(ledger.charges())) == 2


def test_abort_and_completion_at_once_charge_once(make: Callable[..., Ledger]) -> None:
    """Two ends of a run that settle the same calls at the same moment charge each call once; many races [12, R38]."""
    ledger = make()
    for race in range(50):
        calls = [call(f"{race}.{number}") for number in range(2)]
        found = in_threads(2, lambda _, calls=calls: [one.outcome for one in ledger.settle_all(calls)])
        assert sorted(itertools.chain(*found)) == ["already"] * 2 + ["settled"] * 2
    assert ledger.balance("alpha") == -100
    assert adds_up(ledger)


def test_fifty_concurrent_charges(make: Callable[..., Ledger]) -> None:
    """Fifty charges at once lose none: the balance drops by their sum [63]."""
    ledger = make()
    ledger.grant("alpha", 100)
    costs = [Decimal(number) / 100 for number in range(50)]
    in_threads(50, lambda number: ledger.settle(call(str(number), costs[number])))
    assert ledger.balance("alpha") == 100 - sum(costs)
    assert adds_up(ledger)


def test_twenty_five_concurrent_grants(make: Callable[..., Ledger]) -> None:
    """Twenty-five grants at once are all there [64]; under one key there is one."""
    ledger = make()
    in_threads(25, lambda _: ledger.grant("alpha", 1000))
    in_threads(10, lambda _: ledger.grant("alpha", 7, key="invoice"))
    assert ledger.balance("alpha") == 25_007
    assert len(list(ledger.entries())) == 26


def test_costs_are_rounded_once_for_each_call(make: Callable[..., Ledger]) -> None:
    """A cost finer than a nanodollar is rounded when it is booked, a half to the even; sums of entries are exact."""
    ledger = make()
    for number in range(3):
        ledger.settle(call(str(number), model="thirds", input=1))
    assert ledger.balance("alpha") == Decimal("-0.000000999")
    assert adds_up(ledger)


def test_late_usage_is_charged(make: Callable[..., Ledger], clock: Clock) -> None:
    """Usage that comes after a run was settled is charged, once, in the month in which it was used [R39]."""
    budget = Budget("owner", value="alpha", hard=Decimal(5), period=Period.MONTH)
    ledger = make(budgets=[budget])
    ledger.settle(call("first"))
    clock.now = datetime(2026, 2, 10, tzinfo=UTC)
    late = call("late", 2, at=NOW)
    assert [ledger.settle(late).outcome for _ in range(2)] == ["settled", "already"]
    assert ledger.balance("alpha") == -3
    assert [state.spent.nano for state in ledger.limits()] == [0]


def test_an_unmeasured_call_is_corrected_once(make: Callable[..., Ledger]) -> None:
    """A call is recorded as made, then as estimated, then as measured; the sum is what it did use [R40]."""
    ledger = make()
    reports = [call(dollars=0, unmeasured=True), call(dollars=3, estimated=True), call(dollars=2), call(dollars=5)]
    outcomes = [ledger.settle(report).outcome for report in reports]
    assert outcomes == ["settled", "corrected", "corrected", "already"]
    assert ledger.settle(call(dollars=9, estimated=True)).outcome == "already"
    assert ledger.balance("alpha") == -2
    standing = ledger.settled("r", "c")
    assert standing is not None
    assert (standing.dollars, standing.revision) == (2, 2)
    assert [entry.dollars for entry in ledger.charges()] == [2]
    assert [entry.amount for entry in ledger.entries()] == [0, -3, 1]
    assert adds_up(ledger)


def test_unpriced_calls_are_kept_without_a_cost(make: Callable[..., Ledger]) -> None:
    """A model without a price changes no balance and is no zero: its entry has no cost [R43].

    The original charged any unknown model at 6 dollars.
    """
    ledger = make()
    settled = ledger.settle(call(model="nope-model-9"))
    assert (settled.entry.dollars, settled.entry.amount, settled.entry.rates) == (None, 0, None)
    assert make(prices=None).settle(call("other")).entry.dollars is None


def test_a_price_that_changes_later_changes_no_entry(make: Callable[..., Ledger]) -> None:
    """What was charged stays as it was charged, with its rates [R44]."""
    make().settle(call())
    dearer = make(prices=PriceFile([("m", {"input": 9, "output": 9})]))
    entry = next(dearer.charges())
    assert entry.dollars == 1
    assert entry.rates is not None
    assert entry.rates["input"] == "1"


def test_overspending_is_negative_or_unpaid_never_lost(make: Callable[..., Ledger]) -> None:
    """A charge beyond the balance takes it below zero, or leaves the rest recorded as unpaid [58, 59, 61, 62, R45].

    The original stopped at zero, and what was missing was written nowhere.
    """
    open_ended = make()
    open_ended.grant("alpha", "0.5")
    assert open_ended.settle(call("a")).balance == Decimal("-0.5")
    closed = make(allow_negative=False)
    closed.grant("beta", "0.5")
    first, second = (closed.settle(call(name, owner="beta")) for name in "bc")
    assert [(one.entry.amount, one.entry.unpaid, one.balance) for one in (first, second)] == [
        (Decimal("-0.5"), 500_000_000, 0),
        (0, 1_000_000_000, 0),
    ]
    assert [entry.dollars for entry in closed.charges()] == [1, 1, 1]
    assert adds_up(closed)


def test_a_correction_of_an_unpaid_call_gives_back_what_was_paid(make: Callable[..., Ledger]) -> None:
    """If less was used than was taken, the difference comes back; if more, what the balance covers is taken."""
    ledger = make(allow_negative=False)
    ledger.grant("alpha", 2)
    ledger.settle(call("a", 3, estimated=True))
    assert ledger.balance("alpha") == 0
    assert ledger.settle(call("a", 1)).entry.unpaid == 0
    assert ledger.balance("alpha") == 1
    ledger.settle(call("b", 0, unmeasured=True))
    assert ledger.settle(call("b", 5)).entry.unpaid == 4_000_000_000
    assert ledger.balance("alpha") == 0
    assert adds_up(ledger)


@pytest.mark.parametrize("bad", [-1, float("nan"), float("inf"), "5", True, None, 10**13], ids=repr)
@pytest.mark.parametrize("field", ["input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "web_searches"])
def test_bad_numbers_change_nothing(make: Callable[..., Ledger], field: str, bad: Any) -> None:
    """A bad number is an error that names its field, before anything is written [59, 76, R49]."""
    ledger = make()
    with pytest.raises(InvalidUsage, match=field):
        ledger.settle_all([call("good"), call("bad", **{field: bad})])
    with pytest.raises(InvalidUsage, match=field):
        ledger.admit(call(**{field: bad}))
    assert list(ledger.entries()) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [({"call": ""}, "call"), ({"run": ""}, "run"), ({"owner": 5}, "owner"), ({"call": "x" * 513}, "call"),
     ({"at": datetime(2026, 1, 1)}, "at"), ({"reasoning": 1}, "reasoning"), ({"kind": "other"}, "kind")],
)  # fmt: skip
def test_bad_records_change_nothing(make: Callable[..., Ledger], change: dict[str, Any], field: str) -> None:
    """A call without an id, a time without a zone, and the like are refused by name."""
    ledger = make()
    with pytest.raises(InvalidUsage, match=field):
        ledger.settle(call(**change))
    assert list(ledger.entries()) == []


def test_an_error_within_a_transaction_leaves_nothing(
    store: MemoryStore | SqliteStore, make: Callable[..., Ledger]
) -> None:
    """What was done before the error is undone: entries, balances, sums, reservations and budgets."""
    ledger = make()
    ledger.grant("alpha", 1)
    held = ledger.admit(call("held")).reservation
    assert held is not None

    def work(transaction: Any) -> None:
        entry = next(iter(transaction.page(0, 1)))[0]
        transaction.append(entry)
        transaction.add_spent("all", "", 0, held.spent)
        transaction.release(held.id)
        transaction.set_budget(Budget("all", hard=1))
        raise KeyError("stop")

    with pytest.raises(KeyError):
        store.transact(work)
    assert len(list(ledger.entries())) == 1
    assert (ledger.balance("alpha"), ledger.reserved("alpha"), ledger.budgets()) == (1, 1, [])
    assert store.read(lambda one: one.spent("all", "", None, None)).nano == 0


# Admitting


def test_credit_for_one_admits_one(make: Callable[..., Ledger]) -> None:
    """Of many calls that ask at once, with credit for one, one is admitted [R46].

    In the original all of them passed the same check.
    """
    ledger = make(prepaid=True)
    ledger.grant("alpha", "1.5")
    found = in_threads(20, lambda number: ledger.admit(call(str(number))))
    assert sum(one.admitted for one in found) == 1
    assert ledger.reserved("alpha") == 1


def test_a_reservation_ends_with_its_call(make: Callable[..., Ledger]) -> None:
    """Settling, releasing and the end of a `with` that fails each give back what was reserved."""
    ledger = make(prepaid=True)
    ledger.grant("alpha", 2)
    held = ledger.admit(call("a")).reservation
    assert held is not None
    ledger.settle(call("a", "0.25"), held.id)
    assert (ledger.balance("alpha"), ledger.reserved("alpha")) == (Decimal("1.75"), 0)
    with pytest.raises(KeyError), ledger.reserving(call("b")) as admission:
        assert admission.admitted
        assert ledger.reserved("alpha") == 1
        raise KeyError("the call failed")
    assert ledger.reserved("alpha") == 0
    with pytest.raises(LimitExceeded, match="balance of owner alpha"), ledger.reserving(call("c", 9)):
        pass


def test_a_reservation_of_a_crashed_caller_is_free_after_its_lease(make: Callable[..., Ledger], clock: Clock) -> None:
    """Until its lease is over it holds, then it does not; the refusal says when that is; renewing prolongs it."""
    ledger = make(prepaid=True, lease_s=60)
    ledger.grant("alpha", 1)
    held = ledger.admit(call("a")).reservation
    assert held is not None
    refusal = ledger.admit(call("b")).refusal
    assert refusal is not None
    assert refusal.retry_at == NOW + timedelta(seconds=60)
    clock.now = NOW + timedelta(seconds=59)
    assert ledger.renew(held.id)
    clock.now = NOW + timedelta(seconds=118)
    assert not ledger.admit(call("b")).admitted
    clock.now = NOW + timedelta(seconds=119)
    assert ledger.admit(call("b")).admitted
    assert not ledger.renew(held.id)
    clock.now += timedelta(seconds=60)
    assert ledger.reserved("alpha") == 0


def test_an_owner_without_balance(make: Callable[..., Ledger]) -> None:
    """Where calls are prepaid, an owner without an account has no credit; else balances are only kept."""
    assert not make(prepaid=True).admit(call(owner="nobody", dollars=0)).admitted
    assert make().admit(call(owner="nobody")).admitted


def test_calls_without_a_price_follow_the_setting(make: Callable[..., Ledger]) -> None:
    """Where cost is limited, a call that cannot be priced is refused, or admitted, as set; a given estimate is one."""
    unknown = call(model="nope")
    for options in ({"prepaid": True}, {"budgets": [Budget("all", hard=9)]}):
        ledger = make(**options)
        ledger.grant("alpha", 9)
        refusal = ledger.admit(unknown).refusal
        assert refusal is not None
        assert "model nope" in str(refusal)
        assert ledger.admit(unknown, cost="0.50").admitted
        assert make(**options, unpriced_open=True).admit(unknown).admitted
    assert make(budgets=[Budget("all", hard=9, measure="requests")]).admit(unknown).admitted
    assert not make(unpriced_open=True, budgets=[Budget("all", hard=0, measure="requests")]).admit(unknown).admitted


class _Broken(MemoryStore):
    """A store that cannot be used."""

    def transact(self, work: Any) -> Any:
        raise LedgerUnavailable("the disk is gone")


def test_a_ledger_that_cannot_be_read_follows_the_setting() -> None:
    """Closed, the caller gets the error; open, the call is admitted and said to be unchecked; charging always fails."""
    with pytest.raises(LedgerUnavailable):
        Ledger(_Broken()).admit(call())
    admission = Ledger(_Broken(), fail_open=True).admit(call())
    assert (admission.admitted, admission.unchecked, admission.reservation) == (True, True, None)
    with pytest.raises(LedgerUnavailable):
        Ledger(_Broken(), fail_open=True).settle(call())


def test_an_aborted_run_is_settled_once(make: Callable[..., Ledger]) -> None:
    """Calls that were admitted and never reported are recorded when the run is given up; later usage corrects them."""
    ledger = make(prepaid=True)
    ledger.grant("alpha", 10)
    done, lost = (ledger.admit(call(name)).reservation for name in ("done", "lost"))
    assert done is not None
    assert lost is not None
    ledger.settle(call("done"), done.id)
    assert [one.entry.record.unmeasured for one in ledger.abandon("r") if one.entry.record] == [True]
    assert ledger.abandon("r") == []
    assert (ledger.reserved("alpha"), ledger.balance("alpha")) == (0, 9)
    assert ledger.settle(call("lost", 2)).outcome == "corrected"
    assert ledger.balance("alpha") == 7
    ledger.admit(call("guessed"))
    estimated = ledger.abandon("r", estimate=True)
    assert [(one.entry.dollars, one.entry.record.estimated) for one in estimated if one.entry.record] == [(1, True)]


def test_a_run_is_told_also_of_calls_whose_lease_is_over(make: Callable[..., Ledger], clock: Clock) -> None:
    """What they reserved is free after the lease, and they are still abandoned with their run; for a week."""
    ledger = make(prepaid=True, lease_s=60, budgets=[Budget("run", hard=2, measure="requests")])
    ledger.grant("alpha", 1)
    lost = ledger.admit(call("lost")).reservation
    assert lost is not None
    clock.now += timedelta(seconds=60)
    other = ledger.admit(call("other", run="s")).reservation
    assert other is not None
    ledger.release(other.id)
    assert (ledger.reserved("alpha"), ledger.renew(lost.id)) == (0, False)
    abandoned = ledger.abandon("r", estimate=True)
    assert [(one.entry.record.call, one.entry.dollars) for one in abandoned if one.entry.record] == [("lost", 1)]
    assert ledger.abandon("r") == []
    ledger.grant("alpha", 1)
    assert ledger.admit(call("forgotten")).admitted
    clock.now += timedelta(days=8)
    assert ledger.reserved("alpha") == 0
    assert ledger.abandon("r") == []


def test_a_refill_that_no_admission_could_look_at_is_refused(make: Callable[..., Ledger]) -> None:
    """An interval that ends behind the calendar, and a start without a time zone, are errors when they are set."""
    ledger = make(prepaid=True)
    for every in ("999999 years", "999999 weeks", "96000 months"):
        with pytest.raises(LedgerError, match=rf"every {every} from 2026-01-31 is behind the last day of the calendar"):
            ledger.set_refill("alpha", 5, every)
    with pytest.raises(LedgerError, match="a time with a time zone, got 2026-01-31T00:00:00"):
        ledger.set_refill("alpha", 5, "1 day", start=datetime(2026, 1, 31))
    assert ledger.accounts() == []
    assert ledger.admit(call()).refusal is not None


@pytest.mark.parametrize("level", ["1e5000", "1e999999", "1e30", "-1e999999", "nan", "inf", "1.5"])
@pytest.mark.parametrize("measure", ["tokens", "requests"])
def test_a_level_has_a_bound(level: str, measure: str) -> None:
    """A level that cannot be printed, or that is no whole number, is refused at once."""
    began = time.monotonic()
    with pytest.raises(LedgerError, match=rf"a level must be a whole number of {measure} below 10\^30, got"):
        Budget("all", hard=Decimal(level), measure=measure)
    assert time.monotonic() - began < 1
    stored = {"scope": "all", "measure": measure, "period": "ever", "hard": "1e5000"}
    assert Budget.from_json(stored).hard == 10**29
    assert Budget("all", hard=Decimal("1e29"), measure=measure).level(Decimal("1e29")) == 10**29


def test_a_key_is_of_one_grant(make: Callable[..., Ledger]) -> None:
    """Under the key of a grant, the same one is made once, and another owner or amount is an error."""
    ledger = make()
    first = ledger.grant("alpha", 5, key="k")
    assert ledger.grant("alpha", "5.00", key="k") == first
    for owner, dollars in (("beta", 5), ("alpha", 7)):
        with pytest.raises(LedgerError, match=r"key k: \$5\.00 was granted to alpha under it, .* take another key"):
            ledger.grant(owner, dollars, key="k")
    assert (ledger.balance("alpha"), ledger.balance("beta")) == (5, 0)


def test_amounts_end_where_a_column_does(make: Callable[..., Ledger], clock: Clock) -> None:
    """An amount, an estimate and a balance are refused beyond the same bound, whatever keeps the ledger."""
    ledger = make(budgets=[Budget("all", warn=1)])
    for dollars in ("9223372036.854775808", 10_000_000_000, "-9223372036.854775808"):
        with pytest.raises(LedgerError, match=r"at most 9223372036\.854775807 dollars, got"):
            ledger.grant("alpha", dollars)
    with pytest.raises(LedgerError, match="at most"):
        ledger.admit(call("a"), cost="9999999999999")
    ledger.grant("alpha", 9_000_000_000)
    with pytest.raises(LedgerError, match=r"owner alpha: \$9,000,000,000\.00 would take the balance of .* beyond"):
        ledger.grant("alpha", 9_000_000_000)
    ledger.set_refill("alpha", 9_000_000_000, "1 day", start=NOW)
    clock.now += timedelta(days=1)
    assert ledger.refill("alpha") is None
    for name in "abc":
        assert ledger.admit(call(name), cost=9_000_000_000).admitted
    assert ledger.reserved("alpha") == 27_000_000_000
    assert ledger.balance("alpha") == 9_000_000_000


# Refills


def test_months_are_of_the_calendar(make: Callable[..., Ledger], clock: Clock) -> None:
    """A refill on the 31st comes on the last day of shorter months, and on the 31st again [R47]."""
    ledger = make()
    ledger.set_refill("alpha", 5, "1 month", start=NOW)
    credited = []
    for day in range(120):
        clock.now = NOW + timedelta(days=day)
        if ledger.refill("alpha"):
            credited.append(clock.now.date().isoformat())
    assert credited == ["2026-02-28", "2026-03-31", "2026-04-30"]
    assert ledger.balance("alpha") == 15


def test_a_refill_comes_once_in_an_interval(make: Callable[..., Ledger], clock: Clock) -> None:
    """Many that ask at once get one refill among them; intervals that nobody asked in are not made up for [R47]."""
    ledger = make(prepaid=True)
    ledger.set_refill("alpha", 1, "30 days", start=NOW)
    assert not ledger.admit(call("early")).admitted
    clock.now = NOW + timedelta(days=95)
    found = in_threads(20, lambda number: ledger.admit(call(str(number))))
    assert sum(one.admitted for one in found) == 1
    assert [entry.kind for entry in ledger.entries()] == ["refill"]
    refusal = ledger.admit(call("next")).refusal
    assert refusal is not None
    clock.now = NOW + timedelta(days=120)
    assert ledger.refill("alpha") is not None
    assert ledger.balance("alpha") == 2


def test_a_refill_may_wait_until_it_is_needed(make: Callable[..., Ledger], clock: Clock) -> None:
    """With a level, nothing is credited above it; ended, nothing at all."""
    ledger = make()
    ledger.grant("alpha", 10)
    ledger.set_refill("alpha", 5, "1 day", start=NOW, below=10)
    clock.now = NOW + timedelta(days=3)
    assert ledger.refill("alpha") is None
    ledger.settle(call("a"))
    assert ledger.refill("alpha") is not None
    assert ledger.balance("alpha") == 14
    ledger.set_refill("alpha", 0, "1 day")
    clock.now = NOW + timedelta(days=30)
    assert ledger.refill("alpha") is None
    with pytest.raises(LedgerError, match="an interval is a number and a unit"):
        ledger.set_refill("alpha", 5, "monthly")


# Budgets


@pytest.mark.parametrize(
    ("measure", "hard", "fits", "told"),
    [
        ("cost", Decimal("2.5"), 2, r"\$2.50"),
        ("tokens", 2_500_000, 2, "2500000 tokens"),
        ("requests", 2, 2, "2 requests"),
    ],
)
def test_a_run_keeps_to_its_limit(make: Callable[..., Ledger], measure: str, hard: Any, fits: int, told: str) -> None:
    """Cost, tokens and requests of a run: calls are admitted as long as they fit, and the refusal tells all [R48]."""
    ledger = make(budgets=[Budget("run", hard=hard, measure=measure)])
    found = [ledger.admit(call(str(number))) for number in range(4)]
    assert [one.admitted for one in found] == [True] * fits + [False] * (4 - fits)
    refusal = found[-1].refusal
    assert refusal is not None
    assert (refusal.scope, refusal.retry_at) == ("run r", NOW + timedelta(seconds=600))
    with pytest.raises(LimitExceeded, match=told):
        raise refusal
    assert ledger.admit(call("c", run="other")).admitted


def test_levels_warn_and_are_passed(make: Callable[..., Ledger]) -> None:
    """After each call it is told which levels are reached: exactly the limit is within it, more is over [R48]."""
    ledger = make(budgets=[Budget("model", value="m", hard=3, warn=2)])
    levels = [[breach.level for breach in ledger.settle(call(str(number))).breaches] for number in range(4)]
    assert levels == [[], ["warn"], ["warn"], ["hard"]]
    over = ledger.settle(call("9")).over
    assert over is not None
    assert str(over) == "model m: $5.00 of $3.00"
    assert ledger.settle(call("x", model="thirds", input=1)).breaches == ()
    assert ledger.standing(call()) is not None


def test_a_correction_counts_once_in_a_budget(make: Callable[..., Ledger]) -> None:
    """When a call is better known, budgets hold what it did use instead of what was thought."""
    ledger = make(budgets=[Budget("owner", hard=9)])
    ledger.settle(call("a", 5, estimated=True))
    ledger.settle(call("a", 2, model="thirds"))
    (state,) = ledger.limits()
    assert (state.spent.tokens, state.spent.requests) == (2 * MILLION, 1)
    assert state.spent.nano == ledger.balance("alpha") * -(10**9)


def test_with_nothing_left_nothing_is_admitted(make: Callable[..., Ledger]) -> None:
    """A call that is estimated to cost nothing is refused like any other, once the limit is used up."""
    ledger = make(budgets=[Budget("owner", hard=1)])
    assert ledger.admit(call("a", 0)).admitted
    ledger.settle(call("b", 1))
    assert not ledger.admit(call("c", 0)).admitted


def test_a_budget_begins_anew(make: Callable[..., Ledger], clock: Clock) -> None:
    """A day's budget is free again at midnight of its zone, and the refusal says so; one for ever never is."""
    ledger = make(budgets=[Budget("owner", hard=1, period=Period.DAY, zone="America/St_Johns")])
    ledger.settle(call("a"))
    refusal = ledger.admit(call("b")).refusal
    assert refusal is not None
    assert refusal.retry_at is not None
    assert refusal.retry_at.isoformat() == "2026-02-01T00:00:00-03:30"
    clock.now = refusal.retry_at - timedelta(seconds=1)
    assert not ledger.admit(call("b")).admitted
    clock.now = refusal.retry_at
    assert ledger.admit(call("b")).admitted
    never = make(budgets=[Budget("owner", hard=1)])
    assert never.admit(call("c")).refusal.retry_at is None  # type: ignore[union-attr]
    too_much = make(budgets=[Budget("owner", hard=1, period=Period.DAY)]).admit(call("d", 2)).refusal
    assert too_much is not None
    assert too_much.retry_at is None


def test_budgets_are_kept_with_the_ledger(make: Callable[..., Ledger]) -> None:
    """What is set is there for every program that opens the ledger; a budget of the same name takes its place."""
    budgets = [
        Budget("owner", value="alpha", hard=Decimal("2.5"), warn=1, period=Period.MONTH, zone="Europe/Rome"),
        Budget("project", hard=5, measure="requests"),
    ]
    for budget in (Budget("project", hard=1, measure="requests"), *budgets):
        make().set_budget(budget)
    assert make().budgets() == budgets
    make().settle(call(project="x"))
    assert [(state.value, state.spent.nano, state.spent.requests) for state in make().limits()] == [
        ("alpha", 10**9, 1),
        ("x", 10**9, 1),
    ]
    assert make().drop_budget(budgets[0].name)
    assert not make().drop_budget(budgets[0].name)
    assert make().budgets() == budgets[1:]


@pytest.mark.parametrize(
    "bad",
    [{"scope": "team", "hard": 1}, {"scope": "run"}, {"scope": "run", "hard": -1},
     {"scope": "run", "hard": Decimal("NaN")}, {"scope": "run", "hard": 1, "measure": "euros"},
     {"scope": "run", "hard": 1, "zone": "Mars"},
     {"scope": "run", "hard": 1, "period": "year"}, {"scope": "run", "hard": Decimal("1.5"), "measure": "tokens"}],
)  # fmt: skip
def test_bad_budgets_are_refused(bad: dict[str, Any]) -> None:
    """A budget that could limit nothing is an error when it is made."""
    with pytest.raises(LedgerError):
        Budget(**bad)


def test_what_is_reserved_is_not_free_for_others(make: Callable[..., Ledger]) -> None:
    """Parallel agents share their owner's budget: what one has reserved, another cannot have."""
    ledger = make(budgets=[Budget("owner", hard=1)])
    found = in_threads(10, lambda number: ledger.admit(call(str(number), run=f"agent {number}")))
    assert sum(one.admitted for one in found) == 1


def test_any_order_of_reports_gives_the_same_sums(make: Callable[..., Ledger]) -> None:
    """Reports of calls, doubled and shuffled, with estimates before or after, end in the same balance."""
    reports = [call(str(number), number) for number in range(5)] * 2
    reports += [call(str(number), 9, estimated=True) for number in range(5)]
    for seed in range(5):
        shuffled = random.Random(seed).sample(reports, len(reports))
        ledger = make()
        for report in shuffled:
            ledger.settle(report._replace(run=f"run {seed}"))
    assert ledger.balance("alpha") == -5 * sum(range(5))
    assert adds_up(ledger)
