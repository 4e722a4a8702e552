"""Settings given for one run as `stage.setting=value`: find what they mean, and check them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from transmissions.errors import ParameterError, SettingError
from transmissions.model import Definition
from transmissions.problem import nearest
from transmissions.registry import Registry
from transmissions.settings import Setting, python_name

__all__ = ["overridden", "plain", "quoted"]


def overridden(
    definition: Definition, overrides: Mapping[str, object], registry: Registry
) -> dict[str, dict[str, object]]:
    """Return the checked values of settings given as `stage.setting`, by stage and by Python name.

    Args:
        definition: the pipeline.
        overrides: the values; text that is a JSON list or object is read as that where the setting takes one.
        registry: where the processors of its stages are found.

    Raises:
        ParameterError: a stage or a setting is unknown, or a value does not fit; its text names them all.
    """
    refusals: list[str] = []
    found: dict[str, dict[str, object]] = {}
    stages = {stage.name: stage for stage in definition.stages}
    for key, value in overrides.items():
        name, dot, written = key.rpartition(".")
        name = name.lstrip(":")
        if not dot or name not in stages:
            guess = nearest(name or written, stages)
            hint = f"did you mean {guess}.{written}?" if guess and dot else "the stages are " + ", ".join(stages)
            what = f'there is no stage "{name}"' if dot else "a setting is named STAGE.SETTING"
            refusals.append(f'cannot set "{key}": {what}; {hint}')
            continue
        declared = registry.find(stages[name].processor).settings()
        by_name = {plain(one): setting for one, setting in declared.items()}
        setting = by_name.get(plain(written.lstrip(":")))
        if setting is None:
            known = [one.turtle_name for one in declared.values()]
            guess = nearest(written, known)
            hint = f"did you mean {name}.{guess}?" if guess else "it has " + (", ".join(known) or "none")
            refusals.append(f'cannot set "{key}": stage :{name} has no setting "{written}"; {hint}')
            continue
        try:
            found.setdefault(name, {})[setting.name] = setting.check(_from_command_line(value, setting))
        except SettingError as error:
            refusals.append(f'cannot set "{key}": it must be {error.expected}, got {quoted(error.got)}')
    if refusals:
        raise ParameterError("\n".join(refusals))
    return found


def _from_command_line(value: object, setting: Setting) -> object:
    """Return a value as data if it is text that stands for a list or a node, which only JSON can write."""
    if isinstance(value, str) and (setting.many or setting.record) and value.lstrip().startswith(("[", "{")):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def plain(name: str) -> str:
    """Return a name as Python writes it, whether it came from Turtle, Python or a command line."""
    return python_name(name.replace("-", "_"))


def quoted(value: object) -> str:
    """Return a given value for a message, shortened."""
    text = str(value)
    return f'"{text[:60]}…"' if len(text) > 60 else f'"{text}"' if isinstance(value, str | Path) else text
