"""A store in Redis, shared between machines; needs the extra `redis`.

Every step is a transaction that reads under WATCH and writes under MULTI, so that the rules of all stores are the same
code. All keys begin with one hash tag, so that in a cluster they lie on one node.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from transmissions.errors import TransmissionsError
from transmissions.jobs.address import check_database, no_address
from transmissions.jobs.encoding import decode, encode
from transmissions.jobs.errors import StoreError, StoreUnavailable
from transmissions.jobs.job import Job, JobEvent, JobStatus, statuses_of
from transmissions.jobs.store import JobStore
from transmissions.jobs.transaction import Claim, Transaction

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.exceptions import ConnectionError as Unreachable
    from redis.exceptions import RedisError, WatchError
    from redis.exceptions import TimeoutError as Unanswered
    from redis.retry import Retry

    from transmissions.jobs.redis_transport import RedisTransport
except ImportError:
    raise StoreError("a job store in Redis needs the extra: pip install 'transmissions-engine[redis]'") from None

__all__ = ["RedisJobStore"]

_T = TypeVar("_T")
_MARK_S = 3600
_ANSWER_S = 5.0


class RedisJobStore(JobStore):
    """Holds jobs in Redis, for any number of processes and machines.

    What it was told is as safe as the server keeps it: with `appendonly yes` and `appendfsync always` in its settings
    it survives the server's end. A server that is gone for less than `retry_s` is waited for, and each write is made
    once, also if its answer was lost.

    Args:
        url: the server, as `redis://host:port/0`, or `unix://…`.
        prefix: what all keys begin with; stores of different prefixes know nothing of each other.
        retry_s: for how many seconds to try again before `StoreUnavailable` is raised.
        connection: keyword arguments for the connections of redis-py.
        options: as `JobStore` takes them. Its clock is compared between the machines that work on jobs.

    Raises:
        StoreError: the address is none.
    """

    def __init__(
        self,
        url: str = "redis://127.0.0.1:6379/0",
        *,
        prefix: str = "{transmissions}:",
        retry_s: float = 30.0,
        connection: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        # It must not try again by itself: only we know how to find out whether a write was made.
        settings = {"socket_timeout": _ANSWER_S, "socket_connect_timeout": _ANSWER_S, **(connection or {})}
        check_database(url)
        try:
            self._client: Any = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **settings)
            pool = self._client.connection_pool
            # Not before a connection is made is a setting refused that there is not; it connects to nothing yet.
            pool.connection_class(**pool.connection_kwargs)
        except (ValueError, TypeError, RedisError):
            if connection and "?" not in url:
                raise  # It is these that are wrong, and they are the program's own.
            raise no_address(url) from None
        self._prefix = prefix
        self._retry_s = retry_s
        self._closing = threading.Event()
        self.transport = RedisTransport(self._client, f"{prefix}wakes")

    def jobs(
        self,
        *,
        status: JobStatus | str | Iterable[JobStatus] | None = None,
        owner: str | None = None,
        stream: str | None = None,
    ) -> list[Job]:
        """Return jobs in the order of their making; see `JobStore`."""
        wanted = statuses_of(status)
        live_only = owner is not None and stream is None and all(one.live for one in wanted)

        def read() -> list[Job]:
            if live_only:
                ids = self._active(owner or "")
            elif stream is not None:
                ids = self._client.zrange(self._key("stream", stream), 0, -1)
            else:
                ids = self._client.zrange(self._key("jobs"), 0, -1)
            found = self._client.mget([self._key("job", one.decode()) for one in ids]) if ids else []
            jobs = [job for data in found if (job := _job_or_none(data)) is not None]
            return sorted(jobs, key=lambda job: job.epoch)

        return [job for job in self._read(read) if job.status in wanted and (owner is None or job.owner == owner)]

    def _active(self, owner: str) -> list[bytes]:
        """Return the ids in the index of an owner's live jobs, and take out of it those of jobs that are none."""
        name = self._key("active", owner)
        ids = list(self._client.smembers(name))
        found = self._client.mget([self._key("job", one.decode()) for one in ids]) if ids else []
        stale = []
        for one, data in zip(ids, found, strict=True):
            job = _job_or_none(data)
            if job is None or not job.live or job.owner != owner:
                stale.append(one)
        if stale:
            self._client.srem(name, *stale)
        return [one for one in ids if one not in stale]

    def count(self, status: JobStatus | str | None = None) -> int:
        """Return how many jobs there are, in all or of one status."""
        if status is None:
            return int(self._read(lambda: self._client.zcard(self._key("jobs"))))
        name = self._key("status", str(JobStatus(status)))
        return int(self._read(lambda: self._client.scard(name)))

    def check(self) -> None:
        """See at once whether the server answers; raises StoreUnavailable if it does not, StoreError if it refuses."""
        try:
            self._client.ping()
        except (Unreachable, Unanswered) as error:
            raise StoreUnavailable(f"no Redis server answers there: {error}") from error
        except RedisError as error:
            raise StoreError(f"the Redis server there refuses: {error}") from error

    def close(self) -> None:
        """Close the connections; a call that waits for the server gives up."""
        self._closing.set()
        self.transport.close()
        self._client.close()

    def _key(self, kind: str, name: str = "") -> str:
        return f"{self._prefix}{kind}:{name}" if name else f"{self._prefix}{kind}"

    def _write(self, make: Callable[[Transaction], _T]) -> _T:
        mark = self._key("mark", uuid.uuid4().hex)
        tried: list[tuple[_T, _RedisStep]] = []

        def attempt() -> _T:
            with self._client.pipeline() as pipe:
                if tried:
                    # Watched before it is looked at: what was sent before may still be on its way to the server.
                    pipe.watch(mark)
                    if pipe.exists(mark):
                        return self._told(*tried[-1])
                step = _RedisStep(pipe, self._key)
                try:
                    made = make(step)
                except TransmissionsError:
                    _confirm(pipe, mark)
                    raise
                if not step.writes:
                    _confirm(pipe, mark)
                    return made
                tried.append((made, step))
                pipe.multi()
                for write in step.writes:
                    write()
                pipe.set(mark, 1, ex=_MARK_S)
                pipe.execute()
                return self._told(made, step)

        return self._patiently(attempt)

    def _told(self, made: _T, step: _RedisStep) -> _T:
        for job_id, control in step.wakes:
            self.transport.publish(job_id, control)
        return made

    def _read(self, read: Callable[[], _T]) -> _T:
        return self._patiently(read)

    def _patiently(self, attempt: Callable[[], _T]) -> _T:
        deadline = time.monotonic() + self._retry_s
        pause_s = 0.001
        while True:
            try:
                return attempt()
            except (WatchError, Unreachable, Unanswered) as error:
                pause_s = min(pause_s * 2, 0.01 if isinstance(error, WatchError) else 0.25)
                if time.monotonic() > deadline or self._closing.wait(pause_s * random.random()):  # noqa: S311
                    raise StoreUnavailable(f"the Redis server of the job store did not answer: {error}") from error
            except RedisError as error:
                raise StoreError(f"the Redis server of the job store refused: {error}") from error

    def _read_job(self, job_id: str) -> Job | None:
        data = self._read(lambda: self._client.get(self._key("job", job_id)))
        return None if data is None else Job.decoded(data)

    def _read_log(self, job_id: str, begin: int, limit: int | None) -> list[bytes]:
        last = -1 if limit is None else begin + limit - 1
        if limit == 0:
            return []
        return list(self._read(lambda: self._client.lrange(self._key("log", job_id), begin, last)))

    def _read_usage(self, job_id: str) -> dict[str, bytes]:
        found = self._read(lambda: self._client.hgetall(self._key("usage", job_id)))
        return {call.decode(): data for call, data in found.items()}

    def _read_snapshot(self, job_id: str) -> tuple[int, bytes] | None:
        data = self._read(lambda: self._client.get(self._key("snapshot", job_id)))
        if data is None:
            return None
        seq, _, snapshot = data.partition(b"\n")
        return int(seq), snapshot

    def _ids(self) -> list[str]:
        ids = self._read(lambda: self._client.zrange(self._key("jobs"), 0, -1))
        return [one.decode() for one in ids]

    def _forget_claims(self, now: float) -> None:
        names = self._read(lambda: self._client.zrangebyscore(self._key("claims"), "-inf", now))
        for name in names:
            owner, key = decode(name)

            def forget(step: Transaction, owner: str = owner, key: str = key) -> None:
                claim = step.claim(owner, key)
                if claim is None or (claim.expires is not None and claim.expires <= now):
                    step.put_claim(owner, key, None)

            self._write(forget)


