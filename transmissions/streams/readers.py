"""A tee: one event stream read by several readers, each of whom receives every message."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from transmissions.errors import StreamAborted, StreamCancelled, StreamClosed, StreamFull
from transmissions.streams.cancellation import Cancellation
from transmissions.streams.event_stream import EventStream
from transmissions.streams.statistics import WhenFull

__all__ = ["tee"]

_BATCH = 64


def tee(
    source: EventStream,
    branches: int | Sequence[EventStream] = 2,
    *,
    copy: Callable[[Any], Any] | None = deepcopy,
) -> tuple[EventStream, ...]:
    """Give a stream several readers: every message of `source` goes to each branch, in order.

    Each branch is an event stream with bounds and a policy of its own, so that one reader may hold everything back
    while another, which only looks on, drops what it cannot follow. A branch whose reader closes or aborts it is left
    out from then on; when all are, the source is aborted. The source's end is passed on: closed branches can be
    emptied, an abort reaches all. A thread moves the messages until then.

    Args:
        source: the stream; nobody else should receive from it.
        branches: how many branches to make, or the streams to use.
        copy: makes the message for every branch but the last, so that no reader sees what another changes; None to
            give all of them the same object.

    Returns:
        The branches.

    Raises:
        ValueError: there is no branch, one is named twice, or the source is one of them.

    >>> stream = EventStream()
    >>> ours, theirs = tee(stream)
    >>> stream.send("hello"); stream.close()
    0.0
    True
    >>> list(ours), list(theirs)
    (['hello'], ['hello'])
    """
    if isinstance(branches, int):
        branches = [EventStream(name=f"{source.name}, branch {place}") for place in range(1, branches + 1)]
    if not branches or source in branches:
        raise ValueError(f"stream {source.name}: a tee needs one branch or more, none of them the stream itself")
    if len(set(branches)) < len(branches):
        raise ValueError(f"stream {source.name}: each branch of a tee is a stream of its own, and one is named twice")
    threading.Thread(
        target=_move, args=(source, list(branches), copy), name=f"tee of {source.name}", daemon=True
    ).start()
    return tuple(branches)


def _move(source: EventStream, branches: list[EventStream], copy: Callable[[Any], Any] | None) -> None:
    # An abort must not wait for a reader who holds everything back.
    aborted = Cancellation()
    source.cancel_when_aborted(aborted)
    try:
        while branches:
            batch = source.receive_batch(_BATCH)
            last = branches[-1]
            for branch in branches.copy():
                own = batch if branch is last or copy is None else [copy(message) for message in batch]
                if not _sent(own, branch, aborted):
                    branches.remove(branch)
        source.abort("nobody reads it any more")
    except StreamClosed:
        for branch in branches:
            branch.close()
    except (StreamAborted, StreamCancelled) as error:
        for branch in branches:
            branch.abort(error.cause)
    except Exception as error:
        # Readers must not wait for what never comes.
        for branch in (source, *branches):
            branch.abort(f"it cannot be copied: {error}")


def _sent(batch: list[Any], branch: EventStream, aborted: Cancellation) -> bool:
    """Send to one branch, and say whether it takes more."""
    try:
        branch.send_batch(batch, cancellation=aborted)
    except (StreamClosed, StreamAborted):
        return False
    except StreamFull as full:
        if branch.when_full is WhenFull.DROP_NEWEST:
            return True
        branch.abort(f"its reader fell behind: {full.cause}")
        return False
    return True
