"""The event stream by itself, beside the queues of the standard library and one that joins threads and asyncio."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import queue
import sys
import threading
import time
from collections.abc import Callable

from benchmarks.measure import Row, median
from transmissions.streams import EventStream, StreamClosed

CAPACITY = 100
BATCH = 64


def in_thread(send: Callable[[], None], receive: Callable[[], None]) -> None:
    """Send from a thread of its own and receive here."""
    thread = threading.Thread(target=send)
    thread.start()
    receive()
    thread.join()


def queue_threads(count: int) -> None:
    """From thread to thread through `queue.Queue`, one at a time."""
    line: queue.Queue[int] = queue.Queue(CAPACITY)
    in_thread(lambda: [line.put(number) for number in range(count)] and None, lambda: _drain(line.get, count))


def stream_threads(count: int) -> None:
    """From thread to thread through an event stream, one at a time."""
    stream = EventStream(CAPACITY)
    in_thread(lambda: [stream.send(number) for number in range(count)] and None, lambda: _drain(stream.receive, count))


def stream_batches(count: int) -> None:
    """From thread to thread through an event stream, in batches."""
    stream = EventStream(CAPACITY)

    def send() -> None:
        for begin in range(0, count, BATCH):
            stream.send_batch(range(begin, min(begin + BATCH, count)))
        stream.close()

    def receive() -> None:
        try:
            while True:
                stream.receive_batch(BATCH)
        except StreamClosed:
            return

    in_thread(send, receive)


def _drain(receive: Callable[[], object], count: int) -> None:
    for _ in range(count):
        receive()


def queue_tasks(count: int) -> None:
    """From task to task through `asyncio.Queue`."""

    async def main() -> None:
        line: asyncio.Queue[int] = asyncio.Queue(CAPACITY)

        async def send() -> None:
            for number in range(count):
                await line.put(number)

        sending = asyncio.create_task(send())
        for _ in range(count):
            await line.get()
        await sending

    asyncio.run(main())


def stream_tasks(count: int) -> None:
    """From task to task through an event stream."""

    async def main() -> None:
        stream = EventStream(CAPACITY)

        async def send() -> None:
            for number in range(count):
                await stream.send_async(number)

        sending = asyncio.create_task(send())
        for _ in range(count):
            await stream.receive_async()
        await sending

    asyncio.run(main())


def janus_to_task(count: int) -> None:
    """From a thread to a task through `janus.Queue`."""
    import janus

    async def main() -> None:
        line: janus.Queue[int] = janus.Queue(CAPACITY)

        def send() -> None:
            for number in range(count):
                line.sync_q.put(number)

        sending = asyncio.get_running_loop().run_in_executor(None, send)
        for _ in range(count):
            await line.async_q.get()
        await sending
        await line.aclose()

    asyncio.run(main())


def stream_to_task(count: int) -> None:
    """From a thread to a task through an event stream."""

    async def main() -> None:
        stream = EventStream(CAPACITY)

        def send() -> None:
            for number in range(count):
                stream.send(number)

        sending = asyncio.get_running_loop().run_in_executor(None, send)
        for _ in range(count):
            await stream.receive_async()
        await sending

    asyncio.run(main())


PAIRS: list[tuple[str, Callable[[int], None], list[tuple[str, Callable[[int], None]]]]] = [
    (
        "thread to thread, queue.Queue",
        queue_threads,
        [
            ("thread to thread, event stream", stream_threads),
            ("thread to thread, event stream, batches of 64", stream_batches),
        ],
    ),
    ("task to task, asyncio.Queue", queue_tasks, [("task to task, event stream", stream_tasks)]),
    ("thread to task, janus", janus_to_task, [("thread to task, event stream", stream_to_task)]),
]


def _seconds(work: Callable[[int], None], count: int) -> float:
    began = time.perf_counter()
    work(count)
    return time.perf_counter() - began


def rows(options: argparse.Namespace) -> list[Row]:
    """Measure each pair in turn, round by round; a ratio above 1 means that ours is the faster."""
    count = options.messages // 5
    found = []
    for baseline, work, others in PAIRS:
        if "janus" in baseline and importlib.util.find_spec("janus") is None:
            print("janus is not installed (pip install '.[bench]'); left out", file=sys.stderr)
            continue
        contestants = [(baseline, work), *others]
        times: dict[str, list[float]] = {name: [] for name, _ in contestants}
        for _ in range(options.rounds):
            for name, contestant in contestants:
                times[name].append(_seconds(contestant, count))
        base = times[baseline]
        found.append(Row(baseline, _rate(count, base)))
        found += [
            Row(name, _rate(count, times[name]), median([a / b for a, b in zip(base, times[name], strict=True)]))
            for name, _ in others
        ]
    return found


def _rate(count: int, times: list[float]) -> str:
    return f"{count / median(times) / 1000:,.0f} k messages/s"
