"""A pipeline that has been checked and can be run: the four verbs of the Python interface.

What reads and checks Turtle is imported where it is called: it is half of a small run's memory, and a process that was
handed a checked definition needs none of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from graphlib import CycleError
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transmissions.errors import InvalidPipeline
from transmissions.message import Message, copy_message
from transmissions.model import Definition
from transmissions.network import Network
from transmissions.parameters import check_parameter, resolve
from transmissions.plan import Plan, make_plan
from transmissions.problem import Problem
from transmissions.programs import Programs
from transmissions.registry import Registry, load_processors
from transmissions.runtime.log import OnLog
from transmissions.runtime.result import Result, Status
from transmissions.runtime.run import Run

if TYPE_CHECKING:
    from transmissions.applications import Folder

__all__ = ["Pipeline", "load"]


def load(source: str | Path, *, processors: Iterable[str | Path] = ()) -> Pipeline:
    """Return a pipeline, checked and ready to run.

    Args:
        source: the name of a bundled pipeline, a Turtle file, or the folder of an application; `FILE#NAME` picks one of
            several in a file, and `FOLDER.NAME` the one so labelled in an application.
        processors: Python files, and folders of them, with processors of your own.

    Raises:
        NoSuchPipeline: there is none of that name, and no such file.
        InvalidPipeline: something is wrong with the file; the error's `problems` holds everything that is.
        TransmissionsError: a file of your own processors cannot be loaded.
    """
    from transmissions import loading

    registry = Registry(load_processors(processors))
    definition, problems = loading.load(source, registry)
    folder = loading.application(source)
    if folder is not None:
        from transmissions.applications import ApplicationRegistry

        return Pipeline(definition, ApplicationRegistry(registry), problems, folder)
    return Pipeline(definition, registry, problems)


class Pipeline:
    """A checked pipeline, made by `transmissions.load`.

    The methods that run it take, by name:

    - the pipeline's parameters, `source="export.zip"`; a list of values for a setting that takes several;
    - `target`: the folder that files are written into, the current one by default; a parameter of that name is it too;
    - `messages`: the message that the run begins with, or an iterable of several; the parameters are added to each;
    - `overrides`: values of settings that go before those in the file, `{"stage.setting": value}`;
    - `allow_hosts`: the hosts that it may connect to, as `--allow-host`: names, `*.example.org`, addresses, `*`;
    - `allow_programs`: the programs that it may start, as `--allow-program`;
    - `fuse`: False puts an event stream on every edge.

    Args:
        definition: what its file declares.
        registry: where its processors are found.
        warnings: what is doubtful in it.
        application: the folder that it was read from, if it is an application; `target` is then the folder that it is
            run for.
    """

    def __init__(
        self,
        definition: Definition,
        registry: Registry,
        warnings: Iterable[Problem] = (),
        application: Folder | None = None,
    ) -> None:
        self.definition = definition
        self.registry = registry
        self.warnings = tuple(warnings)
        self.application = application

    def plan(
        self, *, overrides: Mapping[str, Any] | None = None, fuse: bool = True, target: Any = None, **parameters: Any
    ) -> Plan:
        """Return what a run would execute.

        Raises:
            ParameterError: a parameter is missing or unknown, or its value does not fit.
            InvalidPipeline: a setting's value does not fit, once its parameters are filled in.
        """
        given = self._given(parameters, target)
        if self.application is not None:
            return self._application_plan(self.application, given, overrides or {}, fuse=fuse)
        resolved = resolve(self.definition, given, self.registry, overrides or {})
        return _planned(resolved, self.registry, fuse=fuse)

    def _application_plan(
        self, folder: Folder, given: Mapping[str, Any], overrides: Mapping[str, Any], *, fuse: bool
    ) -> Plan:
        """Return the plan of an application; its target may hold settings, so it is read once that is known."""
        from transmissions import applications

        folder = folder.for_target(given.get("target"))
        registry = applications.ApplicationRegistry(self.registry)
        read = applications.read(folder, registry)
        if read.definition is None:
            raise InvalidPipeline([problem for problem in read.problems if problem.severity == "error"])
        resolved = resolve(read.definition, given, registry, overrides)
        plan = _planned(resolved, registry, fuse=fuse)
        calls = any(stage.processor.calls for stage in plan.stages)
        called = read.transmissions if calls else {}
        plans = {name: make_plan(one, registry) for name, one in called.items()}
        return applications.placed(plan, applications.Place(folder.place(), plans))

    def start(
        self,
        *,
        target: Path | str | None = None,
        messages: Message | Iterable[Message] | None = None,
        overrides: Mapping[str, Any] | None = None,
        fuse: bool = True,
        collect: bool = False,
        allow_hosts: Iterable[str] = (),
        allow_programs: Iterable[str] = (),
        on_wait: Callable[[str, str], None] | None = None,
        on_log: OnLog | None = None,
        **parameters: Any,
    ) -> Run:
        """Start a run and return it; with `collect`, what leaves the pipeline is read from `run.messages()`.

        `on_wait` is told of each waiting between stages: the event stream's name, and `send` or `receive`. `on_log` is
        told of each line that a stage logs: level, stage, text and facts.

        Raises:
            ParameterError, InvalidPipeline: as `plan`.
            StageError: a processor could not be made.
        """
        network, programs = Network.allowing(allow_hosts), Programs.allowing(allow_programs)
        plan = self.plan(overrides=overrides, fuse=fuse, target=target, **parameters)
        values = self._values(parameters, target)
        folder = target if target is not None else values.get("target")
        if self.application is not None:
            started = self.application.for_target(values.pop("target", folder))
            folder = started.place().working
            messages = _begun(started, messages)
        beginning, folder = _beginning(messages, values), Path(folder or ".")
        return Run(
            plan,
            beginning,
            folder,
            collect=collect,
            network=network,
            programs=programs,
            on_wait=on_wait,
            on_log=on_log,
        )

    def run(self, **options: Any) -> Result:
        """Run it to its end and return the result.

        Raises:
            ParameterError, InvalidPipeline: as `plan`.
            StageError: a stage failed; what the run did until then is the error's `result`.
        """
        run = self.start(**options)
        return _ended(run)

    async def run_async(self, **options: Any) -> Result:
        """Run it to its end without holding up the event loop; cancelling it aborts the run."""
        run = self.start(**options)
        try:
            return await asyncio.to_thread(_ended, run)
        except asyncio.CancelledError:
            run.abort("cancelled")
            await asyncio.to_thread(run.wait)
            raise

    def stream(self, **options: Any) -> Iterator[Message]:
        """Yield the messages that leave it, lazily: the run goes no further than its buffers ahead of the reader.

        Leaving the loop early aborts the run and waits for its end. Raises as `run`.
        """
        run = self.start(collect=True, **options)
        try:
            yield from run.messages()
        except BaseException:
            run.wait()
            raise
        _ended(run)

    async def stream_async(self, **options: Any) -> AsyncGenerator[Message, None]:
        """Yield the messages that leave it, as `stream`, without holding up the event loop."""
        run = self.start(collect=True, **options)
        try:
            # A loop that is left does not close what it reads from.
            async with aclosing(run.messages_async()) as messages:
                async for message in messages:
                    yield message
            await asyncio.to_thread(_ended, run)
        except BaseException:
            # Cancelled at the very end, too, its files are to be whole before anybody goes on.
            await asyncio.to_thread(run.wait)
            raise

    def _given(self, parameters: Mapping[str, Any], target: Any) -> dict[str, Any]:
        declared = any(parameter.name == "target" for parameter in self.definition.parameters)
        return dict(parameters) | ({"target": str(target)} if declared and target is not None else {})

    def _values(self, parameters: Mapping[str, Any], target: Any) -> dict[str, Any]:
        defaults = {one.name: one.default for one in self.definition.parameters if one.default is not None}
        values = defaults | self._given(parameters, target)
        # A command line gives text; the plan has checked that it fits by now.
        typed = {one.name: check_parameter(one, values[one.name]) for one in self.definition.parameters
                 if values.get(one.name) is not None}  # fmt: skip
        return values | typed


def _planned(definition: Definition, registry: Registry, *, fuse: bool) -> Plan:
    try:
        return make_plan(definition, registry, fuse=fuse)
    except CycleError:
        # What a file says was checked for circles, but a definition may be anybody's.
        from transmissions import dag

        raise InvalidPipeline(dag.circles(definition)) from None


def _begun(folder: Folder, messages: Message | Iterable[Message] | None) -> Message | Iterable[Message]:
    if messages is None or isinstance(messages, dict):
        return folder.beginning(messages or {})
    return (folder.beginning(message) for message in messages)


def _beginning(messages: Message | Iterable[Message] | None, values: Mapping[str, Any]) -> Iterable[Message]:
    shown = {name: _shown(value) for name, value in values.items()}
    if messages is None or isinstance(messages, dict):
        return [shown | copy_message(messages or {})]
    return (shown | copy_message(message) for message in messages)


def _shown(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_shown(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def _ended(run: Run) -> Result:
    try:
        result = run.wait()
    except KeyboardInterrupt:
        run.abort("interrupted")
        run.wait()
        raise
    if result is None:  # pragma: no cover
        raise AssertionError("waiting without a limit ended without a result")
    if result.status is Status.ERROR and run.error is not None:
        run.error.result = result
        raise run.error
    return result
