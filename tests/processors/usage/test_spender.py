"""What UsageSpender and UsageReport do, in pipelines written in Turtle."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import transmissions
from transmissions import Message, StageError, Status
from transmissions.usage import InvalidUsage, Ledger, SqliteStore, UsageRecord

PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"
TABLE = '{"models": {"m": {"input": 1000000, "output": 2000000}, "n": {"input": 3000000, "output": 0}}}'
"""A token of input of m costs a dollar."""


class Folder:
    """A folder with a price table, a ledger and pipelines that charge into it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "prices.json").write_text(TABLE)

    def pipeline(self, settings: str = "", rest: str = "") -> transmissions.Pipeline:
        """Load a pipeline with a spender that has these settings, and the stages that follow."""
        stages = ":s " + " ".join(word for word in rest.split() if word.startswith(":") and word.endswith("#"))
        turtle = f"""{PREFIX}:p a :Transmission ; :pipe ({stages.replace("#", "")}) .
            :s a :UsageSpender ; :settings [ :ledger "ledger.sqlite" ; :priceTable "prices.json" ; :owner "alpha" ;
                {settings} ] . {rest.replace("#", "")}"""
        (self.path / "p.ttl").write_text(turtle, encoding="utf-8")
        return transmissions.load(self.path / "p.ttl")

    def leaving(self, messages: Any, settings: str = "", rest: str = "") -> list[Message]:
        """Run the pipeline and return what leaves it."""
        return list(self.pipeline(settings, rest).stream(messages=messages, target=self.path))

    @property
    def ledger(self) -> Ledger:
        """The ledger, opened anew."""
        return Ledger(SqliteStore(self.path / "ledger.sqlite"))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return a new folder."""
    return Folder(tmp_path)


def used(call: str, tokens: int = 1, **more: Any) -> Message:
    """Return a message with the usage of a call."""
    return {"call": call, "run": "r", "usage": {"input_tokens": tokens, "output_tokens": 0, "model": "m"}, **more}


def start(name: str, **more: Any) -> Message:
    """Return the event with which a call begins."""
    return {"type": "MessageStart", "data": {"message_id": name}, "run": "r", "model": "m", **more}


def told(tokens: int, **more: Any) -> Message:
    """Return the event that tells a call's usage."""
    data = {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}
    return {"type": "Usage", "data": data, "run": "r", "model": "m", **more}


def test_a_message_goes_on_with_its_cost(folder: Folder) -> None:
    """The usage becomes the record that was charged, with its exact cost; the rest of the message stays."""
    (message,) = folder.leaving([used("a", 3, text="hello")])
    assert (message["cost"], message["text"]) == (3.0, "hello")
    assert message["usage"] == {
        "input": 3, "output": 0, "call": "a", "run": "r", "model": "m", "owner": "alpha",
        "at": message["usage"]["at"], "cost": "3", "outcome": "settled",
    }  # fmt: skip
    assert folder.ledger.balance("alpha") == -3


def test_a_call_is_charged_once_over_runs(folder: Folder) -> None:
    """The same call again, in this run or a later one, goes on with its cost and is not charged again."""
    assert [one["usage"]["outcome"] for one in folder.leaving([used("a"), used("a")])] == ["settled", "already"]
    assert folder.leaving([used("a")])[0]["cost"] == 1
    assert folder.ledger.balance("alpha") == -1


def test_lists_and_nulls_and_unknown_models(folder: Folder) -> None:
    """Each of several usages is a call; null ones are counted; one without a price leaves the sum open."""
    message = used("a")
    message["usage"] = [message["usage"], None, {"input_tokens": 5, "output_tokens": 0, "model": "nope"}]
    messages = [message, {"text": "no usage"}, {"usage": None}]
    pipeline = folder.pipeline()
    (first, *others) = pipeline.stream(messages=messages, target=folder.path)
    assert [one["cost"] for one in first["usage"]] == ["1", None]
    assert first["cost"] is None
    assert others == [{"text": "no usage"}, {"usage": None}]
    report = pipeline.run(messages=[{**message, "call": "b"}], target=folder.path).processors["s"]
    assert (report["settled"], report["unpriced"], report["null_skipped"], report["cost"]) == (2, 1, 1, 1.0)
    json.dumps(report)


