"""The guard in front of every route: lets no request pass that another site, another host or a stranger made.

A page of any site can send requests to a server on the reader's own machine, and a name of its choice can be made to
lead there. So a request must name a host that is ours, come from a page that is ours or from no page, and show the
token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from transmissions.server.refusal import Refusal
from transmissions.server.token import is_same

__all__ = ["Guard"]

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
_SITES = ("same-origin", "none")
_LOCAL = ("127.0.0.1", "localhost", "[::1]")


class Guard:
    """Wraps an application.

    Args:
        app: what is guarded.
        token: the token, or what returns it, asked at each request.
        port: where the server listens.
        hosts: names by which it is reached besides those of this machine, as `Host` has them, of a proxy, say.
        open_paths: paths that hold nothing of anybody's and need no token: the page, into which it is typed.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | Callable[[], str],
        port: int,
        hosts: Iterable[str] = (),
        open_paths: Iterable[str] = (),
    ) -> None:
        self._app = app
        self._token = token
        local = {f"{name}:{port}" for name in _LOCAL} | (set(_LOCAL) if port == 80 else set())
        foreign = {name.lower() for name in hosts}
        self._hosts = local | foreign
        self._origins = {f"http://{name}" for name in local} | {
            f"{scheme}://{name}" for name in foreign for scheme in ("http", "https")
        }
        self._open_paths = frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
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
            self._check(scope)
        except Refusal as refusal:
            await refusal.response()(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        given = headers.getlist("host")
        if len(given) != 1 or given[0].lower() not in self._hosts:
            raise Refusal(421, "host", "this server is not reached by that name; --allow-host allows one")
        origins = headers.getlist("origin")
        if any(origin not in self._origins for origin in origins) or len(origins) > 1:
            raise Refusal(403, "origin", "requests from pages of other sites are not served")
        if headers.get("sec-fetch-site", "none") not in _SITES:
            raise Refusal(403, "origin", "requests from pages of other sites are not served")
        if scope["path"] not in self._open_paths:
            self._check_token(headers)
        if scope["method"] in ("GET", "HEAD") and _has_body(headers):
            raise Refusal(400, "body", "a request to read takes no body")

    def _check_token(self, headers: Headers) -> None:
        given = headers.getlist("authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        right = self._token if isinstance(self._token, str) else self._token()
        if scheme.lower() != "bearer" or not is_same(token.strip(), right):
            text = "show the server's token: `Authorization: Bearer TOKEN`"
            raise Refusal(401, "token", text, {"www-authenticate": "Bearer"})


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0").strip() != "0" or "transfer-encoding" in headers
