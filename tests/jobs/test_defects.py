"""The defects that were found in a job store of this kind, by running it or in its history; none of them is in ours."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import pytest

from tests.jobs.conftest import PATIENCE_S, REDIS, Backend, Clock, together, when
from transmissions.jobs import (
    CapacityError,
    JobControl,
    JobExists,
    JobManager,
    JobNotFound,
    JobStatus,
    JobStore,
    Outcome,
    Snapshot,
    StoreUnavailable,
)
from transmissions.usage import Ledger, MemoryStore, UsageRecord


def texts(*words: str) -> list[tuple[str, dict[str, Any]]]:
    return [("text", {"text": word}) for word in words]


def begun(manager: JobManager, **options: Any) -> JobControl:
    control = manager.begin(**options).control
    assert control is not None
    return control


# Found by running it


def test_a_full_store_evicted_another_running_job(backend: Backend) -> None:
    """To use a stream again in a full store takes no other running job away."""
    store = backend.open(max_jobs=2)
    store.create("a")
    other = store.create("b").job
    with pytest.raises(JobExists):
        store.create("a")
    with pytest.raises(CapacityError):
        store.create("c")
    store.replace("a")
    assert store.get(other.id) == other


def test_changing_what_was_read_changed_the_store(store: JobStore) -> None:
    """What `get` returns is a copy, and cannot be set."""
    job = store.create(facts={"a": [1]}).job
    read = store.get(job.id)
    read.facts["a"].append(2)
    with pytest.raises(AttributeError):
        read.status = "complete"  # type: ignore[misc, assignment]
    assert store.get(job.id).facts == {"a": [1]}


def test_complete_was_accepted_after_aborted(store: JobStore) -> None:
    """What was aborted is not complete, whoever says so later."""
    job = store.create().job
    assert store.transition(job.id, "aborted")
    assert store.transition(job.id, "complete") is Outcome.SETTLED
    assert store.get(job.id).status == "aborted"


def test_two_owners_listed_one_stream(store: JobStore) -> None:
    """Nobody takes another's stream, and each lists their own."""
    job = store.create("s", owner="a").job
    with pytest.raises(PermissionError):
        store.create("s", owner="b")
    assert ([one.id for one in store.active("a")], store.active("b")) == ([job.id], [])


def test_a_hung_job_stayed_for_a_year(store: JobStore, clock: Clock) -> None:
    """A job in which nothing happened for a year is ended by the first cleaning, and removed by a later one."""
    job = store.create().job
    clock.now += 365 * 86_400
    assert store.cleanup().reaped == [job.id]
    clock.now += 365 * 86_400
    assert store.cleanup().removed == [job.id]


def test_all_left_was_told_the_first_time_only(backend: Backend) -> None:
    """Three times somebody comes and leaves, and three times it is told."""
    manager = backend.manage()
    control = begun(manager)
    times = []
    manager.on_all_left(control.id, lambda: times.append(1))
    for _ in range(3):
        manager.subscribe(control.id).close()
    assert len(times) == 3


def test_one_handler_that_raised_stopped_the_others(backend: Backend) -> None:
    """The second handler gets every event, and whoever tells of events notices nothing."""
    manager = backend.manage()
    control = begun(manager)
    got: list[int] = []

    def fail(event: Any) -> None:
        raise ValueError("by the test")

    threads = [manager.subscribe(control.id).each(handler) for handler in (fail, lambda event: got.append(event.seq))]
    control.text("a")
    control.finish()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert got == [0, 1]


def test_a_normal_end_set_the_abort_signal(backend: Backend) -> None:
    """Work that ends by itself is not told to stop, then or later."""
    manager = backend.manage()
    control = begun(manager)
    told: list[str] = []
    control.on_cancel(told.append)
    control.finish()
    manager.abort(control.id)
    manager.cleanup()
    assert (control.cancelled, told) == (False, [])


def test_the_run_before_went_on(backend: Backend) -> None:
    """When a stream is used again the run before is told to stop."""
    manager = backend.manage()
    old = begun(manager, stream="s")
    new = begun(manager, stream="s", replace=True)
    assert (old.wait(PATIENCE_S), old.reason, new.cancelled) == (True, "replaced", False)


