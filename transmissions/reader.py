"""Read pipelines out of a document: stages with typed settings, edges, parameters; nested pipelines put in place.

What is wrong is collected, not raised, so that one look tells everything.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rdflib import Literal, URIRef
from rdflib.namespace import RDFS

from transmissions import vocabulary as terms
from transmissions.model import Definition, Parameter, Stage, Template
from transmissions.parameters import ENVIRONMENT, placeholders, templates_in
from transmissions.problem import Location, Problem, nearest
from transmissions.stage_reader import read_parameters, read_stage

if TYPE_CHECKING:
    from rdflib.term import Node

    from transmissions.outline import Outline
    from transmissions.processor import Processor
    from transmissions.turtle import Document

__all__ = ["LARGEST_PIPELINE", "name_of", "put_together", "read"]

LARGEST_PIPELINE = 5000
"""The most stages of one pipeline, nested ones counted; a few lines of nesting could otherwise ask for billions."""

Edges = dict[tuple[str, str], Location]


def read(
    document: Document, outline: Outline, processors: Mapping[str, type[Processor]], pipelines: Iterable[Node]
) -> tuple[list[Definition], list[Problem]]:
    """Read pipelines, and everything that is wrong with them.

    Args:
        document: the document.
        outline: its pipelines and stages.
        processors: the processors that its stages use, by name; the settings of a stage with another one are not read.
        pipelines: the nodes of the pipelines to read.
    """
    problems: list[Problem] = []
    stages = {node: read_stage(node, document, outline, processors, problems) for node in outline.stages}
    parameters = {node: read_parameters(node, document, problems) for node in outline.pipelines}
    definitions, more = put_together(document, outline, stages, processors, pipelines, parameters=parameters)
    return definitions, problems + more


def put_together(
    document: Document,
    outline: Outline,
    stages: Mapping[Node, Stage],
    processors: Mapping[str, type[Processor]],
    pipelines: Iterable[Node],
    *,
    parameters: Mapping[Node, Sequence[Parameter]] | None = None,
) -> tuple[list[Definition], list[Problem]]:
    """Put pipelines together of stages that were read, nested pipelines in their places.

    Args:
        document: the document.
        outline: its pipelines and stages.
        stages: the stages by their nodes.
        processors: the processors that they use, by name.
        pipelines: the nodes of the pipelines.
        parameters: those that each pipeline declares; none if not given.
    """
    problems: list[Problem] = []
    reader = _Reader(document, outline, stages, parameters or {}, processors, problems)
    definitions = [reader.definition(pipeline) for pipeline in pipelines]
    return [definition for definition in definitions if definition is not None], problems


def name_of(pipeline: Node, document: Document) -> str:
    """Return the name of a pipeline: its local name, or that of its file if it has none."""
    name = terms.local_name(pipeline) if isinstance(pipeline, URIRef) else ""
    return name or Path(document.file).stem or "pipeline"


@dataclass(slots=True)
class _Part:
    """A stage, or a nested pipeline put in place: the stages that messages come in by and leave by."""

    entries: list[str]
    exits: list[str]


@dataclass(slots=True)
class _Reader:
    document: Document
    outline: Outline
    stages: Mapping[Node, Stage]
    parameters: Mapping[Node, Sequence[Parameter]]
    processors: Mapping[str, type[Processor]]
    problems: list[Problem]
    _found: dict[str, Stage] = field(default_factory=dict)
    _edges: Edges = field(default_factory=dict)
    _asked: dict[str, Parameter] = field(default_factory=dict)

    def definition(self, pipeline: Node) -> Definition | None:
        """Return a pipeline with its nested ones in place; None if it cannot be put together."""
        self._found, self._edges, self._asked = {}, {}, {}
        try:
            self._place(pipeline, "", [pipeline])
        except _NotPlaced as stop:
            self.problems.append(stop.problem)
            return None
        graph = self.document.graph
        several = _given_several(self._found.values(), self.processors)
        made = Definition(
            name_of(pipeline, self.document),
            self.document.file,
            tuple(self._found.values()),
            tuple(self._edges),
            str(graph.value(pipeline, RDFS.label) or ""),
            str(graph.value(pipeline, RDFS.comment) or ""),
            tuple(replace(one, several=one.name in several) for one in self._asked.values()),
            dict(self._edges),
        )
        self.problems += _unknown_parameters(made, self.document)
        return made

    def _place(self, pipeline: Node, prefix: str, path: list[Node]) -> _Part:
        """Put the stages and edges of a pipeline into the definition that is being made."""
        for parameter in self.parameters.get(pipeline, ()):
            self._asked.setdefault(parameter.name, parameter)
        parts: dict[Node, _Part] = {}
        edges: Edges = {}
        for pipe in self.outline.pipes[pipeline]:
            before: _Part | None = None
            for cell, node in pipe.items:
                if node not in parts:
                    parts[node] = self._part(node, cell, prefix, path)
                here = parts[node]
                at = self.document.at_item(cell)
                for first in before.exits if before else ():
                    for second in here.entries:
                        edges.setdefault((first, second), at)
                before = here
        self._edges |= edges
        entered, left = {second for _, second in edges}, {first for first, _ in edges}
        return _Part(
            [name for part in parts.values() for name in part.entries if name not in entered],
            [name for part in parts.values() for name in part.exits if name not in left],
        )

    def _part(self, node: Node, cell: Node, prefix: str, path: list[Node]) -> _Part:
        if node in self.outline.pipes:
            if node in path:
                circle = " -> ".join(self.document.name(one) for one in [*path[path.index(node) :], node])
                hint = "a pipeline cannot be a stage of itself"
                at = self.document.at_item(cell)
                raise _NotPlaced(Problem(at, f"pipelines form a circle: {circle}", hint, "circle"))
            inner = name_of(node, self.document)
            return self._place(node, f"{prefix}{inner}/", [*path, node])
        stage = self.stages[node]
        name = prefix + stage.name
        if name in self._found:
            if isinstance(node, URIRef):
                hint = "names are told apart by what follows the prefix; give one of them another"
                at = self.document.at_item(cell)
                self.problems.append(Problem(at, f"two stages are called {stage.name}", hint, "same-name"))
            name = next(f"{name}-{n}" for n in itertools.count(2) if f"{name}-{n}" not in self._found)
        if len(self._found) >= LARGEST_PIPELINE:
            message = f"pipeline {self.document.name(path[0])} has more than {LARGEST_PIPELINE} stages"
            at = self.document.at_subject(path[0])
            raise _NotPlaced(Problem(at, message, "nested pipelines count with every use", "too-large"))
        self._found[name] = replace(stage, name=name)
        return _Part([name], [name])


class _NotPlaced(Exception):
    """A pipeline has no finite or sensible expansion."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