def _confirm(pipe: Any, mark: str) -> None:
    """See that all that a step has read was so at one moment, though it writes nothing; raises WatchError if not."""
    pipe.multi()
    pipe.exists(mark)
    pipe.execute()


class _RedisStep(Transaction):
    """Reads at once, under WATCH; keeps its writes until all is read."""

    def __init__(self, pipe: Any, key: Callable[..., str]) -> None:
        self._pipe = pipe
        self._key = key
        self.writes: list[Callable[[], Any]] = []
        self.wakes: list[tuple[str, bool]] = []

    def _later(self, write: Callable[..., Any], *arguments: Any) -> None:
        self.writes.append(lambda: write(*arguments))

    def job(self, job_id: str) -> Job | None:
        name = self._key("job", job_id)
        self._pipe.watch(name)
        data = self._pipe.get(name)
        return None if data is None else Job.decoded(data)

    def newest(self, stream: str) -> Job | None:
        name = self._key("stream", stream)
        self._pipe.watch(name)
        for one in self._pipe.zrevrange(name, 0, -1):
            if (job := self.job(one.decode())) is not None:
                return job
        return None

    def claim(self, owner: str, key: str) -> Claim | None:
        name = self._key("claim", _claim_name(owner, key))
        self._pipe.watch(name)
        data = self._pipe.get(name)
        return None if data is None else Claim(*decode(data))

    def count(self) -> int:
        name = self._key("jobs")
        self._pipe.watch(name)
        return int(self._pipe.zcard(name))

    def oldest_ended(self, number: int) -> list[Job]:
        name = self._key("ended")
        self._pipe.watch(name)
        last = self._pipe.zrange(name, 0, number - 1, withscores=True)[-1:]
        # Those that ended at the same moment count in the order of their making, which a sorted set does not know.
        ids = self._pipe.zrangebyscore(name, "-inf", last[0][1]) if last else []
        found = [job for one in ids if (job := self.job(one.decode())) is not None]
        return sorted(found, key=lambda job: (job.ended or 0.0, job.epoch))[:number]

    def next_epoch(self) -> int:
        # At once: a number that is not used in the end is missing, and that is all.
        return int(self._pipe.incr(self._key("epoch")))

    def snapshot_seq(self, job_id: str) -> int:
        name = self._key("snapshot", job_id)
        self._pipe.watch(name)
        data = self._pipe.get(name)
        return -1 if data is None else int(data.partition(b"\n")[0])

    def put(self, job: Job, before: Job | None) -> None:
        self._later(self._pipe.set, self._key("job", job.id), job.encoded())
        if before is None:
            self._later(self._pipe.zadd, self._key("jobs"), {job.id: job.epoch})
            self._later(self._pipe.zadd, self._key("stream", job.stream), {job.id: job.epoch})
        if before is None or before.status is not job.status:
            self._index(job, before)

    def _index(self, job: Job, before: Job | None) -> None:
        if before is not None:
            self._later(self._pipe.srem, self._key("status", before.status), job.id)
        self._later(self._pipe.sadd, self._key("status", job.status), job.id)
        if job.live:
            self._later(self._pipe.sadd, self._key("active", job.owner), job.id)
        else:
            self._later(self._pipe.srem, self._key("active", job.owner), job.id)
            self._later(self._pipe.zadd, self._key("ended"), {job.id: job.ended or 0.0})

    def append(self, job: Job, events: Sequence[JobEvent]) -> None:
        self._later(self._pipe.rpush, self._key("log", job.id), *[event.encoded() for event in events])

    def remove(self, job: Job) -> None:
        names = [self._key(kind, job.id) for kind in ("job", "log", "usage", "snapshot")]
        self._later(self._pipe.delete, *names)
        for name in (self._key("jobs"), self._key("ended"), self._key("stream", job.stream)):
            self._later(self._pipe.zrem, name, job.id)
        for name in (self._key("status", job.status), self._key("active", job.owner)):
            self._later(self._pipe.srem, name, job.id)

    def put_claim(self, owner: str, key: str, claim: Claim | None) -> None:
        name = _claim_name(owner, key)
        if claim is None:
            self._later(self._pipe.delete, self._key("claim", name))
            self._later(self._pipe.zrem, self._key("claims"), name)
            return
        self._later(self._pipe.set, self._key("claim", name), encode(claim))
        if claim.expires is not None:
            self._later(self._pipe.zadd, self._key("claims"), {name: claim.expires})
        else:
            self._later(self._pipe.zrem, self._key("claims"), name)

    def put_usage(self, job_id: str, call: str, data: bytes) -> None:
        self._later(self._pipe.hset, self._key("usage", job_id), call, data)

    def put_snapshot(self, job_id: str, seq: int, data: bytes) -> None:
        self._later(self._pipe.set, self._key("snapshot", job_id), f"{seq}\n".encode() + data)

    def wake(self, job_id: str, control: bool) -> None:
        self.wakes.append((job_id, control))
        # Within the transaction, so that who is told of a change can read it, and no change stays untold.
        self._later(self._pipe.publish, self._key("wakes"), f"{'c' if control else 'e'}{job_id}")


def _claim_name(owner: str, key: str) -> str:
    return encode([owner, key]).decode()


def _job_or_none(data: bytes | None) -> Job | None:
    try:
        return None if data is None else Job.decoded(data)
    except ValueError:
        return None  # One that is damaged hides no other.