def test_usage_in_a_field_of_ones_own(folder: Folder) -> None:
    """The fields can be named, and the convention given."""
    usage = {"prompt_tokens": 5, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 4}, "model": "m"}
    settings = ':usageField "reply.usage" ; :costField "reply.price" ; :convention "inclusive"'
    (message,) = folder.leaving([{"reply": {"usage": usage}}], settings)
    assert (message["reply"]["usage"]["cache_read"], message["reply"]["usage"]["input"]) == (4, 1)
    assert message["reply"]["price"] == 5


@pytest.mark.parametrize("bad", [-1, float("nan"), "5", True, None])
def test_bad_numbers_end_the_run_before_any_charge(folder: Folder, bad: Any) -> None:
    """A bad number is an error that names the field and the stage; nothing of its message is charged."""
    message = used("a")
    message["usage"] = [message["usage"], {"input_tokens": bad, "output_tokens": 0}]
    with pytest.raises(StageError, match=r"stage :s failed in process: input_tokens must be"):
        folder.leaving([message])
    assert list(folder.ledger.entries()) == []


@pytest.mark.parametrize("flag", ["estimated", "unmeasured"])
@pytest.mark.parametrize("bad", ["false", 1, None])
def test_a_flag_that_is_none_ends_the_run_before_any_charge(folder: Folder, flag: str, bad: Any) -> None:
    """A text or a number where true or false belongs is an error that names the field; nothing is charged."""
    message = {"usage": UsageRecord("a", "r", "m", input=1).as_json() | {flag: bad}}
    with pytest.raises(StageError, match=rf"stage :s failed in process: {flag} must be true or false, got"):
        folder.leaving([message])
    assert list(folder.ledger.entries()) == []
    with pytest.raises(InvalidUsage, match=flag):
        folder.ledger.settle(UsageRecord("a", "r", "m", input=1)._replace(**{flag: bad}))
    assert list(folder.ledger.entries()) == []


@pytest.mark.parametrize(("over", "left"), [("warn", 4), ("skip", 2)])
def test_over_a_limit_messages_go_on_or_are_left_out(folder: Folder, over: str, left: int) -> None:
    """What was used is charged in any case; past the limit messages are left out, or there is only a warning."""
    settings = f':limit [ :scope "owner" ; :hard 2 ; :warn "1.5" ] ; :whenOver "{over}"'
    pipeline = folder.pipeline(settings)
    run = pipeline.start(messages=[used(str(number)) for number in range(4)], target=folder.path, collect=True)
    assert len(list(run.messages())) == left
    result = run.wait()
    assert result is not None
    warned = [problem["text"] for problem in result.problems]
    assert warned[0] == "limit near: owner alpha: $2.00 of $1.50"
    assert warned[1:] == (["limit passed: owner alpha: $3.00 of $2.00"] if over == "warn" else [])
    assert folder.ledger.balance("alpha") == -4


def test_over_a_limit_the_run_ends(folder: Folder) -> None:
    """The run ends with an error that names limit, value and scope; the call that passed it is charged."""
    with pytest.raises(StageError, match=r"run r: the limit is 2 tokens, and this makes 3 tokens"):
        folder.leaving(
            [used(str(number)) for number in range(9)], ':limit [ :scope "run" ; :measure "tokens" ; :hard 2 ]'
        )
    assert folder.ledger.balance("alpha") == -3


def test_blocked_until_a_refill(folder: Folder) -> None:
    """A message over the balance is held until a refill makes it good, and then goes on."""
    ledger = folder.ledger
    ledger.grant("alpha", 1)
    ledger.set_refill("alpha", 5, "1 second")
    (message,) = folder.leaving([used("a", 3)], ':prepaid true ; :whenOver "block"')
    assert message["cost"] == 3
    assert ledger.balance("alpha") >= 3


def test_what_time_cannot_free_is_refused(folder: Folder) -> None:
    """Blocked on a limit for ever, or on a balance that nobody refills, the run ends at once instead of waiting."""
    with pytest.raises(StageError, match=r"run r: the limit is \$1\.00"):
        folder.leaving([used("a", 3)], ':limit [ :scope "run" ; :hard 1 ] ; :whenOver "block"')
    with pytest.raises(StageError, match="balance of owner alpha"):
        folder.leaving([{"estimate": 5, "model": "m"}], ':prepaid true ; :whenOver "block"')


