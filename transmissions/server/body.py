"""The body of a request: JSON of a bounded size, of the fields that are asked for and no others."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from transmissions.server.refusal import Refusal

__all__ = ["MAX_BYTES", "AbortRequest", "StartRequest", "read_body"]

MAX_BYTES = 1 << 20
"""How long a body may be."""

_T = TypeVar("_T")


class StartRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What a run is started with.

    Args:
        pipeline: a bundled pipeline, or a file below one of the folders that are served.
        parameters: those of the pipeline, by name.
        target: the folder written into, below the server's own.
        messages: what the run begins with; one message made of the parameters if None.
        stream: what it is a run of.
        key: an idempotency key.
        replace: whether a live run of the stream is aborted.
    """

    pipeline: str
    parameters: dict[str, str | int | float | bool | list[str | int | float | bool]] = {}
    target: str | None = None
    messages: list[dict[str, Any]] | None = None
    stream: str | None = None
    key: str | None = None
    replace: bool = False


class AbortRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Why a job is aborted.

    Args:
        reason: in words.
    """

    reason: str = "aborted"


async def read_body(request: Request, kind: type[_T]) -> _T:
    """Return the body of a request.

    Raises:
        Refusal: it is too long, no JSON, or not what is asked for.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "content-type", "send JSON: `Content-Type: application/json`")
    data, announced = bytearray(), request.headers.get("content-length", "")
    # One that is a little too long is read: the answer may get lost where bytes are left unread.
    if announced.isdecimal() and int(announced) > 2 * MAX_BYTES:
        raise _too_long()
    # Counted as it comes: what a request says of its own length may be missing.
    try:
        async for chunk in request.stream():
            data += chunk
            if len(data) > MAX_BYTES:
                raise _too_long()
    except ClientDisconnect:
        # Nobody is there to read this; but to leave is no failure of the server's, to be logged as one.
        raise Refusal(400, "body", "the client left before the end of the body; send all of it") from None
    if not data:
        raise Refusal(422, "body", "there is no body: send a JSON object, {} if there is nothing to say")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(422, "body", f"this is not what is asked for: {error}") from None


def _too_long() -> Refusal:
    return Refusal(413, "too-long", f"a body has at most {MAX_BYTES:,} bytes", {"connection": "close"})
