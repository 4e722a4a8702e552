"""Events as server-sent events: the same event is the same bytes, whenever and by whomever it is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from loguru import logger
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from transmissions.jobs import JobEvent, JobNotFound, StoreError, Subscription
from transmissions.jobs.encoding import encode
from transmissions.server.refusal import Refusal

__all__ = ["event_bytes", "follow_response", "last_event_id", "list_response"]

_PING_S = 15
_BATCH = 256
_LOOK_S = 0.5
_LOOKS = 5
_SEND_S = 60.0
"""A reader that takes nothing for so long is let go; it can come back where it was."""


def last_event_id(request: Request) -> int:
    """Return the number of the last event that the reader has, by `Last-Event-ID` or `?after=`; -1 for none.

    Raises:
        Refusal: it is no such number.
    """
    text = request.headers.get("last-event-id") or request.query_params.get("after") or "-1"
    if text != "-1" and not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise Refusal(400, "last-event-id", "Last-Event-ID is the number of an event")
    return int(text)


def event_bytes(event: JobEvent) -> bytes:
    """Return a job's event as it goes over the wire."""
    data = encode({"type": event.type, "data": event.data, "time": event.time}).strip()
    return b"id: %d\ndata: %s\n\n" % (event.seq, data)


def follow_response(subscription: Subscription) -> EventSourceResponse:
    """Return the response that holds the events of a subscription, and ends with the job."""
    return EventSourceResponse(_events(subscription), ping=_PING_S, send_timeout=_SEND_S, sep="\n")


def list_response(look: Callable[[], list[dict[str, Any]]], over: Callable[[], bool]) -> EventSourceResponse:
    """Return the response that holds the list of jobs, and holds it again each time it changed, until `over`."""
    return EventSourceResponse(_lists(look, over), ping=_PING_S, send_timeout=_SEND_S, sep="\n")


async def _events(subscription: Subscription) -> AsyncIterator[bytes]:
    try:
        # Many at a time: to send each by itself would cost more than all the rest.
        while batch := await subscription.receive_batch_async(_BATCH):
            yield b"".join(map(event_bytes, batch))
    except JobNotFound:
        return
    except StoreError as error:
        _log(error)
    finally:
        subscription.close()


async def _lists(look: Callable[[], list[dict[str, Any]]], over: Callable[[], bool]) -> AsyncIterator[bytes]:
    told = b""
    while not over():
        try:
            now = encode(await run_in_threadpool(look)).strip()
        except StoreError as error:
            _log(error)
            return
        if now != told:
            told = now
            yield b"data: %s\n\n" % now
        for _ in range(_LOOKS):
            if not over():
                await asyncio.sleep(_LOOK_S / _LOOKS)


def _log(error: StoreError) -> None:
    # The answer has begun, so it can only end; a reader that asks again is told by its status.
    logger.error(f"events: the store does not answer, so their readers are let go: {error}")