def test_a_blocked_run_can_be_aborted(folder: Folder) -> None:
    """A stage that waits for a limit hears that the run ends."""
    folder.ledger.set_refill("alpha", 5, "1 year")
    folder.ledger.grant("alpha", 1)
    run = folder.pipeline(':prepaid true ; :whenOver "block"').start(messages=[used("a", 3)], target=folder.path)
    while folder.ledger.settled("r", "a") is None:
        time.sleep(0.01)
    run.abort()
    result = run.wait()
    assert result is not None
    assert result.status is Status.ABORTED
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("transmissions ")]


def test_a_call_asks_and_is_settled_behind(folder: Folder) -> None:
    """A message with an estimate gets a reservation; the spender behind the call settles it under the same call."""
    folder.ledger.grant("alpha", 10)
    rest = """:answer# a :Restructure ; :settings [ :rename ( [ :pre "used" ; :post "usage" ] ) ] .
        :settle# a :UsageSpender ;
            :settings [ :ledger "ledger.sqlite" ; :priceTable "prices.json" ; :owner "alpha" ] ."""
    asking = {
        "estimate": {"input_tokens": 8, "output_tokens": 0},
        "model": "m",
        "used": {"input_tokens": 2, "output_tokens": 0},
    }
    (message,) = folder.leaving([asking], ":prepaid true", rest)
    assert message["cost"] == 2
    (entry,) = folder.ledger.charges()
    assert entry.record is not None
    assert (entry.record.call, entry.record.run) == (message["call"], message["run"])
    assert (folder.ledger.balance("alpha"), folder.ledger.reserved("alpha")) == (8, 0)


def test_a_refused_call_is_left_out_or_ends_the_run(folder: Folder) -> None:
    """With credit for one of two calls, the second is not made; what has no price is refused as well."""
    folder.ledger.grant("alpha", 10)
    asking: list[Message] = [
        {"estimate": 8, "model": "m"},
        {"estimate": "8", "model": "m"},
        {"estimate": 1, "model": "m"},
    ]
    assert len(folder.leaving(asking, ':prepaid true ; :whenOver "skip"')) == 2
    with pytest.raises(StageError, match="model nope: the limit is a known price"):
        folder.leaving([{"estimate": {"input_tokens": 1, "output_tokens": 0}, "model": "nope"}], ":prepaid true")
    with pytest.raises(StageError, match="an estimate is a number of dollars or usage metadata"):
        folder.leaving([{"estimate": [1]}], ":prepaid true")


# Events, and calls that are cut off


def test_events_of_usage_are_charged_under_their_call(folder: Folder) -> None:
    """A Usage event belongs to the call whose events it is among, also behind its end, and in interleaved streams."""
    events = [
        start("one", stream="1"), start("two", stream="2"), told(2, stream="2"), told(1, stream="1"),
        {"type": "MessageStop", "data": {"message_id": "one"}, "stream": "1"}, start("three"),
        {"type": "MessageStop", "data": {"message_id": "three"}}, told(4),
    ]  # fmt: skip
    left = folder.leaving(events)
    assert [one.get("cost") for one in left if one["type"] == "Usage"] == [2, 1, 4]
    assert {e.record.call: e.dollars for e in folder.ledger.charges() if e.record} == {"one": 1, "two": 2, "three": 4}
    assert [entry.kind for entry in folder.ledger.entries()] == ["charge", "charge", "charge", "correction"]


@pytest.mark.parametrize(("how", "cost", "flag"), [("unmeasured", None, "unmeasured"), ("estimate", 6, "estimated")])
def test_a_call_that_never_tells_its_usage_is_recorded(folder: Folder, how: str, cost: Any, flag: str) -> None:
    """It is recorded as unmeasured, or by an estimate from its text, marked as one; never as nothing."""
    events = [start("a"), {"type": "TextDelta", "data": {"text": "nine char"}}]
    folder.leaving(events, f':interrupted "{how}"')
    (entry,) = folder.ledger.charges()
    assert entry.record is not None
    assert (entry.record.call, entry.dollars, getattr(entry.record, flag)) == ("a", cost, True)


