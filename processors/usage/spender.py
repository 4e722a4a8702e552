"""UsageSpender: charges the calls of models that pass, once each, and holds, skips or ends what goes over a limit."""

from __future__ import annotations

import time
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from processors.usage.ledger_file import open_store
from processors.usage.limits import Limit, budgets_of
from processors.usage.open_calls import OpenCall, OpenCalls
from processors.usage.reading import RecordReader, event_data, unpriced
from transmissions import MISSING, Message, Processor, get_field, set_field, setting
from transmissions.usage import (
    Ledger,
    LimitExceeded,
    Outcome,
    Settlement,
    UsageRecord,
    default_prices,
    dollars_of_nano,
)

__all__ = ["UsageSpender"]

_LOOK_S = 0.2


class UsageSpender(Processor):
    """Charge the calls of models whose usage passes, each once, and keep to limits; messages go on with their cost.

    A message is charged by the usage in its `:usageField`: metadata of a provider or a list of it, or a record as the
    readers of session logs send it; an event of type `Usage` by its data. The usage is replaced by the record that was
    charged, with its cost, and the sum stands in `:costField`. Whose call it was is said by the fields `call`, `run`,
    `model`, `provider`, `owner`, `project`, `session`, `agent`, `parent` and `kind` of the usage or of the message,
    else by the settings; an assembled answer's `message_id` is its call.

    A message that has no usage, but an `:estimateField` (dollars, or usage metadata), asks whether a call may be made.
    If so, it goes on with a reservation, which a spender behind the call settles.

    What was used is charged whatever the limits say. If a hard limit is then passed, or a call is refused, `:whenOver`
    says what follows. Of a call whose events begin and never tell their usage, `:interrupted` says what is recorded,
    also when the run is aborted.

    Example:
        :stage a :UsageSpender ; :settings [
            :owner "lab" ; :priceTable "prices.json" ; :limit [ :scope "owner" ; :period "day" ; :hard 0.05 ]
        ] .
        file prices.json {"models": {"tiny": {"input": 1, "output": 4}}}
        in {"run": "r1", "call": "c1", "usage": {"model": "tiny", "input_tokens": 1000, "output_tokens": 500}}
        in {"run": "r1", "call": "c1", "usage": {"model": "tiny", "input_tokens": 1000, "output_tokens": 500}}
        out {"run": "r1", "call": "c1",
            "usage": {"input": 1000, "output": 500, "call": "c1", "run": "r1", "model": "tiny", "owner": "lab",
            "at": "…", "cost": "0.003", "outcome": "settled"}, "cost": 0.003}
        out {"run": "r1", "call": "c1",
            "usage": {"input": 1000, "output": 500, "call": "c1", "run": "r1", "model": "tiny", "owner": "lab",
            "at": "…", "cost": "0.003", "outcome": "already"}, "cost": 0.003}

    Guarantee: exactly once in a durable ledger, for calls with ids; a call reported again is not charged again.
    """

    writes = ("call", "run", "usage")
    stateful = True

    usage_field: str = setting("usage", "message field with the usage, where there is any", writes=True)
    cost_field: str = setting("cost", "message field for the cost in dollars; null if a part has no price", writes=True)
    estimate_field: str = setting("estimate", "message field with the estimate of a call that is to be made")
    reservation_field: str = setting("reservation", "message field for the reservation of such a call", writes=True)
    ledger: Path | None = setting(None, "file of the ledger (SQLite); without it there is one for this run alone")
    price_table: list[Path] = setting((), "price tables of one's own, JSON or Turtle, before the published prices")
    convention: Literal["", "inclusive", "additive"] = setting(
        "", "whether input counts include cached tokens; the provider's own convention if not given"
    )
    model: str = setting("", "model of calls that name none")
    provider: str = setting("", "provider of calls that name none")
    owner: str = setting("", "owner of calls that name none")
    project: str = setting("", "project of calls that name none")
    limit: list[Limit] = setting(
        (), "limits, beside those that the ledger keeps: on what (`:scope`: all, run, owner, model, project; of one "
        "`:value`, or of each), of what (`:measure`: cost in dollars, tokens, requests), in which `:period` (ever, "
        "day, week, month; by `:timezone`); from `:warn` on it is told, above `:hard` it is over",
    )  # fmt: skip
    prepaid: bool = setting(False, "whether a call needs a balance of its owner that covers it")
    allow_negative: bool = setting(True, "whether a charge may take a balance below zero; else the rest is unpaid")
    when_over: Literal["end", "block", "skip", "warn"] = setting(
        "end", "over a limit: end the run, wait until it is free again, leave the message out, or only warn"
    )
    interrupted: Literal["unmeasured", "estimate"] = setting(
        "unmeasured", "what to record of a call that never tells its usage: that it was made, or an estimate"
    )
    fail_open: bool = setting(False, "whether calls may be made while the ledger cannot be read")
    unpriced_open: bool = setting(False, "whether calls without a known price may be made where cost is limited")
    lease: int = setting(600, "seconds after which a reservation that nobody settles is free again", minimum=1)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._budgets = budgets_of(self.limit)
        self._open = OpenCalls()
        self._asked: set[str] = set()
        self._counts = dict.fromkeys((*map(str, Outcome), "unpriced", "unmeasured", "admitted", "refused"), 0)
        self._spent = 0
        self._warned: set[tuple[str, str, str]] = set()
        self._unpriced: set[str] = set()
        # Calls that went on as estimates or as unmeasured: a report behind has counted them.
        self._uncertain: set[tuple[str, str]] = set()
        self._ledger: Ledger | None = None
        self._reader: RecordReader | None = None

    def start(self) -> None:
        """Open the ledger and the price tables."""
        run = self.context.run or uuid.uuid4().hex
        defaults = {"run": run, "stage": self.context.stage or "call"}
        defaults |= {name: getattr(self, name) for name in ("model", "provider", "owner", "project")}
        self._reader = RecordReader(self.usage_field, self.convention, defaults, self.warn)
        prices = default_prices(self.price_table)
        self._ledger = Ledger(
            open_store(self.ledger, self.context.output.target), prices=prices, budgets=self._budgets,
            prepaid=self.prepaid, allow_negative=self.allow_negative, fail_open=self.fail_open,
            unpriced_open=self.unpriced_open, lease_s=self.lease,
        )  # fmt: skip

    def process(self, message: Message) -> Message | None:
        """Charge what the message says was used, or ask for what it says is to be used."""
        assert self._reader is not None
        if self._reader.metadata(message):
            return self._charge(message)
        estimate = get_field(message, self.estimate_field)
        if estimate is not MISSING and estimate is not None:
            return self._ask(message, estimate)
        if (ended := self._open.see(message)) is not None:
            noted = self._settle_interrupted(ended)
            if event_data(message, "MessageStart") is None:
                # The end of a call that told nothing tells what was recorded of it.
                set_field(message, self.usage_field, noted)
            else:
                self._uncertain.discard((noted["run"], noted["call"]))
        return message

    def close(self) -> None:
        """Settle what was begun and never told its usage, also in a run that is aborted; close the ledger."""
        ledger, self._ledger = self._ledger, None
        if ledger is None:
            return
        try:
            self._close_calls(ledger)
        finally:
            ledger.close()

    def report(self) -> dict[str, Any]:
        """Return what became of the calls, and what was charged in dollars."""
        skipped = self._reader.skipped if self._reader else 0
        return {**self._counts, "null_skipped": skipped, "cost": float(dollars_of_nano(self._spent))}

    # Charging

    def _charge(self, message: Message) -> Message | None:
        assert self._reader is not None
        assert self._ledger is not None
        is_event = event_data(message, "Usage") is not None
        call = self._open.told(message) if is_event else ""
        records = list(self._reader.records(message, call))
        held = get_field(message, self.reservation_field)
        settled = self._ledger.settle_all(records, held if isinstance(held, str) else "")
        charged = [self._noted(one) for one in settled]
        costs = [one.entry.dollars for one in settled]
        is_list = isinstance(get_field(message, self.usage_field), list)
        set_field(message, self.usage_field, charged if is_list else charged[0])
        known = [cost for cost in costs if cost is not None]
        set_field(message, self.cost_field, float(sum(known, Decimal(0))) if len(known) == len(costs) else None)
        return self._kept_to_limits(message, settled)

    def _kept_to_limits(self, message: Message, settled: list[Settlement]) -> Message | None:
        """Do what is to be done if a charge passed a limit; return the message if it goes on."""
        assert self._ledger is not None
        for one in settled:
            refusal = one.over.error() if one.over else None
            if refusal is None and self.prepaid and one.balance < 0:
                refusal = self._ledger.standing(_record_of(one))
            if refusal is None:
                continue
            if self.when_over == "block":
                # What was over in a span that has ended since holds nobody up.
                while (now := self._ledger.standing(_record_of(one))) and self._waited(now):
                    pass
            elif not self._goes_on(refusal):
                return None
        return message

    def _noted(self, settled: Settlement) -> dict[str, Any]:
        """Count a settlement, tell its warnings, and return what stands in the message for it."""
        entry = settled.entry
        assert entry.record is not None
        self._counts[str(settled.outcome)] += 1
        if settled.outcome is not Outcome.ALREADY:
            self._counts["unmeasured"] += entry.record.unmeasured
            if entry.cost is None and not entry.record.unmeasured:
                self._counts["unpriced"] += 1
                if entry.record.model not in self._unpriced:
                    self._unpriced.add(entry.record.model)
                    self.warn(unpriced(entry.record.model))
            self._spent += (entry.cost or 0) - ((settled.before.cost or 0) if settled.before else 0)
        for breach in settled.breaches:
            place = (breach.budget.name, breach.value, breach.level)
            if place not in self._warned and (breach.level == "warn" or self.when_over == "warn"):
                self._warned.add(place)
                self.warn(f"limit {'passed' if breach.level == 'hard' else 'near'}: {breach}")
        noted = entry.record.as_json() | {"cost": _cost(entry.dollars), "outcome": str(settled.outcome)}
        key = (entry.record.run, entry.record.call)
        if settled.before is not None and settled.before.record is not None and key in self._uncertain:
            noted["replaces"] = settled.before.record.as_json() | {"cost": _cost(settled.before.dollars)}
        if entry.record.estimated or entry.record.unmeasured:
            self._uncertain.add(key)
        return noted

    # Asking

    def _ask(self, message: Message, estimate: Any) -> Message | None:
        assert self._reader is not None
        assert self._ledger is not None
        metadata = estimate if isinstance(estimate, dict) else {"input": 0, "output": 0}
        record = self._reader.record(metadata, message)
        record = record._replace(call=record.call or uuid.uuid4().hex)
        cost = None if isinstance(estimate, dict) else _dollars(estimate)
        admission = self._ledger.admit(record, cost)
        while admission.refusal and self.when_over == "block":
            if not self._waited(admission.refusal):
                return None
            admission = self._ledger.admit(record, cost)
        for breach in admission.warnings:
            self.warn(f"limit near: {breach}")
        if admission.refusal:
            self._counts["refused"] += 1
            if not self._goes_on(admission.refusal):
                return None
            self.warn(f"made all the same: {admission.refusal}")
        self._counts["admitted"] += 1
        self._asked.add(record.run)
        message["call"], message["run"] = record.call, record.run
        if admission.reservation:
            set_field(message, self.reservation_field, admission.reservation.id)
        return message

    def _goes_on(self, refusal: LimitExceeded) -> bool:
        """Say whether a message over a limit goes on; raises LimitExceeded if the run is to end."""
        if self.when_over == "end":
            raise refusal
        return self.when_over != "skip"

    def _waited(self, refusal: LimitExceeded) -> bool:
        """Wait a moment for a limit to be free again; False if the run ends meanwhile.

        Raises:
            LimitExceeded: time alone will not free it.
        """
        if refusal.retry_at is None:
            raise refusal
        if self.context.stopping():
            return False
        time.sleep(_LOOK_S)
        return True

    # Interrupted calls

    def _close_calls(self, ledger: Ledger) -> None:
        for call in self._open.rest():
            self._settle_interrupted(call, ledger)
        if self.context.stopping():
            # Nobody settles them now; a call of theirs that was made all the same is charged when its usage comes.
            for run in self._asked:
                for settled in ledger.abandon(run, estimate=self.interrupted == "estimate"):
                    self._noted(settled)

    def _settle_interrupted(self, call: OpenCall, ledger: Ledger | None = None) -> dict[str, Any]:
        ledger = ledger or self._ledger
        assert self._reader is not None
        assert ledger is not None
        data = event_data(call.message, "MessageStart") or {}
        begun = data.get("usage")
        metadata = begun if isinstance(begun, dict) else {"input": 0, "output": 0}
        record = self._reader.record(metadata, call.message, call.id)
        if self.interrupted == "estimate":
            record = record._replace(output=max(record.output, call.tokens), estimated=True)
        else:
            record = record.as_unmeasured()
        return self._noted(ledger.settle(record))


def _record_of(settled: Settlement) -> UsageRecord:
    assert settled.entry.record is not None
    return settled.entry.record


def _cost(dollars: Decimal | None) -> str | None:
    """Return a cost as a text: exact, as no float is."""
    return None if dollars is None else f"{dollars:f}"


def _dollars(estimate: Any) -> Decimal:
    if isinstance(estimate, bool) or not isinstance(estimate, int | float | str):
        raise ValueError(f"an estimate is a number of dollars or usage metadata, got {estimate!r}")
    return round(Decimal(str(estimate)), 9)
