"""A ledger does what a few dicts would: random sequences of operations on every store and on a plain model of it."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from transmissions.usage import Budget, Ledger, MemoryStore, PriceFile, SqliteStore, UsageRecord

OWNERS = st.sampled_from(["alpha", "beta"])
CALLS = st.sampled_from(["1", "2", "3"])
CENTS = st.integers(0, 300)
CENT = 10**7
PRICES = PriceFile([("m", {"input": 10_000, "output": 0})])  # a token is a cent
LIMIT = 500


class LedgerModel(RuleBasedStateMachine):
    """The same operations on a ledger in memory, one in a file, and on dicts."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 1, 31, tzinfo=UTC)
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name, "ledger.sqlite")
        self.stores: list[Any] = [MemoryStore(), SqliteStore(self.file, fast=True)]
        self.balances: dict[str, int] = {}
        self.calls: dict[str, tuple[str, int, int]] = {}  # call → owner, certainty, cents
        self.held: dict[int, tuple[str, int, datetime]] = {}
        self.ids: list[list[str]] = []

    def ledgers(self) -> list[Ledger]:
        budgets = [Budget("owner", hard=LIMIT // 100)]
        options: dict[str, Any] = {"prices": PRICES, "prepaid": True, "budgets": budgets, "lease_s": 60}
        return [Ledger(store, clock=lambda: self.now, **options) for store in self.stores]

    @rule(owner=OWNERS, cents=CENTS)
    def grant(self, owner: str, cents: int) -> None:
        for ledger in self.ledgers():
            ledger.grant(owner, f"{cents / 100:.2f}")
        self.balances[owner] = self.balances.get(owner, 0) + cents

    @rule(owner=OWNERS, call=CALLS, cents=CENTS, certainty=st.integers(0, 2))
    def settle(self, owner: str, call: str, cents: int, certainty: int) -> None:
        cents = cents if certainty else 0
        record = UsageRecord(
            call, "r", "m", input=cents, owner=owner, unmeasured=certainty == 0, estimated=certainty == 1
        )
        payer, known, before = self.calls.get(call, (owner, -1, 0))
        found = [str(ledger.settle(record).outcome) for ledger in self.ledgers()]
        assert found == ["already" if certainty <= known else "corrected" if known >= 0 else "settled"] * 2
        if certainty > known:
            self.balances[payer] = self.balances.get(payer, 0) + before - cents
            self.calls[call] = (payer, certainty, cents)

    @rule(owner=OWNERS, cents=CENTS)
    def admit(self, owner: str, cents: int) -> None:
        self.held = {number: one for number, one in self.held.items() if one[2] > self.now}
        held = sum(amount for whose, amount, _ in self.held.values() if whose == owner)
        spent = sum(cost for whose, _, cost in self.calls.values() if whose == owner)
        free = self.balances.get(owner, 0) - held
        expected = free >= cents and free > 0 and spent + held + cents <= LIMIT and spent + held < LIMIT
        found = [ledger.admit(UsageRecord("x", "r", "m", input=cents, owner=owner)) for ledger in self.ledgers()]
        assert [one.admitted for one in found] == [expected] * 2
        if expected:
            self.held[len(self.ids)] = (owner, cents, self.now + timedelta(seconds=60))
            self.ids.append([one.reservation.id for one in found if one.reservation])

    @rule(which=st.integers(0, 5))
    def release(self, which: int) -> None:
        if which < len(self.ids):
            for ledger, id_ in zip(self.ledgers(), self.ids[which], strict=True):
                ledger.release(id_)
            self.held.pop(which, None)

    @rule(seconds=st.sampled_from([1, 30, 59, 60]))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def open_again(self) -> None:
        """What a new process would see is what was there."""
        self.stores[1].close()
        self.stores[1] = SqliteStore(self.file, fast=True)

    @invariant()
    def all_agree(self) -> None:
        for ledger in self.ledgers():
            found = {account.owner: account.nano // CENT for account in ledger.accounts()}
            assert {owner: found.get(owner, 0) for owner in self.balances} == self.balances
            sums: dict[str, int] = dict.fromkeys(found, 0)
            for entry in ledger.entries():
                sums[entry.owner] += entry.nano // CENT
            assert sums == found
            assert {e.record.call: (e.cost or 0) // CENT for e in ledger.charges() if e.record} == {
                call: cost for call, (_, _, cost) in self.calls.items()
            }

    def teardown(self) -> None:
        self.stores[1].close()
        self.folder.cleanup()


LedgerModel.TestCase.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
TestLedgerModel = LedgerModel.TestCase
