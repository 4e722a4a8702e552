"""Find the pipelines of a document, their pipes and their stages; everything that looks at a document starts here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rdflib import Literal, URIRef
from rdflib.namespace import RDF

from transmissions import vocabulary as terms
from transmissions.errors import TransmissionsError
from transmissions.problem import Problem, nearest
from transmissions.processor import Processor

if TYPE_CHECKING:
    from rdflib.term import Node

    from transmissions.registry import Registry
    from transmissions.turtle import Document

__all__ = ["Outline", "Pipe", "find_processors", "outline", "unused"]


@dataclass(frozen=True, slots=True)
class Pipe:
    """One path through a pipeline.

    Args:
        items: the nodes that it names, in order, each with the list cell that holds it.
    """

    items: tuple[tuple[Node, Node], ...]

    @property
    def nodes(self) -> list[Node]:
        """The nodes that it names, in order."""
        return [node for _, node in self.items]


@dataclass(slots=True)
class Outline:
    """What a document has.

    Args:
        pipelines: the nodes typed as pipelines, in the order of the file.
        pipes: the well-formed pipes of each pipeline.
        stages: the nodes in pipes that are no pipelines, each once, in the order of the file.
        types: the types of each stage.
        problems: what is wrong with the pipes.
    """

    pipelines: list[Node] = field(default_factory=list)
    pipes: dict[Node, list[Pipe]] = field(default_factory=dict)
    stages: list[Node] = field(default_factory=list)
    types: dict[Node, list[Node]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def nested(self, pipeline: Node) -> list[Node]:
        """Return the pipelines that a pipeline uses as stages, in order."""
        return [node for pipe in self.pipes[pipeline] for node in pipe.nodes if node in self.pipes]

    def processor(self, stage: Node) -> str | None:
        """Return the name of a stage's processor; None if its type names none."""
        types = self.types.get(stage, [])
        if len(types) != 1 or not isinstance(types[0], URIRef) or not types[0].startswith(terms.NAMESPACE):
            return None
        # All that follows the namespace: what has a slash in it is nobody's name.
        return types[0].removeprefix(terms.NAMESPACE)


def outline(document: Document) -> Outline:
    """Find the pipelines, pipes and stages of a document."""
    found = Outline()
    nodes = {node for kind in terms.PIPELINE_CLASSES for node in document.graph.subjects(RDF.type, kind)}
    found.pipelines = sorted(nodes, key=document.at_subject)
    found.problems += _misnamed(document, nodes)
    for pipeline in found.pipelines:
        found.pipes[pipeline] = []
        for head in document.objects(pipeline, terms.PIPE):
            pipe = _pipe(document, pipeline, head, found.problems)
            if pipe is not None:
                found.pipes[pipeline].append(pipe)
    for pipeline in found.pipelines:
        for pipe in found.pipes[pipeline]:
            for node in pipe.nodes:
                if node not in found.pipes and node not in found.types:
                    found.stages.append(node)
                    found.types[node] = document.objects(node, RDF.type)
    return found


def _misnamed(document: Document, pipelines: set[Node]) -> list[Problem]:
    """Return a problem for each node that has a pipe, as only pipelines do, and is not typed as one."""
    problems = []
    for node in dict.fromkeys(document.graph.subjects(terms.PIPE)):
        if node in pipelines:
            continue
        name, types = document.name(node), document.objects(node, RDF.type)
        place = document.at_value(node, RDF.type, types[0]) if types else document.at_subject(node)
        classes = {terms.local_name(kind): kind for kind in terms.PIPELINE_CLASSES}
        guess = nearest(terms.local_name(types[0]), classes) if types and isinstance(types[0], URIRef) else None
        shown = document.name(terms.TRANSMISSION)
        hint = f"did you mean {document.name(classes[guess])}?" if guess else f"write `{name} a {shown}`"
        problems.append(Problem(place, f"{name} has a :pipe and is no pipeline", hint, "no-pipeline"))
    return problems


def _pipe(document: Document, pipeline: Node, head: Node, problems: list[Problem]) -> Pipe | None:
    place = document.at_value(pipeline, terms.PIPE, head)
    where = f"of pipeline {document.name(pipeline)}"
    if head == RDF.nil:
        problems.append(Problem(place, f"a :pipe {where} has no stages", "name at least one", "empty-pipe"))
        return None
    try:
        items = list(document.items(head))
    except ValueError:
        single = "it" if isinstance(head, Literal) else document.name(head)
        hint = f"got {document.described(head)}; a list stands in round brackets: :pipe ({single})"
        problems.append(Problem(place, f"the :pipe {where} must be a list of stages", hint, "pipe-no-list"))
        return None
    for cell, node in items:
        if isinstance(node, Literal):
            text = str(node)
            known = {terms.local_name(one) for one in document.graph.subjects() if isinstance(one, URIRef)}
            guess = text if text in known else nearest(text, known)
            hint = f"got {document.described(node)}" + (f"; did you mean :{guess}?" if guess else "")
            place = document.at_value(cell, RDF.first, node)
            problems.append(Problem(place, f"a :pipe {where} names a literal where a stage belongs", hint, "no-stage"))
    problems += _repeated(document, items, where)
    kept: dict[Node, Node] = {}
    for cell, node in items:
        if not isinstance(node, Literal):
            kept.setdefault(node, cell)
    return Pipe(tuple((cell, node) for node, cell in kept.items()))


