"""The server: a socket, the application behind it, and an end in order."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import threading
from collections.abc import Callable, Iterable
from functools import partial
from types import FrameType
from typing import Any, cast

import uvicorn

from transmissions.errors import TransmissionsError
from transmissions.server.app import make_app
from transmissions.server.connection import HEAD_S, Connection
from transmissions.server.service import Service

__all__ = ["Server", "listening"]

_HEADER_BYTES = 16_384
_GRACE_S = 2


class Server:
    """Serves until it is stopped; its port is taken when it is made.

    Args:
        service: what it serves.
        token: what a request has to show, or what returns that.
        host: the address to listen on.
        port: the port; 0 for any that is free.
        hosts: names by which it is reached besides those of this machine.
        opened: the socket to listen on, as `listening` returns it, instead of one of that address.
        head_s: for how many seconds the head of a request is awaited.

    Raises:
        TransmissionsError: the address cannot be had.
    """

    def __init__(
        self,
        service: Service,
        token: str | Callable[[], str],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        hosts: Iterable[str] = (),
        opened: socket.socket | None = None,
        head_s: float = HEAD_S,
    ) -> None:
        self._host = host
        self._socket = listening(host, port) if opened is None else opened
        self.port = int(self._socket.getsockname()[1])
        app = make_app(service, token=token, port=self.port, hosts=hosts)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            lifespan="off",
            http=cast("type[asyncio.Protocol]", partial(Connection, head_s=head_s)),
            h11_max_incomplete_event_size=_HEADER_BYTES,
            timeout_graceful_shutdown=_GRACE_S,
        )
        self._server = _Uvicorn(config, service.shutdown)
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Where it is reached from this machine."""
        name = "[::1]" if ":" in self._host else "127.0.0.1"
        return f"http://{name}:{self.port}/"

    def run(self) -> None:
        """Serve until Ctrl-C, SIGTERM or `stop`."""
        try:
            self._server.run([self._socket])
        finally:
            self._socket.close()

    def start(self) -> None:
        """Serve in a thread."""
        self._thread = threading.Thread(target=self.run, name="transmissions server", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it if it was started in a thread."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        else:
            self._socket.close()


class _Uvicorn(uvicorn.Server):
    """Ends the jobs before the connections: followers get the end of what they follow, and then nothing is cut off."""

    def __init__(self, config: uvicorn.Config, shut_down: Callable[[], Any]) -> None:
        super().__init__(config)
        self._shut_down = shut_down
        self._ending = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end on the first signal, and end at once on the second."""
        if self._ending:
            os._exit(128 + sig)
        self._ending = True
        # In a thread: the signal may have come while this one holds a lock that this needs.
        threading.Thread(target=self._end, name="transmissions server end", daemon=True).start()

    def _end(self) -> None:
        try:
            self._shut_down()
        finally:
            self.should_exit = True


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address; raises TransmissionsError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, port))
        opened.listen(128)
    except (OSError, OverflowError) as error:
        opened.close()
        raise TransmissionsError(f"{host}:{port}: {_why_not(error)}") from None
    return opened


def _why_not(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return "something else listens there already; --port names another, --port 0 takes any that is free"
    if number == errno.EACCES:
        return "this user may not listen on that port; take one from 1024 on"
    if number == errno.EADDRNOTAVAIL:
        return "this machine has no such address; --host names one of its own"
    return f"cannot be listened on: {error}"
