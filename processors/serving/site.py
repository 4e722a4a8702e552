"""What an HttpServer answers: files of one folder, and what is posted; nothing to other sites, hosts or strangers.

A page of any site can send requests to a server on its reader's machine, and a name of its choice can be made to lead
there. So a request must name a host that is this one's, and come from a page of its own or from none.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

__all__ = ["Site"]

_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}
_LOCAL = ("127.0.0.1", "localhost", "[::1]")
_BODY_S = 30.0


class Site:
    """An application for a server.

    Args:
        folder: whose files are shown; None for none.
        base_path: what paths begin with, with a slash at both ends.
        token: what every request has to show; "" if none has to, and then nothing can be posted.
        port: where it is reached.
        names: names by which it is reached besides those of this machine.
        max_bytes: how long what is posted may be.
        take: takes what is posted, and the path below `base_path`; says whether there was room.
        stop: ends the server.

    Attributes:
        answered: requests that were served.
        refused: those that were not.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        base_path: str,
        token: str,
        port: int,
        names: Iterable[str],
        max_bytes: int,
        take: Callable[[str, Any], bool],
        stop: Callable[[], None],
    ) -> None:
        self.answered = 0
        self.refused = 0
        self._files = StaticFiles(directory=folder, html=True) if folder is not None else None
        self._base_path = base_path
        self._token = token
        self._max_bytes = max_bytes
        self._take = take
        self._stop = stop
        known = [*_LOCAL, *(name.lower() for name in names)]
        self._hosts = {f"{name}:{port}" for name in known} | (set(known) if port == 80 else set())
        self._origins = {f"http://{host}" for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        try:
            response = await self._response(Request(scope, receive))
            self.answered += 1
        except ClientDisconnect:
            self.refused += 1
            return
        except HTTPException as error:
            self.refused += 1
            response = JSONResponse({"error": error.detail}, error.status_code, error.headers)
        await response(scope, receive, send_guarded)

    async def _response(self, request: Request) -> Response:
        self._check(request.headers)
        path = request.scope["path"]
        if not path.startswith(self._base_path):
            raise HTTPException(404, f"there is nothing here; all paths begin with {self._base_path}")
        below = path.removeprefix(self._base_path)
        if request.method in ("GET", "HEAD"):
            return await self._file(below, request.scope)
        if request.method == "POST" and self._token:
            return await self._posted(below, request)
        raise HTTPException(405, "this is not done here", {"allow": "GET, HEAD, POST" if self._token else "GET, HEAD"})

    def _check(self, headers: Headers) -> None:
        given = headers.getlist("host")
        if len(given) != 1 or given[0].lower() not in self._hosts:
            raise HTTPException(421, "this server is not reached by that name; :names adds one")
        foreign = any(origin not in self._origins for origin in headers.getlist("origin"))
        if foreign or headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            raise HTTPException(403, "requests from pages of other sites are not served")
        if self._token:
            shown = headers.getlist("authorization")
            scheme, _, token = shown[0].partition(" ") if len(shown) == 1 else ("", "", "")
            same = hmac.compare_digest(token.strip().encode("utf-8", "surrogateescape"), self._token.encode())
            if scheme.lower() != "bearer" or not same:
                text = "show the token: `Authorization: Bearer TOKEN`"
                raise HTTPException(401, text, {"www-authenticate": "Bearer"})

    async def _file(self, path: str, scope: Scope) -> Response:
        # What begins with a dot is kept from view: keys, histories, what a program keeps for itself.
        if self._files is None or any(part.startswith(".") for part in path.replace("\\", "/").split("/")):
            raise HTTPException(404, "there is no such file")
        try:
            return await self._files.get_response(path or ".", scope)
        except OSError:
            raise HTTPException(404, "there is no such file") from None

    async def _posted(self, path: str, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise HTTPException(415, "send JSON: `Content-Type: application/json`")
        try:
            async with asyncio.timeout(_BODY_S):
                body = await self._body(request)
            value = orjson.loads(body or b"null")
        except TimeoutError:
            raise HTTPException(408, "what was sent took too long", {"connection": "close"}) from None
        except orjson.JSONDecodeError as error:
            raise HTTPException(422, f"this is not valid JSON: {error}") from None
        if path == "shutdown":
            self._stop()
            return JSONResponse({"stopping": True}, 202)
        if not self._take(path, value):
            raise HTTPException(503, "too much waits to be taken; come again", {"retry-after": "1"})
        return JSONResponse({"accepted": True}, 202)

    async def _body(self, request: Request) -> bytes:
        data = bytearray()
        # Counted as it comes: what a request says of its own length may be missing.
        async for chunk in request.stream():
            data += chunk
            if len(data) > self._max_bytes:
                raise HTTPException(413, f"at most {self._max_bytes:,} bytes may be sent", {"connection": "close"})
        return bytes(data)
