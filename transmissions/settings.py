"""Settings: the one declaration from which a processor's shape, reference page, help and attribute are made."""

from __future__ import annotations

import dataclasses
import enum
import math
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NewType, Union

from transmissions.errors import SettingError

__all__ = ["REQUIRED", "Duration", "Setting", "kebab_name", "python_name", "setting", "turtle_name"]

Duration = NewType("Duration", float)
"""A span of time in seconds, written in Turtle as a number of seconds or as an xsd:duration (`"PT5S"`)."""


class _Required(enum.Enum):
    """Stands where a default would, for a setting that has none."""

    REQUIRED = enum.auto()


REQUIRED: Any = _Required.REQUIRED


class _Same(enum.Enum):
    """Stands for a default that is the same in an application folder."""

    SAME = enum.auto()


_SAME: Any = _Same.SAME
_DURATION = re.compile(
    r"P(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Declaration:
    """What `setting(...)` was given, before the annotation is known."""

    default: Any
    doc: str
    minimum: float | None
    maximum: float | None
    reads: bool
    writes: bool
    volatile: bool = False
    application: Any = _SAME
    fixed: bool = False


def setting(
    default: Any = REQUIRED,
    doc: str = "",
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    reads: bool = False,
    writes: bool = False,
    volatile: bool = False,
    application: Any = _SAME,
    fixed: bool = False,
) -> Any:
    """Declare a setting of a processor; the annotation beside it gives its type.

    Types: `str`, `int`, `float`, `bool`, `Path`, `Duration`, `Literal[...]` of texts, `object` (any literal), a frozen
    dataclass of these (a node with properties), `list[...]` of these (several values, or an RDF list), and `X | None`.

    Args:
        default: the value when the pipeline gives none; without one the setting is required.
        doc: what it is for, one sentence, with units.
        minimum: the least value, for numbers and durations.
        maximum: the greatest value, likewise.
        reads: the setting's value names a message field that the processor reads.
        writes: the setting's value names a message field that the processor writes.
        volatile: its value does not change what is made of a message (where input comes from, `force`), so that work
            done under another value need not be done again.
        application: its default in an application folder, where that differs; see `transmissions.applications`.
        fixed: in an application folder, a message field of its name does not override it; for settings that the
            JavaScript project does not have, so that they take no field from the messages of its applications.
    """
    return Declaration(default, doc, minimum, maximum, reads, writes, volatile, application, fixed)


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a processor: name, type, bounds, default, documentation.

    Args:
        name: in Python, `max_messages`.
        type: the type of one value: `str`, `int`, `float`, `bool`, `Path`, `Duration`, `object` or a record dataclass.
        many: whether it takes several values.
        optional: whether None is a value (`X | None`).
        choices: the only texts it takes; empty for any.
        default: its default, or `REQUIRED`.
        doc: what it is for.
        minimum: least value.
        maximum: greatest value.
        reads: its value names a field read.
        writes: its value names a field written.
        volatile: its value does not change what is made of a message.
        application: its default in an application folder, where that differs.
        fixed: no message field overrides it in an application folder.
    """

    name: str
    type: Any
    many: bool = False
    optional: bool = False
    choices: tuple[str, ...] = ()
    default: Any = REQUIRED
    doc: str = ""
    minimum: float | None = None
    maximum: float | None = None
    reads: bool = False
    writes: bool = False
    volatile: bool = False
    application: Any = _SAME
    fixed: bool = False

    @property
    def in_application(self) -> Setting:
        """The same setting in an application folder, where none is required: a message may give it."""
        default = self.default if self.application is _SAME else self.application
        optional = self.optional or default is REQUIRED or default is None
        return dataclasses.replace(self, default=None if default is REQUIRED else default, optional=optional)

    @property
    def differs_in_application(self) -> bool:
        """Whether its default is another one in an application folder."""
        return self.application is not _SAME

    @property
    def required(self) -> bool:
        """Whether a pipeline has to give it."""
        return self.default is REQUIRED

    @property
    def turtle_name(self) -> str:
        """Its name in Turtle, `maxMessages`."""
        return turtle_name(self.name)

    @property
    def record(self) -> tuple[Setting, ...]:
        """The properties of each value, if values are nodes; else nothing."""
        return fields_of_record(self.type) if dataclasses.is_dataclass(self.type) else ()

    @property
    def expected(self) -> str:
        """What one value must be, for an error message: "a whole number, 1 or more"."""
        if self.choices:
            return "one of " + ", ".join(f'"{choice}"' for choice in self.choices)
        if self.record:
            return "a node with " + ", ".join(":" + part.turtle_name for part in self.record)
        noun = _NOUNS[self.type]
        if self.minimum is not None and self.maximum is not None:
            return f"{noun} from {_number(self.minimum)} to {_number(self.maximum)}"
        if self.minimum is not None:
            return f"{noun}, {_number(self.minimum)} or more"
        if self.maximum is not None:
            return f"{noun}, {_number(self.maximum)} or less"
        return noun

    def check(self, value: Any) -> Any:
        """Return `value` as the setting's Python type, whole (all values, if it takes several).

        Text is converted the way a command line or a filled-in template needs it: "5" for an int, "true" for a bool.

        Raises:
            SettingError: it does not fit.
        """
        if value is None and self.optional:
            return None
        if self.many:
            values = value if isinstance(value, list | tuple) else [value]
            return [self.check_one(one) for one in values]
        return self.check_one(value)

    def check_one(self, value: Any) -> Any:
        """Return one value as the setting's Python type; raises SettingError if it does not fit."""
        if self.record:
            return self._check_record(value)
        if self.type is object:
            return value
        try:
            converted = _CONVERT[self.type](value)
        except (ValueError, TypeError, OverflowError):
            raise SettingError(self.expected, value) from None
        too_small = self.minimum is not None and converted < self.minimum
        too_large = self.maximum is not None and converted > self.maximum
        if too_small or too_large or (self.choices and converted not in self.choices):
            raise SettingError(self.expected, value)
        return converted

    def _check_record(self, value: Any) -> Any:
        if isinstance(value, self.type):
            return value
        if not isinstance(value, Mapping):
            raise SettingError(self.expected, value)
        parts = {part.name: part for part in self.record}
        given = {python_name(str(key)): one for key, one in value.items()}
        missing = [name for name, part in parts.items() if part.required and name not in given]
        if missing or given.keys() - parts.keys():
            raise SettingError(self.expected, value)
        return self.type(**{name: parts[name].check(one) for name, one in given.items()})


def settings_of(cls: type) -> dict[str, Setting]:
    """Return the settings that a class declares and inherits, by Python name, in the order of declaration.

    Raises:
        TypeError: an annotation is missing or is not a type that a setting can have.
    """
    declared: dict[str, Declaration] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, Declaration):
                declared[name] = value
            else:
                # A subclass that gives a plain value has settled it.
                declared.pop(name, None)
    if not declared:
        return {}
    hints = typing.get_type_hints(cls)
    for name in declared:
        if name not in hints:
            raise TypeError(f"setting {name} of {cls.__name__} needs a type: `{name}: str = setting(...)`")
    found = {name: make_setting(name, hints[name], declaration) for name, declaration in declared.items()}
    for name, one in found.items():
        if not one.required and one.default is not None:
            try:
                one.check(one.default)
            except SettingError as error:
                raise TypeError(f"the default of setting {name} {error}") from None
    return found


