"""A processor: the code of a stage; its class declares its settings and the message fields it reads and writes."""

from __future__ import annotations

import enum
import inspect
import re
import typing
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

from transmissions.context import Context
from transmissions.message import Mark, Message
from transmissions.model import Buffer
from transmissions.problem import nearest
from transmissions.settings import REQUIRED, Declaration, Setting, make_setting, settings_of

__all__ = ["Kind", "Processor", "processor"]

_KEPT_PROBLEMS = 1000
_OWN_ATTRIBUTES = frozenset({"context", "bytes_done", "bytes_total", "outputs", "problems", "problems_dropped"})


class Kind(enum.Enum):
    """How a processor's `process` is written, which decides how a stage can be run."""

    FUNCTION = enum.auto()
    GENERATOR = enum.auto()
    ASYNC = enum.auto()
    ASYNC_GENERATOR = enum.auto()

    @property
    def is_async(self) -> bool:
        """Whether it runs in an event loop."""
        return self in (Kind.ASYNC, Kind.ASYNC_GENERATOR)


class Processor:
    """The base of all processors. A subclass defines `process`, and whatever else of the below it needs.

    An instance is made where it runs, once per stage and run, from the stage's settings by name.

    Attributes:
        reads: message fields that `process` needs, beyond those that settings name (`setting(..., reads=True)`).
        writes: message fields that it sets, beyond those that settings name; "*" if it may set any.
        splits: whether it sends a `Mark` after the parts of what it splits.
        stateful: whether what it does with one message depends on those before it.
        takes_done: whether, in an application folder, it handles a message that is marked done like any other;
            otherwise such a message passes by.
        calls: whether it runs other transmissions of its application.
        overridable: whether, in an application folder, message fields override its settings.
        context: what the run gives the stage: its name, the only door to files, its own counters.
        bytes_done: bytes of input or output handled so far, where the processor knows them; it counts them itself.
        bytes_total: bytes that there are to handle, once known; progress and time left are shown from it.
        outputs: what became of things written: `written`, `unchanged`, `failed`, …; the report sums it over all stages.
        problems: what `warn` and `lose` reported, the first 1,000; `problems_dropped` counts the rest.
    """

    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[tuple[str, ...]] = ()
    splits: ClassVar[bool] = False
    stateful: ClassVar[bool] = False
    takes_done: ClassVar[bool] = False
    calls: ClassVar[bool] = False
    overridable: ClassVar[bool] = True
    _settings: ClassVar[dict[str, Setting]]

    def __init__(self, **settings: Any) -> None:
        declared = type(self).settings()
        for name in settings:
            if name not in declared:
                guess = nearest(name, declared)
                raise TypeError(
                    f"{type(self).__name__} has no setting {name}" + (f"; did you mean {guess}?" if guess else "")
                )
        for name, one in declared.items():
            if name in settings:
                setattr(self, name, one.check(settings[name]))
            elif one.required:
                raise TypeError(f"{type(self).__name__} needs the setting {name}")
            else:
                setattr(self, name, list(one.default) if one.many and one.default is not None else one.default)
        self.context = Context()
        self.bytes_done = 0
        self.bytes_total: int | None = None
        self.outputs: dict[str, int] = {}
        self.problems: list[dict[str, Any]] = []
        self.problems_dropped = 0
        self._marks = 0

    def start(self) -> Awaitable[None] | None:
        """Prepare, before the first message; `context` is set by then."""

    def process(
        self, message: Message
    ) -> Message | Iterator[Message] | AsyncIterator[Message] | Awaitable[Message | None] | None:
        """Handle one message: return one, return None to filter it out, or yield any number; may be `async`."""
        raise NotImplementedError(f"{type(self).__name__} defines no process()")

    def finish(self) -> Iterable[Message] | AsyncIterator[Message] | Awaitable[None] | None:
        """Run after the last message of a run that was not aborted; may yield more messages."""

    def close(self) -> Awaitable[None] | None:
        """Release what `start` took; called once, however the run ends."""

    def report(self) -> dict[str, Any]:
        """Return what this processor adds to the run's report, as JSON values."""
        return {}

    def mark(self, message: Message) -> Mark:
        """Return the mark that ends the group of parts of `message`; a processor that splits yields it after them."""
        if not self.splits:
            raise TypeError(f"{type(self).__name__} sends marks, so its class must say `splits = True`")
        self._marks += 1
        return Mark(message, self.context.stage, self._marks)

    def warn(self, text: str, **facts: Any) -> None:
        """Report something repaired, skipped on purpose or doubtful; nothing of the input is lost by it.

        Args:
            text: what happened, in lower case.
            facts: where and in what, as JSON values: `conversation="…", bytes=[1200, 1300]`.
        """
        self._note("warning", text, facts)

    def lose(self, text: str, **facts: Any) -> None:
        """Report a part of the input that could not be used; the run goes on, and its result says `partial`.

        Args:
            text: what happened, in lower case.
            facts: as for `warn`.
        """
        self._note("error", text, facts)

    def _note(self, severity: str, text: str, facts: Mapping[str, Any]) -> None:
        if len(self.problems) < _KEPT_PROBLEMS:
            self.problems.append({"severity": severity, "text": text, **facts})
        else:
            self.problems_dropped += 1
        self.context.log(severity, text, facts)

    @classmethod
    def settings(cls) -> dict[str, Setting]:
        """Return its settings by Python name, in the order of declaration."""
        found: dict[str, Setting] | None = cls.__dict__.get("_settings")
        if found is None:
            found = settings_of(cls)
            if taken := sorted(found.keys() & (_OWN_ATTRIBUTES | vars(Processor).keys())):
                raise TypeError(f"setting {taken[0]} of {cls.__name__}: every processor has something of that name")
            cls._settings = found
        return found

    @classmethod
    def buffer(cls, settings: Mapping[str, Any]) -> Buffer | None:
        """Return the event stream that it wants in front of its stage under these settings; None for none."""
        return None

    @classmethod
    def kind(cls) -> Kind:
        """Say how `process` is written."""
        process = inspect.getattr_static(cls, "process")
        function = process.__func__ if isinstance(process, staticmethod | classmethod) else process
        if inspect.isasyncgenfunction(function):
            return Kind.ASYNC_GENERATOR
        if inspect.iscoroutinefunction(function):
            return Kind.ASYNC
        return Kind.GENERATOR if inspect.isgeneratorfunction(function) else Kind.FUNCTION

    @classmethod
    def guarantee(cls) -> str:
        """Return what its docstring guarantees (the line that begins with `Guarantee:`); "" if it says nothing."""
        found = re.search(r"^\s*Guarantee:\s*(.+)$", inspect.cleandoc(cls.__doc__ or ""), re.MULTILINE)
        return found.group(1) if found else ""

    @classmethod
    def acts_on_marks(cls) -> bool:
        """Say whether it ends groups, by defining `end_group(self, mark)`: return or yield messages, as `process`."""
        return hasattr(cls, "end_group")

    @classmethod
    def ends_group(cls, settings: Mapping[str, Any]) -> bool:
        """Say whether under these settings no mark of the nearest split before it goes on; true if it acts on marks."""
        return cls.acts_on_marks()

    @classmethod
    def fields_read(cls, settings: Mapping[str, Any]) -> set[str]:
        """Return the message fields that it needs under these settings (top-level names)."""
        return set(cls.reads) | _named_fields(cls, settings, "reads")

    @classmethod
    def fields_written(cls, settings: Mapping[str, Any]) -> set[str]:
        """Return the message fields that it sets under these settings (top-level names; "*" for any)."""
        return set(cls.writes) | _named_fields(cls, settings, "writes")


