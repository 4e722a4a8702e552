"""What waits in an event stream: its bounds, what a full one does, and the counters; for one thread at a time."""

from __future__ import annotations

import reprlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from transmissions.streams.spill import Spill
from transmissions.streams.statistics import StreamStatistics, WhenFull

__all__ = ["BoundedQueue"]


class BoundedQueue:
    """The queue of one event stream.

    Args:
        counted: the counters, with the bounds in messages and bytes.
        high: fill at which senders are paused, in bytes if there is a bound in bytes, else in messages.
        low: fill at which they go on.
        when_full: what happens to a message that finds no room.
        max_spill_bytes: the most disk space taken where that is to go to disk.
        size_of: gives the bytes of a message; called only if there is a bound in bytes.
        never_drop: says of a message that no policy may drop it.
        clock: gives seconds.

    Attributes:
        refused: messages that were dropped instead of being let in.
    """

    def __init__(
        self,
        counted: StreamStatistics,
        *,
        high: int,
        low: int,
        when_full: WhenFull,
        max_spill_bytes: int,
        size_of: Callable[[Any], int],
        never_drop: Callable[[Any], bool] | None = None,
        clock: Callable[[], float],
    ) -> None:
        self.counted = counted
        self.when_full = when_full
        self.active_at = clock()
        self.refused = 0
        self._high, self._low = high, low
        self._size_of = size_of
        self._never_drop = never_drop
        self._clock = clock
        self._messages: deque[Any] = deque()
        self._sizes: deque[int] = deque()
        self._bytes = 0
        self._paused_since: float | None = None
        self._ended_at: float | None = None
        self._spill = Spill(max_spill_bytes)
        self._unsuited: ValueError | None = None

    def __len__(self) -> int:
        return len(self._messages) + self._spill.depth

    def offer(self, messages: Sequence[Any], position: int, *, again: bool) -> int:
        """Let in what has room from `position` on, apply the policy to the rest, and return where that ended.

        Args:
            messages: what a sender hands over.
            position: how many of them were let in before.
            again: whether the rest was counted as an overflow before.

        Raises:
            ValueError: a message is to go to disk and cannot, or its size, or whether it may be dropped, cannot be
                told; those before it are in, and counted as sent.
        """
        begin = position
        counted = self.counted
        position = self._fit(messages, position)
        if position < len(messages) and self._unsuited is None:
            counted.overflows += 0 if again else len(messages) - position
            position = self._overflow(messages, position)
        if position > begin:
            counted.sent += position - begin
            counted.peak = max(counted.peak, len(self._messages))
            counted.peak_bytes = max(counted.peak_bytes, self._bytes)
            self.active_at = self._clock()
        if self._unsuited is not None:
            unsuited, self._unsuited = self._unsuited, None
            raise unsuited
        return position

    def offer_one(self, message: Any) -> bool:
        """Let one message in if that takes no more than a place in memory, and say whether it is in."""
        counted = self.counted
        depth = len(self._messages)
        if (
            self._paused_since is not None
            or depth + 1 >= self._high
            or counted.capacity_bytes is not None
            or self._spill.depth
        ):
            return False
        self._messages.append(message)
        counted.sent += 1
        if depth >= counted.peak:
            counted.peak = depth + 1
        self.active_at = self._clock()
        return True

    def _fit(self, messages: Sequence[Any], position: int) -> int:
        """Append the messages from `position` on that have room, and return where that ended."""
        if self._paused_since is not None or self._spill.depth:
            return position
        if self.counted.capacity_bytes is not None:
            return self._fit_by_size(messages, position, self.counted.capacity_bytes)
        end = min(len(messages), position + self.counted.capacity - len(self._messages))
        whole = end - position == len(messages)
        self._messages.extend(messages if whole else map(messages.__getitem__, range(position, end)))
        if len(self._messages) >= self._high:
            self._reach_high_water_mark()
        return end

    def _fit_by_size(self, messages: Sequence[Any], position: int, capacity: int) -> int:
        while position < len(messages) and self._paused_since is None and self._has_place():
            try:
                size = self._size(messages[position])
            except Exception as error:
                # Raised when those before it are counted.
                self._unsuited = ValueError(f"the size of a message cannot be told: {error}")
                break
            if self._messages and self._bytes + size > capacity:
                break
            self._append(messages[position], size)
            position += 1
            if self._bytes >= self._high:
                self._reach_high_water_mark()
        return position

    def _size(self, message: Any) -> int:
        size = self._size_of(message)
        # Anything else would be found out with the message half in, or would leave the bound without effect.
        if type(size) is not int or size < 0:
            raise ValueError(f"size_of must give a whole number, 0 or more, and gave {reprlib.repr(size)}")
        return size

    def _append(self, message: Any, size: int) -> None:
        self._messages.append(message)
        self._sizes.append(size)
        self._bytes += size

    def _has_place(self) -> bool:
        return len(self._messages) < self.counted.capacity

    def _overflow(self, messages: Sequence[Any], position: int) -> int:
        """Do to the messages from `position` on what the policy says, and return where that ended."""
        if self.when_full is WhenFull.BLOCK:
            self._pause()
        elif self.when_full in (WhenFull.DROP_NEWEST, WhenFull.DROP_OLDEST):
            position = self._drop_from(messages, position)
        elif self.when_full is WhenFull.SPILL:
            position = self._spill_from(messages, position)
        return position

    def _drop_from(self, messages: Sequence[Any], position: int) -> int:
        """Let the messages from `position` on in, or drop them, up to one that may not be dropped and has to wait."""
        newest = self.when_full is WhenFull.DROP_NEWEST
        if newest and self._never_drop is None:
            self.refused += len(messages) - position
            self.counted.drops += len(messages) - position
            return len(messages)
        while position < len(messages) and self._unsuited is None:
            kept = self._is_kept(messages[position])
            found = (kept or not newest) and self._make_room(newest)
            if self._unsuited is not None:
                break
            if found:
                position = self._fit(messages, position)
            elif kept:
                self._pause()
                break
            else:
                # Under "drop oldest" its sender is not told: what is lost there is never its own concern.
                self.refused += newest
                self.counted.drops += 1
                position += 1
        return position

    def _is_kept(self, message: Any) -> bool:
        if self._never_drop is None:
            return False
        try:
            return self._never_drop(message)
        except Exception as error:
            # Raised when what came before is counted.
            self._unsuited = ValueError(f"whether a message may be dropped cannot be told: {error!r}")
            return True

    def _make_room(self, newest: bool) -> bool:
        """Drop one message that waits, and say whether there was one that may be dropped."""
        place = 0
        if self._never_drop is not None:
            places = range(len(self._messages))
            kept = map(self._is_kept, reversed(self._messages) if newest else self._messages)
            place = next(
                (at for at, one in zip(reversed(places) if newest else places, kept, strict=True) if not one), -1
            )
        if place < 0 or not self._messages or self._unsuited is not None:
            return False
        del self._messages[place]
        if self._sizes:
            self._bytes -= self._sizes[place]
            del self._sizes[place]
        self.counted.drops += 1
        return True

    def _spill_from(self, messages: Sequence[Any], position: int) -> int:
        begin = position
        while position < len(messages) and self._paused_since is None:
            try:
                end = self._spill.append(messages, position, self._size_in_memory)
            except ValueError as error:
                # Raised when those before it are counted.
                self._unsuited = error
                break
            if end == position:
                self._pause()
            position = end
        self.counted.spilled += position - begin
        self.counted.peak_spill_bytes = max(self.counted.peak_spill_bytes, self._spill.used)
        return position

    def _size_in_memory(self, message: Any) -> int:
        return 0 if self.counted.capacity_bytes is None else self._size(message)

    def take(self, limit: int) -> list[Any]:
        """Take out what waits in memory, at most `limit` messages; `settle` has to follow."""
        messages = self._messages
        if limit >= len(messages):
            batch = list(messages)
            messages.clear()
            self._sizes.clear()
            self._bytes = 0
        else:
            batch = [messages.popleft() for _ in range(limit)]
            if self._sizes:
                self._bytes -= sum(self._sizes.popleft() for _ in range(limit))
        self.counted.received += len(batch)
        self.active_at = self._clock()
        return batch

    def take_one(self) -> Any:
        """Take out the message that has waited longest; there has to be one. `settle` has to follow."""
        if self._sizes:
            self._bytes -= self._sizes.popleft()
        self.counted.received += 1
        self.active_at = self._clock()
        return self._messages.popleft()

    def settle(self) -> bool:
        """After messages were taken, fetch spilled ones, and say whether paused senders may go on from now.

        Raises:
            OSError: the disk does not give back what was spilled.
        """
        if self._spill.depth:
            self._refill()
        if self._paused_since is None or not self._is_low():
            return False
        self.counted.resumes += 1
        self.counted.paused_s += self._present_pause_s()
        self._paused_since = None
        return True

    def _refill(self) -> None:
        """Fetch spilled messages into memory once half of it is free; it is never empty while something is spilled."""
        capacity, capacity_bytes = self.counted.capacity, self.counted.capacity_bytes
        if self._messages and (len(self._messages) > capacity // 2 or self._bytes > (capacity_bytes or 0) // 2):
            return
        while self._spill.depth and self._has_place():
            if capacity_bytes is None:
                self._messages.append(self._spill.pop())
                continue
            size = self._spill.next_size()
            if self._messages and self._bytes + size > capacity_bytes:
                return
            self._append(self._spill.pop(), size)

    def _is_low(self) -> bool:
        if self.when_full is WhenFull.SPILL:
            return self._spill.used <= self._spill.max_bytes // 2
        return (len(self._messages) if self.counted.capacity_bytes is None else self._bytes) <= self._low

    def _reach_high_water_mark(self) -> None:
        if self.when_full is WhenFull.BLOCK:
            self._pause()

    def _pause(self) -> None:
        if self._paused_since is None:
            self.counted.pauses += 1
            self._paused_since = self._clock()

    def _present_pause_s(self) -> float:
        if self._paused_since is None:
            return 0.0
        return (self._clock() if self._ended_at is None else self._ended_at) - self._paused_since

    def end(self) -> None:
        """Count no more time as paused: where nothing may be sent, nobody waits for room."""
        if self._ended_at is None:
            self._ended_at = self._clock()

    def forget(self) -> None:
        """Drop all that waits, on disk as well."""
        self.counted.forgotten += len(self)
        self._messages.clear()
        self._sizes.clear()
        self._bytes = 0
        self._spill.clear()

    def statistics(self) -> StreamStatistics:
        """Return a copy of the counters as they are now."""
        now = self.counted.copy()
        now.depth = len(self._messages)
        now.depth_bytes = self._bytes
        now.spill_depth = self._spill.depth
        now.spill_bytes = self._spill.used
        now.spill_failures = self._spill.failures
        now.idle_s = self._clock() - self.active_at
        now.paused_s += self._present_pause_s()
        return now