def test_what_came_before_a_subscriber_gathered_without_bound(backend: Backend) -> None:
    """Of twenty thousand events before anyone came, a bounded number is in memory, and all of them are delivered."""
    manager = backend.manage()
    job = manager.store.create().job
    for _ in range(20):
        manager.store.append(job.id, texts(*"x" * 1000))
    with manager.subscribe(job.id, max_events=100) as subscription:
        when(lambda: subscription.overflows)
        assert subscription.waiting <= 100
        seen = 0
        while seen < 20_000:
            seen += len(subscription.receive_batch())


def test_after_success_a_late_subscriber_got_nothing(backend: Backend) -> None:
    """A job that succeeded before anyone came is told to whoever comes."""
    manager = backend.manage()
    control = begun(manager)
    control.text("the answer")
    control.finish()
    assert [event.type for event in manager.subscribe(control.id)] == ["text", "end"]


def test_resuming_doubled_the_text(backend: Backend) -> None:
    """After A and B a client takes the snapshot, then C comes: its text is ABC."""
    manager = backend.manage()
    control = begun(manager)
    control.text("A")
    control.text("B")
    control.flush()
    snapshot, subscription = manager.attach(control.id)
    control.text("C")
    control.finish()
    for event in subscription:
        snapshot.content.add(event)
    assert snapshot.text == "ABC"


def test_updates_beside_deletions_left_orphans(backend: Backend) -> None:
    """However an update and a deletion fall together, nothing is left of the job."""
    one, two = backend.open(), backend.open()
    jobs = [one.create().job.id for _ in range(100)]

    def act(place: int) -> None:
        for job_id in jobs:
            if place:
                two.update(job_id, {"x": 1})
            else:
                one.delete(job_id)

    assert together(2, act) == [None, None]
    assert (one.count(), one.jobs(), [one.exists(job_id) for job_id in jobs]) == (0, [], [False] * 100)
    if backend.kind == "redis":
        left = backend._redis(lambda client: client.keys(f"{backend.prefix}*"))
        assert [name for name in left if b":mark:" not in name and not name.endswith(b":epoch")] == []


def test_a_new_run_showed_the_errors_of_the_old(store: JobStore) -> None:
    """After a failed run, one of the same stream has no error, no end and no content."""
    old = store.create("s").job
    store.append(old.id, texts("old"))
    store.transition(old.id, "error", reason="old trouble", data={"final": True})
    new = store.get(store.create("s").job.id)
    assert (new.reason, new.ended, store.events(new.id), store.content(new.id)) == ("", None, [], [])


def test_a_log_ran_out_while_it_was_written(store: JobStore, clock: Clock) -> None:
    """A job that is written to now and then keeps its whole log, however long it takes."""
    job = store.create(idle_s=100).job
    for number in range(10):
        clock.now += 99
        store.append(job.id, texts(str(number)))
        store.cleanup()
    assert store.snapshot(job.id).text == "0123456789"


def test_usage_was_known_to_one_process_only(backend: Backend) -> None:
    """Whoever aborts from another process's store gets the usage that the worker recorded."""
    worker = backend.manage()
    control = begun(worker)
    control.usage("call", {"input": 5})
    elsewhere = worker if backend.kind == "memory" else backend.manage()
    assert elsewhere.store.usage(control.id) == {"call": {"input": 5}}
    assert elsewhere.abort(control.id).usage == {"call": {"input": 5}}


@pytest.mark.parametrize("backend", [REDIS], indirect=True)
def test_stale_entries_in_the_index_of_an_owner_heal(backend: Backend) -> None:
    """An entry of a job that is not there any more vanishes when the index is read, and with it the empty set."""
    store = backend.open()
    job = store.create(owner="o").job
    backend._redis(lambda client: client.delete(f"{backend.prefix}job:{job.id}"))
    assert store.active("o") == []
    assert not backend._redis(lambda client: client.exists(f"{backend.prefix}active:o"))


