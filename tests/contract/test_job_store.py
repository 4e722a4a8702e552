"""What every job store and its manager promise, by requirement: one suite over memory, SQLite and Redis."""

from __future__ import annotations

import gc
import itertools
import random
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from tests.jobs.conftest import PATIENCE_S, REDIS, Backend, Clock, together, when
from transmissions.jobs import (
    TRANSITIONS,
    CapacityError,
    Content,
    JobControl,
    JobError,
    JobExists,
    JobForbidden,
    JobGone,
    JobNotFound,
    JobSettled,
    JobStatus,
    JobStore,
    Outcome,
    SubscriberTooSlow,
)
from transmissions.streams import WhenFull

ENDS = [status for status in JobStatus if not status.live]


def texts(*words: str) -> list[tuple[str, dict[str, Any]]]:
    return [("text", {"text": word}) for word in words]


# Identity, jobs


def test_r01_each_run_has_an_id_and_a_greater_epoch(store: JobStore) -> None:
    """Under a clock that stands still, after an end and after a deletion, a run has a new id and a greater epoch."""
    first = store.create("chat").job
    store.transition(first.id, "complete")
    second = store.create("chat").job
    store.delete(second.id)
    third = store.create("chat").job
    assert len({first.id, second.id, third.id}) == 3
    assert first.epoch < second.epoch < third.epoch
    assert first.id != first.stream


def test_r01_epochs_survive_reopening(backend: Backend, store: JobStore) -> None:
    """A store that is opened again goes on with greater epochs, though all its jobs were deleted."""
    job = store.create("chat").job
    store.delete(job.id)
    assert backend.open().create("chat").job.epoch > job.epoch


def test_r02_create_refuses_a_stream_that_is_held(store: JobStore) -> None:
    """`create` raises JobExists, which names the holder, while a run is live, also a paused one; the run goes on."""
    job = store.create("chat").job
    store.transition(job.id, "paused")
    with pytest.raises(JobExists, match=f"run {job.id} of this stream is still going on") as error:
        store.create("chat")
    assert (error.value.holder, error.value.epoch) == (job.id, job.epoch)
    assert [one.id for one in store.jobs()] == [job.id]


def test_r02_replace_returns_the_displaced_run(store: JobStore) -> None:
    """`replace` ends the live run as aborted, with a terminal event, and returns it beside the new one."""
    old = store.create("chat").job
    new = store.replace("chat")
    assert new.displaced is not None
    assert (new.displaced.id, new.displaced.status, new.displaced.from_status) == (old.id, "aborted", "running")
    assert store.get(old.id) == new.displaced
    assert store.events(old.id)[-1].data == {"status": "aborted", "reason": "replaced", "replaced_by": new.job.id}
    assert store.find("chat") == new.job
    assert store.replace("other").displaced is None


def test_r02_attach_never_creates(backend: Backend) -> None:
    """To attach to, subscribe to, or abort what is not there raises JobNotFound and makes nothing."""
    manager = backend.manage()
    for action in (manager.attach, manager.subscribe, manager.snapshot, manager.abort, manager.get):
        with pytest.raises(JobNotFound):
            action("nothing")
    assert manager.store.count() == 0


WRITES: dict[str, Callable[[JobStore, str, int], Any]] = {
    "append": lambda store, job, epoch: store.append(job, texts("x"), expect_epoch=epoch).outcome,
    "update": lambda store, job, epoch: store.update(job, {"x": 1}, expect_epoch=epoch),
    "transition": lambda store, job, epoch: store.transition(job, "aborted", expect_epoch=epoch),
    "record_usage": lambda store, job, epoch: store.record_usage(job, "call", {"input": 1}, expect_epoch=epoch),
    "delete": lambda store, job, epoch: store.delete(job, expect_epoch=epoch),
}


@pytest.mark.parametrize("write", WRITES)
def test_r03_a_wrong_epoch_changes_nothing(store: JobStore, write: str) -> None:
    """Every write with another epoch than the job's answers `stale` and changes nothing; with its own it is done."""
    job = store.create("chat", facts={"a": 1}).job
    assert WRITES[write](store, job.id, job.epoch + 1) is Outcome.STALE
    assert WRITES[write](store, job.id, job.epoch - 1) is Outcome.STALE
    assert (store.get(job.id), store.usage(job.id)) == (job, {})
    assert WRITES[write](store, job.id, job.epoch) is Outcome.DONE


