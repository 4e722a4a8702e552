"""The followers of jobs in one process: one thread reads the logs and brings each subscriber what it has not had."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from loguru import logger

from transmissions.errors import TransmissionsError
from transmissions.jobs.errors import JobDamaged, JobError, JobNotFound, StoreError
from transmissions.jobs.job import JobEvent
from transmissions.jobs.store import JobStore
from transmissions.jobs.subscription import Subscription

__all__ = ["Followers"]

_PAGE = 500
_RECHECK_S = 1.0


class Followers:
    """Serves subscriptions from the logs of a store.

    Wakes only make it look: each subscriber's next event is known by its number, so that none is lost or brought twice.
    Without wakes it looks every second.

    Args:
        store: where the logs are.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._subscriptions: dict[str, list[Subscription]] = {}
        self._left: dict[str, dict[object, Callable[[], Any]]] = {}
        self._ended: set[str] = set()
        self._waiting: set[str] = set()
        self._thread: threading.Thread | None = None
        self._closed = False

    def subscribe(self, job_id: str, after: int, **bounds: Any) -> Subscription:
        """Return a subscription; see `JobManager.subscribe`."""
        subscription = Subscription(job_id, after, wake=self.wake, leave=self._leave, **bounds)
        with self._changed:
            if self._closed:
                raise StoreError("this job manager has been shut down, and serves no more followers")
            self._subscriptions.setdefault(job_id, []).append(subscription)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve_all, name="transmissions followers", daemon=True)
                self._thread.start()
        self.wake(job_id)
        return subscription

    def count(self, job_id: str) -> int:
        """Return how many subscribers of a job there are in this process."""
        with self._lock:
            return len(self._subscriptions.get(job_id, ()))

    def on_all_left(self, job_id: str, callback: Callable[[], Any]) -> Callable[[], None]:
        """Have a callback called each time the last subscriber of a job leaves; return what ends that."""
        place = object()
        with self._lock:
            self._left.setdefault(job_id, {})[place] = callback

        def stop() -> None:
            with self._lock:
                self._left.get(job_id, {}).pop(place, None)

        return stop

    def wake(self, job_id: str | None, control: bool = False) -> None:
        """Look at a job soon, at all for None."""
        with self._changed:
            if job_id is None:
                self._waiting.update(self._subscriptions)
            elif job_id in self._subscriptions:
                self._waiting.add(job_id)
            else:
                return
            self._changed.notify()

    def close(self) -> None:
        """Bring everybody what there is, and then no more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    # In the thread

    def _serve_all(self) -> None:
        while True:
            with self._changed:
                if not self._waiting and not self._closed:
                    # Nobody has to be told anything in time where there is nobody.
                    self._changed.wait(_RECHECK_S if self._subscriptions else None)
                closed = self._closed
                # With nothing to go by, look at all: a wake may have been lost on its way.
                jobs = self._waiting if self._waiting and not closed else set(self._subscriptions)
                self._waiting = set()
            for job_id in jobs:
                self._serve_safely(job_id)
            if closed:
                self._end_all()
                return

    def _serve_safely(self, job_id: str) -> None:
        try:
            self._serve(job_id)
        except JobNotFound as error:
            self._end_those_of(job_id, error)
        except TransmissionsError as error:
            # The log is where it was, and is looked at again in a second.
            logger.warning(f"job {job_id}: its log cannot be read at present: {error}")
        except Exception as error:
            # Whatever is wrong with one job, the thread goes on for the followers of all others.
            logger.error(f"job {job_id}: following it failed: {error!r}")
            self._end_those_of(job_id, JobError(job_id, f"following it failed: {error!r}; it may be followed again"))

    def _serve(self, job_id: str) -> None:
        """Bring each subscriber what there is, as far as there is room; those at the same place share the reading."""
        hungry = [one for one in self._of(job_id) if one.hungry]
        while hungry:
            places: dict[int, list[Subscription]] = {}
            for subscription in hungry:
                places.setdefault(subscription.next, []).append(subscription)
            hungry = []
            for begin, group in places.items():
                limit = min(_PAGE, max(subscription.room for subscription in group))
                page = self._store.entries(job_id, begin, limit)
                served = [subscription for subscription in group if self._bring(subscription, begin, page)]
                if len(page) == limit:
                    hungry += served

    def _bring(self, subscription: Subscription, begin: int, page: list[bytes]) -> bool:
        """Bring a page to a subscriber; say whether it took all of it, and may get more."""
        if page and not subscription.offer(begin, page):
            if not subscription.open:
                self._leave(subscription)
            return False
        if JobEvent.decoded(0, page[-1]).last if page else self._past_end(subscription):
            subscription.end()
            self._leave(subscription)
            return False
        return True

    def _past_end(self, subscription: Subscription) -> bool:
        """Say whether nothing can come any more after where it began: it had the terminal event the last time.

        Raises:
            JobDamaged: nothing can, though there would have to be more.
        """
        job = self._store.get(subscription.job_id)
        if job.live or subscription.next >= job.events:
            return not job.live
        # It may have been given its last events since its log was looked at.
        if not self._store.entries(job.id, subscription.next, 1):
            raise JobDamaged(job.id, subscription.next, job.events)
        return False

    def _end_those_of(self, job_id: str, error: JobError) -> None:
        for subscription in self._of(job_id):
            subscription.end(error)
            self._leave(subscription)

    def _of(self, job_id: str) -> list[Subscription]:
        with self._lock:
            return list(self._subscriptions.get(job_id, ()))

    def _end_all(self) -> None:
        with self._lock:
            everyone = [one for several in self._subscriptions.values() for one in several]
        for subscription in everyone:
            subscription.end()
            self._leave(subscription)

    def _leave(self, subscription: Subscription) -> None:
        job_id = subscription.job_id
        with self._lock:
            there = self._subscriptions.get(job_id, [])
            if subscription not in there:
                return
            there.remove(subscription)
            if there:
                return
            del self._subscriptions[job_id]
            callbacks = list(self._left.get(job_id, {}).values())
            if job_id in self._ended:
                self._forget(job_id)
        for callback in callbacks:
            try:
                callback()
            except Exception as error:
                logger.error(f"job {job_id}: what is called when all have left raised: {error!r}")

    def job_ended(self, job_id: str) -> None:
        """Forget, once all have left this last time, who wants to be told of that."""
        with self._lock:
            self._ended.add(job_id)
            if job_id not in self._subscriptions:
                self._forget(job_id)

    def _forget(self, job_id: str) -> None:
        self._left.pop(job_id, None)
        self._ended.discard(job_id)