def forever(*first: Message) -> Iterator[Message]:
    """Yield messages, and then wait for the run to be over."""
    yield from first
    for _ in range(2000):
        time.sleep(0.005)
        yield {"text": "…"}


@pytest.mark.parametrize("end", ["abort", "halt"])
def test_an_aborted_run_settles_what_it_used_once(folder: Folder, end: str) -> None:
    """What was reported is charged, what was cut off is recorded, what was reserved is freed; nothing twice.

    In the original the button that stops an answer settled an estimate, and a stop at the wrong moment charged twice.
    """
    folder.ledger.grant("alpha", 100)
    messages = [used("done"), start("cut off"), {"estimate": 7, "model": "m", "call": "asked", "run": "r"}]
    run = folder.pipeline(":prepaid true").start(messages=forever(*messages), target=folder.path)
    while not folder.ledger.reserved("alpha"):
        time.sleep(0.01)
    getattr(run, end)()
    result = run.wait()
    assert result is not None
    assert result.status is Status.ABORTED
    ledger = folder.ledger
    found = {entry.record.call: entry.dollars for entry in ledger.charges() if entry.record}
    assert found == {"done": 1, "cut off": None, "asked": None}
    assert (ledger.balance("alpha"), ledger.reserved("alpha")) == (99, 0)
    # The normal way, taken all the same, settles nothing more; usage that comes late is charged, once.
    folder.leaving([used("done"), used("asked", 5), used("asked", 5)])
    assert ledger.balance("alpha") == 94


def test_a_failed_run_keeps_what_it_charged(folder: Folder) -> None:
    """A stage that fails behind the spender undoes no charge, and running again charges nothing twice."""
    rest = ':break# a :Restructure ; :settings [ :rename ( [ :pre "no" ; :post "x" ] ) ; :strict true ] .'
    for _ in range(2):
        with pytest.raises(StageError, match="has no field no"):
            folder.leaving([used("a")], "", rest)
    assert folder.ledger.balance("alpha") == -1


# Where a ledger may be


def test_a_pipeline_makes_no_ledger_outside_its_target(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new file outside the target is refused, unless it is the user's own ledger; one that is there is used."""
    monkeypatch.setenv("TRANSMISSIONS_LEDGER", str(tmp_path / "own.sqlite"))
    pipeline = folder.pipeline()
    with pytest.raises(StageError, match="makes one only inside its target"):
        pipeline.run(messages=[used("a")], target=tmp_path / "target")
    assert not (tmp_path / "ledger.sqlite").exists()
    folder.ledger.grant("alpha", 5)
    pipeline.run(messages=[used("a")], target=tmp_path / "target")
    assert folder.ledger.balance("alpha") == 4
    folder.path.joinpath("p.ttl").write_text(
        PREFIX + ':p a :Transmission ; :pipe (:s) . :s a :UsageSpender ; :settings [ :ledger "own.sqlite" ] .'
    )
    transmissions.load(tmp_path / "p.ttl").run(messages=[used("a")], target=tmp_path / "target")
    assert (tmp_path / "own.sqlite").exists()


# The report

REPORT = ':r# a :UsageReport ; :settings [ :by "day", "month", "model", "owner", "project", "session", "day+model" ] .'


def test_reports_have_equal_totals(folder: Folder) -> None:
    """However usage is grouped, the totals are the same, and equal to what the ledger charged."""
    messages = [
        used("a", 1, project="x"), used("b", 2, owner="beta", session="s"), used("b", 2, owner="beta"),
        {"call": "c", "usage": {"input_tokens": 7, "output_tokens": 1, "model": "nope"}},
    ]  # fmt: skip
    reports = folder.leaving(messages, "", REPORT)
    assert [one["by"] for one in reports] == ["day", "month", "model", "owner", "project", "session", "day+model"]
    assert all(one["totals"] == reports[0]["totals"] for one in reports)
    totals = reports[0]["totals"]
    assert (totals["cost"], totals["unpriced"], totals["calls"], totals["total_tokens"]) == (3.0, ["nope"], 3, 11)
    assert [(row["owner"], row["cost"]) for row in reports[3]["rows"]] == [("alpha", 1.0), ("beta", 2.0)]
    assert sum(entry.dollars or 0 for entry in folder.ledger.charges()) == 3


def test_a_report_counts_a_corrected_call_once(folder: Folder) -> None:
    """A call that was recorded as unmeasured and told later is in the report as it was told."""
    events = [start("a"), {"type": "MessageStop", "data": {"message_id": "a"}}, told(4), told(4), used("b")]
    report = folder.leaving(events, "", REPORT)[0]
    assert (report["totals"]["calls"], report["totals"]["cost"], report["totals"]["unmeasured"]) == (2, 5.0, 0)
    assert report["totals"]["displayed"]["input"] == 4


def test_a_report_without_a_spender(tmp_path: Path) -> None:
    """Usage that nobody charged is priced by the table; sub-agents are billed, and shown apart."""
    (tmp_path / "prices.json").write_text(TABLE)
    (tmp_path / "p.ttl").write_text(
        PREFIX + ':p a :Transmission ; :pipe (:r) . :r a :UsageReport ; :settings [ :by "kind" ; :passOn true ;'
        ' :priceTable "prices.json" ; :timezone "Europe/Rome" ] .'
    )
    messages = [used("a", 5), used("b", 3, kind="subagent"), used("c", 9)]
    *passed, report = transmissions.load(tmp_path / "p.ttl").stream(messages=messages, target=tmp_path)
    assert len(passed) == 3
    assert [(row["kind"], row["cost"]) for row in report["rows"]] == [("message", 14.0), ("subagent", 3.0)]
    assert report["totals"]["displayed"] == {"input": 5, "output": 0, "agents_input": 3, "agents_output": 0}
    assert report["timezone"] == "Europe/Rome"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (':limit [ :scope "user" ; :hard 2 ]', ':scope in :limit on stage :s must be one of "all", "run", "owner"'),
        (':limit [ :scope "run" ; :hard 2 ; :period "monthly" ]', 'did you mean "month"?'),
        (':limit [ :scope "run" ; :hard 2 ; :measure "dollars" ]', 'must be one of "cost", "tokens", "requests"'),
    ],
)
def test_a_limit_is_checked_before_the_run(folder: Folder, settings: str, text: str) -> None:
    """What a limit is on, what it counts and its period are checked with the file, at their line."""
    with pytest.raises(transmissions.InvalidPipeline) as wrong:
        folder.pipeline(settings)
    assert text in str(wrong.value)