@pytest.mark.parametrize("write", ["append", "update", "transition"])
def test_r03_a_displaced_run_is_stale(store: JobStore, write: str) -> None:
    """Whoever works on a run that was replaced is told so; one that only ended is settled."""
    ended = store.create("other").job
    store.transition(ended.id, "complete")
    assert WRITES[write](store, ended.id, ended.epoch) is Outcome.SETTLED
    old = store.create("chat").job
    new = store.replace("chat").job
    before = store.get(old.id)
    assert WRITES[write](store, old.id, old.epoch) is Outcome.STALE
    assert (store.get(old.id), store.get(new.id)) == (before, new)


def test_r04_of_many_ends_one_wins(backend: Backend) -> None:
    """Complete, abort and error at once, a thousand races: one is told that it won, and the log has its end alone."""
    rounds, contenders = 1000, ["complete", "aborted", "error"]
    stores = [backend.open(max_jobs=None) for _ in contenders]
    jobs = [stores[0].create().job.id for _ in range(rounds)]
    barrier = threading.Barrier(len(contenders))

    def end_all(place: int) -> list[Outcome]:
        outcomes = []
        for number, job_id in enumerate(jobs):
            if number % 20 == 0:
                barrier.wait()
            outcomes.append(stores[place].transition(job_id, contenders[place]))
        return outcomes

    answers = together(len(contenders), end_all)
    for job_id, outcomes in zip(jobs, zip(*answers, strict=True), strict=True):
        assert sorted(map(bool, outcomes)) == [False, False, True]
        assert set(outcomes) == {Outcome.DONE, Outcome.SETTLED}
        winner = contenders[outcomes.index(Outcome.DONE)]
        assert stores[0].get(job_id).status == winner
        assert [event.data["status"] for event in stores[0].events(job_id)] == [winner]


@pytest.mark.parametrize(("before", "after"), list(itertools.product(JobStatus, JobStatus)))
def test_r05_the_table_is_kept(store: JobStore, before: JobStatus, after: JobStatus) -> None:
    """A status follows another if the table says so, and else nothing changes."""
    job = store.create().job
    if before is not JobStatus.RUNNING:
        assert store.transition(job.id, before)
    there = store.get(job.id)
    outcome = store.transition(job.id, after)
    if after in TRANSITIONS[before]:
        assert (outcome, store.get(job.id).status) == (Outcome.DONE, after)
    else:
        assert outcome is (Outcome.REFUSED if before.live else Outcome.SETTLED)
        assert store.get(job.id) == there


def test_r05_the_table_is_that_of_the_requirement() -> None:
    """Running may pause or end in any way, paused may go on or end but as complete, and what has ended stays."""
    failed = {"error", "aborted", "interrupted"}
    assert {str(one): set(map(str, then)) for one, then in TRANSITIONS.items() if then} == {
        "running": failed | {"paused", "complete"},
        "paused": failed | {"running"},
    }


def test_r06_one_key_makes_one_job(backend: Backend) -> None:
    """Many that create under one key at once get the same job, and one of them made it."""
    stores = [backend.open() for _ in range(8)]
    answers = together(8, lambda place: stores[place].create("chat", owner="o", key="request-1"))
    assert len({made.job.id for made in answers}) == 1
    assert sorted(made.made for made in answers) == [False] * 7 + [True]
    assert stores[0].count() == 1


def test_r06_a_key_is_its_owners(store: JobStore) -> None:
    """The same key of two owners makes two jobs."""
    first, second = (store.create(owner=owner, key="k") for owner in ("a", "b"))
    assert first.made
    assert second.made
    assert first.job.id != second.job.id


def test_r06_the_key_outlives_the_job(store: JobStore, clock: Clock) -> None:
    """It leads to the ended job, keeps from doing the work twice when that is gone, and is free after its time."""
    job = store.create(key="k").job
    clock.now += store.key_s * 2
    assert store.create(key="k").job.id == job.id
    store.transition(job.id, "complete")
    again = store.create(key="k")
    assert (again.job.status, again.made) == ("complete", False)
    store.delete(job.id)
    with pytest.raises(JobGone, match="is no longer kept"):
        store.create(key="k")
    clock.now += store.key_s
    store.cleanup()
    assert store.create(key="k").made


def test_r06_a_key_is_freed_by_its_winner_only(store: JobStore) -> None:
    """A job that could not begin frees the key that it took, and no other does."""
    job, other = store.create(key="k").job, store.create().job
    assert not store.release("k", other.id)
    assert not store.release("nothing", job.id)
    assert not store.create(key="k").made
    store.transition(job.id, "error")
    assert store.release("k", job.id)
    assert store.create(key="k").made