def test_an_abort_was_deaf_after_the_only_client_left(backend: Backend) -> None:
    """The worker hears of an abort before anyone came, and after the only client has left."""
    manager = backend.manage()
    for leave in (False, True):
        control = begun(manager)
        if leave:
            manager.subscribe(control.id).close()
        assert manager.abort(control.id, wait_s=PATIENCE_S).acknowledged
        assert control.cancelled


def test_events_right_after_subscribing_were_lost(backend: Backend) -> None:
    """Fifty times an event is appended at the moment of subscribing; each is delivered."""
    manager = backend.manage()
    for _ in range(50):
        job = manager.store.create().job
        with manager.subscribe(job.id) as subscription:
            manager.store.append(job.id, texts("x"))
            assert [event.seq for event in subscription.receive_batch(timeout=PATIENCE_S)] == [0]
        manager.store.transition(job.id, "complete")


# Found in its history


def test_the_first_to_come_was_answered_not_found_for_a_failed_job(backend: Backend) -> None:
    """A job that failed before anyone came is kept with its error, until its time is over."""
    manager = backend.manage()
    job = manager.start(lambda control: 1 / 0).job
    (end,) = list(manager.subscribe(job.id))
    assert end.data == {"status": "error", "reason": "ZeroDivisionError: division by zero"}


def test_events_were_told_in_another_order(backend: Backend) -> None:
    """Events are delivered in the order in which they were told of, whatever batches they are written in."""
    manager = backend.manage()
    control = begun(manager)
    subscription = manager.subscribe(control.id)
    for number in range(2000):
        control.text(f"{number},")
        if number % 97 == 0:
            control.flush()
    control.finish()
    got = "".join(event.data["text"] for event in subscription if event.type == "text")
    assert got == "".join(f"{number}," for number in range(2000))


def test_creating_twice_paid_twice(backend: Backend) -> None:
    """A client that never got an answer asks again with its key, three times: one run is begun."""
    manager = backend.manage()
    ran: list[str] = []

    def work(control: JobControl) -> None:
        ran.append(control.id)
        control.wait(PATIENCE_S)

    answers = [manager.start(work, "s", key="request") for _ in range(4)]
    assert [answer.control is None for answer in answers] == [False, True, True, True]
    assert len({answer.job.id for answer in answers}) == 1
    manager.abort(answers[0].job.id)
    assert len(ran) == 1


def test_work_that_could_not_begin_blocked_its_key(backend: Backend) -> None:
    """A job whose work could not begin has ended with an error before its key is free for the next try."""
    manager = backend.manage()
    control = begun(manager, key="request")
    manager.withdraw(control, "no thread could be started")
    assert manager.get(control.id).reason == "no thread could be started"
    again = manager.begin(key="request")
    assert again.control is not None
    assert again.job.id != control.id


def test_facts_came_after_the_job(backend: Backend) -> None:
    """Whoever sees a job sees its facts: they are written in the same step."""
    maker, watcher = backend.open(), backend.open()
    seen: list[dict[str, Any]] = []
    done = threading.Event()

    def watch(place: int) -> None:
        if place:
            for number in range(50):
                maker.create(facts={"number": number})
            done.set()
        else:
            while not done.is_set():
                seen.extend(job.facts for job in watcher.jobs())

    assert together(2, watch) == [None, None]
    assert all("number" in facts for facts in seen)


def test_two_made_in_one_moment_had_one_epoch(store: JobStore, clock: Clock) -> None:
    """Under a clock that stands still, and one that goes back, each run's epoch is greater."""
    epochs = []
    for _ in range(5):
        job = store.create("s").job
        epochs.append(job.epoch)
        store.delete(job.id)
        clock.now -= 1
    assert epochs == sorted(set(epochs))


def test_the_abandoned_run_finished_its_successor(backend: Backend) -> None:
    """What the run before tells after it was replaced, also its end, reaches its successor in no way."""
    manager = backend.manage()
    old = begun(manager, stream="s")
    new = begun(manager, stream="s", replace=True)
    assert old.finish() in (Outcome.STALE, Outcome.SETTLED)
    assert manager.get(new.id).live
    assert manager.store.events(new.id) == []