def _given_several(stages: Iterable[Stage], processors: Mapping[str, type[Processor]]) -> set[str]:
    """Return the names of the parameters that are, alone, a value of a setting that takes several."""
    names: set[str] = set()
    for stage in stages:
        if stage.processor not in processors or not any(True for _ in _templates(stage)):
            continue
        declared = processors[stage.processor].settings()
        for setting, value in stage.settings.items():
            if not declared[setting].many:
                continue
            templates = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, Template)]
            for text in (one.text.strip() for one in templates):
                names.update(name for written, name in placeholders(text) if written == text)
    return names


def _unknown_parameters(definition: Definition, document: Document) -> list[Problem]:
    """Return a problem for each `{{ name }}` in a setting that no parameter is called."""
    known = [parameter.name for parameter in definition.parameters]
    problems = []
    for stage in definition.stages:
        for template, at in _templates(stage):
            for written, name in placeholders(template.text):
                if name in known or ENVIRONMENT.match(name):
                    continue
                guess = nearest(name, known)
                declared = f"declare it: :parameter [ :name {Literal(name).n3()!s} ]"
                if not name or not name.replace("-", "").replace("_", "").isalnum():
                    declared = "between {{ and }} stands the name of a parameter, or env.NAME; \\\\{{ stands for itself"
                hint = f"did you mean {{{{ {guess} }}}}?" if guess else declared
                place = document.within(at, written)
                what = f"{{{{ {name} }}}} in the settings of stage :{stage.name}"
                problems.append(Problem(place, f"unknown parameter {what}", hint, "unknown-parameter"))
    return problems


def _templates(stage: Stage) -> Iterable[tuple[Template, Location]]:
    for name, value in stage.settings.items():
        for template in templates_in(value):
            yield template, stage.setting_locations.get(name, stage.location)