@pytest.mark.parametrize("write", WRITES)
def test_r07_a_write_after_deletion_makes_nothing(store: JobStore, write: str) -> None:
    """A write to a job that was deleted answers `not found`, and the store stays empty."""
    job = store.create("chat").job
    assert store.delete(job.id)
    assert WRITES[write](store, job.id, job.epoch) is Outcome.NOT_FOUND
    assert store.acknowledge(job.id) is Outcome.NOT_FOUND
    assert store.renew([job.id], "w", 1) == [job.id]
    assert (store.jobs(), store.count(), store.exists(job.id), store.find("chat")) == ([], 0, False, None)
    with pytest.raises(JobNotFound):
        store.events(job.id)


def test_r08_a_stream_used_again_shows_nothing_of_before(store: JobStore) -> None:
    """A new run of a stream has no field, event, usage, snapshot or error of the one before, which stays readable."""
    old = store.create("chat", facts={"model": "m"}).job
    store.append(old.id, [*texts("old"), ("step", {"id": "s"})])
    store.record_usage(old.id, "call", {"input": 1})
    store.transition(old.id, "error", reason="it broke")
    new = store.create("chat").job
    snapshot = store.snapshot(new.id)
    assert (new.facts, new.reason, new.ended, new.events) == ({}, "", None, 0)
    assert (snapshot.seq, snapshot.text, snapshot.content.steps(), snapshot.usage) == (-1, "", [], {})
    assert store.snapshot(old.id).text == "old"


def test_r09_what_is_read_is_a_copy(store: JobStore) -> None:
    """To change what a read returned, or what a write was given, changes nothing in the store."""
    given: dict[str, Any] = {"nested": {"list": [1]}}
    job = store.create(facts=given).job
    told: dict[str, Any] = {"text": "a", "more": [1]}
    store.append(job.id, [("text", told), ("step", {"id": "s", "list": [1]})])
    usage: dict[str, Any] = {"input": [1]}
    store.record_usage(job.id, "call", usage)

    def seen() -> list[Any]:
        snapshot = store.snapshot(job.id)
        return [
            store.get(job.id).facts, store.jobs()[0].facts, [event.data for event in store.events(job.id)],
            snapshot.content.steps(), snapshot.content.parts(), store.usage(job.id), store.content(job.id),
            store.steps(job.id),
        ]  # fmt: skip

    before = repr(seen())
    for changeable in (
        given,
        given["nested"]["list"],
        told,
        told["more"],
        usage["input"],
        job.facts["nested"],
        *seen(),
    ):
        changeable.clear()
    for value in seen():
        for inner in value.values() if isinstance(value, dict) else value:
            inner.clear()
    assert repr(seen()) == before


@pytest.mark.parametrize("wrong", ["", None, 5, b"a", "x" * 513, ["a"], "a\0b", "\ud800"])
def test_r10_ids_are_text_of_some_length(store: JobStore, wrong: Any) -> None:
    """Whatever is no text of 1 to 512 characters raises ValueError before anything happens."""
    job = store.create().job
    before = (store.jobs(), store.events(job.id), store.usage(job.id))
    calls: list[Callable[[], Any]] = [
        lambda: store.get(wrong), lambda: store.exists(wrong), lambda: store.append(wrong, []),
        lambda: store.update(wrong), lambda: store.transition(wrong, "complete"), lambda: store.delete(wrong),
        lambda: store.events(wrong), lambda: store.usage(wrong), lambda: store.snapshot(wrong),
        lambda: store.record_usage(job.id, wrong, {}), lambda: store.append(job.id, [(wrong, {})]),
    ]  # fmt: skip
    if wrong is not None:
        calls += [lambda: store.create(wrong), lambda: store.replace(wrong), lambda: store.create(key=wrong)]
    if wrong != "":
        calls += [lambda: store.create(owner=wrong), lambda: store.active(wrong)]
    for call in calls:
        with pytest.raises(ValueError, match=r"is text of 1 to 512 characters|surrogates not allowed"):
            call()
    assert (store.jobs(), store.events(job.id), store.usage(job.id)) == before
    assert store.create("x" * 512, owner="é" * 512, key="k" * 512).made


def test_r10_anothers_stream_is_refused(backend: Backend) -> None:
    """Another owner can neither attach to, abort, replace nor read it, live or ended, and nothing changes."""
    manager = backend.manage()
    store = manager.store
    job = store.create("chat", owner="a").job
    for ended in (False, True):
        if ended:
            store.transition(job.id, "complete")
        before = store.jobs()
        for action in (manager.get, manager.attach, manager.subscribe, manager.snapshot, manager.abort):
            with pytest.raises(PermissionError, match="another owner's"):
                action(job.id, owner="b")
        for make in (store.create, store.replace):
            with pytest.raises(JobForbidden):
                make("chat", owner="b")
        assert store.jobs() == before
    assert manager.get(job.id, owner="a").id == job.id
    assert store.create("chat", owner="a").made


