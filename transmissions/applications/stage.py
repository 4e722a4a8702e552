"""What a stage of an application does besides its processor.

It adds its name to the message's `tags`; it lets a message that is marked done pass by, unless its processor takes
those; and it lets the message's fields override its settings. A processor's class is found with all that added to it.
"""

from __future__ import annotations

import copyreg
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, cast

from transmissions.applications.line import Line
from transmissions.context import Application
from transmissions.errors import SettingError, TransmissionsError
from transmissions.message import Mark, Message, MissingField, SharedList, copy_message
from transmissions.plan import Plan
from transmissions.processor import Kind, Processor
from transmissions.settings import Declaration, Setting, make_setting

__all__ = ["Done", "Place", "in_application", "placed"]

_MAY_CALL = 100
"""How deep transmissions may call one another; the original never came back from a circle."""


class Done(Mark):
    """A mark in an application: an ordinary message for the engine, so that every stage sees it and adds its tag."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Place:
    """What a stage is told of the application that it is a part of.

    Args:
        application: the folders.
        plans: the application's transmissions by name, if the stage may call them.
        depth: how many calls of transmissions lead to the stage.
    """

    application: Application
    plans: Mapping[str, Plan] = field(default_factory=dict)
    depth: int = 0


def placed(plan: Plan, place: Place) -> Plan:
    """Return a plan whose stages know the application that they are a part of."""
    segments = []
    for segment in plan.segments:
        stages = tuple(
            replace(stage, settings={**stage.settings, _PLACE: place}) if issubclass(stage.processor, Ruled) else stage
            for stage in segment.stages
        )
        segments.append(replace(segment, stages=stages))
    return replace(plan, segments=tuple(segments))


_PLACE = "place in application"
_TAG = "node_name"


class _RuledType(type):
    """The type of the classes made here; they are pickled by the processor that they were made of."""


class Ruled(Processor, metaclass=_RuledType):
    """Adds the rules to a processor; the four classes below do so for each way in which `process` may be written."""

    ruled: ClassVar[type[Processor]]

    def __init__(self, **settings: Any) -> None:
        self._place: Place = settings.pop(_PLACE)
        super().__init__(**settings)
        declared = type(self).settings()
        own = type(self).ruled.settings()
        self._overridable = {one.turtle_name: one for one in declared.values() if self.overridable and not one.fixed}
        self._names = frozenset(self._overridable)
        self._required = [name for name, one in own.items() if one.in_application.default is None and one.required]
        self._foreign = type(self).ruled.__module__.partition(".")[0] != "processors"
        self._tag: str = self.node_name  # type: ignore[attr-defined]
        self._lines: dict[str, Line] = {}

    @classmethod
    def settings(cls) -> dict[str, Setting]:
        """Return the processor's settings, with the defaults that they have in an application."""
        found: dict[str, Setting] | None = cls.__dict__.get("_settings")
        if found is None:
            found = {name: one.in_application for name, one in cls.ruled.settings().items()}
            found["process_when_done"] = _WHEN_DONE
            found[_TAG] = _NODE_NAME
            cls._settings = found
        return found

    def start(self) -> Any:
        """Tell the processor where it is, then let it start."""
        self.context.application = self._place.application
        self.context.call = self._call
        return super().start()

    def finish(self) -> Any:
        """Let what it called finish, then the processor itself."""
        for line in self._lines.values():
            line.finish()
        return super().finish()

    def close(self) -> Any:
        """Close what it called, then the processor itself."""
        for line in self._lines.values():
            line.close()
            for outcome, number in line.outputs().items():
                self.outputs[outcome] = self.outputs.get(outcome, 0) + number
            self.problems += line.problems()
        self.context.close()
        return super().close()

    def report(self) -> dict[str, Any]:
        """Return the processor's report, and the counters of what it called."""
        called = {name: line.report() for name, line in self._lines.items()}
        return {**super().report(), **({"called": called} if called else {})}

    def _call(self, name: str, message: Message) -> Message | None:
        if name not in self._lines:
            if self._place.depth >= _MAY_CALL:
                raise TransmissionsError(f"transmissions call one another {_MAY_CALL} deep; :{name} leads to itself")
            plans = self._place.plans
            if name not in plans:
                raise LookupError(name)
            deeper = replace(self._place, depth=self._place.depth + 1)
            self._lines[name] = Line(placed(plans[name], deeper), self.context)
        return self._lines[name].first(message)

    def _tagged(self, message: Message) -> Message:
        tags = message.get("tags")
        message["tags"] = f"{tags}.{self._tag}" if tags else self._tag
        return _own(message) if self._foreign else message

    def _passes(self, message: Message) -> bool:
        """Say whether a message that is marked done goes by."""
        if not self.process_when_done:  # type: ignore[attr-defined]
            return True
        if self.acts_on_marks():
            # A mark of another split closes nothing here; one without a split came from outside.
            return self.context.closes is not None and getattr(message, "split", None) != self.context.closes
        return not self.takes_done or (self.splits and type(message) is Done)

    @contextmanager
    def _overridden(self, message: Message) -> Iterator[None]:
        """Let the message's fields be settings while it is handled."""
        before: dict[str, Any] = {}
        for name in self._names & message.keys():
            value, setting = message[name], self._overridable[name]
            if _is_nothing(value):
                continue
            try:
                checked = setting.check(value)
            except SettingError:
                # Data that happens to have the name of a setting, and could not be its value.
                continue
            before[setting.name] = getattr(self, setting.name)
            setattr(self, setting.name, checked)
        try:
            self._check_required()
            yield
        finally:
            for key, value in before.items():
                setattr(self, key, value)

    def _check_required(self) -> None:
        for name in self._required:
            if getattr(self, name) is None:
                turtle = type(self).settings()[name].turtle_name
                raise TransmissionsError(f"needs :{turtle}: neither the stage's settings nor the message has it")

    def _as_done(self, made: Any, message: Message) -> Any:
        """Return what the processor made; a mark, as one of an application, and the message's own as it was."""
        if type(made) is Mark:
            return Done(made, made.split, made.number)
        if type(message) is Done and type(made) is dict and made.get("done"):
            return Done(made, message.split, message.number)
        return made