def test_an_event_of_the_end_was_held_back_by_the_end(backend: Backend) -> None:
    """The status and the terminal event are one: who sees an ended job can read its end."""
    manager = backend.manage()
    for _ in range(20):
        control = begun(manager)
        threading.Thread(target=control.finish).start()
        when(lambda control=control: not manager.get(control.id).live)
        assert manager.store.events(control.id)[-1].last


def test_deleting_a_followed_job_left_its_followers_hanging(backend: Backend) -> None:
    """Who follows a job that is deleted is told that there is no such job, and its worker is told to stop."""
    manager = backend.manage()
    control = begun(manager)
    with manager.subscribe(control.id) as subscription:
        manager.store.delete(control.id)
        with pytest.raises(JobNotFound):
            subscription.receive_batch(timeout=PATIENCE_S)
    assert control.wait(PATIENCE_S)
    assert control.reason == "it was deleted"


def test_shutting_down_left_runs_going(backend: Backend) -> None:
    """Shutting down ends the runs of the process as interrupted, tells their works, and their followers get the end."""
    manager = backend.manage()
    control = begun(manager)
    subscription = manager.subscribe(control.id)
    manager.shutdown("for the night")
    assert [event.data["status"] for event in subscription] == ["interrupted"]
    assert (control.cancelled, control.reason) == (True, "for the night")
    assert manager.store.get(control.id).status == "interrupted"
    with pytest.raises(Exception, match="has been shut down"):
        manager.begin()


def test_an_abort_beside_the_end_charged_twice(backend: Backend) -> None:
    """Complete, abort and error at once, a thousand races: each is settled once, each call charged once."""
    rounds, ledger = 1000, Ledger(MemoryStore())
    settled: list[tuple[str, str]] = []

    def settle(last: Snapshot) -> None:
        settled.append((last.job.id, last.job.status))
        ledger.settle_all(UsageRecord(call, run=last.job.id, **used) for call, used in last.usage.items())

    manager = backend.manage(backend.open(max_jobs=None), on_end=settle)
    controls = [begun(manager) for _ in range(rounds)]
    for control in controls:
        control.usage("call", {"input": 3, "output": 4})
    barrier = threading.Barrier(3)

    def end_all(place: int) -> list[bool]:
        won = []
        for number, control in enumerate(controls):
            if number % 20 == 0:
                barrier.wait()
            if place == 0:
                won.append(manager.abort(control.id, wait_s=0).landed)
            else:
                won.append(bool(control.finish(JobStatus.COMPLETE if place == 1 else JobStatus.ERROR)))
        return won

    answers = together(3, end_all)
    assert [sum(won) for won in zip(*answers, strict=True)] == [1] * rounds
    assert sum(sum(won) > 0 for won in answers) > 1, "they did not race"
    assert sorted(settled) == sorted((job.id, job.status) for job in manager.store.jobs())
    assert [len(manager.store.entries(control.id)) for control in controls] == [1] * rounds
    charged = [(entry.record.run, entry.record.call) for entry in ledger.charges() if entry.record]
    assert sorted(charged) == sorted((control.id, "call") for control in controls)


def test_usage_that_came_late_was_lost(backend: Backend) -> None:
    """What a call used is recorded after the abort, too, once for each call."""
    manager = backend.manage()
    control = begun(manager)
    manager.abort(control.id)
    assert control.usage("call", {"input": 5})
    assert control.usage("call", {"input": 6})
    assert manager.store.usage(control.id) == {"call": {"input": 6}}


def test_each_process_numbered_events_by_itself(backend: Backend) -> None:
    """Two that write one log, and a third that follows it, have the same numbers, and nothing is dropped for that."""
    stores = [backend.open(), backend.open()]
    manager = backend.manage(stores[0] if backend.kind == "memory" else None)
    job = stores[0].create().job
    with manager.subscribe(job.id) as subscription:
        firsts = [stores[place % 2].append(job.id, texts(str(place))).first for place in range(10)]
        stores[0].transition(job.id, "complete")
        told = [(event.seq, event.data.get("text")) for event in subscription]
    assert firsts == list(range(10))
    assert told == [*((number, str(number)) for number in range(10)), (10, None)]


