"""Ctrl-C and SIGTERM during a run: the first ends it in order, the second at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

__all__ = ["Interrupts"]


class Interrupts:
    """Handles the two signals while it is entered; what to abort is named once it is there."""

    def __init__(self) -> None:
        self._abort: Callable[[str], object] | None = None
        self._before: dict[int, Any] = {}
        self._tell: Callable[[str], object] | None = None
        self.signal = 0

    def abort_with(self, abort: Callable[[str], object]) -> None:
        """Have the first signal call `abort` with its reason; at once, if it came already."""
        self._abort = abort
        if self.signal:
            abort(self._reason)

    def tell_with(self, tell: Callable[[str], object] | None) -> None:
        """Have a signal say through `tell` that it was heard, from its handler; None to write it to stderr."""
        self._tell = tell

    @property
    def exit_code(self) -> int:
        """What a shell expects of a program that this signal ended: 130 or 143; 0 if there was none."""
        return 128 + self.signal if self.signal else 0

    def __enter__(self) -> Interrupts:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.signal:
            # Nothing may be tidied up any more: a stage may hang in code that does not listen.
            os._exit(128 + number)
        self.signal = number
        text = f"{self._reason}; again to stop at once"
        if self._tell is not None:
            self._tell(text)
        else:
            os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"{text}\n".encode())
        # In a thread: the signal may have come while this one holds a lock that aborting needs.
        if self._abort is not None:
            threading.Thread(target=self._abort, args=(self._reason,), daemon=True).start()

    @property
    def _reason(self) -> str:
        return "interrupted" if self.signal == signal.SIGINT else "terminated"