def test_r11_ended_jobs_make_room_oldest_first(backend: Backend, clock: Clock) -> None:
    """At the limit those go that ended first; live ones never, and if none can go CapacityError is raised."""
    store = backend.open(max_jobs=3, clock=clock)
    jobs = [store.create(str(number)).job for number in range(3)]
    for job in (jobs[2], jobs[0]):
        clock.now += 1
        store.transition(job.id, "complete")
    fourth = store.create("3").job
    assert [job.stream for job in store.jobs()] == ["0", "1", "3"]
    fifth = store.create("4").job
    assert [job.stream for job in store.jobs()] == ["1", "3", "4"]
    with pytest.raises(CapacityError, match="there are 3 jobs, as many as may be"):
        store.create("5")
    assert {job.id for job in store.running()} == {jobs[1].id, fourth.id, fifth.id}
    assert store.find("5") is None


def test_r11_a_displaced_run_makes_room_for_its_successor(backend: Backend) -> None:
    """At the limit a run can be replaced; no other one goes for that."""
    store = backend.open(max_jobs=2)
    store.create("a")
    other = store.create("b").job
    made = store.replace("a")
    assert made.displaced is not None
    assert {job.id for job in store.jobs()} == {made.job.id, other.id}


def test_r11_the_limit_holds_for_many_at_once(backend: Backend) -> None:
    """Of twelve that begin at once where five may, five do."""
    stores = [backend.open(max_jobs=5) for _ in range(4)]
    answers = together(12, lambda place: stores[place % 4].create())
    assert sum(isinstance(answer, CapacityError) for answer in answers) == 7
    assert stores[0].count() == 5


def test_r12_what_ended_goes_after_its_time(store: JobStore, clock: Clock) -> None:
    """An ended job is removed with its log when it was kept long enough, one of its own time earlier, others later."""
    job, soon, ever = (store.create(**times).job for times in ({}, {"keep_s": 10}, {"keep_s": None}))
    for one in (job, soon, ever):
        store.append(one.id, texts("x"))
        store.transition(one.id, "complete")
    clock.now += 9.5
    assert store.cleanup() == ([], [], [], {})
    clock.now += 0.5
    assert store.cleanup().removed == [soon.id]
    clock.now += store.keep_s or 0
    assert store.cleanup().removed == [job.id]
    with pytest.raises(JobNotFound):
        store.events(job.id)
    assert [one.id for one in store.jobs()] == [ever.id]


def test_r12_what_hangs_is_reaped_by_inactivity(store: JobStore, clock: Clock) -> None:
    """A live job ends with an error after so long without an event, not after so long a life; 0 means never."""
    job, never = store.create(idle_s=10).job, store.create(idle_s=0).job
    for _ in range(5):
        clock.now += 10
        assert not store.cleanup().reaped
        store.append(job.id, texts("x"))
    clock.now += 10.5
    assert store.cleanup().reaped == [job.id]
    ended = store.get(job.id)
    assert (ended.status, ended.reason) == ("error", "nothing happened in it for more than 10 seconds")
    assert store.events(job.id)[-1].last
    clock.now += 1e9
    assert store.cleanup().reaped == []
    assert store.get(never.id).live


def test_r12_the_reaped_are_cancelled_and_their_subscribers_told(backend: Backend, clock: Clock) -> None:
    """The work of a reaped job is told to stop, and whoever follows it gets a terminal error."""
    manager = backend.manage(backend.open(clock=clock), lease_s=1e9)
    begun = manager.begin(idle_s=10)
    assert begun.control is not None
    stopped: list[str] = []
    begun.control.on_cancel(stopped.append)
    with manager.subscribe(begun.job.id) as subscription:
        clock.now += 11
        assert manager.cleanup().reaped == [begun.job.id]
        assert [event.data["status"] for event in subscription] == ["error"]
    assert stopped == ["nothing happened in it for more than 10 seconds"]
    with pytest.raises(JobSettled):
        begun.control.text("more")


@pytest.mark.parametrize("backend", ["sqlite", REDIS], indirect=True)
def test_r12_one_that_fails_stops_no_other(backend: Backend, clock: Clock) -> None:
    """A job whose record is damaged is reported, and the pass goes on; it hides no other in a list."""
    store = backend.open(clock=clock)
    jobs = [store.create(keep_s=0).job for _ in range(3)]
    for job in jobs:
        store.transition(job.id, "complete")
    backend.damage(jobs[1].id)
    assert [job.id for job in store.jobs()] == [jobs[0].id, jobs[2].id]
    cleaned = store.cleanup()
    assert (cleaned.removed, list(cleaned.failed)) == ([jobs[0].id, jobs[2].id], [jobs[1].id])


