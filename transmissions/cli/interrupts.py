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
    """Handles the two signals while it is entered.

    Args:
        abort: called with the reason at the first signal.
    """

    def __init__(self, abort: Callable[[str], object]) -> None:
        self._abort = abort
        self._before: dict[int, Any] = {}
        self.signal = 0

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
        name = "interrupted" if number == signal.SIGINT else "terminated"
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"{name}; again to stop at once\n".encode())
        # In a thread: the signal may have come while this one holds a lock that aborting needs.
        threading.Thread(target=self._abort, args=(name,), daemon=True).start()
