"""A command whose help names its arguments as the examples do, and the group of them."""

from __future__ import annotations

import functools
from typing import Any

from typer.core import TyperCommand, TyperGroup

__all__ = ["Command", "Group"]


class Command(TyperCommand):
    """A command with help of our own making, the same under every version of the command-line library.

    Its arguments and options are text, lists of text, or flags.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for one in self.params:
            _take_as_given(one)

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option `--help`."""
        return _take_as_given(super().get_help_option(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse an option that takes one value and is given two: the library would let the last one win in silence."""
        _, _, order = self.make_parser(ctx).parse_args(list(args))
        options: list[Any] = [one for one in order if one.param_type_name == "option"]
        valued = [one for one in options if not one.multiple and not one.is_flag]
        for one in valued:
            if valued.count(one) > 1:
                ctx.fail(f"{max(one.opts, key=len)} is given twice")
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """Write the line that shows the order of things."""
        formatter.write_usage(ctx.command_path, " ".join([*(name for name, _ in self._arguments(ctx)), "[OPTIONS]"]))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write what the arguments are, then the options."""
        if arguments := self._arguments(ctx):
            with formatter.section("Arguments"):
                formatter.write_dl(arguments)
        options = [one.get_help_record(ctx) for one in self.get_params(ctx) if one.param_type_name == "option"]
        with formatter.section("Options"):
            formatter.write_dl([record for record in options if record])

    def _arguments(self, ctx: Any) -> list[tuple[str, str]]:
        arguments: list[Any] = [one for one in self.get_params(ctx) if one.param_type_name == "argument"]
        return [(one.metavar or one.name.upper(), one.help or "") for one in arguments]


class Group(TyperGroup):
    """The command that has sub-commands, as quick to start as they are."""

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option `--help`."""
        return _take_as_given(super().get_help_option(ctx))


def _take_as_given(parameter: Any) -> Any:
    # The library would load a validation library, a tenth of the time of a short run, to make text of text.
    if parameter is not None:
        parameter.process_value = functools.partial(_as_given, parameter)
    return parameter


def _as_given(parameter: Any, ctx: Any, value: Any) -> Any:
    if parameter.required and parameter.value_is_missing(value):
        ctx.fail(f"missing argument {parameter.metavar}")
    given = list(value) if isinstance(value, tuple) else value
    return given if parameter.callback is None else parameter.callback(ctx, parameter, given)
