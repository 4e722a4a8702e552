"""The calls of many session logs, each once, in bounded memory.

One call stands in the logs several times: once for each part of its answer, with counts that grow; again in the log of
a session that was resumed or forked; and again where a sub-agent's progress is shown.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import IO, NamedTuple

import orjson

from transmissions.usage.record import CallKind, UsageRecord

__all__ = ["Call", "CallTable"]

HELD_CALLS = 20_000
_PARTITIONS = 64


class Call(NamedTuple):
    """What one line says of one model call.

    Args:
        message: the provider's id of the answer; equal in all lines of a call.
        request: the provider's id of the request; "" if the line has none.
        copied: whether the line is a copy: it stands in a forked session, or shows the progress of a sub-agent.
        sidechain: whether a sub-agent made the call, or repeats it.
        record: its usage.
    """

    message: str
    request: str
    copied: bool
    sidechain: bool
    record: UsageRecord


class CallTable:
    """Calls by their ids: of those that are the same, the counts of the largest and the place of the first original.

    Up to `held` calls are kept in memory. When there are more, they go to a temporary file, in parts by their id, so
    that all lines of one call come together again when the calls are read part by part.

    Args:
        held: how many calls to keep in memory.
    """

    def __init__(self, held: int = HELD_CALLS) -> None:
        self._held = held
        self._calls: dict[tuple[str, str], Call] = {}
        self._file: IO[bytes] | None = None
        self._places: list[list[tuple[int, int]]] = [[] for _ in range(_PARTITIONS)]

    def add(self, call: Call) -> None:
        """Add what one line says."""
        key = (call.message, call.request)
        before = self._calls.get(key)
        self._calls[key] = call if before is None else merged(before, call)
        if len(self._calls) >= self._held:
            self._put_down()

    def take(self) -> Iterator[Call]:
        """Yield every call once, and forget it; in the order of their first lines if memory was enough."""
        if self._file is None:
            yield from distinct(self._calls.values())
            self._calls.clear()
            return
        self._put_down()
        for places in self._places:
            yield from distinct(self._read(places))
        self.close()

    def close(self) -> None:
        """Forget all."""
        self._calls.clear()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _put_down(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="transmissions-")  # noqa: SIM115
        parts: list[list[bytes]] = [[] for _ in range(_PARTITIONS)]
        for call in self._calls.values():
            parts[zlib.crc32(call.message.encode()) % _PARTITIONS].append(_written(call))
        for part, places in zip(parts, self._places, strict=True):
            if part:
                data = b"\n".join(part)
                places.append((self._file.tell(), self._file.write(data)))
        self._calls.clear()

    def _read(self, places: Iterable[tuple[int, int]]) -> Iterator[Call]:
        assert self._file is not None
        calls: dict[tuple[str, str], Call] = {}
        for start, size_bytes in places:
            self._file.seek(start)
            for line in self._file.read(size_bytes).split(b"\n"):
                call = _read_back(line)
                key = (call.message, call.request)
                before = calls.get(key)
                calls[key] = call if before is None else merged(before, call)
        yield from calls.values()


def _written(call: Call) -> bytes:
    return orjson.dumps((*call[:4], *call.record))


def _read_back(line: bytes) -> Call:
    message, request, copied, sidechain, *fields = orjson.loads(line)
    record = UsageRecord(*fields)
    moment = None if record.at is None else datetime.fromisoformat(str(record.at))
    return Call(message, request, copied, sidechain, record._replace(kind=CallKind(record.kind), at=moment))


def merged(one: Call, other: Call) -> Call:
    """Return what two lines say of the same call: the larger counts, and whose it is as the better one says."""
    counts = other if other.record.total_tokens > one.record.total_tokens else one
    owner = other if (other.sidechain, other.copied) < (one.sidechain, one.copied) else one
    if owner is counts:
        return counts
    used, whose = counts.record, owner.record
    record = used._replace(
        call=whose.call,
        run=whose.run,
        project=whose.project,
        session=whose.session,
        agent=whose.agent,
        parent=whose.parent,
        kind=whose.kind,
        at=whose.at or used.at,
    )
    return Call(owner.message, owner.request, owner.copied, owner.sidechain, record)


def distinct(calls: Iterable[Call]) -> Iterator[Call]:
    """Yield calls without those that are others again under another request, or under none."""
    groups: dict[str, list[Call]] = {}
    for call in calls:
        groups.setdefault(call.message, []).append(call)
    for group in groups.values():
        yield from group if len(group) == 1 else _without_replays(group)


def _without_replays(group: list[Call]) -> list[Call]:
    # A sub-agent's log may begin with what the session had done before, as requests of its own.
    group = [call for call in group if not call.sidechain] or group
    named = [call for call in group if call.request]
    if not named:
        return group
    for call in group:
        if not call.request:
            named[0] = merged(named[0], call)
    return named
