"""Split a text that has one JSON object on each line into the byte slices of its elements."""

from __future__ import annotations

from collections.abc import Iterator

from processors.chat.element import LIMIT_BYTES, Element, Prove, repair_element
from processors.chat.window import DepthScan, Window

__all__ = ["split_lines"]


def split_lines(window: Window, prove: Prove, repair: Prove, *, limit_bytes: int = LIMIT_BYTES) -> Iterator[Element]:
    """Yield the elements of a text that has one on each line; blank lines are none.

    Arguments as for `split_objects`.
    """
    while True:
        done = 0
        start = window.offset
        while (end := window.data.find(b"\n", window.position + done)) < 0:
            done = window.held
            if done > limit_bytes:
                window.skip_all()
                done = 0
            if not window.fill():
                break
        end = len(window.data) if end < 0 else end
        if window.offset > start:
            window.position = end
            yield Element(start, window.offset, problem="too large")
            continue
        line = window.data[window.position : end]
        window.position = end + 1 if end < len(window.data) else end
        if line.strip(b" \t\r"):
            yield _line(line, start, prove, repair, last=window.ended and not window.held)
        if window.ended and not window.held:
            return


def _line(line: bytes, start: int, prove: Prove, repair: Prove, *, last: bool) -> Element:
    try:
        return Element(start, start + len(line), prove(line))
    except ValueError:
        problem = "truncated" if last and DepthScan().feed(line) < 0 else ""
        element = Element(start, start + len(line), data=line, problem=problem)
        repair_element(element, repair)
        return element
