"""HttpServer: the processor, which serves until it is told to stop or the run ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from processors.extras import library
from processors.keys import key_in
from transmissions import Duration, Message, Processor, TransmissionsError, copy_message, reason_of, set_field, setting

if TYPE_CHECKING:
    import uvicorn

    from processors.serving.site import Site

__all__ = ["HttpServer"]

_LOOK_S = 0.1
_BATCH_S = 0.002
_GRACE_S = 1
_HEADER_BYTES = 16_384
_MOST_CONNECTIONS = 100
_SHORTEST_TOKEN = 16


class HttpServer(Processor):
    """Serve the files of a folder over HTTP, and make a message of each JSON value that is posted.

    It serves until the run ends (Ctrl-C), for `:seconds`, or until `shutdown` is posted below `:basePath`; then the
    message goes on, with `serverStopped` and the number of `requests`. Files are only shown, without a list of them,
    and never those whose name, or a folder's, begins with a dot, or that a link leads to outside the folder.

    To post, and then to see anything at all, a request must show the token in the variable of the environment that
    `:tokenVariable` names. What is posted goes on at once, in a copy of the message, as `request` with `path` and
    `data`; when more waits than `:maxWaiting`, whoever posts is asked to come again.

    It listens where the run's `--allow-host` says that it may, at this machine's own address unless `:host` names
    another. Requests by other names than `:names` and from pages of other sites are refused.

    Example:
        :stage a :HttpServer ; :settings [ :staticPath "site" ; :port 0 ; :seconds 0.1 ] .
        with --allow-host 127.0.0.1
        file site/index.html "<h1>Good morning</h1>"
        in {"title": "Notes"}
        logged :stage serving, address http://127.0.0.1:…/
        out {"title": "Notes", "serverStopped": true, "requests": 0}

    Guarantee: at most once: what was accepted and is not yet on its way is lost when the run is aborted.
    """

    overridable = False
    writes: ClassVar[tuple[str, ...]] = ("requests", "serverStopped")

    port: int = setting(4000, "where it listens; 0 for any port that is free", minimum=0, maximum=65535)
    host: str = setting("127.0.0.1", "the address that it listens at")
    names: list[str] = setting((), "names by which it is reached besides those of this machine")
    base_path: str = setting("/", "what all paths begin with")
    static_path: Path | None = setting(None, "the folder whose files are shown; none are without it")
    token_variable: str = setting(
        "", "the variable of the environment that holds the token; without it nothing is posted"
    )
    target_field: str = setting("request", "field that receives what was posted, as a dotted path", writes=True)
    max_bytes: int = setting(1_048_576, "how long what is posted may be, in bytes", minimum=1)
    max_waiting: int = setting(1000, "how many posted values may wait", minimum=1)
    seconds: Duration | None = setting(None, "how long it serves; without it, until it is told to stop", minimum=0)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._token = ""
        self._address = ""
        self._folder: Path | None = None
        self._answered = self._refused = self._accepted = 0

    async def start(self) -> None:
        """Find out whether it may serve, and what."""
        for name in ("starlette", "uvicorn"):
            library(name, "server")
        self.context.network.check_listening("127.0.0.1" if self.host == "localhost" else self.host)
        if self.token_variable:
            self._token = _token(self.token_variable)
        if self.static_path is not None:
            self._folder = self.context.find(self.static_path, below_root=True)
            if not self._folder.is_dir():
                raise TransmissionsError(f"{self._folder}: there is no such folder")
        if self._folder is None and not self._token:
            raise TransmissionsError("there is nothing to serve: set :staticPath, or :tokenVariable, or both")

    async def process(self, message: Message) -> AsyncIterator[Message]:
        """Serve; yield what is posted, and in the end the message."""
        posted: asyncio.Queue[dict[str, Any]] = asyncio.Queue(self.max_waiting)
        stop = asyncio.Event()
        with _bound("127.0.0.1" if self.host == "localhost" else self.host, self.port) as listening:
            site = self._site(int(listening.getsockname()[1]), posted, stop)
            server = _server(site)
            serving = asyncio.create_task(server.serve([listening]))
            self.context.log("notice", "serving", {"address": self._address})
            try:
                async with contextlib.aclosing(self._until_the_end(posted, stop, serving)) as coming:
                    async for one in coming:
                        yield self._with(message, one)
            finally:
                server.should_exit = True
                await serving
                self._answered += site.answered
                self._refused += site.refused
        if self.context.stopping():
            return
        while not posted.empty():
            yield self._with(message, posted.get_nowait())
        yield {**message, "serverStopped": True, "requests": site.answered + site.refused}

    def report(self) -> dict[str, Any]:
        """Return where it was, and what it was asked."""
        counts = {"answered": self._answered, "refused": self._refused, "accepted": self._accepted}
        return {"address": self._address, **counts}

    def _site(self, port: int, posted: asyncio.Queue[dict[str, Any]], stop: asyncio.Event) -> Site:
        from processors.serving.site import Site

        def take(path: str, value: Any) -> bool:
            if posted.full() or stop.is_set():
                return False
            posted.put_nowait({"path": path, "data": value})
            self._accepted += 1
            return True

        base = "/" + "".join(f"{part}/" for part in self.base_path.split("/") if part)
        name = f"[{self.host}]" if ":" in self.host else self.host
        self._address = f"http://{name}:{port}{base}"
        return Site(
            self._folder,
            base_path=base,
            token=self._token,
            port=port,
            names=[name, *self.names],
            max_bytes=self.max_bytes,
            take=take,
            stop=stop.set,
        )

    async def _until_the_end(
        self, posted: asyncio.Queue[dict[str, Any]], stop: asyncio.Event, serving: asyncio.Task[None]
    ) -> AsyncGenerator[dict[str, Any], None]:
        clock = asyncio.get_running_loop().time
        until = clock() + self.seconds if self.seconds is not None else float("inf")
        getting: asyncio.Task[dict[str, Any]] | None = None
        try:
            while not (stop.is_set() or self.context.stopping() or serving.done() or clock() >= until):
                getting = getting or asyncio.create_task(posted.get())
                done, _ = await asyncio.wait({getting}, timeout=min(_LOOK_S, until - clock()))
                if done:
                    found, getting = getting.result(), None
                    if posted.empty():
                        # A stage hands on what has taken it long, and keeps what comes quickly until there is more.
                        await asyncio.sleep(_BATCH_S)
                    yield found
        finally:
            if getting is not None and not getting.cancel():
                posted.put_nowait(getting.result())

    def _with(self, message: Message, posted: dict[str, Any]) -> Message:
        made = copy_message(message)
        set_field(made, self.target_field, posted)
        return made


def _token(variable: str) -> str:
    token = key_in(variable, "the token")
    if len(token) < _SHORTEST_TOKEN:
        raise TransmissionsError(
            f"the token in {variable} is short enough to be guessed; {_SHORTEST_TOKEN} signs are not"
        )
    return token


@contextlib.contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """Give a socket that listens, and close it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as opened:
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind((host, port))
            opened.listen(128)
        except OSError as error:
            raise TransmissionsError(f"{host}:{port}: cannot be listened on: {reason_of(error)}") from None
        yield opened


def _server(site: Site) -> uvicorn.Server:
    import uvicorn

    class _Server(uvicorn.Server):
        """Leaves signals to the run."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    return _Server(
        uvicorn.Config(
            site,
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
    )
