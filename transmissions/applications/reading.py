"""Read an application's folder: its transmissions as one definition that a run executes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from rdflib.term import Node

from transmissions import dag, outline, reader, turtle
from transmissions.applications.folder import CONFIG, PIPELINES, TARGET, Folder, running
from transmissions.applications.lookup import Lookup
from transmissions.applications.registry import ApplicationRegistry
from transmissions.applications.sequence import in_sequence
from transmissions.errors import InvalidPipeline
from transmissions.model import Definition, Parameter
from transmissions.outline import Outline
from transmissions.problem import Problem
from transmissions.turtle import Document

__all__ = ["Read", "read"]

_TARGET_PARAMETER = Parameter("target", "the folder that the application is run for; its tt.ttl comes first")


@dataclass(frozen=True, slots=True)
class Read:
    """What an application's folder holds.

    Args:
        definition: what runs; None if something is wrong.
        transmissions: all transmissions by name, for stages that go to one.
        problems: what is wrong or doubtful, in the order of the files.
    """

    definition: Definition | None
    transmissions: dict[str, Definition]
    problems: list[Problem]


def read(folder: Folder, registry: ApplicationRegistry) -> Read:
    """Read an application.

    All its transmissions are read and checked, whether they run or not: what a message may go to must be there.

    Args:
        folder: the application, as it was asked for.
        registry: where processors are found.

    Raises:
        NoSuchPipeline: it has no transmission of the name that was asked for.
    """
    problems: list[Problem] = []
    pipelines = _document(folder.path / PIPELINES, _shown(folder, PIPELINES), problems)
    documents = _documents(folder, pipelines, problems)
    if pipelines is None:
        return Read(None, {}, problems)
    found = outline.outline(pipelines)
    processors, more = outline.find_processors(pipelines, found, registry)
    problems += found.problems + more
    lookup = Lookup(pipelines, documents, problems)
    stages = {node: lookup.stage(node, found, processors.get(found.processor(node) or "")) for node in found.stages}
    nodes = running(pipelines, found, folder.subtask)
    definitions, more = reader.put_together(pipelines, found, stages, processors, found.pipelines)
    problems += more
    if not found.pipelines:
        hint = "write `:name a :Transmission ; :pipe (:first :second) .`"
        problems.append(Problem(pipelines.at(0), "there is no transmission in this file", hint, "no-pipeline"))
    definition = None
    if not any(problem.severity == "error" for problem in problems):
        problems += [problem for one in definitions for problem in dag.circles(one)]
        definition = _running(folder, nodes, found, definitions)
    problems = [_with_source(problem, [pipelines, *documents]) for problem in problems]
    return Read(definition, {one.name: one for one in definitions}, _sorted(problems))


def _running(folder: Folder, nodes: list[Node], found: Outline, definitions: list[Definition]) -> Definition:
    by_node = dict(zip(found.pipelines, definitions, strict=True))
    whole = in_sequence([by_node[node] for node in nodes], folder.name)
    return replace(whole, parameters=(_TARGET_PARAMETER,))


def _documents(folder: Folder, pipelines: Document | None, problems: list[Problem]) -> list[Document]:
    """Return the documents that hold settings, the first to be asked first."""
    target = config = None
    if folder.target is not None and (folder.target / TARGET).is_file():
        target = _document(folder.target / TARGET, str(folder.target / TARGET), problems)
    if (folder.path / CONFIG).is_file():
        config = _document(folder.path / CONFIG, _shown(folder, CONFIG), problems)
    return [one for one in (target, pipelines, config) if one is not None]


def _document(path: Path, file: str, problems: list[Problem]) -> Document | None:
    try:
        return turtle.parse_file(path, file)
    except InvalidPipeline as error:
        problems += error.problems
        return None


def _shown(folder: Folder, name: str) -> str:
    return str(Path(folder.shown or folder.path) / name)


def _with_source(problem: Problem, documents: list[Document]) -> Problem:
    for document in documents:
        if document.file == problem.location.file:
            return document.shown(problem)
    return problem


def _sorted(problems: list[Problem]) -> list[Problem]:
    kept = {(problem.location, problem.message): problem for problem in problems}
    return sorted(kept.values(), key=lambda one: (one.location, one.message))
