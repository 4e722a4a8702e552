"""The application: which path leads to what; behind the guard, each but the page needs the token."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from importlib.resources import files
from typing import Any

from loguru import logger
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from transmissions.jobs import StoreError
from transmissions.server.body import AbortRequest, StartRequest, read_body
from transmissions.server.guard import Guard
from transmissions.server.openapi import document
from transmissions.server.refusal import Refusal
from transmissions.server.service import Service
from transmissions.server.sse import follow_response, last_event_id, list_response

__all__ = ["PAGE", "make_app"]

PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/graph.js": ("graph.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}
"""The files of the page by their paths: the same for everyone, and free to read."""

_SHOWN = 100


def make_app(service: Service, *, token: str | Callable[[], str], port: int, hosts: Iterable[str] = ()) -> Starlette:
    """Return the application.

    Args:
        service: what it does.
        token: what a request has to show, or what returns that.
        port: where it is served.
        hosts: names by which it is reached besides those of this machine.
    """
    api = _Api(service)
    routes = [
        *(Route(path, _file(*what), methods=["GET"]) for path, what in PAGE.items()),
        Route("/openapi.json", _openapi, methods=["GET"]),
        Route("/api/pipelines", api.pipelines, methods=["GET"]),
        Route("/api/processors", api.processors, methods=["GET"]),
        Route("/api/events", api.list_events, methods=["GET"]),
        Route("/api/jobs", api.list_jobs, methods=["GET"]),
        Route("/api/jobs", api.start, methods=["POST"]),
        Route("/api/jobs/{job}", api.show, methods=["GET"]),
        Route("/api/jobs/{job}/events", api.follow, methods=["GET"]),
        Route("/api/jobs/{job}/abort", api.abort, methods=["POST"]),
    ]
    guard = Middleware(Guard, token=token, port=port, hosts=tuple(hosts), open_paths=tuple(PAGE))
    handlers: dict[Any, Any] = {Refusal: _refused, HTTPException: _not_served, StoreError: _store_failed}
    return Starlette(routes=routes, middleware=[guard, Middleware(_Ending)], exception_handlers=handlers)


class _Ending:
    """Answers requests that the end of the server cuts off, half-sent ones, say: only that cancels a request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def send_noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        except asyncio.CancelledError:
            if begun:
                raise
            refusal = Refusal(503, "ending", "the server ends; come back", {"retry-after": "5", "connection": "close"})
            await refusal.response()(scope, receive, send)


class _Api:
    """The routes of the API."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def start(self, request: Request) -> Response:
        asked = await read_body(request, StartRequest)
        job, made = await run_in_threadpool(self._service.start, asked)
        where = {"location": f"/api/jobs/{job.id}"}
        return JSONResponse({"job": job.id, "made": made, "status": str(job.status)}, 201 if made else 200, where)

    async def abort(self, request: Request) -> Response:
        asked = await read_body(request, AbortRequest)
        return JSONResponse(await run_in_threadpool(self._service.abort, request.path_params["job"], asked.reason))

    async def list_jobs(self, request: Request) -> Response:
        jobs = await run_in_threadpool(self._service.jobs, request.query_params.get("status"))
        return JSONResponse({"jobs": jobs})

    async def show(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self._service.show, request.path_params["job"]))

    async def follow(self, request: Request) -> Response:
        after = last_event_id(request)
        events = await run_in_threadpool(self._service.follow, request.path_params["job"], after)
        # A client that asks once more after the end is told so by this status, and asks no further.
        return Response(status_code=204) if events is None else follow_response(events)

    async def list_events(self, request: Request) -> Response:
        # Asked once before the answer begins, so that a store that does not answer is told by the status.
        await run_in_threadpool(self._service.jobs)
        return list_response(lambda: self._service.jobs()[:_SHOWN], lambda: self._service.closing)

    async def pipelines(self, request: Request) -> Response:
        return JSONResponse({"pipelines": await run_in_threadpool(self._service.catalogue.pipelines)})

    async def processors(self, request: Request) -> Response:
        return JSONResponse({"processors": await run_in_threadpool(self._service.catalogue.processors)})


def _file(name: str, media_type: str) -> Any:
    data = files("transmissions.server").joinpath("page", name).read_bytes()

    async def serve(request: Request) -> Response:
        return Response(data, media_type=media_type)

    return serve


async def _openapi(request: Request) -> Response:
    return JSONResponse(document())


async def _refused(request: Request, error: Refusal) -> Response:
    return error.response()


async def _store_failed(request: Request, error: StoreError) -> Response:
    logger.error(f"{request.method} {request.url.path}: {error}")
    return Refusal(503, "store", str(error), {"retry-after": "5"}).response()


async def _not_served(request: Request, error: HTTPException) -> Response:
    codes = {404: ("path", "there is nothing at this path; GET /openapi.json lists what there is")}
    code, text = codes.get(error.status_code, ("method", "this path does not take that method"))
    headers = dict(error.headers or {})
    if error.status_code == 405:
        # Starlette names the methods of the first route of the path only.
        matching = [one for one in request.app.routes if one.matches(request.scope)[0] is not Match.NONE]
        headers["Allow"] = ", ".join(sorted({method for one in matching for method in one.methods}))
    return Refusal(error.status_code, code, text, headers).response()
