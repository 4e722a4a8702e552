"""Ask the web for something: the only door to the network.

Nothing is asked that the run does not allow. A host's name is looked up once for each connection, every address that it
leads to is checked, and the connection goes to just those; each redirect is checked like the first address. Answers are
bounded in bytes, also unpacked, and in time. Cookies are not kept, and proxies of the environment are not used, since
they would look names up themselves.
"""

from __future__ import annotations

import socket
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

from transmissions.errors import FetchFailed, NetworkRefused, TransmissionsError
from transmissions.network import Network
from transmissions.pacing import Pacing, asked_wait
from transmissions.secrets import remember

try:
    import httpcore
    import httpx
except ImportError:
    raise TransmissionsError(
        "httpx is not installed; it comes with: pip install 'transmissions-engine[http]'"
    ) from None

__all__ = ["Fetched", "Fetcher"]

_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_BUSY = frozenset({429, 502, 503, 504})
_TURNED_AWAY = frozenset({429, 503})
_KEPT_ABROAD = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "host", "user-agent"}
)
_HEADERS = {"accept": "*/*", "accept-encoding": "gzip", "user-agent": "transmissions-engine"}
_LONGEST_WAIT_S = 60.0
_OF_THE_CONNECTION = frozenset(
    {
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""Headers that say who is asked and where a request ends: with them, something else could be asked for."""


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses that a host's name leads to.

    Raises:
        OSError: it leads to none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer, whole.

    Args:
        url: where it came from, after all redirects.
        status: its status, 200 for what was asked for.
        reason: the status in words.
        headers: its headers, by names in lower case.
        content: its body, unpacked.
        media_type: what the body is, `text/html`; "" if it does not say.
        charset: how its text is encoded, as it says; "utf-8" if it does not.
    """

    url: str
    status: int
    reason: str
    headers: dict[str, str]
    content: bytes
    media_type: str
    charset: str

    @property
    def text(self) -> str:
        """The body as text; what is no text in its encoding stands as a replacement sign."""
        try:
            return self.content.decode(self.charset, "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")


class Fetcher:
    """Asks, waits, follows redirects and asks again; for one thread.

    Args:
        network: what it may connect to, as the run's context has it.
        timeout_s: how long an answer may take, from the first connection to its last byte, in seconds.
        max_bytes: how large the body of an answer may be, unpacked.
        max_redirects: how many redirects are followed.
        attempts: how often is asked before it fails; a request that must not be repeated is sent once.
        per_second: at most this many requests a second to one host; 0 for any number.
        look_up: returns the addresses that a name leads to.
        clock: gives seconds.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        network: Network,
        *,
        timeout_s: float = 30.0,
        max_bytes: int = 16 << 20,
        max_redirects: int = 5,
        attempts: int = 3,
        per_second: float = 10.0,
        look_up: Callable[[str, int], list[str]] = look_up,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._network = network
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._max_redirects = max_redirects
        self._attempts = attempts
        self._sleep = sleep
        self._pacing = Pacing(per_second, clock)
        self._deadline = _Deadline(clock)
        self._client = httpx.Client(
            transport=_Transport(_Connector(network, self._deadline, look_up)),
            headers=_HEADERS,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            timeout=timeout_s,
            trust_env=False,
        )

    def fetch(
        self,
        url: str,
        method: str = "GET",
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        again_if_turned_away: bool = False,
    ) -> Fetched:
        """Ask, and return the answer, whatever its status is.

        A host that cannot be reached, takes too long, or is busy is asked again, after a while or when it says so.

        Args:
            url: where.
            method: what is done; what must not be repeated, such as POST, is sent once, unless it never went out.
            headers: headers beside the usual ones.
            body: what is sent with it.
            again_if_turned_away: whether what must not be repeated is, after an answer of 429 or 503, by which the
                other side says that it did nothing.

        Raises:
            NetworkRefused: the run does not allow a connection that this needs.
            FetchFailed: no answer came, or none that can be used.
        """
        if method.upper() == "CONNECT":
            raise FetchFailed(f"{_shown(url)}: CONNECT opens a way to somewhere else, and is not sent", sent=False)
        if own := [name for name in headers or () if name.strip().lower() in _OF_THE_CONNECTION]:
            raise FetchFailed(f"{_shown(url)}: the header {own[0][:40]} is set by the connection alone", sent=False)
        attempt = 0
        while True:
            attempt += 1
            fetched, wait = None, self._pacing.backoff(attempt)
            try:
                fetched = self._once(url, method, dict(headers or {}), body)
            except FetchFailed as failed:
                if attempt >= self._attempts or not failed.transient or (failed.sent and method not in _REPEATABLE):
                    raise
            if fetched is not None:
                asked = asked_wait(fetched.headers.get("retry-after", ""))
                wait = max(wait, asked)
                again = method in _REPEATABLE or (again_if_turned_away and fetched.status in _TURNED_AWAY)
                final = attempt >= self._attempts or not again or asked > _LONGEST_WAIT_S
                if final or fetched.status not in _BUSY:
                    return fetched
            self._sleep(wait)

    def close(self) -> None:
        """Close the connections that it keeps."""
        self._client.close()

    def _once(self, url: str, method: str, headers: dict[str, str], body: bytes | None) -> Fetched:
        self._deadline.set(self._timeout_s)
        try:
            request = self._client.build_request(method, url, headers=headers, content=body)
            for _ in range(self._max_redirects + 1):
                self._check(request.url)
                self._wait_turn(request.url.host)
                response = self._client.send(request, stream=True)
                try:
                    following = response.next_request
                    if following is None:
                        return self._read(response, request)
                finally:
                    response.close()
                request = _abroad(request, following)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError, ValueError) as error:
            raise FetchFailed(f"{_shown(url)}: this cannot be asked for: {error}", sent=False) from None
        except httpx.RemoteProtocolError as error:
            # The transport below raises httpcore's errors; this one is of httpx, which reads where a redirect leads.
            raise FetchFailed(f"{_shown(url)}: its redirect cannot be asked for: {_reason(error)}") from None
        except (httpcore.TimeoutException, httpx.TimeoutException):
            raise FetchFailed(f"{_shown(url)}: no whole answer in {self._timeout_s:g} s", transient=True) from None
        except (httpcore.ConnectError, httpx.ConnectError) as error:
            text = f"{_shown(url)}: cannot be reached: {_reason(error)}"
            raise FetchFailed(text, transient=True, sent=False) from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpx.TransportError) as error:
            transient = not isinstance(error, httpcore.LocalProtocolError)
            raise FetchFailed(f"{_shown(url)}: the answer broke off: {_reason(error)}", transient=transient) from None
        raise FetchFailed(f"{_shown(url)}: leads on through more than {self._max_redirects} redirects")

    def _check(self, url: httpx.URL) -> None:
        if url.scheme not in ("http", "https") or not url.host:
            raise FetchFailed(
                f"{_shown(str(url))}: addresses begin with http:// or https://, and name a host", sent=False
            )
        if url.port is not None and not 0 < url.port < 65536:
            raise FetchFailed(f"{_shown(str(url))}: this cannot be asked for: there is no such port", sent=False)
        if url.password:
            remember(url.password)
        self._network.check_name(url.host)

    def _wait_turn(self, host: str) -> None:
        wait = self._pacing.turn(host)
        if wait > 0:
            self._sleep(wait)
            # Waiting for one's turn is no time that the other side takes.
            self._deadline.set(self._timeout_s)

    def _read(self, response: httpx.Response, request: httpx.Request) -> Fetched:
        coding = response.headers.get("content-encoding", "").strip().lower()
        if coding not in ("", "identity", "gzip", "x-gzip"):
            raise FetchFailed(f"{_shown(str(request.url))}: its answer is packed as {coding}, which was not asked for")
        content = bytearray()
        pieces = response.iter_raw(1 << 16)
        try:
            for piece in _unpacked(pieces, self._max_bytes) if "gzip" in coding else pieces:
                content += piece
                if len(content) > self._max_bytes:
                    raise FetchFailed(f"{_shown(str(request.url))}: larger than {self._max_bytes} bytes")
        except zlib.error:
            text = f"{_shown(str(request.url))}: its answer says that it is packed, and is not, or not whole"
            raise FetchFailed(text) from None
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return Fetched(
            url=str(request.url.copy_with(username=None, password=None)),
            status=response.status_code,
            reason=response.reason_phrase,
            headers={name.lower(): value for name, value in response.headers.items()},
            content=bytes(content),
            media_type=media_type,
            charset=response.charset_encoding or "utf-8",
        )


def _unpacked(pieces: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Yield the pieces unpacked, each in parts that are no larger than the limit allows.

    Raises:
        zlib.error: they are not packed, or end before what was packed does.
    """
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    is_begun = False
    for piece in pieces:
        left = piece
        while left and not inflater.eof:
            is_begun = True
            yield inflater.decompress(left, limit + 1)
            left = inflater.unconsumed_tail
    # An answer to HEAD is of no length, whatever it says of itself.
    if is_begun and not inflater.eof:
        raise zlib.error("cut short")


def _abroad(request: httpx.Request, following: httpx.Request) -> httpx.Request:
    """Return a redirect's request without what was meant for the host that sent it away."""
    here, there = request.url, following.url
    if (here.scheme, here.host, here.port) != (there.scheme, there.host, there.port):
        for name in [name for name in following.headers if name.lower() not in _KEPT_ABROAD]:
            del following.headers[name]
    return following


def _shown(url: str) -> str:
    """Return an address as it may be told: without what stands in it to prove who asks."""
    try:
        parsed = httpx.URL(url)
        port = f":{parsed.port}" if parsed.port else ""
        query = "?…" if parsed.query else ""
        return f"{parsed.scheme}://{parsed.host}{port}{parsed.path}{query}"[:300] if parsed.host else url[:60]
    except (httpx.InvalidURL, ValueError):
        return "an address that is none"


def _reason(error: Exception) -> str:
    return str(error).strip() or type(error).__name__


class _Deadline:
    """When the present answer has to be there, whole."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = 0.0

    def set(self, seconds: float) -> None:
        """Begin to count."""
        self._until = self._clock() + seconds

    def left(self, timeout: float | None, error: type[Exception]) -> float:
        """Return how long may still be waited; raise the error if not at all."""
        left = self._until - self._clock()
        if left <= 0:
            raise error
        return left if timeout is None else min(left, timeout)


class _Connector(httpcore.NetworkBackend):
    """Connects to addresses that have been checked, and to no others."""

    def __init__(self, network: Network, deadline: _Deadline, look_up: Callable[[str, int], list[str]]) -> None:
        self._network = network
        self._deadline = deadline
        self._look_up = look_up
        self._system = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Return a connection to the first of the host's addresses that answers."""
        self._network.check_name(host)
        try:
            addresses = self._look_up(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"no address is known for {host}: {error}") from None
        for address in addresses:
            self._network.check_address(host, address)
        last: Exception = httpcore.ConnectError(f"no address is known for {host}")
        for address in addresses:
            left = self._deadline.left(timeout, httpcore.ConnectTimeout)
            try:
                stream = self._system.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                last = failed
                continue
            return _Connection(stream, self._deadline)
        raise last

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        """Refuse; a socket of this machine is no address of the web."""
        raise NetworkRefused(f"{path}: refused: only addresses of the web are connected to")


class _Connection(httpcore.NetworkStream):
    """A connection on which no single step, and not all of them together, takes longer than the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what came."""
        return self._stream.read(max_bytes, self._deadline.left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send."""
        self._stream.write(buffer, self._deadline.left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        """Hang up."""
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Return the connection encrypted; the certificate is checked for the name, not for the address."""
        left = self._deadline.left(timeout, httpcore.ConnectTimeout)
        return _Connection(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """Return what the system knows of the connection."""
        return self._stream.get_extra_info(info)


class _Transport(httpx.BaseTransport):
    """Sends requests over the connector's connections."""

    def __init__(self, connector: _Connector) -> None:
        self._pool = httpcore.ConnectionPool(ssl_context=httpx.create_ssl_context(), network_backend=connector)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer, its body still to be read."""
        url = request.url
        response = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            response.status, headers=response.headers, stream=_Body(response.stream), extensions=response.extensions
        )

    def close(self) -> None:
        """Close its connections."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    """The body of an answer, as it comes."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        """Let go of it."""
        self._stream.close()
