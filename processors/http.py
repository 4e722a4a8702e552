"""Processors that ask the web; every connection goes through the engine's only door to the network."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import orjson

from processors.values import as_text
from transmissions import MISSING, Message, Processor, TransmissionsError, get_field, set_field, setting

if TYPE_CHECKING:
    from transmissions import Context, Fetched, Fetcher

__all__ = ["Header", "HttpClient", "HttpGet", "wait"]

_KEPT_FROM_MESSAGES = frozenset({"set-cookie", "set-cookie2"})
_TEXTS = frozenset({"javascript", "x-www-form-urlencoded", "sparql-query", "n-triples", "n-quads", "trig"})


@dataclass(frozen=True)
class Header:
    """One header of a request."""

    name: str
    value: str


class _WebProcessor(Processor):
    """What they have in common: the address, the bounds, and what becomes of a failure."""

    writes: ClassVar[tuple[str, ...]] = ("httpError",)

    url: str = setting("", "address to ask, if the message has none")
    url_field: str = setting("url", "field with the address, as a dotted path", fixed=True)
    timeout: float = setting(30000, "milliseconds that an answer may take, from first to last byte", minimum=1)
    max_bytes: int = setting(16777216, "an answer that is larger, unpacked, is a failure", minimum=1, fixed=True)
    max_redirects: int = setting(5, "how many redirects are followed", minimum=0, fixed=True)
    attempts: int = setting(
        3, "how often is asked of a host that is out of reach, late or busy", minimum=1, maximum=20, fixed=True
    )
    requests_per_second: float = setting(
        10, "at most this many requests a second to one host; 0 for any number", minimum=0, fixed=True
    )
    on_failure: Literal["fail", "field"] = setting(
        "fail",
        "whether no answer, or one with a status of 400 or more, fails the message, or goes on in its `httpError`",
        application="field",
        fixed=True,
    )

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._fetcher: Fetcher | None = None

    def start(self) -> None:
        """Open the door; that it is installed is found out before the first message."""
        from transmissions import Fetcher

        self._fetcher = Fetcher(
            self.context.network,
            timeout_s=self.timeout / 1000,
            max_bytes=self.max_bytes,
            max_redirects=self.max_redirects,
            attempts=self.attempts,
            per_second=self.requests_per_second,
            sleep=lambda seconds: wait(self.context, seconds),
        )

    def close(self) -> None:
        """Close the connections."""
        if self._fetcher is not None:
            self._fetcher.close()

    def _fetch(self, message: Message, method: str, headers: dict[str, str], body: bytes | None) -> Fetched | None:
        """Return the answer; None if there is none, and the message says so."""
        if self._fetcher is None:
            self.start()
        assert self._fetcher is not None
        address = get_field(message, self.url_field, None) or self.url
        if not address:
            raise TransmissionsError(f"no address to ask: set :url, or the message's field {self.url_field}")
        try:
            fetched = self._fetcher.fetch(str(address), method, headers=headers, body=body)
        except TransmissionsError as error:
            self._failed(message, str(error))
            return None
        self.bytes_done += len(fetched.content)
        if fetched.status >= 400:
            self._failed(message, f"{fetched.url.partition('?')[0]}: {fetched.status} {fetched.reason}".rstrip())
        return fetched

    def _failed(self, message: Message, text: str) -> None:
        if self.on_failure == "fail":
            raise TransmissionsError(text)
        self.warn(text)
        message["httpError"] = text


class HttpClient(_WebProcessor):
    """Send a request, and put the answer into `http`: `status`, `headers`, `data`, `contentType` and `url`.

    `data` is a value if the answer is JSON, a text if it is text, and else text in base 64, with `encoding` to say so.
    Cookies are neither kept nor handed on. A run may connect to no host that its `--allow-host` does not name.

    Example:
        :stage a :HttpClient .
        file notes.txt "Good morning."
        in {"url": "http://localhost:8080/notes.txt"}
        out {"url": "http://localhost:8080/notes.txt", "http": {"status": 200, "headers": {"server": "…", "date": "…",
             "content-type": "text/plain", "content-length": "13", "last-modified": "…"}, "data": "Good morning.",
             "contentType": "text/plain", "url": "http://localhost:8080/notes.txt"}}

    Guarantee: at least once: what may be repeated is asked again when no answer came; all else is sent once.
    """

    writes = ("http", "httpError")

    method: str = setting("GET", "what is done: GET, HEAD, POST, PUT, PATCH, DELETE, …")
    headers: list[Header] = setting((), "headers to send: nodes with `:name` and `:value`")
    headers_field: str = setting(
        "", "field with an object of further headers, as a dotted path", application="headers", fixed=True
    )
    body: str = setting("", "what is sent with it")
    body_field: str = setting(
        "",
        "field with what is sent, as a dotted path: a text, or anything else as JSON",
        application="body",
        fixed=True,
    )

    def process(self, message: Message) -> Message:
        """Return the message with the answer."""
        headers, body = self._headers(message), self._body(message)
        fetched = self._fetch(message, self.method.upper(), headers, body)
        if fetched is not None:
            message["http"] = {
                "status": fetched.status,
                "headers": {name: one for name, one in fetched.headers.items() if name not in _KEPT_FROM_MESSAGES},
                **_data(fetched),
                "contentType": fetched.media_type,
                "url": fetched.url,
            }
        return message

    def _headers(self, message: Message) -> dict[str, str]:
        given = {one.name: one.value for one in self.headers}
        more = get_field(message, self.headers_field, {}) if self.headers_field else {}
        return given | ({str(name): as_text(value) for name, value in more.items()} if isinstance(more, dict) else {})

    def _body(self, message: Message) -> bytes | None:
        value = get_field(message, self.body_field, MISSING) if self.body_field else MISSING
        if value is MISSING:
            value = self.body or None
        return None if value is None else as_text(value).encode()


class HttpGet(_WebProcessor):
    """Get the text at an address into a field of the message.

    A run may connect to no host that its `--allow-host` does not name.

    Example:
        :stage a :HttpGet ; :settings [ :url "http://localhost:8080/notes.txt" ] .
        file notes.txt "Good morning."
        in {}
        out {"content": "Good morning."}

    Guarantee: at least once; asking changes nothing.
    """

    target_field: str = setting("content", "field that receives the text, as a dotted path", writes=True)

    def process(self, message: Message) -> Message:
        """Return the message with the text."""
        fetched = self._fetch(message, "GET", {}, None)
        if fetched is not None and fetched.status < 400:
            set_field(message, self.target_field, fetched.text)
        return message


def wait(context: Context, seconds: float) -> None:
    """Wait between two requests, but not beyond the end of the run.

    Raises:
        TransmissionsError: the run is ending.
    """
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if context.stopping():
            raise TransmissionsError("the run is ending; nothing more is asked")
        time.sleep(min(left, 0.1))


def _data(fetched: Fetched) -> dict[str, Any]:
    kind = fetched.media_type
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return {"data": orjson.loads(fetched.content)}
        except orjson.JSONDecodeError:
            return {"data": fetched.text}
    known = kind.endswith(("xml", "yaml")) or kind.removeprefix("application/") in _TEXTS
    if not kind or kind.startswith("text/") or known:
        return {"data": fetched.text}
    return {"data": base64.b64encode(fetched.content).decode(), "encoding": "base64"}
