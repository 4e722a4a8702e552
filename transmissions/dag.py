"""Assemble a pipeline's stages into a directed graph, and check what only the whole graph can tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import networkx as nx

from transmissions.groups import follow_marks, met_at
from transmissions.model import Definition, Stage
from transmissions.parameters import templates_in
from transmissions.problem import Location, Problem, nearest
from transmissions.registry import Registry

__all__ = ["assemble", "check", "circles"]


def assemble(definition: Definition) -> nx.DiGraph[str]:
    """Return a pipeline as a graph: stages by name, each with its `Stage` as `stage`; edges as the pipes have them.

    Nodes are in the order in which the pipes name them. There may be circles.
    """
    graph: nx.DiGraph[str] = nx.DiGraph()
    for stage in definition.stages:
        graph.add_node(stage.name, stage=stage)
    graph.add_edges_from(definition.edges)
    return graph


def check(definition: Definition, registry: Registry) -> list[Problem]:
    """Return what is wrong with the graph of a pipeline: circles; as warnings, what may be meant otherwise.

    Warned of are fields that no earlier stage writes, and groups that may mix.
    """
    # Where stages form a circle, every one of them is before every other.
    return circles(definition) or [
        *_missing_fields(definition, assemble(definition), registry),
        *_mixed_groups(definition, assemble(definition), registry),
        *(_nothing_to_call(stage) for stage in definition.stages if registry.find(stage.processor).calls),
    ]


def _mixed_groups(definition: Definition, graph: nx.DiGraph[str], registry: Registry) -> list[Problem]:
    """Warn of each stage that gathers groups behind a stage where branches of their split meet."""
    if any(stage.processor not in registry for stage in definition.stages):
        return []
    before = {name: list(graph.predecessors(name)) for name in graph}
    marks = follow_marks(nx.topological_sort(graph), before, definition, registry)
    found = []
    for stage in definition.stages:
        if meeting := met_at(stage.name, marks, before):
            # A group ends when its mark has come over every branch; by then the next may be there over a faster one.
            split = marks[stage.name].closes
            where = f"before :{stage.name}: branches meet at :{meeting}"
            if meeting == stage.name:
                where = f"in :{stage.name}: branches meet there"
            message = f"groups of :{split} may mix {where}"
            hint = "gather on each branch, or put the stages on one line"
            found.append(Problem(stage.location, message, hint, "mixed-groups", "warning"))
    return found


def _nothing_to_call(stage: Stage) -> Problem:
    message = f"stage :{stage.name} runs other transmissions of its application, and this file is none"
    hint = "put the file into a folder, as transmissions.ttl, and run the folder"
    return Problem(stage.location, message, hint, "no-application", "warning")


def circles(definition: Definition) -> list[Problem]:
    """Return a problem for each circle that the stages form; needs no processor."""
    graph = assemble(definition)
    order = {stage.name: position for position, stage in enumerate(definition.stages)}
    found = []
    for component in nx.strongly_connected_components(graph):
        if len(component) == 1 and not graph.has_edge(*(2 * tuple(component))):
            continue
        part = graph.subgraph(component)
        start = min(component, key=order.__getitem__)
        circle = [edge[0] for edge in nx.find_cycle(part, start)]
        first = circle.index(min(circle, key=order.__getitem__))
        circle = circle[first:] + circle[:first]
        closing = (circle[-1], circle[0])
        at = definition.edge_locations.get(closing, definition.stage(start).location)
        shown = " -> ".join(f":{name}" for name in [*circle, circle[0]])
        hint = "messages would go round for ever; let the last stage lead elsewhere"
        found.append(Problem(at, f"stages form a circle: {shown}", hint, "circle"))
    return found


def _missing_fields(definition: Definition, graph: nx.DiGraph[str], registry: Registry) -> list[Problem]:
    """Warn of each field that a stage reads and that neither a stage before it nor a parameter provides."""
    known = [stage for stage in definition.stages if stage.processor in registry]
    writes = {stage.name: _fields(stage, registry, "fields_written") for stage in known}
    given = {parameter.name for parameter in definition.parameters}
    found = []
    for stage in known:
        before = nx.ancestors(graph, stage.name)
        if any("*" in writes.get(name, {"*"}) for name in before):
            continue
        there = given.union(*(writes[name] for name in before))
        for name in sorted(_fields(stage, registry, "fields_read") - there - {"*"}):
            earlier = "no stage before it writes" if before else "no :parameter provides"
            message = f'stage :{stage.name} reads the field "{name}", which {earlier}'
            at = _location(stage, name)
            found.append(Problem(at, message, _instead(name, there, bool(before)), "missing-field", "warning"))
    return found


def _instead(name: str, there: set[str], inner: bool) -> str:
    if guess := nearest(name, there):
        return f'did you mean "{guess}"?'
    if not inner:
        return f'it is the first stage; declare the field: :parameter [ :name "{name}" ]'
    return "there is " + ", ".join(f'"{field}"' for field in sorted(there)) if there else "the messages have no fields"


def _fields(stage: Stage, registry: Registry, direction: str) -> set[str]:
    cls = registry.find(stage.processor)
    # A field whose name is a parameter is known only when the pipeline runs; None stands for no field. Other settings
    # that are parameters count as given: whoever says where input is reads it from no field.
    is_read, declared = direction == "fields_read", cls.settings()
    settings: Mapping[str, Any] = {
        name: None if any(True for _ in templates_in(value)) and not (is_read and not declared[name].reads) else value
        for name, value in stage.settings.items()
        if name in declared
    }
    if direction == "fields_written":
        unknown = any(cls.settings()[name].writes for name, value in settings.items() if value is None)
        return cls.fields_written(settings) | ({"*"} if unknown else set())
    return cls.fields_read(settings)


def _location(stage: Stage, field: str) -> Location:
    for name, value in stage.settings.items():
        given = value if isinstance(value, list) else [value]
        if any(str(one).split(".")[0] == field for one in given) and name in stage.setting_locations:
            return stage.setting_locations[name]
    return stage.location
