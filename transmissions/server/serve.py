"""The server: a socket, the application behind it, and an end in order."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable

import uvicorn

from transmissions.errors import TransmissionsError
from transmissions.server.app import make_app
from transmissions.server.service import Service

__all__ = ["Server"]

_HEADER_BYTES = 16_384
_MOST_CONNECTIONS = 200
_GRACE_S = 2


class Server:
    """Serves until it is stopped; its port is taken when it is made.

    Args:
        service: what it serves.
        token: what a request has to show.
        host: the address to listen on.
        port: the port; 0 for any that is free.
        hosts: names by which it is reached besides those of this machine.

    Raises:
        TransmissionsError: the address cannot be had.
    """

    def __init__(
        self, service: Service, token: str, *, host: str = "127.0.0.1", port: int = 0, hosts: Iterable[str] = ()
    ) -> None:
        self._host = host
        self._socket = _bound(host, port)
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
            http="h11",
            h11_max_incomplete_event_size=_HEADER_BYTES,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_GRACE_S,
        )
        self._server = uvicorn.Server(config)
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


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, port))
        opened.listen(128)
    except (OSError, OverflowError) as error:
        opened.close()
        raise TransmissionsError(f"{host}:{port}: cannot be listened on: {error}") from None
    return opened