def _named_fields(cls: type[Processor], settings: Mapping[str, Any], direction: str) -> set[str]:
    names: set[str] = set()
    for name, one in cls.settings().items():
        if getattr(one, direction):
            value = settings.get(name, None if one.required else one.default)
            names.update(str(path).split(".")[0] for path in (value if isinstance(value, list) else [value]) if path)
    return names


def processor(function: Callable[..., Any]) -> type[Processor]:
    """Make a processor of a function: its first argument is the message, keyword-only arguments are settings.

    The class is named after the function, `strip_tags` becoming `StripTags`; its docstring is the function's. A
    setting without an annotation is of its default's type.

    >>> @processor
    ... def shout(message, *, field: str = "content"):
    ...     message[field] = message[field].upper()
    ...     return message
    >>> shout(field="title").process({"title": "hi"})
    {'title': 'HI'}

    Raises:
        TypeError: the function cannot be called with a message alone and its settings by name.
    """
    hints = typing.get_type_hints(function)
    parameters = inspect.signature(function).parameters
    positional = [one for one in parameters.values() if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    if any(one.default is one.empty for one in positional[1:]):
        raise TypeError(f"{function.__name__}: only the message comes by position; write `*, ` before the settings")
    if not positional and not any(one.kind is one.VAR_POSITIONAL for one in parameters.values()):
        raise TypeError(f"{function.__name__}: the first argument of a processor is the message")
    body: dict[str, Any] = {"__doc__": function.__doc__, "__module__": function.__module__}
    names: list[str] = []
    annotations: dict[str, Any] = {}
    for name, argument in parameters.items():
        if argument.kind is argument.KEYWORD_ONLY:
            default = REQUIRED if argument.default is argument.empty else argument.default
            declaration = Declaration(default, "", None, None, False, False)
            hint = type(default) if isinstance(default, bool | int | float) else str
            body[name] = declaration
            names.append(name)
            annotations[name] = hints.get(name, hint)
            make_setting(name, annotations[name], declaration)
    body["__annotations__"] = annotations
    body["process"] = _with_settings(function, names) if names else staticmethod(function)
    cls = type("".join(part.capitalize() for part in function.__name__.split("_")), (Processor,), body)
    cls.__qualname__ = function.__qualname__
    return cls


def _with_settings(function: Callable[..., Any], names: list[str]) -> Callable[..., Any]:
    def settings(self: Processor) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names}

    # The engine looks at the function's kind once, so each kind keeps its own.
    if inspect.isasyncgenfunction(function):

        async def process_async_generator(self: Processor, message: Message) -> AsyncIterator[Message]:
            async for one in function(message, **settings(self)):
                yield one

        return process_async_generator
    if inspect.iscoroutinefunction(function):

        async def process_async(self: Processor, message: Message) -> Any:
            return await function(message, **settings(self))

        return process_async
    if inspect.isgeneratorfunction(function):

        def process_generator(self: Processor, message: Message) -> Iterator[Message]:
            yield from function(message, **settings(self))

        return process_generator

    def process(self: Processor, message: Message) -> Any:
        return function(message, **settings(self))

    return process
