"""Bind what stands behind `trans run PIPELINE` to the parameters that the pipeline declares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from transmissions.errors import ParameterError
from transmissions.problem import nearest
from transmissions.settings import kebab_name, python_name

if TYPE_CHECKING:
    # The model brings event streams with it; a command that only shows its help needs none.
    from transmissions.model import Parameter

__all__ = ["bind", "missing", "placeholder", "split_override", "usage"]


def bind(
    parameters: Sequence[Parameter],
    tokens: Sequence[str],
    literal: Sequence[str] = (),
    options: Iterable[str] = (),
) -> dict[str, str | list[str]]:
    """Return the value of each parameter that the command line gives; a list of them where an option is repeated.

    Args:
        parameters: as declared; positional values fill them in this order, those named by an option left out.
        tokens: the command line's words: values, `--name value`, `--name=value`, and for a boolean `--name` or
            `--no-name`.
        literal: words that are values, whatever they look like.
        options: the command's own options, for guesses.

    Raises:
        ParameterError: an option is unknown, lacks its value, or is given twice though it takes one; or there are too
            many values.
    """
    by_option = {option: one for one in parameters for option in (f"--{one.name}", f"--{kebab_name(one.name)}")}
    named: dict[str, str | list[str]] = {}
    values: list[str] = []
    waiting = list(tokens)
    while waiting:
        token = waiting.pop(0)
        if not _is_option(token):
            values.append(token)
            continue
        option, equals, value = token.partition("=")
        one, negated = by_option.get(option), False
        if one is None and option.startswith("--no-"):
            one, negated = by_option.get("--" + option.removeprefix("--no-")), True
        if one is None or (negated and one.datatype != "boolean"):
            raise ParameterError(_unknown(option, [*by_option, *options]))
        if one.datatype == "boolean" and not equals:
            value = "false" if negated else "true"
        elif not equals:
            if not waiting or waiting[0].startswith("--"):
                raise ParameterError(f"{option} needs a value; write {option}=VALUE if it begins with --")
            value = waiting.pop(0)
        before = named.get(one.name)
        if before is None:
            named[one.name] = value
        elif one.several:
            named[one.name] = [*before, value] if isinstance(before, list) else [before, value]
        else:
            raise ParameterError(f"{option} is given twice")
    in_order = _in_order(parameters, named, [*values, *literal])
    _check_choices([one for one in parameters if one.name not in named], values)
    return named | in_order


def _in_order(parameters: Sequence[Parameter], named: Iterable[str], values: Sequence[str]) -> dict[str, str]:
    free = [one.name for one in parameters if one.name not in named]
    if len(values) > len(free):
        extra = ", ".join(repr(value) for value in values[len(free) :])
        takes = " ".join(kebab_name(name).upper() for name in free) or "no more values"
        raise ParameterError(f"too many values: {extra}; the pipeline takes {takes}")
    return dict(zip(free, values, strict=False))


def _check_choices(free: Sequence[Parameter], values: Sequence[str]) -> None:
    # A value meant for the option before it, as in `--force true`, fills another parameter; its name would mislead.
    for one, value in zip(free, values, strict=False):
        if one.choices and value not in one.choices:
            choices = ", ".join(one.choices)
            at = f"it has no option before it and stands for --{kebab_name(one.name)}"
            raise ParameterError(f"{value!r} is not one of {choices}; {at}")


def _is_option(token: str) -> bool:
    # "-" is standard input, and "-5" is a number.
    return token.startswith("-") and len(token) > 1 and not token[1].isdigit() and token[1] != "."


def _unknown(option: str, known: Iterable[str]) -> str:
    guess = nearest(option, known)
    hint = f"did you mean {guess}?" if guess else "the pipeline's own options are shown by `trans run PIPELINE --help`"
    return f"no such option: {option}; {hint}"


def missing(parameters: Sequence[Parameter], given: Iterable[str]) -> list[Parameter]:
    """Return the parameters that a run cannot do without and that are not given."""
    names = set(given)
    return [one for one in parameters if one.required and one.default is None and one.name not in names]


def split_override(text: str) -> tuple[str, str]:
    """Return `stage.setting` with the setting's Python name, and the value, of a `-s STAGE.SETTING=VALUE`.

    Raises:
        ParameterError: it is not written so.

    >>> split_override("write.maxBytes=10")
    ('write.max_bytes', '10')
    """
    name, equals, value = text.partition("=")
    stage, dot, setting = name.strip().lstrip(":").rpartition(".")
    if not (equals and dot and stage and setting):
        raise ParameterError(f"-s {text}: write it as STAGE.SETTING=VALUE, such as -s write.force=true")
    return f"{stage}.{python_name(setting.lstrip(':').replace('-', '_'))}", value


def placeholder(one: Parameter) -> str:
    """Return what stands for a parameter's value in help: `TIME-ZONE` for `timeZone`."""
    return kebab_name(one.name).upper()


def usage(parameters: Iterable[Parameter]) -> list[tuple[str, str]]:
    """Return the pipeline's options as rows of a help page: how it is written, what it is for."""
    rows = []
    for one in parameters:
        option = f"--{kebab_name(one.name)}"
        if one.datatype == "boolean":
            option += f" / --no-{kebab_name(one.name)}"
        else:
            option += " " + ("|".join(one.choices) or placeholder(one))
        notes = ["required"] if one.required and one.default is None else []
        notes += ["may be repeated"] if one.several else []
        if one.default is not None:
            notes.append(f"default: {one.default}")
        text = one.comment + (f"  [{'; '.join(notes)}]" if notes else "")
        rows.append((option, text.strip()))
    return rows
