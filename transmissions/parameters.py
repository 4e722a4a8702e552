"""Fill a pipeline's parameters into its settings, and check what was given.

`{{ name }}` stands for a parameter, `{{ env.NAME }}` for a variable of the environment, and `\\{{` for two braces.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from transmissions import secrets
from transmissions.errors import InvalidPipeline, ParameterError, SettingError
from transmissions.model import Definition, Parameter, Stage, Template
from transmissions.overrides import overridden, plain, quoted
from transmissions.problem import Location, Problem, nearest
from transmissions.registry import Registry
from transmissions.settings import Setting, kebab_name

__all__ = ["ENVIRONMENT", "check_parameter", "is_template", "placeholders", "resolve", "templates_in", "values"]

ENVIRONMENT = re.compile(r"env\.([A-Za-z_][A-Za-z0-9_]*)$")
"""What stands between the braces for a variable of the environment."""

STANDARD_INPUT = "-"
"""The path that means standard input; it is relative to nothing."""

_PLACE = re.compile(r"\\\{\{|\{\{(.*?)\}\}", re.DOTALL)
_TYPES: dict[str, type] = {"string": str, "integer": int, "decimal": float, "boolean": bool}
_ABSENT = object()


def placeholders(text: str) -> list[tuple[str, str]]:
    r"""Return what stands in double braces in a text, each as written and without braces and spaces.

    >>> placeholders(r"{{ folder }}/{{name}} and \{{ not this }}")
    [('{{ folder }}', 'folder'), ('{{name}}', 'name')]
    """
    return [(found.group(), found.group(1).strip()) for found in _PLACE.finditer(text) if found.group(1) is not None]


def is_template(text: str) -> bool:
    """Say whether a text has places to fill, or braces that are escaped."""
    return _PLACE.search(text) is not None


def templates_in(value: object) -> Iterator[Template]:
    """Yield the templates in a setting's value, however deep in lists and records."""
    if isinstance(value, Template):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from templates_in(one)
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from templates_in(one)


def check_parameter(parameter: Parameter, value: object) -> object:
    """Return a value as the type of a parameter.

    Raises:
        SettingError: it is not of that type, or not one of the parameter's choices.
    """
    if isinstance(value, list | tuple):
        return [check_parameter(parameter, one) for one in value]
    value = str(value) if isinstance(value, Path) else value
    checked = Setting(parameter.name, _TYPES[parameter.datatype]).check(value)
    if parameter.choices and _as_text(checked) not in parameter.choices:
        raise SettingError("one of " + ", ".join(f'"{choice}"' for choice in parameter.choices), value)
    return checked


def values(definition: Definition, given: Mapping[str, object]) -> dict[str, object]:
    """Return the value of each parameter that has one, given or by default, as its type.

    Args:
        definition: the pipeline.
        given: values by name; the name may be written as in Turtle, in Python or on a command line. None is not given.

    Raises:
        ParameterError: one is unknown or does not fit, or a required one is missing; its text names them all.
    """
    return {name: one for name, (one, _) in _values(definition, given).items()}


def resolve(
    definition: Definition,
    given: Mapping[str, object],
    registry: Registry,
    overrides: Mapping[str, object] | None = None,
) -> Definition:
    """Return a pipeline with every template filled and every setting checked.

    A relative path that the person who runs the pipeline gave stays relative to where they are; one that stands in the
    Turtle file, as a setting or as a default, starts from the folder of that file.

    Args:
        definition: the pipeline.
        given: parameters by name.
        registry: where the processors of its stages are found.
        overrides: values of settings by `stage.setting`, which come before what the pipeline says.

    Raises:
        ParameterError: a parameter or an override is unknown or does not fit, or a required one is missing.
        InvalidPipeline: a variable of the environment that the pipeline reads is not set.
    """
    filled = _values(definition, given)
    replaced = overridden(definition, overrides or {}, registry)
    run = _Run(filled)
    stages = []
    for stage in definition.stages:
        settings = {**stage.settings, **replaced.get(stage.name, {})}
        declared = registry.find(stage.processor).settings()
        stages.append(replace(stage, settings=run.settings(stage, settings, declared)))
    if run.problems:
        raise InvalidPipeline(sorted(run.problems, key=lambda problem: problem.location))
    if run.refusals:
        raise ParameterError("\n".join(dict.fromkeys(run.refusals)))
    return replace(definition, stages=tuple(stages))


