"""A transport between machines: a channel of Redis, on which each change is told as it is made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError

from transmissions.jobs.transport import LocalTransport, Wake

__all__ = ["RedisTransport"]

_READY_S = 5.0
_LISTEN_S = 1.0
_AGAIN_S = 0.1


class RedisTransport(LocalTransport):
    """Tells of all changes to a store in Redis, by whomever.

    As long as somebody listens, a thread waits on the channel. When its connection breaks it makes another, and tells
    that anything may have changed.

    Args:
        client: the store's connections.
        channel: on which the store tells of its changes.
    """

    def __init__(self, client: Any, channel: str) -> None:
        super().__init__()
        self._client = client
        self._channel = channel
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def listen(self, wake: Wake) -> Callable[[], None]:
        """Have `wake` called from now on; see `Transport`. A server that does not answer is not waited for long."""
        stop = super().listen(wake)
        with self._starting:
            if self._thread is None:
                self._stop = threading.Event()
                ready = threading.Event()
                self._thread = threading.Thread(
                    target=self._hear, args=(self._stop, ready), name="transmissions job channel", daemon=True
                )
                self._thread.start()
                ready.wait(_READY_S)

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
        # What is told to the channel itself ends the waiting on it.
        with suppress(RedisError, OSError):
            self._client.publish(self._channel, b"")
        if thread is not threading.current_thread():
            thread.join(_READY_S)

    def close(self) -> None:
        """Forget who listens, and end the thread."""
        super().close()
        self._rest()

    def _hear(self, stop: threading.Event, ready: threading.Event) -> None:
        while not stop.is_set():
            channel = self._client.pubsub()
            try:
                channel.subscribe(self._channel)
                while not stop.is_set():
                    self._handle(channel.get_message(timeout=_LISTEN_S), ready)
            except (RedisError, OSError):
                stop.wait(_AGAIN_S)
            finally:
                with suppress(RedisError, OSError):
                    channel.close()

    def _handle(self, message: dict[str, Any] | None, ready: threading.Event) -> None:
        if message is None:
            return
        if message["type"] == "subscribe":
            # What changed while nobody heard is found by looking.
            self.publish(None, control=True)
            ready.set()
        elif message["type"] == "message" and message["data"]:
            text = message["data"].decode()
            self.publish(text[1:], control=text[0] == "c")