def _repeated(document: Document, items: list[tuple[Node, Node]], where: str) -> list[Problem]:
    seen: set[Node] = set()
    found = []
    for cell, node in items:
        if node in seen and not isinstance(node, Literal):
            name = document.name(node)
            hint = "a stage has one place in a pipe; declare a second stage of the same type for the second place"
            place = document.at_value(cell, RDF.first, node)
            found.append(Problem(place, f"stage {name} is twice in one :pipe {where}", hint, "stage-twice"))
        seen.add(node)
    return found


def find_processors(
    document: Document, found: Outline, registry: Registry
) -> tuple[dict[str, type[Processor]], list[Problem]]:
    """Return the processors that the stages use, by name, and what is wrong with the types of the stages."""
    processors: dict[str, type[Processor]] = {}
    problems = [problem for pipeline in found.pipelines for problem in _also_typed(document, pipeline)]
    for stage in found.stages:
        types = found.types[stage]
        name = found.processor(stage)
        if not types:
            problems.append(_untyped(document, found, stage, registry))
        elif len(types) > 1:
            names = " and ".join(document.name(one) for one in types)
            place = document.at_value(stage, RDF.type, types[1])
            hint = "a stage has one type, its processor"
            problems.append(
                Problem(place, f"stage {document.name(stage)} has {len(types)} types: {names}", hint, "two-types")
            )
        elif name is None or name not in registry:
            problems.append(_unknown(document, stage, types[0], registry))
        elif name not in processors:
            try:
                processors[name] = registry.find(name)
            except TransmissionsError as error:
                place = document.at_value(stage, RDF.type, types[0])
                problems.append(Problem(place, str(error), "", "broken-processor"))
            else:
                if processors[name].process is Processor.process:
                    place = document.at_value(stage, RDF.type, types[0])
                    hint = "its class needs a method `process(self, message)`"
                    problems.append(Problem(place, f":{name} defines no process()", hint, "broken-processor"))
    return processors, problems


def unused(document: Document, found: Outline, registry: Registry) -> list[Problem]:
    """Return a problem for each stage that no pipe names, and for each set of settings that no stage names."""
    problems = []
    for node, kind in document.graph.subject_objects(RDF.type):
        if node in found.types or node in found.pipes or not isinstance(kind, URIRef):
            continue
        mentioned = (None, None, node) in document.graph
        name, place = document.name(node), document.at_subject(node)
        known = kind.startswith(terms.NAMESPACE) and terms.local_name(kind) in registry
        if (known or (node, terms.SETTINGS, None) in document.graph) and not mentioned:
            hint = "name it in a :pipe, or take it out"
            problems.append(Problem(place, f"stage {name} is in no pipe", hint, "unused-stage"))
        elif kind in terms.SETTINGS_CLASSES and not mentioned:
            hint = f"write :settings {name} on the stage that they are meant for"
            problems.append(Problem(place, f"no stage uses the settings {name}", hint, "unused-settings", "warning"))
    return problems


def _also_typed(document: Document, pipeline: Node) -> list[Problem]:
    """Return a problem if a pipeline has the type of a stage as well; other vocabularies may add types of theirs."""
    ours = [kind for kind in document.objects(pipeline, RDF.type) if str(kind).startswith(terms.NAMESPACE)]
    others = [kind for kind in ours if kind not in terms.PIPELINE_CLASSES]
    if not others:
        return []
    place, name = document.at_value(pipeline, RDF.type, others[0]), document.name(pipeline)
    hint = "a node is either a pipeline or one stage"
    return [Problem(place, f"pipeline {name} is a {document.name(others[0])} as well", hint, "two-types")]


def _untyped(document: Document, found: Outline, stage: Node, registry: Registry) -> Problem:
    place, name = document.at_subject(stage), document.name(stage)
    likely = nearest(terms.local_name(stage), registry.names()) if isinstance(stage, URIRef) else None
    processor = f":{likely or 'ItsProcessor'}"
    if (stage, None, None) in document.graph or not isinstance(stage, URIRef):
        hint = f"say which processor it is: {name} a {processor}"
        return Problem(place, f"stage {name} has no type", hint, "no-type")
    described = {document.name(node) for node in document.graph.subjects(RDF.type) if isinstance(node, URIRef)}
    guess = nearest(name, described - {document.name(pipeline) for pipeline in found.pipelines})
    hint = f"did you mean {guess}?" if guess else f"describe it: {name} a {processor} ."
    return Problem(place, f"no stage is called {name}", hint, "no-type")


def _unknown(document: Document, stage: Node, kind: Node, registry: Registry) -> Problem:
    place, name = document.at_value(stage, RDF.type, kind), document.name(kind)
    if not isinstance(kind, URIRef):
        return Problem(place, f"the type of stage {document.name(stage)} must be the name of a processor",
                       f"got {document.described(kind)}", "unknown-processor")  # fmt: skip
    if kind.startswith(terms.NAMESPACE) and (reason := registry.refusal(terms.local_name(kind))):
        return Problem(place, f"the processor {name} is refused", reason, "refused-processor")
    guess = nearest(terms.local_name(kind), registry.names())
    if guess and not kind.startswith(terms.NAMESPACE):
        shown = document.name(terms.NAMESPACE[guess])
        hint = f"did you mean {shown}? processors are in the namespace <{terms.NAMESPACE}>"
    else:
        hint = (f"did you mean :{guess}?   " if guess else "") + "`trans list processors` shows all"
    return Problem(place, f"no processor is called {name}", hint, "unknown-processor")
