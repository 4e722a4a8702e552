"""A transport between processes that share a SQLite file: each looks, many times a second, whether it has changed."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from transmissions.jobs.transport import LocalTransport, Wake

__all__ = ["PollingTransport"]


class PollingTransport(LocalTransport):
    """Tells of changes in this process at once, and of those by other processes within `poll_s` seconds.

    As long as somebody listens, a thread asks SQLite for the number of the file's last change, which reads one page.

    Args:
        path: the file of the store.
        poll_s: how often it looks, in seconds.
    """

    def __init__(self, path: Path, poll_s: float) -> None:
        super().__init__()
        self._path = path
        self._poll_s = poll_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def listen(self, wake: Wake) -> Callable[[], None]:
        """Have `wake` called from now on; see `Transport`."""
        stop = super().listen(wake)
        with self._starting:
            if self._thread is None and not self._stop.is_set():
                looking = threading.Event()
                arguments = (self._stop, looking)
                self._thread = threading.Thread(
                    target=self._poll, args=arguments, name="transmissions job polling", daemon=True
                )
                self._thread.start()
                looking.wait()

        def leave() -> None:
            stop()
            self._rest()

        return leave

    def _rest(self) -> None:
        """End the thread if nobody listens any more."""
        with self._starting:
            if self._thread is None or self.listening:
                return
            thread, self._thread = self._thread, None
            self._stop.set()
        if thread is not threading.current_thread():
            thread.join()
        self._stop = threading.Event()

    def close(self) -> None:
        """Forget who listens, and end the thread."""
        super().close()
        self._rest()

    def _poll(self, stop: threading.Event, looking: threading.Event) -> None:
        seen: int | None = None
        try:
            with closing(sqlite3.connect(self._path, timeout=1.0, isolation_level=None)) as database:
                while not stop.is_set():
                    # Busy for once is no harm: the next look finds what this one missed.
                    with suppress(sqlite3.OperationalError):
                        now = database.execute("PRAGMA data_version").fetchone()[0]
                        if seen is not None and now != seen:
                            self.publish(None, control=True)
                        seen = now
                    looking.set()
                    stop.wait(self._poll_s)
        finally:
            looking.set()