def test_r12_a_stream_used_again_survives_the_pass(store: JobStore, clock: Clock) -> None:
    """Cleaning takes the run that is over, and not the one that has its stream now."""
    old = store.create("chat", keep_s=5).job
    store.transition(old.id, "complete")
    clock.now += 6
    new = store.create("chat").job
    assert store.cleanup().removed == [old.id]
    assert (store.find("chat"), store.running()) == (new, [new])


def test_r13_active_jobs_of_an_owner(store: JobStore) -> None:
    """They are the owner's live ones alone, and leave with every way of ending and with deletion."""
    mine = [store.create(owner="a").job for _ in range(len(ENDS) + 2)]
    theirs = store.create(owner="b").job
    store.transition(mine[-2].id, "paused")
    for job, status in zip(mine, [*ENDS, None, None], strict=True):
        assert job.id in {one.id for one in store.active("a")}
        if status in (JobStatus.COMPLETE, None):
            continue
        store.transition(job.id, status)
        assert job.id not in {one.id for one in store.active("a")}
    store.transition(mine[0].id, "complete")
    assert [one.id for one in store.active("a")] == [mine[-2].id, mine[-1].id]
    store.delete(mine[-1].id)
    assert [one.id for one in store.active("a")] == [mine[-2].id]
    assert [one.id for one in store.active("b")] == [theirs.id]
    assert store.active("nobody") == []
    assert len(store.jobs(owner="a")) == len(mine) - 1


def test_r14_counts_are_exact(store: JobStore) -> None:
    """The number of jobs of each status is right, whatever happened, and they add up."""
    for number, status in enumerate(JobStatus):
        for _ in range(number + 1):
            job = store.create().job
            if status is not JobStatus.RUNNING:
                store.transition(job.id, status)
    expected = {status: number + 1 for number, status in enumerate(JobStatus)}
    for status in JobStatus:
        assert store.count(status) == len(store.jobs(status=status)) == expected[status]
    store.delete(store.jobs(status="error")[0].id)
    assert store.count("error") == expected[JobStatus.ERROR] - 1
    assert store.count() == sum(expected.values()) - 1


# R15 is that this suite is run over each of them, and the machine in tests/jobs/test_machine.py.


# Events and transport


def test_r16_events_are_numbered_where_they_are_appended(backend: Backend) -> None:
    """Many that append at once get consecutive numbers for each batch, and the log has each event once, and no gap."""
    stores = [backend.open() for _ in range(4)]
    job = stores[0].create().job

    def write(place: int) -> list[int]:
        firsts = []
        for number in range(25):
            pair = [("text", {"text": f"{place}.{number}.{half}"}) for half in "ab"]
            firsts.append(stores[place].append(job.id, pair).first)
        return firsts

    firsts = together(4, write)
    events = stores[0].events(job.id)
    assert [event.seq for event in events] == list(range(200))
    for place, numbers in enumerate(firsts):
        for number, first in enumerate(numbers):
            told = [event.data["text"] for event in events[first : first + 2]]
            assert told == [f"{place}.{number}.a", f"{place}.{number}.b"]
    assert stores[0].get(job.id).events == 200


def test_r16_a_page_of_the_log(store: JobStore) -> None:
    """Events are read after a number, so many at most."""
    job = store.create().job
    store.append(job.id, texts(*"abcdef"))
    assert [event.seq for event in store.events(job.id, after=1, limit=3)] == [2, 3, 4]
    assert [event.seq for event in store.events(job.id, after=4)] == [5]
    assert store.events(job.id, after=5) == []
    assert store.append(job.id, []) == (Outcome.DONE, 6)


def rebuilt(attached: Any) -> str:
    """Follow a job to its end and return the whole text, seeing that no event is missing or comes twice."""
    snapshot, subscription = attached
    seq = snapshot.seq
    with subscription:
        while batch := subscription.receive_batch():
            for event in batch:
                assert event.seq == seq + 1
                seq = event.seq
                snapshot.content.add(event)
    assert snapshot.content.end is not None
    return snapshot.content.text


