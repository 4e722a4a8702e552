"""Split JSON text into the byte slices of its elements, in a window of bounded size, without decoding it.

The way to an element's end is a guess that a decoder proves: a JSON object that decodes is the element, because no
JSON object begins with another one. Where the guess fails, an exact scan of strings, escapes and depth finds the end,
and a forgiving decoder may repair what is there. Where that fails as well, the element is broken, and splitting goes on
at the next place that looks like the start of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from processors.chat.element import LIMIT_BYTES, Element, Prove, repair_element
from processors.chat.window import DepthScan, Window

__all__ = ["split_objects"]

_BETWEEN = re.compile(rb"[ \t\r\n]*,?[ \t\r\n]*")
_FIRST_KEY = re.compile(rb'\{[ \t\r\n]*("(?:[^"\\]|\\.)*")')
_FOLLOWED = re.compile(rb"[ \t\r\n]*(?:,?[ \t\r\n]*\{|\]|\Z)")
_MORE = re.compile(rb"[ \t\r\n]*(?:[\]} \t\r\n]*,?[ \t\r\n]*\{|[^\s,}])")
_ENDS = re.compile(rb"[ \t\r\n]*(?:[,\]]|\Z)")
_SCALAR = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[^",{\[\]]++|.', re.DOTALL)


def split_objects(
    window: Window, prove: Prove, repair: Prove, *, key: bytes, in_array: bool = True, limit_bytes: int = LIMIT_BYTES
) -> Iterator[Element]:
    """Yield the elements of an array, or of a sequence of objects; of a broken input, all that can be told apart.

    Args:
        window: stands behind the array's bracket.
        prove: makes a value of an element's bytes, or raises ValueError if they are no JSON object; it is also asked
            about slices that are no elements, and has to refuse them.
        repair: the same for bytes that are meant to be an object, but are not quite.
        key: a key, with its quotes, that elements have once at their top level and rarely elsewhere: it makes the
            guesses good. They need not have it.
        in_array: whether a closing bracket ends the elements. One that is missing is told by a last element of no
            length, with the problem `truncated`.
        limit_bytes: a larger element is skipped, with the problem `too large`.
    """
    splitter = _Splitter(window, prove, repair, key)
    splitter.in_array, splitter.limit = in_array, limit_bytes
    return splitter.elements()


class _Splitter:
    def __init__(self, window: Window, prove: Prove, repair: Prove, key: bytes) -> None:
        self.window = window
        self.prove = prove
        self.repair = repair
        self.key = key
        self.in_array = True
        self.limit = LIMIT_BYTES
        self.between = self.opening = b""
        self.no_guess_before = 0
        self.torn = False
        self.passing = DepthScan()

    def elements(self) -> Iterator[Element]:
        window = self.window
        while True:
            found = _BETWEEN.match(window.data, window.position)
            start = found.end() if found else window.position
            if start >= len(window.data):
                if window.fill():
                    continue
                window.position = start
                break
            window.position = start
            if self.in_array and window.data[start] == 0x5D:
                if not self.goes_on():
                    return
                yield Element(window.offset, window.offset + 1, data=b"]", problem="not an object")
                window.position += 1
                continue
            yield self.object() if window.data[start] == 0x7B else self.other()
        if self.in_array and not self.torn:
            yield Element(window.offset, window.offset, problem="truncated")

    def goes_on(self) -> bool:
        """Say whether more follows the bracket here than may follow an array, which it then does not end."""
        window = self.window
        while window.held < 4096 and window.fill():
            pass
        return _MORE.match(window.data, window.position + 1) is not None

    def object(self) -> Element:
        length = self.guess()
        if 0 < length <= self.limit:
            element = self.offer(length)
            if not element.data:
                return element
        else:
            element = None
        return self.exact(element)

    def offer(self, length: int) -> Element:
        """Let the slice be proven; move behind it if it is."""
        window = self.window
        start, offset = window.position, window.offset
        data = window.data[start : start + length]
        try:
            value = self.prove(data)
        except ValueError:
            return Element(offset, offset + length, data=data)
        window.position = start + length
        return Element(offset, offset + length, value)

    def guess(self) -> int:
        """Return how long the element probably is: up to the last separator before the next element's key; or -1."""
        window = self.window
        if not self.opening or window.offset < self.no_guess_before:
            return -1
        own = self.find_key(0, min(self.limit, len(window.data)))
        following = self.find_key(own + len(self.key), self.limit) if own >= 0 else -1
        if following < 0:
            return -1
        start = window.position
        end = window.data.rfind(b"}" + self.between + self.opening, start, start + following + len(self.key))
        return end + 1 - start

    def find_key(self, distance: int, most: int) -> int:
        """Return how far from the position the key stands, at `distance` or more; -1 if not within `most` bytes."""
        window = self.window
        while (found := window.data.find(self.key, window.position + distance)) < 0:
            distance = max(distance, window.held - len(self.key))
            if window.held > most or not window.fill():
                self.no_guess_before = window.offset + distance
                return -1
        return found - window.position

    def exact(self, guessed: Element | None) -> Element:
        """Find the element's end by a scan; say what is wrong if it cannot be used."""
        length = self.scan()
        if length == 0:
            return self.give_up("truncated", self.window.held)
        if length < 0 or length > self.limit:
            return self.pass_by(length)
        if guessed is not None and guessed.end - guessed.start == length:
            element = guessed
        else:
            if guessed is not None and guessed.end - guessed.start > length:
                # The guess spanned several elements without a key; no other is made before what follows them.
                self.no_guess_before = guessed.end
            element = self.offer(length)
        if element.data:
            repair_element(element, self.repair)
            if element.value is None and guessed is not element and not self.is_followed(length, guessed):
                return self.give_up("not JSON", length)
            self.window.position += length
        self.learn()
        return element

    def scan(self) -> int:
        """Return the exact length of the value here; 0 if the input ends in it, -1 if it passes the limit."""
        window = self.window
        scan, done = DepthScan(), 0
        while (end := scan.feed(window.data, window.position + done)) < 0:
            done = window.held
            if done > self.limit:
                self.passing = scan
                return -1
            if not window.fill():
                return 0
        return end - window.position

    def pass_by(self, length: int) -> Element:
        """Skip an element that is too large; its rest is scanned without being held."""
        window = self.window
        start = window.offset
        if length > 0:
            window.position += length
            return Element(start, window.offset, problem="too large")
        while True:
            window.skip_all()
            if not window.fill():
                self.torn = True
                return Element(start, window.offset, problem="truncated")
            if (end := self.passing.feed(window.data)) >= 0:
                window.position = end
                return Element(start, window.offset, problem="too large")

    def is_followed(self, length: int, guessed: Element | None) -> bool:
        """Say whether behind an unproven element stands what stands between elements, or the end."""
        window = self.window
        while window.held < length + 4096 and window.fill():
            pass
        end = window.position + length
        if self.opening and window.data.startswith(self.between + self.opening, end):
            return True
        # A scan that passed the start of another element took a text for structure and structure for text.
        other = self.next_start() if guessed is None else guessed.end - guessed.start
        return not 0 <= other < length and _FOLLOWED.match(window.data, window.position + length) is not None

    def give_up(self, problem: str, length: int) -> Element:
        """Be done with a broken element; go on at the next place that looks like the start of one."""
        resume = self.next_start()
        window = self.window
        start = window.position
        if resume < 0:
            resume = length if problem != "truncated" else window.held
            self.torn = problem == "truncated"
        else:
            problem = "not JSON"
        offset = window.offset
        data = window.data[start : start + resume]
        if problem != "truncated":
            data = data.rstrip(b", \t\r\n")
        window.position = start + resume
        return Element(offset, offset + len(data), data=data, problem=problem)

    def next_start(self) -> int:
        """Return how far off an element seems to start, by the separator and the key; -1 if none is in sight."""
        window = self.window
        pattern = self.start_pattern()
        distance = 1
        while (distance := self.find_key(distance, self.limit)) >= 0:
            region = (window.position + 1, window.position + distance + len(self.key))
            starts = [found.start(1) for found in pattern.finditer(window.data, *region)]
            if starts:
                return starts[-1] - window.position
            distance += len(self.key)
        return -1

    def start_pattern(self) -> re.Pattern[bytes]:
        if self.opening:
            return re.compile(re.escape(self.between) + b"(" + re.escape(self.opening) + b")")
        first = _FIRST_KEY.match(self.window.data, self.window.position)
        name = re.escape(first[1]) if first else rb'"'
        return re.compile(rb"[,}][ \t\r\n]*(\{[ \t\r\n]*" + name + b")")

    def learn(self) -> None:
        """Learn from what follows a whole element how elements are separated and how they open."""
        window = self.window
        while not self.opening:
            between = _BETWEEN.match(window.data, window.position)
            first = _FIRST_KEY.match(window.data, between.end()) if between else None
            if between and first:
                self.between, self.opening = between.group(), first.group()
            elif window.held > 4096 or not window.fill():
                return

    def other(self) -> Element:
        """Pass something that is no object: a scalar, a nested array, or rubbish."""
        window = self.window
        if window.data[window.position] == 0x5B:
            length = self.scan()
            if length == 0:
                return self.give_up("truncated", window.held)
            if length < 0:
                return self.pass_by(length)
            if 0 <= self.next_start() < length:
                # The bracket is rubbish: what it would enclose are elements.
                return self.give_up("not an object", length)
        else:
            length = self.scalar()
            if not _ENDS.match(window.data, window.position + length):
                return self.give_up("not an object", length)
        offset, start = window.offset, window.position
        window.position += length
        return Element(offset, offset + length, data=window.data[start : start + length], problem="not an object")

    def scalar(self) -> int:
        window = self.window
        while True:
            found = _SCALAR.match(window.data, window.position)
            length = found.end() - window.position if found else 1
            if length < window.held or window.held > self.limit or not window.fill():
                return length
