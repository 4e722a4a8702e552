"""Every store against a model that is a dict: whatever is done to it, opened again and at whatever time, they agree."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.jobs.conftest import KINDS, Backend, Clock, RedisServer
from transmissions.jobs import (
    TRANSITIONS,
    CapacityError,
    JobExists,
    JobForbidden,
    JobGone,
    JobNotFound,
    JobStatus,
    JobStore,
    Outcome,
    RedisJobStore,
)

MAX_JOBS = 4
KEEP_S, IDLE_S, KEY_S = 50.0, 30.0, 80.0
STREAMS = st.sampled_from(["a", "b", "c", None])
OWNERS = st.sampled_from(["", "o"])
KEYS = st.sampled_from([None, None, "k", "l"])
PICK = st.integers(0, 7)


class Forgetful(redis.UnixDomainSocketConnection):
    """A connection that breaks after a transaction was sent and before its answer came, when it is told to."""

    armed = False

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        answer = super().read_response(*arguments, **options)
        # The answer to EXEC is the one list of many; by then the server has made the writes.
        if Forgetful.armed and isinstance(answer, list) and len(answer) > 1 and b"pmessage" not in answer:
            Forgetful.armed = False
            self.disconnect()
            raise redis.ConnectionError("the answer was lost, by the test")
        return answer


class StoreMachine(RuleBasedStateMachine):
    """A store and its model."""

    kind = "memory"
    server: RedisServer | None = None

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = Clock()
        self.backend = Backend(self.kind, self.folder, self.server)
        self.store = self.open()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.claims: dict[tuple[str, str], tuple[str, float | None]] = {}
        self.made: list[str] = []
        self.epoch = 0

    def open(self) -> JobStore:
        """Open the store; the one in Redis over connections that can lose an answer."""
        options = {"max_jobs": MAX_JOBS, "keep_s": KEEP_S, "idle_s": IDLE_S, "key_s": KEY_S, "clock": self.clock}
        if self.kind != "redis":
            return self.backend.open(**options)
        assert self.server is not None
        store = RedisJobStore(self.server.url, prefix=self.backend.prefix, **options)
        store._client.connection_pool.connection_class = Forgetful
        self.backend.opened.append(store)
        return store

    def teardown(self) -> None:
        Forgetful.armed = False
        self.backend.close()
        shutil.rmtree(self.folder)

    def pick(self, place: int) -> str:
        """Return the id of one of the latest jobs, also of those that are gone."""
        return self.made[-1 - place % len(self.made)] if self.made else "nothing"

    # What is done

    @rule(stream=STREAMS, owner=OWNERS, key=KEYS, displacing=st.booleans())
    def create(self, stream: str | None, owner: str, key: str | None, displacing: bool) -> None:
        if displacing and stream is None:
            return
        expected = self.expected_creation(stream, owner, key, displacing)
        make = self.store.replace if displacing else self.store.create
        if isinstance(expected, type):
            with pytest.raises(expected):
                make(stream, owner=owner, key=key, facts={"n": len(self.made)})
            return
        made = make(stream, owner=owner, key=key, facts={"n": len(self.made)})
        if isinstance(expected, str):
            assert (made.made, made.job.id) == (False, expected)
            return
        live, evicted = expected
        assert made.made
        assert made.job.epoch > self.epoch
        self.epoch = made.job.epoch
        assert (made.displaced.id if made.displaced else None) == live
        for gone in evicted:
            del self.jobs[gone]
        if live is not None:
            self.end(live, "aborted", "replaced", {"replaced_by": made.job.id})
            if len(self.jobs) >= MAX_JOBS:
                del self.jobs[live]
        self.jobs[made.job.id] = {
            "stream": stream or made.job.id, "owner": owner, "key": key, "status": "running", "reason": "",
            "facts": {"n": len(self.made)}, "log": [], "usage": {}, "active": self.clock.now, "ended": None,
        }  # fmt: skip
        self.made.append(made.job.id)
        if key:
            self.claims[owner, key] = (made.job.id, None)

    def expected_creation(self, stream: str | None, owner: str, key: str | None, displacing: bool) -> Any:
        """Return the error, the id of the job that there is, or the displaced run and those that make room."""
        claim = self.claims.get((owner, key or ""))
        if claim and (claim[1] is None or self.clock.now < claim[1]):
            return claim[0] if claim[0] in self.jobs else JobGone
        runs = [job_id for job_id, job in self.jobs.items() if job["stream"] == stream]
        newest = runs[-1] if runs else None
        if newest and self.jobs[newest]["owner"] != owner:
            return JobForbidden
        live = newest if newest and self.live(newest) else None
        if live and not displacing:
            return JobExists
        ended = [job_id for job_id in self.jobs if not self.live(job_id)]
        ended.sort(key=lambda job_id: self.jobs[job_id]["ended"])
        excess = max(0, len(self.jobs) + 1 - MAX_JOBS)
        if len(ended[:excess]) + (live is not None) < excess:
            return CapacityError
        return live, ended[:excess]

    @rule(place=PICK, words=st.lists(st.text(max_size=5), max_size=3), stale=st.booleans())
    def append(self, place: int, words: list[str], stale: bool) -> None:
        job_id = self.pick(place)
        answer = self.store.append(
            job_id, [("text", {"text": word}) for word in words], expect_epoch=0 if stale else None
        )
        expected = self.expected_write(job_id, stale)
        assert answer.outcome is expected
        if expected:
            job = self.jobs[job_id]
            assert answer.first == len(job["log"])
            job["log"] += [("text", {"text": word}) for word in words]
            if words:
                job["active"] = self.clock.now

    @rule(place=PICK, value=st.integers(-(2**70), 2**70), clear=st.booleans(), stale=st.booleans())
    def update(self, place: int, value: int, clear: bool, stale: bool) -> None:
        job_id = self.pick(place)
        outcome = self.store.update(
            job_id, {"value": value}, clear=["n"] if clear else (), expect_epoch=0 if stale else None
        )
        expected = self.expected_write(job_id, stale)
        assert outcome is expected
        if expected:
            job = self.jobs[job_id]
            job["facts"] = {name: one for name, one in job["facts"].items() if not clear or name != "n"}
            job["facts"]["value"] = value
            job["active"] = self.clock.now

    @rule(place=PICK, status=st.sampled_from(list(JobStatus)), stale=st.booleans())
    def transition(self, place: int, status: JobStatus, stale: bool) -> None:
        job_id = self.pick(place)
        outcome = self.store.transition(job_id, status, reason="why", expect_epoch=0 if stale else None)
        expected = self.expected_write(job_id, stale)
        if expected and status not in TRANSITIONS[JobStatus(self.jobs[job_id]["status"])]:
            expected = Outcome.REFUSED
        assert outcome is expected
        if not expected:
            return
        if status.live:
            job = self.jobs[job_id]
            job["status"], job["active"] = str(status), self.clock.now
            job["log"].append(("status", {"status": str(status), "reason": "why"}))
        else:
            self.end(job_id, str(status), "why", {})

    @rule(place=PICK, call=st.sampled_from("xy"), tokens=st.integers(0, 9))
    def record_usage(self, place: int, call: str, tokens: int) -> None:
        job_id = self.pick(place)
        outcome = self.store.record_usage(job_id, call, {"input": tokens})
        assert outcome is (Outcome.DONE if job_id in self.jobs else Outcome.NOT_FOUND)
        if outcome:
            self.jobs[job_id]["usage"][call] = {"input": tokens}
            if self.live(job_id):
                self.jobs[job_id]["active"] = self.clock.now

    @rule(place=PICK)
    def delete(self, place: int) -> None:
        job_id = self.pick(place)
        assert self.store.delete(job_id) is (Outcome.DONE if job_id in self.jobs else Outcome.NOT_FOUND)
        if job_id in self.jobs:
            job = self.jobs[job_id]
            claim = self.claims.get((job["owner"], job["key"] or ""))
            if self.live(job_id) and claim and claim[0] == job_id:
                self.claims[job["owner"], job["key"]] = (job_id, self.clock.now + KEY_S)
            del self.jobs[job_id]

    @rule(place=PICK, owner=OWNERS, key=st.sampled_from("kl"))
    def release(self, place: int, owner: str, key: str) -> None:
        job_id = self.pick(place)
        claim = self.claims.get((owner, key))
        mine = claim is not None and claim[0] == job_id
        assert self.store.release(key, job_id, owner=owner) == mine
        if mine:
            del self.claims[owner, key]

    @rule()
    def cleanup(self) -> None:
        now = self.clock.now
        removed = [one for one, job in self.jobs.items() if job["ended"] is not None and now - job["ended"] >= KEEP_S]
        reaped = [one for one, job in self.jobs.items() if job["ended"] is None and now - job["active"] > IDLE_S]
        cleaned = self.store.cleanup()
        assert (cleaned.removed, cleaned.reaped, cleaned.interrupted, cleaned.failed) == (removed, reaped, [], {})
        for job_id in removed:
            del self.jobs[job_id]
        for job_id in reaped:
            self.end(job_id, "error", f"nothing happened in it for more than {IDLE_S:g} seconds", {})
        self.claims = {key: claim for key, claim in self.claims.items() if claim[1] is None or now < claim[1]}

    @rule(seconds=st.sampled_from([0.5, 20, 40, 60, 1e6, -15, -1e5]))
    def jump(self, seconds: float) -> None:
        """The clock goes on, far on, or back."""
        self.clock.now += seconds

    @rule()
    def reopen(self) -> None:
        """The store is closed and opened again, as after a restart; the one in memory only opened a second time."""
        if self.kind != "memory":
            self.store.close()
        self.store = self.open()

    @rule()
    def lose_the_next_answer(self) -> None:
        """The next write is made, and its answer lost; it has to be made once all the same."""
        Forgetful.armed = self.kind == "redis"

    # What the model knows

    def live(self, job_id: str) -> bool:
        return self.jobs[job_id]["ended"] is None

    def expected_write(self, job_id: str, stale: bool) -> Outcome:
        if job_id not in self.jobs:
            return Outcome.NOT_FOUND
        if stale:
            return Outcome.STALE
        return Outcome.DONE if self.live(job_id) else Outcome.SETTLED

    def end(self, job_id: str, status: str, reason: str, data: dict[str, Any]) -> None:
        job, now = self.jobs[job_id], self.clock.now
        job.update(status=status, reason=reason, ended=now, active=now)
        job["log"].append(("end", {**data, "status": status, "reason": reason}))
        claim = self.claims.get((job["owner"], job["key"] or ""))
        if claim and claim[0] == job_id:
            self.claims[job["owner"], job["key"]] = (job_id, now + KEY_S)

    @invariant()
    def agree(self) -> None:
        """What the store tells is what the model knows."""
        store = self.store
        listed = store.jobs()
        assert [job.id for job in listed] == list(self.jobs)
        for job in listed:
            known = self.jobs[job.id]
            told = {name: getattr(job, name) for name in ("stream", "owner", "status", "reason", "facts", "ended")}
            assert told == {name: known[name] for name in told}
            assert job.active == known["active"]
            assert store.get(job.id) == job
            events = store.events(job.id)
            assert [(event.type, event.data) for event in events] == known["log"]
            assert [event.seq for event in events] == list(range(job.events))
            snapshot = store.snapshot(job.id)
            assert snapshot.text == "".join(data.get("text", "") for _, data in known["log"])
            assert (snapshot.seq, snapshot.usage) == (job.events - 1, known["usage"])
        for status in JobStatus:
            assert store.count(status) == sum(known["status"] == status for known in self.jobs.values())
        for owner in ("", "o"):
            active = [job_id for job_id, known in self.jobs.items() if known["owner"] == owner and self.live(job_id)]
            assert [job.id for job in store.active(owner)] == active
        if self.made and self.made[0] not in self.jobs:
            with pytest.raises(JobNotFound):
                store.get(self.made[0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_is_its_model(kind: str, request: pytest.FixtureRequest) -> None:
    """A store does what a dict would, through reopening, time jumps and lost answers."""
    server = request.getfixturevalue("shared_redis") if kind == "redis" else None
    machine = type("Machine", (StoreMachine,), {"kind": kind, "server": server})
    slow = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=slow),
    )