def make_setting(name: str, hint: Any, declaration: Declaration) -> Setting:
    """Make a setting from its name, its annotation and what `setting()` was given."""
    optional = many = False
    choices: tuple[str, ...] = ()
    if typing.get_origin(hint) in (Union, types.UnionType):
        arguments = [argument for argument in typing.get_args(hint) if argument is not type(None)]
        optional = len(arguments) < len(typing.get_args(hint))
        hint = arguments[0] if len(arguments) == 1 else None
    if typing.get_origin(hint) is list:
        many, hint = True, typing.get_args(hint)[0]
    if typing.get_origin(hint) is Literal:
        choices, hint = tuple(typing.get_args(hint)), str
        if not all(isinstance(choice, str) for choice in choices):
            raise TypeError(f"setting {name}: the choices of a Literal are texts")
    if hint not in _NOUNS and not (isinstance(hint, type) and dataclasses.is_dataclass(hint)):
        raise TypeError(f"setting {name}: {hint!r} is not a type a setting can have; see transmissions.setting")
    bounds = {"minimum": declaration.minimum, "maximum": declaration.maximum}
    return Setting(
        name, hint, many, optional, choices, declaration.default, declaration.doc,
        reads=declaration.reads, writes=declaration.writes, volatile=declaration.volatile,
        application=declaration.application, fixed=declaration.fixed, **bounds,
    )  # fmt: skip


def fields_of_record(record: Any) -> tuple[Setting, ...]:
    """Return the fields of a record dataclass as settings."""
    hints = typing.get_type_hints(record)
    return tuple(
        make_setting(part.name, hints[part.name], Declaration(_default_of(part), "", None, None, False, False))
        for part in dataclasses.fields(record)
    )


def _default_of(part: dataclasses.Field[Any]) -> Any:
    if part.default_factory is not dataclasses.MISSING:
        return part.default_factory()
    return REQUIRED if part.default is dataclasses.MISSING else part.default


def turtle_name(name: str) -> str:
    """Return the Turtle form of a Python name.

    >>> turtle_name("max_messages"), turtle_name("base_uri")
    ('maxMessages', 'baseURI')
    """
    first, *rest = name.rstrip("_").split("_")
    return first + "".join("URI" if part == "uri" else part.capitalize() for part in rest)


def python_name(name: str) -> str:
    """Return the Python form of a Turtle name.

    >>> python_name("maxMessages")
    'max_messages'
    """
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def kebab_name(name: str) -> str:
    """Return the command-line form of a Turtle or Python name.

    >>> kebab_name("maxMessages")
    'max-messages'
    """
    return python_name(name).replace("_", "-")


def _number(value: float) -> str:
    """Return a bound as a person writes it: a whole number in full, whatever its type."""
    return str(int(value)) if float(value).is_integer() else f"{value:g}"


def _to_text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(value)
    return str(value)


def _to_int(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(value)
    return int(value)


def _to_float(value: Any) -> float:
    if isinstance(value, bool) or not math.isfinite(number := float(value)):
        raise ValueError(value)
    return number


def _to_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[str(value).lower()]


def _to_path(value: Any) -> Path:
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise ValueError(value)
    return Path(value)


def _to_duration(value: Any) -> float:
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)) and match.group() not in ("P", "PT"):
        parts = {unit: float(number) for unit, number in match.groupdict(default="0").items()}
        return parts["days"] * 86400 + parts["hours"] * 3600 + parts["minutes"] * 60 + parts["seconds"]
    if (seconds := _to_float(value)) < 0:
        raise ValueError(value)
    return seconds


def _checked_bool(value: Any) -> bool:
    try:
        return _to_bool(value)
    except KeyError:
        raise ValueError(value) from None


_NOUNS: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a path",
    Duration: 'a duration, such as "PT5S" or a number of seconds',
    object: "a literal",
}
_CONVERT: dict[Any, Any] = {
    str: _to_text,
    int: _to_int,
    float: _to_float,
    bool: _checked_bool,
    Path: _to_path,
    Duration: _to_duration,
}
