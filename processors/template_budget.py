"""How much a template may make, and how long that may take: counted while it is filled, and before it is made.

Text that is put together, lists, and what is shown all count, so that a few words of a template cannot ask for more
memory than there is. It knows nothing of templates' syntax.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from jinja2.exceptions import SecurityError
from jinja2.utils import Namespace

__all__ = ["BUDGET", "MAX_NUMBER", "check_number", "limited", "limited_call", "product", "total"]

MAX_NUMBER = 1_000_000
"""The largest number that a template may give a function, or repeat a text."""
_MAX_SIZE = 64 << 20
"""Characters that a template may make, on the way to what it shows and in that; a member of a list counts as eight."""
_MAX_SECONDS = 2.0
"""How long filling it may take."""
_MAX_BITS = 4096
_MEMBER = 8
_LONGEST_ARGUMENT = 1000


class _Budget(threading.local):
    """What is left of a thread's template."""

    deadline = 0.0
    left = 0

    def begin(self) -> None:
        """Count anew."""
        self.deadline, self.left = time.monotonic() + _MAX_SECONDS, _MAX_SIZE

    def tick(self, size: int = 0) -> None:
        """Look at the clock, and take what is about to be made.

        Raises:
            SecurityError: there is not so much left, or no time.
        """
        self.left -= size
        if self.left < 0:
            raise SecurityError(f"it makes more than {_MAX_SIZE >> 20} million characters")
        if time.monotonic() > self.deadline:
            raise SecurityError(f"filling it takes more than {_MAX_SECONDS:g} s")

    def take_text(self, *values: Any) -> None:
        """Take what values come to as text, however deep they are."""
        self.tick(sum(self.size(value, texts=True) for value in values))

    def take_members(self, value: Any) -> None:
        """Take what a list or an object made of others comes to; one that holds another twice counts it twice."""
        self.tick(self.size(value, texts=False))

    def take_made(self, value: Any) -> None:
        """Take a value that was made: what is in it was there before."""
        self.tick(len(value) if isinstance(value, str) else _MEMBER * len(value) if isinstance(value, list) else 0)

    def size(self, value: Any, *, texts: bool) -> int:
        """Return what a value comes to; no further than there is left."""
        size, stack = 0, [value]
        while stack:
            one = stack.pop()
            size += len(one) if texts and isinstance(one, str) else _MEMBER
            if isinstance(one, Namespace):
                raise SecurityError("a namespace is neither shown nor put into a list")
            if isinstance(one, Mapping):
                stack += [*one.keys(), *one.values()]
            elif isinstance(one, list | tuple):
                stack += one
            if size > self.left:
                self.tick(size)
        return size


BUDGET = _Budget()


def check_number(value: Any) -> None:
    """Check that a number which a template gives to a function is none that asks for too much."""
    if isinstance(value, int | float) and value > MAX_NUMBER:
        raise SecurityError(f"{value:g} is more than {MAX_NUMBER:g}, the most that a template may ask for")


def product(operator: str, left: Any, right: Any) -> None:
    """Check a multiplication, or a power, before it is done."""
    repeated, number = (left, right) if isinstance(left, str | list | tuple) else (right, left)
    if isinstance(repeated, str | list | tuple) and isinstance(number, int):
        check_number(len(repeated) * number)
        members = 0 if isinstance(repeated, str) else BUDGET.size(repeated, texts=False)
        BUDGET.tick(max(0, number) * (members or len(repeated)))
    elif isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() * right if operator == "**" else left.bit_length() + right.bit_length()
        if bits > _MAX_BITS:
            raise SecurityError("it makes a number that is too large")


def total(left: Any, right: Any) -> None:
    """Check an addition before it is done."""
    for one in (left, right):
        if isinstance(one, str):
            BUDGET.tick(len(one))
        elif isinstance(one, list | tuple):
            BUDGET.take_members(one)


def limited_call(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Check the call of a text's method that could make much of little."""
    owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
    if isinstance(owner, str) and name == "replace" and len(args) > 1:
        _check_replaced(owner, args[0], args[1])
    elif isinstance(owner, str) and name == "join" and args:
        if not isinstance(args[0], list | tuple | str | Mapping):
            raise SecurityError("what is joined is a list")
        _check_joined(list(args[0]), owner)


def limited(name: str, function: Callable[..., Any], *, skipped: int) -> Callable[..., Any]:
    """Return a filter that checks what it is given before it works, and takes what it made.

    Args:
        name: the filter's name.
        function: the filter.
        skipped: how many arguments stand before the value, which the template does not give.
    """

    def checked(*args: Any, **kwargs: Any) -> Any:
        before, given = args[:skipped], list(args[skipped:])
        others = [*given[1:], *kwargs.values()]
        for one in others:
            check_number(one)
            if name not in ("default", "d") and isinstance(one, list | tuple | Mapping | Namespace):
                raise SecurityError(f"the filter {name} takes no lists or objects besides what it is asked of")
            if name not in ("default", "d", "replace", "join") and isinstance(one, str):
                check_number(max(0, len(one) - _LONGEST_ARGUMENT) * MAX_NUMBER)
        if given:
            _check_filtered(name, given, others)
        made = function(*before, *given, **kwargs)
        BUDGET.take_made(made)
        return made

    return functools.update_wrapper(checked, function)


def _check_filtered(name: str, given: list[Any], others: list[Any]) -> None:
    """Check what a filter is about to make; what is drawn one by one is drawn first."""
    value = given[0]
    if name in _DRAWING and not isinstance(value, str | list | tuple | Mapping) and hasattr(value, "__iter__"):
        value = given[0] = list(value)
    if isinstance(value, str | list | tuple | Mapping) and name not in _OF_MEMBERS:
        # They make text of whatever they are given.
        BUDGET.take_text(value)
    size = len(value) if isinstance(value, str | list | tuple | Mapping) else 0
    numbers = [int(one) for one in others if isinstance(one, int) and not isinstance(one, bool)]
    lengths = [len(one) for one in others if isinstance(one, str)]
    if name == "replace" and len(given) > 2:
        _check_replaced(str(value), str(given[1]), str(given[2]))
    elif name == "join":
        _check_joined(value, next((one for one in others if isinstance(one, str)), ""))
    elif name == "indent" and isinstance(value, str):
        BUDGET.tick((value.count("\n") + 1) * max([*numbers, *lengths, 4]))
    elif name in ("tojson", "dump", "batch", "slice") and numbers:
        BUDGET.tick(max(numbers) * (_MEMBER if name in ("batch", "slice") else size + 1))
    elif name in ("wordwrap", "urlize", "xmlattr") and lengths:
        BUDGET.tick(size * max(lengths))


_DRAWING = frozenset({"batch", "join", "list", "slice", "sort", "sum", "unique"})
"""Filters that draw all members of what they are given."""
_OF_MEMBERS = frozenset(
    {
        "batch", "count", "default", "d", "dictsort", "first", "groupby", "items", "join", "last", "length", "list",
        "map", "max", "min", "random", "reject", "rejectattr", "reverse", "select", "selectattr", "slice", "sort",
        "sum", "unique",
    }
)  # fmt: skip
"""Filters that take lists and objects as what they are."""


def _check_replaced(text: str, old: str, new: str) -> None:
    found = text.count(old) if old else len(text) + 1
    BUDGET.tick(len(text) + found * len(new))


def _check_joined(items: Any, separator: str) -> None:
    members = list(items) if isinstance(items, list | tuple | str | Mapping) else []
    BUDGET.take_text(*members)
    BUDGET.tick(len(members) * len(separator))
