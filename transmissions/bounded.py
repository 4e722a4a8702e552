"""Call a function in a process of its own, which is ended when it takes too long, too much memory, or the run ends.

It is for work whose cost nobody can know beforehand, such as a query with a regular expression: inside this process
nothing can stop that. The process is this Python with this program's search path; arguments and results are JSON.
"""

from __future__ import annotations

import contextlib
import importlib
import queue
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import orjson

from transmissions import child
from transmissions.errors import TransmissionsError

__all__ = ["BoundedFunction", "serve"]

_LOOK_EVERY_S = 0.05
_GRACE_S = 1.0
_LONGEST_S = 1e8
"""What no call is waited for longer; systems take no time of any length."""
_START = "from transmissions.bounded import serve; serve({name!r}, {memory!r})"


class BoundedFunction:
    """A function that is called in a process of its own; for one thread.

    Args:
        name: where it is: `package.module:function`. It takes and returns what can be written as JSON.
        max_memory_bytes: how much memory the process may take, where the system can bound it.
        stopping: says whether the run takes nothing more in; the call is given up then.
    """

    def __init__(
        self, name: str, *, max_memory_bytes: int = 2 << 30, stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self._name = name
        self._max_memory_bytes = max_memory_bytes
        self._stopping = stopping
        self._process: subprocess.Popen[bytes] | None = None
        self._end: Callable[[], object] = bool
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def call(self, argument: Any, timeout_s: float) -> Any:
        """Return what the function returns.

        Args:
            argument: what it is given.
            timeout_s: seconds that it may take, without the start of the process.

        Raises:
            TransmissionsError: the function raised it, or the call was given up.
            ValueError: the function raised it, or what it is given cannot be written as JSON.
            TimeoutError: it took longer.
        """
        timeout_s = min(timeout_s, _LONGEST_S)
        try:
            question = orjson.dumps({"argument": argument, "timeout_s": timeout_s})
        except TypeError as error:
            raise ValueError(f"this cannot be handed over as JSON: {error}") from None
        process = self._running()
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            # If it is gone already, its answer says so.
            child.send(process.stdin, question)
        answer = self._answer(timeout_s)
        if not answer:
            self.close()
            raise TransmissionsError("it took more memory than it may, or came to an end for another reason")
        found = orjson.loads(answer)
        if "result" in found:
            return found["result"]
        raise (ValueError if found["kind"] == "value" else TransmissionsError)(found["error"])

    def close(self) -> None:
        """End the process."""
        self._process = None
        self._end()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            code = _START.format(name=self._name, memory=self._max_memory_bytes)
            self._process = subprocess.Popen(  # noqa: S603 (this Python, and nothing that a message or a file says)
                child.python(code),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # Ctrl-C is for the run, which ends this itself.
                start_new_session=True,
            )
            # One that is never closed ends its process, too, when it goes, or this program does.
            self._end = weakref.finalize(self, _end, self._process)
            # Each process has a queue of its own, so that no answer comes late to another question.
            self._answers = queue.SimpleQueue()
            threading.Thread(target=_listen, args=(self._process, self._answers), daemon=True).start()
            self._answer(None)
        return self._process

    def _answer(self, timeout_s: float | None) -> bytes:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            try:
                return self._answers.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                pass
            if self._stopping():
                self.close()
                raise TransmissionsError("given up, since the run is ending")
            if deadline is not None and time.monotonic() > deadline:
                self.close()
                raise TimeoutError(f"it took more than {timeout_s:g} s")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _listen(process: subprocess.Popen[bytes], answers: queue.SimpleQueue[bytes]) -> None:
    """Put each answer into the queue, and nothing at the end."""
    assert process.stdout is not None
    with process.stdout as stream:
        child.after_greeting(stream)
        while data := child.receive(stream):
            answers.put(data)
    answers.put(b"")
    with contextlib.suppress(OSError):
        assert process.stdin is not None
        process.stdin.close()


def serve(name: str, max_memory_bytes: int) -> None:
    """Be the process: answer calls of a function until nobody asks any more."""
    asked, answers = child.take_streams()
    module, _, function = name.partition(":")
    work = getattr(importlib.import_module(module), function)
    _bound_memory(max_memory_bytes)
    child.send(answers, orjson.dumps({"result": None}))
    while data := child.receive(asked):
        question = orjson.loads(data)
        _end_after(question["timeout_s"] + _GRACE_S)
        try:
            answer = orjson.dumps({"result": work(question["argument"])})
        except ValueError as error:
            answer = _failure(str(error), "value")
        except MemoryError:
            answer = _failure(f"it needs more than {max_memory_bytes >> 20} MB of memory")
        except Exception as error:
            answer = _failure(str(error) or type(error).__name__)
        _end_after(0)
        child.send(answers, answer)


def _failure(text: str, kind: str = "failed") -> bytes:
    # What an error says may be cut out of text, in the middle of a sign.
    return orjson.dumps({"error": text.encode(errors="replace").decode(), "kind": kind})


def _end_after(seconds: float) -> None:
    """Let the system end this process, should nobody be there to do so; 0 takes that back."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _bound_memory(size_bytes: int) -> None:
    if sys.platform != "win32":
        import resource

        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (size_bytes, size_bytes))
