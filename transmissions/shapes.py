"""Check a document with SHACL: the base shapes of `shapes.ttl`, and one shape made from each processor's settings.

What a shape finds is told in `violations`; what no shape can say is checked by the reader and the graph.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdflib import BNode, Graph, Literal, URIRef
from rdflib.namespace import RDF, RDFS, SH, XSD

from transmissions import violations
from transmissions import vocabulary as terms
from transmissions.settings import REQUIRED, Duration, Setting
from transmissions.shacl import validate

if TYPE_CHECKING:
    from rdflib.term import Node

    from transmissions.outline import Outline
    from transmissions.problem import Problem
    from transmissions.processor import Processor
    from transmissions.turtle import Document

__all__ = ["base_shapes", "check", "processor_shape", "shape_text"]

_TEMPLATE = r"\{\{"
_WHOLE = r"^\s*[+-]?\d+\s*$"
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_PERIOD = r"^P(\d+(\.\d+)?D)?(T(\d+(\.\d+)?H)?(\d+(\.\d+)?M)?(\d+(\.\d+)?S)?)?$"
_BOOLEAN = r"^([Tt]rue|[Ff]alse|yes|no|1|0)$"
# A name of our own vocabulary where a text is meant is a slip, `:content` for "content".
_FOREIGN = f"^(?!{terms.NAMESPACE})"
_IGNORED = (RDF.type, RDFS.label, RDFS.comment)


Alternative = list[tuple["Node", "Node"]]
"""Constraints that hold together for one way to write a value."""


def _text(pattern: str) -> Alternative:
    return [(SH.datatype, XSD.string), (SH.pattern, Literal(pattern))]


_WAYS: dict[Any, list[Alternative]] = {
    object: [[(SH.nodeKind, SH.Literal)]],
    str: [[(SH.datatype, XSD.string)], [(SH.nodeKind, SH.IRI), (SH.pattern, Literal(_FOREIGN))]],
    Path: [
        [(SH.datatype, XSD.string), (SH.minLength, Literal(1))],
        [(SH.nodeKind, SH.IRI), (SH.pattern, Literal("^file:"))],
    ],
    bool: [[(SH.datatype, XSD.boolean)], _text(f"{_BOOLEAN}|{_TEMPLATE}")],
}
_NUMBERS: dict[Any, tuple[tuple[URIRef, ...], str]] = {
    int: ((XSD.integer,), _WHOLE),
    float: ((XSD.integer, XSD.decimal, XSD.double), _NUMBER),
    Duration: ((XSD.integer, XSD.decimal, XSD.double), f"{_PERIOD}|{_NUMBER}"),
}


def check(document: Document, outline: Outline, processors: Mapping[str, type[Processor]]) -> list[Problem]:
    """Validate a document against the shapes.

    Args:
        document: the document.
        outline: its pipelines and stages.
        processors: the processors that its stages use, by name.
    """
    shapes = Graph(bind_namespaces="none")
    shapes += base_shapes()
    for stage in outline.stages:
        shapes.add((terms.NAMESPACE.StageShape, SH.targetNode, _named(stage)))
    for name, cls in processors.items():
        add_processor_shape(shapes, name, cls.settings().values())
    data = Graph(bind_namespaces="none")
    nodes: dict[Node, Node] = {}
    for subject, predicate, value in _flattened(document, outline, processors):
        nodes |= {_named(subject): subject, _named(value): value}
        data.add((_named(subject), predicate, _named(value)))
    # The document is ours and is not kept, so nothing is copied; nothing is inferred, imported or scripted either.
    conforms, report, _ = validate(
        data, shacl_graph=shapes, inplace=True, inference="none", advanced=False, js=False,
        meta_shacl=False, do_owl_imports=False, allow_infos=True, allow_warnings=True,
    )  # fmt: skip
    if conforms or not isinstance(report, Graph):
        return []
    return violations.tell(report, shapes, nodes=nodes, document=document, outline=outline, processors=processors)


@functools.cache
def base_shapes() -> Graph:
    """Return the shapes that hold for every pipeline; not to be changed."""
    text = (files("transmissions") / "shapes.ttl").read_text(encoding="utf-8")
    return Graph(bind_namespaces="none").parse(data=text, format="turtle")


def processor_shape(name: str, cls: type[Processor]) -> Graph:
    """Return the shape of the stages that use a processor.

    Args:
        name: what the processor is called in Turtle, without the colon.
        cls: its class.
    """
    graph = Graph(bind_namespaces="none")
    for prefix, space in (("", terms.NAMESPACE), ("sh", SH), ("xsd", XSD), ("rdf", RDF), ("rdfs", RDFS)):
        graph.bind(prefix, space)
    add_processor_shape(graph, name, cls.settings().values())
    return graph


def shape_text(name: str, cls: type[Processor]) -> str:
    """Return the shape of a processor in Turtle, as `trans describe` shows it."""
    return processor_shape(name, cls).serialize(format="turtle")


def add_processor_shape(graph: Graph, name: str, settings: Iterable[Setting]) -> None:
    """Add to a graph the shape of the stages whose processor has these settings."""
    settings = list(settings)
    shape, inner = terms.NAMESPACE[f"{name}Shape"], BNode()
    graph.add((shape, RDF.type, SH.NodeShape))
    graph.add((shape, SH.targetClass, terms.NAMESPACE[name]))
    graph.add((shape, SH.property, inner))
    graph.add((inner, SH.path, terms.SETTINGS))
    if any(setting.required for setting in settings):
        graph.add((inner, SH.minCount, Literal(1)))
    _close(graph, inner, settings)


def _close(graph: Graph, shape: Node, settings: Iterable[Setting]) -> None:
    """Let the nodes of a shape have these properties and no others."""
    graph.add((shape, SH.closed, Literal(True)))
    graph.add((shape, SH.ignoredProperties, _list(graph, _IGNORED)))
    for setting in settings:
        part = BNode()
        graph.add((shape, SH.property, part))
        _add_setting(graph, part, setting)


def _add_setting(graph: Graph, part: Node, setting: Setting) -> None:
    graph.add((part, SH.path, terms.NAMESPACE[setting.turtle_name]))
    graph.add((part, SH.message, Literal(f"must be {setting.expected}")))
    if setting.doc:
        graph.add((part, SH.description, Literal(setting.doc)))
    if setting.required:
        graph.add((part, SH.minCount, Literal(1)))
    elif isinstance(setting.default, str | int | float) and setting.default is not REQUIRED:
        graph.add((part, SH.defaultValue, Literal(setting.default)))
    if not setting.many:
        graph.add((part, SH.maxCount, Literal(1)))
    if setting.record:
        graph.add((part, SH.nodeKind, SH.BlankNodeOrIRI))
        _close(graph, part, setting.record)
        return
    alternatives = _alternatives(graph, setting)
    if len(alternatives) == 1:
        for predicate, value in alternatives[0]:
            graph.add((part, predicate, value))
    else:
        graph.add((part, SH["or"], _list(graph, [_node(graph, one) for one in alternatives])))


def _alternatives(graph: Graph, setting: Setting) -> list[Alternative]:
    """Return the ways to write one value, each as constraints that hold together."""
    if setting.choices:
        # `:append` may be written for "append": the names of choices read like the terms around them.
        both = [*map(Literal, setting.choices), *(terms.NAMESPACE[choice] for choice in setting.choices)]
        return [[(SH["in"], _list(graph, both))], _text(_TEMPLATE)]
    if setting.type in _WAYS:
        return _WAYS[setting.type]
    bounds = [(SH.minInclusive, setting.minimum), (SH.maxInclusive, setting.maximum)]
    limits: Alternative = [(term, Literal(bound)) for term, bound in bounds if bound is not None]
    kinds, pattern = _NUMBERS[setting.type]
    periods: list[Alternative] = []
    if setting.type is Duration:
        periods = [[(SH.datatype, XSD.duration)], [(SH.datatype, XSD.dayTimeDuration)]]
    return [*([(SH.datatype, kind), *limits] for kind in kinds), *periods, _text(f"{pattern}|{_TEMPLATE}")]


def _node(graph: Graph, constraints: Iterable[tuple[Node, Node]]) -> Node:
    node = BNode()
    for predicate, value in constraints:
        graph.add((node, predicate, value))
    return node


def _list(graph: Graph, members: Sequence[Node]) -> Node:
    cells: list[Node] = [BNode() for _ in members]
    for cell, member, rest in zip(cells, members, [*cells[1:], RDF.nil], strict=True):
        graph.add((cell, RDF.first, member))
        graph.add((cell, RDF.rest, rest))
    return cells[0] if cells else RDF.nil


def _named(node: Node) -> Node:
    """Return a name of our own for a node without one, and any other node as it is.

    pyshacl copies such nodes into its report with all that hangs on them, and a file may hang a circle on one.
    """
    return terms.NAMESPACE[f"genid/{node}"] if isinstance(node, BNode) else node


def _flattened(document: Document, outline: Outline, processors: Mapping[str, Any]) -> Graph:
    """Return the document's graph with the lists of settings that take several values as several values.

    A shape then says the same of both ways to write them.
    """
    graph = Graph(bind_namespaces="none")
    graph += document.graph
    for stage in outline.stages:
        cls = processors.get(outline.processor(stage) or "")
        if cls is not None:
            for node in document.graph.objects(stage, terms.SETTINGS):
                _flatten(graph, document, node, cls.settings().values())
    return graph


def _flatten(graph: Graph, document: Document, node: Node, settings: Iterable[Setting]) -> None:
    for setting in settings:
        path = terms.NAMESPACE[setting.turtle_name]
        for value in list(graph.objects(node, path)):
            members = [value]
            if setting.many and document.is_list(value):
                members = [member for _, member in document.items(value)]
                graph.remove((node, path, value))
                for member in members:
                    graph.add((node, path, member))
            for member in members:
                if setting.record and not isinstance(member, Literal | URIRef):
                    _flatten(graph, document, member, setting.record)
