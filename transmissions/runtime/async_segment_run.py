"""An `async` stage at work: a thread with an event loop of its own, in which one message is handled after the other."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterable
from typing import Any

from transmissions.errors import StageError, StreamAborted, StreamClosed
from transmissions.message import Mark, Message, copy_message
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
        try:
            await self._hook_async("start")
            self._task = self._loop.create_task(self._work())
            await self._task
        except (StreamAborted, asyncio.CancelledError):
            pass
        except StageError as error:
            self.overseer.fail(error)
        finally:
            try:
                await self._hook_async("close")
            except StageError as error:
                self.overseer.fail(error)

    async def _work(self) -> None:
        # The barrier is a blocking one; other tasks that `start` may have created go on meanwhile.
        if not await asyncio.to_thread(self.overseer.all_started):
            return
        async for batch in self._batches():
            await self._handle(batch)
            if self.overseer.halted or (self.overseer.stopping and not isinstance(self.source, EventStream)):
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
        batches = Batches([], Pace())
        for batch in batches.fill(self._guarded(self.source)):
            yield batch
        yield batches.rest

    async def _handle(self, batch: list[Message]) -> None:
        stage, statistics, clock = self._stage, self._stage.statistics, self.clock
        out: list[Any] = []
        began = clock()
        for message in batch:
            if type(message) is Mark:
                out += stage.pass_mark(message)
            else:
                await self._handle_one(message, out)
            if stage.error:
                break
            if (now := clock()) - began > _LONG_ENOUGH_S or len(out) >= LARGEST_BATCH:
                statistics.busy_s += now - began
                await self._send_async(out)
                out, began = [], clock()
        statistics.busy_s += clock() - began
        await self._send_async(out)
        if stage.error:
            error, stage.error = stage.error, None
            raise error

    async def _handle_one(self, message: Message, out: list[Any]) -> None:
        stage = self._stage
        stage.statistics.received += 1
        produced = False
        try:
            if stage.kind is Kind.ASYNC:
                returned = await stage.processor.process(message)  # type: ignore[misc]
                if returned is not None:
                    if not isinstance(returned, dict):
                        raise stage.wrong_type(returned)
                    out.append(returned)
                    produced = True
            else:
                async for part in stage.processor.process(message):  # type: ignore[union-attr]
                    produced = True
                    out.append(part)
                    if len(out) >= LARGEST_BATCH:
                        await self._send_async(out)
                        out.clear()
        except asyncio.CancelledError:
            raise
        except StageError as error:
            stage.error = error
        except BaseException as error:
            stage.fail(error, message)
            return
        if produced:
            stage.statistics.passed += 1
        else:
            stage.statistics.filtered += 1

    async def _send_async(self, batch: list[Message]) -> None:
        if not batch:
            return
        self._check_types(batch)
        self._stage.statistics.emitted += len(batch)
        for place, target in enumerate(self.targets):
            own = batch.copy() if place == len(self.targets) - 1 else [copy_message(message) for message in batch]
            if waited := await target.stream.send_batch_async(own):
                self.note_blocked(waited)

    async def _finish_async(self) -> None:
        stage = self._stage
        try:
            last: Any = stage.processor.finish()
            if inspect.isawaitable(last):
                last = await last
            if last is None:
                return
            if hasattr(last, "__aiter__"):
                async for message in last:
                    await self._send_async([message])
            elif isinstance(last, Iterable) and not isinstance(last, dict):
                for message in last:
                    await self._send_async([message])
            else:
                raise TypeError(f"finish returned {kind_of(last)}; it returns None, or yields messages")
        except (StreamAborted, StageError, asyncio.CancelledError):
            raise
        except Exception as error:
            raise stage.stage_error("finish", error) from error

    async def _hook_async(self, phase: str) -> None:
        try:
            awaited = getattr(self._stage.processor, phase)()
            if inspect.isawaitable(awaited):
                await awaited
        except BaseException as error:
            raise self._stage.stage_error(phase, error) from error
