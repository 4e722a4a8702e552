"""`trans run`: run a pipeline, show how it goes, and say how it ended."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from transmissions.apart import Checking
from transmissions.cli.arguments import bind, missing, split_override, usage
from transmissions.cli.command import Command
from transmissions.cli.loading import load_definition
from transmissions.cli.options import Debug, JobStoreOption, Json, Processors
from transmissions.errors import ParameterError

if TYPE_CHECKING:
    from transmissions.model import Definition

__all__ = ["register", "run"]

_EXAMPLES = """\b
Examples:
  trans run hello
  trans run claude-archive export.zip out
  trans run claude-archive --source export.zip --target out --report report.json
  trans run claude-archive export.zip out --watch
  trans run claude-archive export.zip out --job
  trans run claude-archive --source older.zip --source newer.zip --target out
  trans run my.ttl --processors my.py -s write.force=true
  trans run my.ttl -m '{"content": "hi"}' --messages - | head
  producer | trans run my.ttl -m - --messages - | consumer
  trans run my-application.subtask --target site
  trans run claude-archive --help      the pipeline's own parameters
"""
_LITERAL = "transmissions.literal"
_GIVEN = "transmissions.given"


class RunCommand(Command):
    """A command whose help also lists the parameters of the pipeline that is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep the words behind `--` apart: they are values, whatever they look like."""
        given = list(args)
        end = given.index("--") if "--" in given else len(given)
        ctx.meta[_LITERAL] = given[end + 1 :]
        ctx.meta[_GIVEN] = given[:end]
        return super().parse_args(ctx, given[:end])

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, and below them those that the pipeline declares."""
        super().format_options(ctx, formatter)
        definition = self._definition(ctx)
        if definition is not None:
            with formatter.section(f"Parameters of {definition.name}, in the order of the VALUEs"):
                formatter.write_dl(usage(definition.parameters) or [("(none)", "")])

    def _definition(self, ctx: Any) -> Definition | None:
        try:
            given, _, _ = self.make_parser(ctx).parse_args(list(ctx.meta.get(_GIVEN, ())))
        except Exception:
            # Help is shown for a command line that is not right yet.
            return None
        name = given.get("pipeline")
        if not isinstance(name, str):
            return None
        return load_definition(name, given.get("processors"))


def run(  # noqa: PLR0917
    context: typer.Context,
    pipeline: Annotated[
        str,
        typer.Argument(
            metavar="PIPELINE",
            show_default=False,
            help="A bundled name, a .ttl file, FILE#name, or an application's folder.",
        ),
    ],
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="[VALUE]...", show_default=False, help="Fill the pipeline's parameters in order."),
    ] = None,
    messages_in: Annotated[
        str | None,
        typer.Option(
            "-m", "--message", metavar="JSON|@FILE|-", help="Begin with these messages; - reads one a line from stdin."
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("-s", "--set", metavar="STAGE.SETTING=VALUE", help="Set a stage's setting; may be repeated."),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="Set a parameter whose name is also an option of `run`."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="DIR", help="The folder written into.  [default: the current one]"),
    ] = None,
    report: Annotated[
        str | None, typer.Option("--report", metavar="FILE", help="Write the run's report there, as JSON.")
    ] = None,
    messages_out: Annotated[
        str | None,
        typer.Option(
            "--messages", metavar="FILE|-", help="Write the messages that leave the pipeline, one JSON object a line."
        ),
    ] = None,
    processors: Processors = None,
    allow_hosts: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            metavar="HOST",
            help="Let it connect to this host: a name, *.name, an address, or *; may be repeated.",
        ),
    ] = None,
    allow_programs: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-program", metavar="NAME", help="Let it start this program: a name or a path; may be repeated."
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch", help="Draw the graph meanwhile: rates, buffers, who waits, and which stage is slowest."
        ),
    ] = False,
    job: Annotated[
        bool, typer.Option("--job", help="Record the run as a job: `trans jobs` follows and aborts it from elsewhere.")
    ] = False,
    job_store: JobStoreOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, print what would run, and write nothing.")
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but errors.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Also log what goes as it should.")] = False,
    debug: Debug = False,
    json: Json = False,
) -> int:
    """Run a pipeline.

    Each parameter that the pipeline declares is an option too: `--source FILE` for `source`. With `--messages -`,
    messages go to standard output; the log and the summary go to standard error.
    """
    if json and messages_out == "-":
        raise ParameterError("--json and --messages - both write to standard output; give --messages a file")
    if report == "-":
        raise ParameterError("--report takes a file; --json writes the report to standard output")
    if report is not None and messages_out is not None and Path(report).absolute() == Path(messages_out).absolute():
        raise ParameterError(f"--report and --messages both write to {report}; give each a file of its own")
    if job_store is not None and not job:
        from transmissions.jobs.address import shown

        raise ParameterError(f"--job-store {shown(job_store)}: this goes with --job, which records the run")
    _check_watch(watch=watch, quiet=quiet, messages_out=messages_out)
    checking: Checking = context.obj or context.with_resource(Checking())
    if not (processors or debug):
        checking.begin(pipeline)
    from transmissions.cli.execution import Wanted, execute
    from transmissions.cli.log import set_up

    set_up(quiet=quiet, verbose=verbose, debug=debug)
    loaded = checking.pipeline(pipeline, processors or [])
    if not quiet:
        for warning in loaded.warnings:
            # Messages that are given have the fields that they have.
            if messages_in is None or warning.code != "missing-field":
                typer.echo(str(warning), err=True)
    _check_outputs(loaded.definition, processors or [], report=report, messages=messages_out)
    parameters = _parameters(context, loaded.definition, values or [], param or [])
    where = _target(loaded.definition, parameters, Path(target) if target is not None else None)
    _check_missing(loaded.definition, pipeline, parameters)
    wanted = Wanted(
        parameters=parameters,
        target=where,
        messages_in=messages_in,
        overrides=_overrides(overrides or []),
        report=Path(report) if report is not None else None,
        messages_out=messages_out,
        quiet=quiet,
        debug=debug,
        json=json,
        allow_hosts=tuple(allow_hosts or ()),
        allow_programs=tuple(allow_programs or ()),
        watch=watch,
        job=job,
        job_store=job_store,
    )
    if dry_run:
        from transmissions.cli.plan_view import print_plan

        return print_plan(loaded, wanted)
    return execute(loaded, wanted)


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    settings = {"ignore_unknown_options": True}
    app.command("run", cls=RunCommand, epilog=_EXAMPLES, context_settings=settings)(run)