def test_numbers_of_the_turn_before_hid_the_next(backend: Backend) -> None:
    """Who followed a long turn and then follows the next of the stream gets it from number 0 on."""
    manager = backend.manage()
    for words in (945, 3):
        control = begun(manager, stream="s")
        with manager.subscribe(control.id) as subscription:
            for number in range(words):
                control.text(str(number))
            control.finish()
            assert [event.seq for event in subscription] == list(range(words + 1))


def test_to_join_a_run_made_it_anew(backend: Backend) -> None:
    """A second process that attaches to a run finds what it has made, and leaves it as it is."""
    worker = backend.manage()
    control = begun(worker, stream="s")
    control.text("half")
    control.flush()
    before = worker.store.get(control.id)
    joiner = backend.manage(worker.store if backend.kind == "memory" else None)
    snapshot, subscription = joiner.attach(control.id)
    subscription.close()
    assert snapshot.text == "half"
    assert worker.store.get(control.id) == before
    assert not control.cancelled


def test_one_that_left_twice_detached_another(backend: Backend) -> None:
    """The one that is still there gets what comes."""
    manager = backend.manage()
    control = begun(manager)
    first, other = manager.subscribe(control.id), manager.subscribe(control.id)
    first.close()
    first.close()
    control.finish()
    assert [event.type for event in other] == ["end"]


def test_a_status_overtook_the_events_before_it(backend: Backend) -> None:
    """What was told before a pause, a resumption or the end stands before it in the log, though events are gathered."""
    manager = backend.manage()
    control = begun(manager)
    for change in (control.pause, control.resume, control.finish):
        for _ in range(200):
            control.text("x")
        assert change()
    types = [event.type for event in manager.store.events(control.id)]
    assert types == [*["text"] * 200, "status", *["text"] * 200, "status", *["text"] * 200, "end"]


def test_an_index_that_was_emptied_lost_who_came_meanwhile(backend: Backend) -> None:
    """However an end, a reading of the index and a creation fall together, each live job is in it."""
    stores = [backend.open() for _ in range(3)]
    kept: list[str] = []

    def act(place: int) -> None:
        for _ in range(60):
            job = stores[place].create(owner="o").job
            stores[place].active("o")
            if place:
                stores[place].transition(job.id, "complete")
            else:
                kept.append(job.id)

    assert together(3, act) == [None] * 3
    assert [job.id for job in stores[1].active("o")] == kept


def test_a_failed_write_of_the_end_was_swallowed(backend: Backend) -> None:
    """Whoever ends a job that cannot be written is told so, and the job stays as it was, to be found interrupted."""
    store = backend.open()
    control = JobControl(store, store.create().job, lambda control, by_work: None)
    refuse = StoreUnavailable("by the test")

    def fail(make: object) -> object:
        raise refuse

    store._write, write = fail, store._write  # type: ignore[method-assign, assignment]
    with pytest.raises(StoreUnavailable):
        control.finish()
    store._write = write  # type: ignore[method-assign]
    assert store.get(control.id).live


def test_a_job_whose_end_was_not_written_stayed_live(backend: Backend) -> None:
    """A process that lives ends what it stopped to work on, though it could not say so then."""
    store = backend.open()
    manager = backend.manage(store, lease_s=0.1)
    control = manager.begin().control
    assert control is not None

    def fail(make: object) -> object:
        raise StoreUnavailable("by the test")

    store._write, write = fail, store._write  # type: ignore[method-assign, assignment]
    with pytest.raises(StoreUnavailable):
        control.finish()
    store._write = write  # type: ignore[method-assign]
    when(lambda: store.get(control.id).status == "interrupted")


def test_a_finished_run_was_kept_alive_by_the_manager(backend: Backend) -> None:
    """Once a job has ended nothing of the process holds its control any more, and with it its work."""
    manager = backend.manage()
    control = begun(manager)
    reference = weakref.ref(control)
    control.on_cancel(lambda reason, control=control: control.reason)
    manager.abort(control.id)
    del control
    when(lambda: (gc.collect(), reference())[1] is None)
