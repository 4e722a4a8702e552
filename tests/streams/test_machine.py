"""A stream against a model: whatever many tasks do to it at once, its promises hold after every step."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from transmissions.errors import StreamAborted, StreamClosed, StreamEmpty, StreamError, StreamFull
from transmissions.streams import EventStream, WhenFull

_TURNS = 12
"""Turns of the event loop after which nothing moves any more."""


class Sender:
    """One send under way: its numbers, and what became of it."""

    def __init__(self, machine: StreamMachine, numbers: list[int]) -> None:
        self.numbers = numbers
        self.accepted: int | None = None
        self.dropped = 0
        self.cancelled = False
        self.task = machine.loop.create_task(self._send(machine.stream))

    async def _send(self, stream: EventStream) -> None:
        try:
            await stream.send_batch_async(self.numbers)
        except StreamFull as error:
            self.accepted, self.dropped = error.accepted, error.dropped
        except (StreamClosed, StreamAborted) as error:
            self.accepted = error.accepted
        else:
            self.accepted = len(self.numbers)


class StreamMachine(RuleBasedStateMachine):
    """Tasks that send and receive, are cancelled, and a stream that is closed or aborted among them."""

    @initialize(
        bound=st.integers(1, 5),
        low=st.integers(0, 5),
        by_bytes=st.booleans(),
        policy=st.sampled_from(list(WhenFull)),
        spill=st.sampled_from([60, 200, 5000]),
    )
    def make(self, bound: int, low: int, by_bytes: bool, policy: WhenFull, spill: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.bound = bound
        self.policy = policy
        self.stream = EventStream(
            bound,
            max_bytes=bound if by_bytes else None,
            low_water_mark=min(low, bound),
            size_of=lambda _: 1,
            when_full=policy,
            max_spill_bytes=spill,
        )
        self.numbers = itertools.count()
        self.senders: list[Sender] = []
        self.receivers: list[asyncio.Task[None]] = []
        self.received: list[int] = []
        self.at_once: set[int] = set()
        """Numbers whose send did not have to wait, so that they come in the order in which they were sent."""
        self.ended = False

    def settle(self) -> None:
        """Let the tasks go on until each waits or has ended."""

        async def turn() -> None:
            for _ in range(_TURNS):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turn())

    async def _receive(self, limit: int) -> None:
        try:
            self.received += await self.stream.receive_batch_async(limit)
        except StreamError:
            assert self.ended

    @rule(count=st.integers(1, 7))
    def send(self, count: int) -> None:
        sender = Sender(self, list(itertools.islice(self.numbers, count)))
        self.senders.append(sender)
        self.settle()
        if sender.task.done():
            self.at_once.update(sender.numbers)

    @rule()
    def send_at_once(self) -> None:
        number = next(self.numbers)
        sender = Sender.__new__(Sender)
        sender.numbers, sender.accepted, sender.dropped, sender.cancelled = [number], 1, 0, False
        sender.task = self.loop.create_task(asyncio.sleep(0))
        try:
            self.stream.send_nowait(number)
        except StreamFull as error:
            sender.accepted, sender.dropped = 0, error.dropped
        except (StreamClosed, StreamAborted):
            assert self.ended
            sender.accepted = 0
        self.senders.append(sender)
        self.at_once.add(number)
        self.settle()

    @rule(limit=st.integers(1, 6))
    def receive(self, limit: int) -> None:
        self.receivers.append(self.loop.create_task(self._receive(limit)))
        self.settle()

    @rule()
    def receive_at_once(self) -> None:
        try:
            self.received.append(self.stream.receive_nowait())
        except StreamEmpty:
            assert not len(self.stream)
        except (StreamClosed, StreamAborted):
            assert self.ended
        self.settle()

    @precondition(lambda self: any(not sender.task.done() for sender in self.senders))
    @rule(data=st.data())
    def cancel_a_send(self, data: st.DataObject) -> None:
        sender = data.draw(st.sampled_from([one for one in self.senders if not one.task.done()]))
        sender.cancelled = True
        sender.task.cancel()
        self.settle()

    @precondition(lambda self: any(not receiver.done() for receiver in self.receivers))
    @rule(data=st.data())
    def cancel_a_receive(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from([one for one in self.receivers if not one.done()])).cancel()
        self.settle()

    @precondition(lambda self: len(self.senders) > 3)
    @rule()
    def close(self) -> None:
        assert self.stream.close() is not self.ended
        self.ended = True
        self.settle()

    @precondition(lambda self: len(self.senders) > 6)
    @rule()
    def abort(self) -> None:
        self.stream.abort("the test")
        self.ended = True
        self.settle()

    @invariant()
    def counters_add_up(self) -> None:
        counted = self.stream.statistics()
        assert counted.sent == (
            counted.received + counted.drops + counted.forgotten + counted.depth + counted.spill_depth
        )
        assert counted.received == len(self.received)
        assert counted.depth <= self.bound
        assert counted.peak <= self.bound
        assert len(self.stream) == counted.depth + counted.spill_depth
        assert counted.pauses - counted.resumes in (0, 1)

    @invariant()
    def nobody_waits_for_what_is_there(self) -> None:
        counted = self.stream.statistics()
        waiting_senders = [one for one in self.senders if not one.task.done()]
        waiting_receivers = [one for one in self.receivers if not one.done()]
        assert counted.waiting_senders == len(waiting_senders)
        assert counted.waiting_receivers == len(waiting_receivers)
        assert not (waiting_receivers and len(self.stream))
        if waiting_senders:
            assert self.policy in (WhenFull.BLOCK, WhenFull.SPILL)
            assert counted.pauses > counted.resumes
            assert not self.ended
        if self.ended:
            assert not waiting_receivers

    @invariant()
    def each_sender_is_received_in_order(self) -> None:
        assert len(set(self.received)) == len(self.received)
        at_once = [number for number in self.received if number in self.at_once]
        assert at_once == sorted(at_once)
        for sender in self.senders:
            own = set(sender.numbers)
            arrived = [number for number in self.received if number in own]
            assert arrived == sorted(arrived)
            if self.policy is not WhenFull.DROP_OLDEST:
                assert arrived == sender.numbers[: len(arrived)]

    def teardown(self) -> None:
        if not hasattr(self, "stream"):
            return
        for receiver in self.receivers:
            receiver.cancel()
        self.stream.close()
        self.settle()
        while len(self.stream):
            self.received += self.stream.receive_batch(3)
        self.settle()
        self.counters_add_up()
        self.all_that_was_accepted_arrived()
        self.loop.run_until_complete(_gathered([*self.receivers, *(sender.task for sender in self.senders)]))
        self.loop.close()

    def all_that_was_accepted_arrived(self) -> None:
        if self.stream.statistics().forgotten or self.policy is WhenFull.DROP_OLDEST:
            return
        arrived = set(self.received)
        for sender in self.senders:
            if not sender.cancelled:
                assert sender.accepted is not None
                assert arrived.issuperset(sender.numbers[: sender.accepted])
                assert arrived.isdisjoint(sender.numbers[sender.accepted :])


async def _gathered(tasks: list[Any]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


TestStream = StreamMachine.TestCase
TestStream.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
