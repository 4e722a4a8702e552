"""The OpenAPI document: every path of the API, what it takes and what it answers."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import msgspec

from transmissions.jobs import JobStatus
from transmissions.server.body import AbortRequest, StartRequest

__all__ = ["document"]

_EVENTS = (
    "Server-sent events. `id` is the event's number, `data` is JSON: {type, data, time}. With `Last-Event-ID: N`, "
    "those after number N. The response ends with the job."
)
_JOB = {"name": "job", "in": "path", "required": True, "schema": {"type": "string"}, "description": "The job's id."}
_STATUS = {
    "name": "status",
    "in": "query",
    "schema": {"enum": ["live", *map(str, JobStatus)]},
    "description": "Only those that stand so; `live` for all that go on.",
}
_LAST = {"name": "Last-Event-ID", "in": "header", "schema": {"type": "integer"}, "description": "Begin behind it."}
_AFTER = {"name": "after", "in": "query", "schema": {"type": "integer"}, "description": "The same, in the address."}


def document() -> dict[str, Any]:
    """Return the document."""
    _, parts = msgspec.json.schema_components([StartRequest, AbortRequest], ref_template="#/components/schemas/{name}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Transmissions",
            "version": version("transmissions-engine"),
            "description": "Start, follow and abort runs of pipelines.",
        },
        "security": [{"token": []}],
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {**parts, "Error": _error()},
        },
        "paths": _paths(),
    }


def _paths() -> dict[str, Any]:
    start = {
        "201": "The run was started.",
        "200": "A run of that idempotency key is there already.",
        "404": "There is no such pipeline.",
        "409": "A live run holds the stream, or the key's job is no longer kept.",
        "422": "The pipeline or a parameter is wrong.",
        "429": "As many runs as may be go on already.",
    }
    follow = {"200": _EVENTS, "204": "The job has ended, and there are no further events.", "404": "No such job."}
    return {
        "/api/jobs": {
            "get": _operation("List jobs, the newest first.", {"200": "The jobs."}, [_STATUS]),
            "post": _operation("Start a run.", start, body="StartRequest"),
        },
        "/api/jobs/{job}": {
            "get": _operation(
                "Show a job: what its events amount to.", {"200": "The job.", "404": "No such job."}, [_JOB]
            )
        },
        "/api/jobs/{job}/events": {"get": _operation("Follow a job.", follow, [_JOB, _LAST, _AFTER], stream=True)},
        "/api/jobs/{job}/abort": {
            "post": _operation(
                "Abort a job.", {"200": "What came of it.", "404": "No such job."}, [_JOB], body="AbortRequest"
            )
        },
        "/api/events": {
            "get": _operation("Follow the list of jobs.", {"200": "The list, each time it changed."}, stream=True)
        },
        "/api/pipelines": {"get": _operation("List the pipelines that may be run.", {"200": "The pipelines."})},
        "/api/processors": {"get": _operation("List the processors.", {"200": "The processors."})},
        "/openapi.json": {"get": _operation("This document.", {"200": "The document."})},
    }


def _operation(
    summary: str,
    answers: dict[str, str],
    parameters: list[dict[str, Any]] | None = None,
    *,
    body: str = "",
    stream: bool = False,
) -> dict[str, Any]:
    # What the guard refuses may be the answer to any request.
    refused = {"401": "No token, or a wrong one.", "403": "From a page of another site.", "421": "A foreign host."}
    refused["503"] = "The store of jobs does not answer, or the server is ending."
    if body:
        refused |= {
            "413": "The body is too long.",
            "415": "The body is no JSON.",
            "422": "The body is not as asked for.",
        }
    media = "text/event-stream" if stream else "application/json"
    told: dict[str, Any] = {
        status: {"description": text, **({"content": {media: {}}} if status in ("200", "201") else {})}
        for status, text in answers.items()
    }
    for status, text in refused.items():
        told.setdefault(status, {"description": text}).setdefault("content", _ERROR_CONTENT)
    found: dict[str, Any] = {"summary": summary, "responses": told}
    if parameters:
        found["parameters"] = parameters
    if body:
        schema = {"schema": {"$ref": f"#/components/schemas/{body}"}}
        found["requestBody"] = {"required": True, "content": {"application/json": schema}}
    return found


def _error() -> dict[str, Any]:
    text = {"type": "string"}
    inner = {"type": "object", "properties": {"code": text, "text": text}, "required": ["code", "text"]}
    return {"type": "object", "properties": {"error": inner}, "required": ["error"]}


_ERROR_CONTENT = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
