"""An `async` stage at work: a thread with an event loop of its own, in which one message is handled after the other."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from time import perf_counter
from typing import Any

from transmissions.errors import StageError, StreamAborted, StreamClosed, StreamError, StreamFull
from transmissions.message import Mark, Message
from transmissions.processor import Kind
from transmissions.runtime.pace import LARGEST_BATCH, Batches, Pace
from transmissions.runtime.segment_run import SegmentRun
from transmissions.runtime.stage_run import StageRun, kind_of
from transmissions.streams import EventStream

__all__ = ["AsyncSegmentRun"]

_LONG_ENOUGH_S = 0.001


class AsyncSegmentRun(SegmentRun):
    """A segment of one stage whose `process` is a coroutine or an async generator.

    Several such stages overlap, each handling a message of its own; within a stage the order is kept.
    """

    _loop: asyncio.AbstractEventLoop | None = None
    _task: asyncio.Task[None] | None = None
    _started = False
    _began = 0.0

    @property
    def _stage(self) -> StageRun:
        return self.stages[0]

    def run(self) -> None:
        """Run the stage in a new event loop."""
        try:
            asyncio.run(self._run())
        except BaseException as error:
            self.overseer.fail(StageError(self.name, "run", error))
        finally:
            self._close([])

    def halt(self) -> None:
        """Cancel what the stage is awaiting; may be called from any thread."""
        loop, task = self._loop, self._task
        if loop is not None and task is not None and not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._work())
        try:
            await self._task
        except (StreamAborted, asyncio.CancelledError):
            pass
        except StageError as error:
            self.overseer.fail(error)
        finally:
            try:
                if self._started:
                    await self._hook_async("close")
            except StageError as error:
                self.overseer.fail(error)

    async def _work(self) -> None:
        if self.overseer.halted:
            return
        self._started = True
        await self._hook_async("start")
        # The barrier is a blocking one; other tasks that `start` may have created go on meanwhile.
        if not await asyncio.to_thread(self.overseer.all_started):
            return
        async for batch in self._batches():
            await self._handle(batch)
            if self._must_stop():
                return
        if not self.overseer.stopping:
            await self._finish_async()

    async def _batches(self) -> AsyncIterator[list[Message]]:
        if isinstance(self.source, EventStream):
            while True:
                try:
                    yield await self.source.receive_batch_async(LARGEST_BATCH)
                except StreamClosed:
                    return
                except StreamError as error:
                    raise self.broken(error, self._stage.planned) from error
        if self.overseer.stopping:
            return
        batches = Batches([], Pace())
        try:
            for batch in batches.fill(self._guarded(self.source)):
                yield batch
        except StageError:
            yield batches.rest
            raise
        yield batches.rest

    async def _handle(self, batch: list[Message]) -> None:
        stage = self._stage
        handle = self._call if stage.kind is Kind.ASYNC else self._expand
        out: list[Any] = []
        self._begin()
        for message in batch:
            if type(message) is Mark:
                if not stage.ends(message):
                    out += stage.pass_mark(message)
                elif (mark := stage.joined(message)) is not None:
                    out += await self._end(mark)
            else:
                await handle(message, out)
            if stage.error:
                break
            if self._is_due(out):
                await self._flush(out)
        await self._flush(out)
        stage.working_since = 0.0
        if stage.error:
            error, stage.error = stage.error, None
            raise error

    def _begin(self) -> None:
        self._began = self.clock()
        self._stage.working_since = perf_counter()

    def _is_due(self, out: list[Any]) -> bool:
        return self.clock() - self._began > _LONG_ENOUGH_S or len(out) >= LARGEST_BATCH

    async def _flush(self, out: list[Any]) -> None:
        self._stage.working_since = 0.0
        self._stage.statistics.busy_s += self.clock() - self._began
        await self._send_async(out)
        out.clear()
        self._begin()

    async def _call(self, message: Message, out: list[Any]) -> None:
        """Await what a coroutine makes of a message."""
        stage = self._stage
        stage.statistics.received += 1
        try:
            returned: Any = await stage.processor.process(message)  # type: ignore[misc]
        except BaseException as error:
            if self._is_cancelled(error):
                raise
            stage.fail(error, message)
            return
        if returned is None:
            stage.statistics.filtered += 1
        elif isinstance(returned, dict):
            stage.statistics.passed += 1
            out.append(returned)
        else:
            stage.error = stage.wrong_type(returned)

    async def _expand(self, message: Message, out: list[Any]) -> None:
        """Take what an async generator makes of a message, and send it on as it comes."""
        stage = self._stage
        stage.statistics.received += 1
        produced = False
        made: Any = stage.processor.process(message)
        # Closed here, and not by the loop when it ends: it may need what the processor's `close` releases.
        async with aclosing(made) as parts:
            while True:
                # Only what the processor raises is its failure; sending may raise as well.
                try:
                    part = await anext(parts)
                except StopAsyncIteration:
                    break
                except BaseException as error:
                    if self._is_cancelled(error):
                        raise
                    stage.fail(error, message)
                    return
                produced = True
                out.append(part)
                if self._is_due(out):
                    await self._flush(out)
                    if self._must_stop():
                        return
        if produced:
            stage.statistics.passed += 1
        else:
            stage.statistics.filtered += 1

    async def _end(self, mark: Message) -> list[Message]:
        """Give a mark to the processor, whose `end_group` may be `async` like its `process`."""
        stage = self._stage
        stage.statistics.received += 1
        made: list[Any] = []
        try:
            ended: Any = stage.end_group(mark) if stage.end_group else None  # type: ignore[arg-type]
            if inspect.isawaitable(ended):
                ended = await ended
            if hasattr(ended, "__aiter__"):
                made += [message async for message in ended]
            else:
                made += [ended] if isinstance(ended, dict) else (ended or ())
        except BaseException as error:
            if self._is_cancelled(error):
                raise
            stage.fail(error, mark)
            return []
        return stage.count_ended(made)

    def _is_cancelled(self, error: BaseException) -> bool:
        """Say whether the run cancelled what was awaited; a processor may also raise CancelledError on its own."""
        return isinstance(error, asyncio.CancelledError) and self.overseer.halted

    async def _send_async(self, batch: list[Message]) -> None:
        if not batch:
            return
        self._check_types(batch)
        self._stage.statistics.emitted += len(batch)
        self.note_waiting(perf_counter())
        for place, target in enumerate(self.targets):
            own = batch.copy() if place == len(self.targets) - 1 else self.copies(batch)
            try:
                waited = await target.stream.send_batch_async(own)
            except StreamFull as full:
                if not full.dropped:
                    raise self.broken(full, target.stage) from full
                continue
            except StreamError as error:
                raise self.broken(error, target.stage) from error
            if waited:
                self.note_blocked(waited)
        self.note_waiting(0.0)

    async def _finish_async(self) -> None:
        stage = self._stage
        self._begin()
        try:
            last: Any = stage.processor.finish()
            if inspect.isawaitable(last):
                last = await last
            if last is None:
                return
            if hasattr(last, "__aiter__"):
                async for message in last:
                    await self._flush([stage.checked_last(message)])
            elif isinstance(last, Iterable) and not isinstance(last, dict):
                for message in last:
                    await self._flush([stage.checked_last(message)])
            else:
                raise TypeError(f"finish returned {kind_of(last)}; it returns None, or yields messages")
        except BaseException as error:
            # An aborted stream is but the sign that the run ends, unless it is one of the processor's own.
            if self._is_cancelled(error) or (isinstance(error, StreamAborted) and self.overseer.stopping):
                raise
            if error is self.undelivered:
                raise
            raise stage.stage_error("finish", error) from error
        finally:
            await self._flush([])
            stage.working_since = 0.0

    async def _hook_async(self, phase: str) -> None:
        try:
            awaited = getattr(self._stage.processor, phase)()
            if inspect.isawaitable(awaited):
                await awaited
        except BaseException as error:
            if self._is_cancelled(error):
                raise
            raise self._stage.stage_error(phase, error) from error
