"""The calls of many session logs, each once, in bounded memory.

One call stands in the logs several times: once for each part of its answer, with counts that grow; again in the log of
a session that was resumed or forked; and again where a sub-agent's progress is shown.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Collection, Iterable, Iterator
from typing import IO, NamedTuple

import msgspec

from processors.usage.values import moment_of
from transmissions.usage.record import CallKind, UsageRecord

__all__ = ["Call", "CallTable"]

HELD_CALLS = 10_000
_PARTITIONS = 64


class Call(NamedTuple):
    """What one line says of one model call, as plain values; token counts are disjoint, but for `reasoning`.

    Args:
        message: the provider's id of the answer; equal in all lines of a call.
        request: the provider's id of the request; "" if the line has none.
        copied: whether the line is a copy: it stands in a forked session, or shows the progress of a sub-agent.
        sidechain: whether a sub-agent made the call, or repeats it.
        total: all tokens.
        session: the session that a person began.
        agent: the sub-agent that called; "" for the session itself.
        project: the folder that was worked in.
        model: its name.
        provider: who served it.
        time: as logged.
        counts: as `UsageRecord` has them: input, cache read, cache written for 5 minutes, for an hour, output,
            reasoning, searches.
    """

    message: str
    request: str
    copied: bool
    sidechain: bool
    total: int
    session: str
    agent: str
    project: str
    model: str
    provider: str
    time: str
    counts: tuple[int, int, int, int, int, int, int]

    def record(self) -> UsageRecord:
        """Return its usage. The call's id is the same whichever log tells of it, so that it is charged once."""
        return UsageRecord(
            f"{self.message}:{self.request}" if self.request else self.message,
            self.session,
            self.model,
            self.provider,
            *self.counts,
            "",
            self.project,
            self.session,
            self.agent,
            self.session if self.agent else "",
            CallKind.SUBAGENT if self.agent else CallKind.MESSAGE,
            moment_of(self.time),
        )


_packed = msgspec.msgpack.Encoder().encode
_unpacked = msgspec.msgpack.Decoder(list[Call]).decode


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

    def known(self, key: tuple[str, str]) -> Call | None:
        """Return what is held of a call, by the ids of its answer and request; None if nothing is."""
        return self._calls.get(key)

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
        parts: list[list[Call]] = [[] for _ in range(_PARTITIONS)]
        for call in self._calls.values():
            parts[zlib.crc32(call.message.encode()) % _PARTITIONS].append(call)
        for part, places in zip(parts, self._places, strict=True):
            if part:
                places.append((self._file.tell(), self._file.write(_packed(part))))
        self._calls.clear()

    def _read(self, places: Iterable[tuple[int, int]]) -> Collection[Call]:
        assert self._file is not None
        found: list[Call] = []
        for start, size_bytes in places:
            self._file.seek(start)
            found += _unpacked(self._file.read(size_bytes))
        calls = {call[:2]: call for call in found}
        if len(calls) < len(found):
            calls = {}
            for call in found:
                before = calls.get(call[:2])
                calls[call[:2]] = call if before is None else merged(before, call)
        return calls.values()


def merged(one: Call, other: Call) -> Call:
    """Return what two lines say of the same call: the larger counts, and whose it is as the better one says."""
    larger = other if other.total > one.total else one
    if other[2:4] == one[2:4] and other.session == one.session:
        return larger
    owner = other if (other.sidechain, other.copied) < (one.sidechain, one.copied) else one
    if owner is larger:
        return owner
    return Call(
        *owner[:4],
        larger.total,
        owner.session,
        owner.agent,
        owner.project,
        larger.model,
        larger.provider,
        owner.time or larger.time,
        larger.counts,
    )


def distinct(calls: Collection[Call]) -> Iterator[Call]:
    """Yield calls without those that are others again under another request, or under none."""
    if len({call.message for call in calls}) == len(calls):
        yield from calls
        return
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
