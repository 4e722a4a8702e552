"""A connection: it is closed when no whole head of a request comes in time, or when others need its place."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from transmissions.server.refusal import Refusal

__all__ = ["HEAD_S", "MAX_CONNECTIONS", "Connection"]

HEAD_S = 10.0
"""For how many seconds the head of a request is awaited."""
MAX_CONNECTIONS = 200
"""How many connections there are at once; requests on those beyond are refused."""


class Connection(H11Protocol):
    """Speaks HTTP as uvicorn does, which by itself waits without end for a first head and for the rest of any.

    Args:
        head_s: for how many seconds the head of a request is awaited.
        options: as uvicorn gives them.
    """

    def __init__(self, *, head_s: float = HEAD_S, **options: Any) -> None:
        super().__init__(**options)
        self._head_s = head_s
        self._timer: asyncio.TimerHandle | None = None
        self._served = self.app
        self.app = self._serve

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head; at the limit the connection that has waited longest goes."""
        if len(self.connections) >= MAX_CONNECTIONS:
            # Those that wait cost nothing to open, and need no token: they are not to lock out those that have one.
            timers = {one: one._timer for one in self.connections if isinstance(one, Connection)}
            waiting = {one: timer.when() for one, timer in timers.items() if timer is not None}
            if waiting:
                min(waiting, key=waiting.__getitem__)._let_go()
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what came; a part of a head buys no time."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next head."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop()
        super().connection_lost(exc)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if len(self.connections) > MAX_CONNECTIONS:
            text = f"{MAX_CONNECTIONS} connections are open already; close one, or come back"
            refusal = Refusal(503, "busy", text, {"retry-after": "5", "connection": "close"})
            await refusal.response()(scope, receive, send)
        else:
            await self._served(scope, receive, send)

    def _watch(self) -> None:
        if self.transport.is_closing() or (self.cycle is not None and not self.cycle.response_complete):
            self._stop()
        elif self._timer is None:
            self._timer = self.loop.call_later(self._head_s, self._let_go)

    def _let_go(self) -> None:
        self._stop()
        self.transport.close()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