def test_r17_r18_a_hundred_attach_and_leave_anywhere(backend: Backend) -> None:
    """A hundred clients come, leave and rejoin at random while the job writes; each has the text to the byte."""
    manager = backend.manage()
    words = [f"{number}é " for number in range(1000)]
    arrived = threading.Semaphore(0)

    def work(control: JobControl) -> None:
        for number, word in enumerate(words):
            if number % 10 == 0:
                arrived.acquire(timeout=PATIENCE_S)
            control.text(word)

    begun = manager.start(work)
    job_id = begun.job.id

    def client(place: int) -> str:
        chance = random.Random(place)
        content, seq = Content(), -1
        if chance.random() < 0.5:
            snapshot = manager.snapshot(job_id)
            content, seq = snapshot.content, snapshot.seq
        arrived.release()
        while content.end is None:
            with manager.subscribe(job_id, seq, max_events=chance.choice([20, 100, 1000])) as subscription:
                for event in itertools.islice(subscription, chance.randrange(1, 400)):
                    assert event.seq == seq + 1
                    seq = event.seq
                    content.add(event)
        return content.text

    assert set(together(100, client)) == {"".join(words)}


def test_r18_a_snapshot_says_what_it_covers(store: JobStore) -> None:
    """Its number is that of the last event in it, and with those after it the sum is that of the whole log."""
    job = store.create().job
    store.append(job.id, texts("a", "b"))
    snapshot = store.snapshot(job.id)
    assert (snapshot.seq, snapshot.text, snapshot.job.events) == (1, "ab", 2)
    store.append(job.id, [*texts("c"), ("text", {"text": "x", "part": 2})])
    for event in store.events(job.id, snapshot.seq):
        snapshot.content.add(event)
    assert snapshot.content.as_json() == store.snapshot(job.id).content.as_json()
    assert store.content(job.id) == [{"type": "text", "text": "abc"}, {"type": "text", "text": "x"}]


def test_r18_a_kept_snapshot_changes_nothing(store: JobStore) -> None:
    """A long log is summed up once and gone on from there; the sum is that of the whole log."""
    job = store.create().job
    whole = Content()
    for part in range(3):
        store.append(job.id, [("text", {"text": f"{part}.{number} ", "part": part}) for number in range(1100)])
        store.append(job.id, [("step", {"id": f"s{part}", "n": part}), ("nonsense", {}), ("log", {"text": str(part)})])
        snapshot = store.snapshot(job.id)
        assert snapshot.seq == store.get(job.id).events - 1
    for event in store.events(job.id):
        whole.add(event)
    assert whole.as_json() == snapshot.content.as_json() == store.snapshot(job.id).content.as_json()
    assert whole.skipped == 3


def test_r19_what_cannot_be_read_is_skipped_and_counted(backend: Backend, store: JobStore) -> None:
    """Entries of the log that are no events, of unknown types, or not what their type asks for, hide nothing else."""
    job = store.create().job
    bad = [("text", {}), ("text", {"text": "x", "part": -1}), ("step", {"id": 5}), ("report", {}), ("unknown", {})]
    store.append(job.id, [*texts("a", "?", "?", "b"), *bad, *texts("c")])
    backend.write_raw(job.id, 1, b"\xff{")
    backend.write_raw(job.id, 2, b'{"type":"text"}')
    snapshot = store.snapshot(job.id)
    assert (snapshot.text, snapshot.content.skipped) == ("abc", len(bad) + 2)
    assert [event.seq for event in store.events(job.id)] == list(range(10))
    assert store.events(job.id)[1].type == "unreadable"


def test_r20_a_finished_job_is_told_to_its_end(backend: Backend) -> None:
    """Who subscribes late gets the rest of the log and one terminal event, and then the end; after it, only the end."""
    manager = backend.manage()
    job = manager.store.create().job
    manager.store.append(job.id, texts("a", "b"))
    manager.store.transition(job.id, "complete", data={"n": 1})
    for after, number in ((-1, 3), (0, 2), (1, 1), (2, 0), (99, 0)):
        with manager.subscribe(job.id, after) as subscription:
            events = list(subscription)
        assert [event.seq for event in events] == list(range(3))[3 - number :]
        assert [event.last for event in events] == [False, False, True][3 - number :]
    with pytest.raises(JobNotFound):
        manager.subscribe("nothing")


@pytest.mark.parametrize("status", ENDS)
def test_r21_nothing_follows_the_end(backend: Backend, status: JobStatus) -> None:
    """Each subscriber gets one terminal event, and whatever is to be appended after it is refused."""
    manager = backend.manage()
    store = manager.store
    job = store.create().job
    with manager.subscribe(job.id) as early:
        assert store.transition(job.id, status, reason="so it was")
        assert store.append(job.id, texts("late")).outcome is Outcome.SETTLED
        assert store.update(job.id, {"late": 1}) is Outcome.SETTLED
        for subscription in (early, manager.subscribe(job.id)):
            (event,) = list(subscription)
            assert (event.last, event.data) == (True, {"status": status, "reason": "so it was"})
            assert subscription.receive_batch() == []