@dataclass(slots=True)
class _Run:
    """Fills the settings of one run; gathers what is wrong on the way."""

    values: Mapping[str, tuple[object, bool]]
    problems: list[Problem] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def settings(self, stage: Stage, raw: Mapping[str, object], declared: Mapping[str, Setting]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, value in raw.items():
            setting = declared[name]
            if not any(True for _ in templates_in(value)):
                made[name] = value
                continue
            at = stage.setting_locations.get(name, stage.location)
            filled = self._fill(value, setting, at)
            if filled is _ABSENT:
                self._absent(stage, setting, value)
                continue
            try:
                made[name] = setting.check(filled)
            except SettingError as error:
                self.refusals.append(_refusal(error, value, setting, f"stage :{stage.name}", at))
        return made

    def _absent(self, stage: Stage, setting: Setting, value: object) -> None:
        if setting.required:
            names = [name for one in templates_in(value) for _, name in placeholders(one.text)]
            if all(name in self.values or not ENVIRONMENT.match(name) for name in names):
                asked = " and ".join(f"--{kebab_name(name)} VALUE" for name in names)
                self.refusals.append(f"stage :{stage.name} needs :{setting.turtle_name}, so give {asked}")

    def _fill(self, value: object, setting: Setting, at: Location) -> Any:
        if isinstance(value, Template):
            return self._fill_template(value, setting, at)
        if isinstance(value, Mapping):
            parts = {part.name: part for part in setting.record}
            filled = {name: self._fill(one, parts[name], at) for name, one in value.items()}
            return {name: one for name, one in filled.items() if one is not _ABSENT}
        if isinstance(value, list | tuple):
            many = [self._fill(one, setting, at) for one in value]
            return [one for item in many if item is not _ABSENT for one in (item if isinstance(item, list) else [item])]
        return value

    def _fill_template(self, template: Template, setting: Setting, at: Location) -> Any:
        places = placeholders(template.text)
        base = template.base if setting.type is Path else None
        if len(places) == 1 and template.text.strip() == places[0][0]:
            value, typed = self._value(places[0][1], at)
            return value if typed or value is _ABSENT else _below(base, value)
        text = _PLACE.sub(lambda found: self._substitute(found, at), template.text)
        if places and template.text.lstrip().startswith(places[0][0]):
            _, typed = self._value(places[0][1], at)
            return text if typed else _below(base, text)
        return _below(base, text)

    def _substitute(self, found: re.Match[str], at: Location) -> str:
        if found.group(1) is None:
            return "{{"
        value, _ = self._value(found.group(1).strip(), at)
        return "" if value is _ABSENT else _as_text(value)

    def _value(self, name: str, at: Location) -> tuple[object, bool]:
        """Return a value, and whether the one who runs the pipeline gave it."""
        variable = ENVIRONMENT.match(name)
        if variable is None:
            return self.values.get(name, (_ABSENT, True))
        value = os.environ.get(variable.group(1))
        if value is None:
            message = f"the environment variable {variable.group(1)} is not set"
            problem = Problem(at, message, f"set it first: export {variable.group(1)}=…", "missing-variable")
            source = _line_of(at)
            if all(known.message != message or known.location != at for known in self.problems):
                self.problems.append(replace(problem, source=source))
            return _ABSENT, True
        secrets.remember(value)
        return value, True


def _values(definition: Definition, given: Mapping[str, object]) -> dict[str, tuple[object, bool]]:
    """Return the value of each parameter that has one, and whether it was given rather than a default."""
    refusals: list[str] = []
    by_name = {plain(parameter.name): parameter for parameter in definition.parameters}
    chosen: dict[str, object] = {}
    for name, value in given.items():
        if plain(name) not in by_name:
            refusals.append(_unknown_parameter(definition, name))
        elif value is not None:
            chosen[by_name[plain(name)].name] = value
    found: dict[str, tuple[object, bool]] = {}
    for parameter in definition.parameters:
        value = chosen.get(parameter.name, parameter.default)
        if value is None:
            if parameter.required:
                why = f": {parameter.comment}" if parameter.comment else ""
                refusals.append(f"pipeline {definition.name} needs --{kebab_name(parameter.name)} VALUE{why}")
            continue
        try:
            found[parameter.name] = (check_parameter(parameter, value), parameter.name in chosen)
        except SettingError as error:
            refusals.append(f"--{kebab_name(parameter.name)} must be {error.expected}, got {quoted(error.got)}")
    if refusals:
        raise ParameterError("\n".join(refusals))
    return found


def _unknown_parameter(definition: Definition, name: str) -> str:
    known = [kebab_name(parameter.name) for parameter in definition.parameters]
    guess = nearest(kebab_name(name), known)
    text = f'pipeline {definition.name} has no parameter "{name}"; '
    if guess:
        return f"{text}did you mean --{guess}?"
    return text + ("it has " + ", ".join(f"--{one}" for one in known) if known else "it takes none")


def _refusal(error: SettingError, value: object, setting: Setting, stage: str, at: Location) -> str:
    names = [name for one in templates_in(value) for _, name in placeholders(one.text)]
    secret = any(ENVIRONMENT.match(name) for name in names)
    options = " and ".join(name if ENVIRONMENT.match(name) else f"--{kebab_name(name)}" for name in names)
    got = "" if secret else f", got {quoted(error.got)}"
    place = f"{at}: " if at.file else ""
    return f"{place}{options} must be {error.expected}{got}, for :{setting.turtle_name} of {stage}"


def _below(base: Path | None, value: object) -> object:
    """Return a relative path as one in the folder `base`; anything else as it is."""
    text = str(value)
    if base is None or not isinstance(value, str | Path) or text in ("", STANDARD_INPUT):
        return value
    return base / text


def _line_of(at: Location) -> str:
    try:
        lines = re.split(r"\r\n|\r|\n", Path(at.file).read_text(encoding="utf-8-sig"))
        return lines[at.line - 1]
    except (OSError, ValueError, IndexError):
        return ""


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