def test_a_limit_that_would_never_warn_is_refused(folder: Folder) -> None:
    """A level that warns lies below the one that refuses."""
    with pytest.raises(StageError, match="warn is above hard, so it would never warn; lower it"):
        folder.leaving([], ':limit [ :scope "run" ; :hard 2 ; :warn 9 ]')


@pytest.mark.parametrize(
    ("settings", "text"),
    [(':by "dya"', "usage is not grouped by dya, but by day"), (':timezone "Europe/Rom"', "is no time zone; write")],
)
def test_a_report_that_cannot_be_made_says_so_in_words(folder: Folder, settings: str, text: str) -> None:
    """A grouping or zone that is none is told without the name of a Python class."""
    with pytest.raises(StageError, match=text) as wrong:
        folder.leaving([], rest=f":r# a :UsageReport ; :settings [ {settings} ] .")
    assert "Error:" not in str(wrong.value)


def test_a_ledger_outside_the_target_is_told_in_words(folder: Folder) -> None:
    """A pipeline that may not make its ledger says where it could, without the name of a Python class."""
    pipeline = folder.pipeline()
    with pytest.raises(StageError, match="a pipeline makes one only inside its target") as wrong:
        list(pipeline.stream(messages=[], target=folder.path / "out"))
    assert "Error:" not in str(wrong.value)


def test_a_model_without_a_price_is_told_once(folder: Folder) -> None:
    """Whoever has no price for a model hears it from the stage that asks first, not only from a null in the output."""
    calls = [{**used(f"c{n}"), "usage": {"input_tokens": 1, "output_tokens": 0, "model": "nobody's"}} for n in (1, 2)]
    result = folder.pipeline(rest=":r# a :UsageReport .").run(messages=[*calls, used("c3")], target=folder.path)
    assert [(one["stage"], one["severity"]) for one in result.problems] == [("s", "warning")]
    assert "no price is known for the model nobody's" in result.problems[0]["text"]
    assert result.status is Status.COMPLETE