def test_r21_nobody_makes_a_second_end(store: JobStore) -> None:
    """An event of the terminal type cannot be appended by hand."""
    job = store.create().job
    with pytest.raises(ValueError, match="is made by ending the job"):
        store.append(job.id, [("end", {})])
    assert store.events(job.id) == []


def test_r22_an_error_before_anyone_came_is_told(backend: Backend) -> None:
    """Work that raises at once leaves an error that the first who attaches is told; a later end does not hide it."""
    manager = backend.manage()

    def work(control: JobControl) -> None:
        raise OSError("the model is not there")

    begun = manager.start(work)
    when(lambda: not manager.store.get(begun.job.id).live)
    assert begun.control is not None
    assert begun.control.finish(JobStatus.COMPLETE) is Outcome.SETTLED
    snapshot, subscription = manager.attach(begun.job.id)
    assert list(subscription) == []
    assert snapshot.content.end == {"status": "error", "reason": "OSError: the model is not there"}
    assert manager.get(begun.job.id).reason == "OSError: the model is not there"


def test_r23_a_subscriber_that_raises_harms_nobody(backend: Backend) -> None:
    """It is detached; the others and the job go on."""
    manager = backend.manage()
    begun = manager.begin()
    control = begun.control
    assert control is not None
    bad, good = [], []

    def raises(event: Any) -> None:
        bad.append(event.seq)
        raise RuntimeError("a subscriber of the test")

    threads = [
        manager.subscribe(begun.job.id).each(handler) for handler in (raises, lambda event: good.append(event.seq))
    ]
    control.text("a")
    control.text("b")
    threads[0].join(PATIENCE_S)
    when(lambda: manager.subscribers(begun.job.id) == 1)
    assert control.finish() is Outcome.DONE
    threads[1].join(PATIENCE_S)
    assert (bad, good) == ([0], [0, 1, 2])


def test_r23_a_job_that_cannot_be_followed_harms_no_other(backend: Backend, store: JobStore) -> None:
    """What goes wrong with one job is told to those who follow it; a number that no event can have is refused."""
    manager = backend.manage(store)
    sound = store.create().job
    assert store.events(sound.id, 2**70) == []
    with pytest.raises(ValueError, match="-1 to 9007199254740991"):
        manager.subscribe(sound.id, 2**63)
    if backend.kind != "memory":
        broken = store.create().job
        lost = manager.subscribe(broken.id)
        backend.damage(broken.id)
        with pytest.raises(JobError, match="following it failed"):
            lost.receive_batch(timeout=PATIENCE_S)
    with manager.subscribe(sound.id) as subscription:
        store.append(sound.id, texts("a"))
        store.transition(sound.id, JobStatus.COMPLETE)
        seen: list[int] = []
        while batch := subscription.receive_batch(timeout=PATIENCE_S):
            seen += [event.seq for event in batch]
        assert seen == [0, 1]


def test_r24_to_leave_twice_detaches_nobody_else(backend: Backend) -> None:
    """To leave is bound to one's own subscription, once or twice, also after the stream was used again."""
    manager = backend.manage()
    store = manager.store
    old = store.create("chat").job
    first = manager.subscribe(old.id)
    other = manager.subscribe(old.id)
    first.close()
    first.close()
    assert manager.subscribers(old.id) == 1
    new = store.replace("chat").job
    again = manager.subscribe(new.id)
    first.close()
    assert [event.type for event in other] == ["end"]
    store.append(new.id, texts("a"))
    assert [event.seq for event in again.receive_batch()] == [0]
    again.close()


def test_r25_all_left_is_told_each_time(backend: Backend) -> None:
    """It is told once whenever the last subscriber leaves, the second and third time too, and the job goes on."""
    manager = backend.manage()
    begun = manager.begin()
    left: list[int] = []
    manager.on_all_left(begun.job.id, lambda: left.append(len(left)))
    for expected in (1, 2, 3):
        one, two = manager.subscribe(begun.job.id), manager.subscribe(begun.job.id)
        one.close()
        assert len(left) == expected - 1
        two.close()
        two.close()
        assert len(left) == expected
    assert manager.get(begun.job.id).live
    assert begun.control is not None
    assert not begun.control.cancelled