class _RuledFunction(Ruled):
    """A processor whose `process` is a plain function."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._inner: Callable[[Message], Any] = super().process

    def process(self, message: Message) -> Any:
        """Handle one message under the rules."""
        # Every hop of every message comes through here.
        tags = message.get("tags")
        message["tags"] = f"{tags}.{self._tag}" if tags else self._tag
        if self._foreign:
            message = _own(message)
        if message.get("done"):
            return self._process_done(message)
        if not self._required and message.keys().isdisjoint(self._names):
            return self._inner(message)
        with self._overridden(message):
            return self._inner(message)

    def _process_done(self, message: Message) -> Any:
        if self._passes(message):
            return message
        try:
            with self._overridden(message):
                return self._as_done(self._inner(message), message)
        except MissingField:
            # The mark of a group has not what its parts have, and must not be lost for that.
            return message


class _RuledGenerator(Ruled):
    """A processor whose `process` is a generator, or that ends groups."""

    def process(self, message: Message) -> Iterator[Message]:
        """Handle one message under the rules."""
        message = self._tagged(message)
        if message.get("done") and self._passes(message):
            yield message
            return
        try:
            with self._overridden(message):
                for made in self._made(message):
                    yield self._as_done(made, message)
        except MissingField:
            if not message.get("done"):
                raise
            yield message

    def _made(self, message: Message) -> Iterable[Any]:
        if message.get("done") and self.acts_on_marks():
            mark = message if isinstance(message, Mark) else Mark(message, self.context.closes or "")
            ended = cast("Any", self).end_group(mark)
            return [ended] if isinstance(ended, dict) else ended or ()
        made: Any = super().process(message)
        return made if isinstance(made, Iterator) else () if made is None else [made]


class _RuledCoroutine(Ruled):
    """A processor whose `process` is a coroutine."""

    async def process(self, message: Message) -> Any:
        """Handle one message under the rules."""
        message = self._tagged(message)
        if message.get("done") and self._passes(message):
            return message
        try:
            with self._overridden(message):
                made: Any = await cast("Any", super().process(message))
                return self._as_done(made, message)
        except MissingField:
            if not message.get("done"):
                raise
            return message


class _RuledAsyncGenerator(Ruled):
    """A processor whose `process` is an async generator."""

    async def process(self, message: Message) -> AsyncIterator[Message]:
        """Handle one message under the rules."""
        message = self._tagged(message)
        if message.get("done") and self._passes(message):
            yield message
            return
        with self._overridden(message):
            async for made in cast("Any", super().process(message)):
                yield self._as_done(made, message)


_WAYS: dict[Kind, type[Ruled]] = {
    Kind.FUNCTION: _RuledFunction,
    Kind.GENERATOR: _RuledGenerator,
    Kind.ASYNC: _RuledCoroutine,
    Kind.ASYNC_GENERATOR: _RuledAsyncGenerator,
}


def in_application(processor: type[Processor]) -> type[Processor]:
    """Return a processor's class with the rules added; of the same name, so that errors and reports know it."""
    if issubclass(processor, Ruled):
        return processor
    if processor not in _MADE:
        _MADE[processor] = _with_rules(processor)
    return _MADE[processor]


_MADE: dict[type[Processor], type[Processor]] = {}
"""One class for each processor, so that plans of one application are equal."""


def _with_rules(processor: type[Processor]) -> type[Processor]:
    way = _WAYS[Kind.GENERATOR if processor.acts_on_marks() else processor.kind()]
    names = {"ruled": processor, "__doc__": processor.__doc__, "__module__": processor.__module__}
    return cast("type[Processor]", _RuledType(processor.__name__, (way, processor), names))


def _pickled(cls: type) -> Any:
    ruled = vars(cls).get("ruled")
    return (in_application, (ruled,)) if ruled else cls.__qualname__


copyreg.pickle(_RuledType, _pickled)


def _is_nothing(value: Any) -> bool:
    """Say whether a field holds what is false to JavaScript, and overrides nothing; an empty list is something."""
    return value is None or (isinstance(value, str | int | float) and not value)


def _own(message: Message) -> Message:
    """Return a message that shares nothing with others: what foreign code does with it is its own affair."""
    if any(type(value) is SharedList for value in message.values()):
        for name, value in message.items():
            if type(value) is SharedList:
                message[name] = value.own()
    return copy_message(message)


_WHEN_DONE = make_setting(
    "process_when_done", bool, Declaration(True, "whether messages marked done are handled", None, None, False, False)
)
_NODE_NAME = make_setting(
    _TAG, str, Declaration("", "what it adds to the tags", None, None, False, False, volatile=True, fixed=True)
)