def _check_watch(*, watch: bool, quiet: bool, messages_out: str | None) -> None:
    if watch and quiet:
        raise ParameterError("--watch draws the run and --quiet says nothing; give one of them")
    if watch and messages_out == "-" and sys.stdout.isatty() and sys.stderr.isatty():
        raise ParameterError("--watch and --messages - both write to this terminal; give --messages a file")


def _check_outputs(definition: Definition, processors: list[str], **outputs: str | None) -> None:
    read = {Path(file).resolve() for file in (definition.file, *processors)}
    for option, file in outputs.items():
        if file is not None and Path(file).resolve() in read:
            raise ParameterError(f"--{option} {file}: this run is made of that file; give another one")


def _parameters(context: typer.Context, definition: Definition, values: list[str], param: list[str]) -> dict[str, Any]:
    tokens = [*values, *context.args]
    for text in param:
        name, equals, _ = text.partition("=")
        if not equals:
            raise ParameterError(f"--param {text}: write it as NAME=VALUE")
        tokens.append(f"--{text}")
        if not any(one.name == name for one in definition.parameters):
            raise ParameterError(f"--param {text}: the pipeline {definition.name} declares no parameter {name}")
    own = [option for one in context.command.params for option in one.opts if option.startswith("--")]
    return bind(definition.parameters, tokens, context.meta.get(_LITERAL, ()), own)


def _target(definition: Definition, parameters: dict[str, Any], target: Path | None) -> Path | None:
    """Return the folder written into, taken out of the parameters if the pipeline declares it as one."""
    given = parameters.pop("target", None)
    if given is not None and target is not None:
        raise ParameterError(f"the target is given twice: {given} and --target {target}")
    if given is None and target is None:
        given = next((one.default for one in definition.parameters if one.name == "target"), None)
    folder = target if given is None else Path(given)
    for part in (folder, *folder.parents) if folder is not None else ():
        if part.is_file():
            raise ParameterError(f"--target {folder}: {part} is a file; the target is a folder")
    return folder


def _check_missing(definition: Definition, pipeline: str, parameters: dict[str, Any]) -> None:
    lacking = [one for one in missing(definition.parameters, parameters) if one.name != "target"]
    if lacking:
        rows = "\n".join(f"  {option}  {text}" for option, text in usage(lacking))
        raise ParameterError(f"{definition.name} needs\n{rows}\n`trans run {pipeline} --help` shows all its parameters")


def _overrides(texts: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in texts:
        name, value = split_override(text)
        # A setting named several times is given several values.
        found[name] = [*_as_list(found[name]), value] if name in found else value
    return found


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