def test_r26_nothing_gathers_before_anyone_comes(backend: Backend) -> None:
    """What waits for a subscriber is bounded in events and bytes; the rest waits in the log, and is counted."""
    manager = backend.manage()
    begun = manager.begin()
    control = begun.control
    assert control is not None
    for number in range(3000):
        control.text(f"{number:05d}")
    control.finish()
    for bounds in ({"max_events": 10}, {"max_bytes": 500}):
        subscription = manager.subscribe(begun.job.id, **bounds)
        when(lambda subscription=subscription: subscription.overflows)
        assert subscription.waiting <= 10
        assert "".join(event.data.get("text", "") for event in subscription) == "".join(f"{n:05d}" for n in range(3000))
        assert subscription.missed == 0


def test_r26_the_policy_of_a_slow_subscriber(backend: Backend) -> None:
    """One that may miss events gets the newest, and knows how many it missed; one that may not wait is detached."""
    manager = backend.manage()
    store = manager.store
    job = store.create().job
    store.append(job.id, texts(*map(str, range(100))))
    store.transition(job.id, "complete")
    with manager.subscribe(job.id, max_events=10, when_full=WhenFull.DROP_OLDEST) as latest:
        when(lambda: not manager.subscribers(job.id))
        assert [event.seq for event in latest] == list(range(91, 101))
        assert latest.missed == 91
    with manager.subscribe(job.id, max_events=10, when_full=WhenFull.FAIL) as strict:
        when(lambda: not manager.subscribers(job.id))
        assert [event.seq for event in itertools.islice(strict, 10)] == list(range(10))
        with pytest.raises(SubscriberTooSlow, match="after event 9") as error:
            strict.receive_batch()
        assert [event.seq for event in manager.subscribe(job.id, error.value.position)] == list(range(10, 101))
    for policy in (WhenFull.SPILL, WhenFull.DROP_NEWEST):
        with pytest.raises(ValueError, match="a full subscription can"):
            manager.subscribe(job.id, when_full=policy)
    with pytest.raises(ValueError, match="begins after the number of an event"):
        manager.subscribe(job.id, after=-2)


def test_r27_abort_from_elsewhere_with_nobody_following(backend: Backend) -> None:
    """It lands with no subscriber, through another manager on the store, and tells what there was and who heard."""
    ours = backend.manage()
    theirs = backend.manage(ours.store if backend.kind == "memory" else None)
    begun = ours.begin(facts={"a": 1})
    control = begun.control
    assert control is not None
    control.text("half an ans")
    control.usage("call", {"input": 7})
    control.flush()
    heard: list[str] = []
    control.on_cancel(heard.append)
    result = theirs.abort(begun.job.id, "the reader has had enough", wait_s=PATIENCE_S)
    assert (result.landed, result.from_status, result.acknowledged, result.reason) == (True, "running", True, "")
    assert (result.text, result.usage) == ("half an ans", {"call": {"input": 7}})
    assert result.end == {"status": "aborted", "reason": "the reader has had enough"}
    assert heard == ["the reader has had enough"]
    assert (control.cancelled, control.reason) == (True, "the reader has had enough")
    again = theirs.abort(begun.job.id)
    assert (again.landed, again.from_status, again.reason, again.stopped) == (False, "aborted", "already_settled", True)
    assert [event.last for event in theirs.store.events(begun.job.id)] == [False, True]


def test_r27_an_abort_that_nobody_hears_says_so(backend: Backend) -> None:
    """Where nobody works on a job, or does not answer, the abort lands all the same, and is not called acknowledged."""
    manager = backend.manage()
    nobody = manager.store.create().job
    silent = manager.store.create(worker="elsewhere#1.1").job
    result = manager.abort(nobody.id)
    assert (result.landed, result.acknowledged, result.reason) == (True, False, "nobody is known to work on it")
    result = manager.abort(silent.id, wait_s=0.01)
    assert (result.landed, result.acknowledged) == (True, False)
    assert result.reason == "its worker did not answer within 0.01 seconds"


def test_r28_nothing_keeps_a_finished_run_alive(backend: Backend) -> None:
    """When a job has ended, what its work held is freed, though followed, watched and with callbacks."""
    manager = backend.manage()

    class Graph:
        pass

    def run() -> tuple[Any, str]:
        graph = Graph()
        graph.itself = graph  # type: ignore[attr-defined]

        def work(control: JobControl) -> None:
            control.on_cancel(lambda reason: graph)
            manager.on_all_left(control.id, lambda: graph)
            control.text("a")

        begun = manager.start(work)
        list(manager.subscribe(begun.job.id))
        return weakref.ref(graph), begun.job.id

    reference, job_id = run()
    when(lambda: not manager.subscribers(job_id) and (gc.collect(), reference())[1] is None)
