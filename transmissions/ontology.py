"""The whole vocabulary as RDF: the terms of pipelines, and a class for each processor with the properties it takes.

The terms come from `vocabulary.ttl`, the rest from the processors' classes, so that nothing is written down twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdflib import Graph, Literal, URIRef
from rdflib.namespace import RDF, RDFS, XSD

from transmissions import vocabulary as terms
from transmissions.describe import Description, describe
from transmissions.processor import Processor
from transmissions.settings import Duration, Setting

__all__ = ["ontology", "ontology_text"]

_RANGES: dict[Any, URIRef] = {
    str: XSD.string,
    int: XSD.integer,
    float: XSD.decimal,
    bool: XSD.boolean,
    Path: XSD.string,
    Duration: RDFS.Literal,
    object: RDFS.Literal,
}


@dataclass(frozen=True, slots=True)
class _Use:
    """What one processor says of one property.

    Args:
        owner: the processor's name; for a part of a node, that of the setting whose node it is.
        doc: what it is for.
        range: what its values are; None for nodes without a class.
        is_part: whether it is a part of a setting's node.
    """

    owner: str
    doc: str
    range: URIRef | None
    is_part: bool = False


def ontology(processors: Mapping[str, type[Processor]]) -> Graph:
    """Return the vocabulary with these processors, by name."""
    graph = Graph(bind_namespaces="none")
    for prefix, namespace in (("", terms.NAMESPACE), ("rdf", RDF), ("rdfs", RDFS), ("xsd", XSD)):
        graph.bind(prefix, namespace)
    graph.parse(data=terms.turtle(), format="turtle")
    uses: dict[str, list[_Use]] = {}
    for name, processor in sorted(processors.items()):
        _add_class(graph, describe(name, processor))
        for property_name, use in _uses(name, processor.settings().values()):
            uses.setdefault(property_name, []).append(use)
    for property_name, found in uses.items():
        _add_property(graph, terms.NAMESPACE[property_name], found)
    return graph


def ontology_text(processors: Mapping[str, type[Processor]]) -> str:
    """Return the vocabulary with these processors, in Turtle; the same text for the same processors."""
    return ontology(processors).serialize(format="turtle").strip() + "\n"


def _add_class(graph: Graph, description: Description) -> None:
    node = terms.NAMESPACE[description.name]
    graph.add((node, RDF.type, RDFS.Class))
    graph.add((node, RDFS.subClassOf, terms.PROCESSOR))
    graph.add((node, RDFS.label, Literal(description.name)))
    graph.add((node, RDFS.comment, Literal(description.summary)))
    if description.guarantee:
        graph.add((node, terms.GUARANTEE, Literal(description.guarantee)))


def _uses(owner: str, settings: Iterable[Setting], *, is_part: bool = False) -> Iterator[tuple[str, _Use]]:
    for one in settings:
        doc = one.doc or f"{one.expected}, part of a node of {owner}"
        yield one.turtle_name, _Use(owner, doc, None if one.record else _RANGES[one.type], is_part)
        yield from _uses(f":{one.turtle_name}", one.record, is_part=True)


def _add_property(graph: Graph, node: URIRef, uses: list[_Use]) -> None:
    # A term of pipelines that some processor has a setting of the same name of belongs to both.
    is_ours = (node, RDF.type, None) not in graph
    graph.add((node, RDF.type, RDF.Property))
    graph.add((node, RDFS.label, Literal(terms.local_name(node))))
    same = len({use.doc for use in uses}) == 1
    for use in uses:
        shown = use.owner if use.is_part else f":{use.owner}"
        graph.add((node, RDFS.comment, Literal(use.doc if same and is_ours else f"of {shown}: {use.doc}")))
        if not use.is_part:
            graph.add((node, terms.SETTING_OF, terms.NAMESPACE[use.owner]))
    if not is_ours:
        return
    if not any(use.is_part for use in uses):
        graph.add((node, RDFS.domain, terms.CONFIG_SET))
    ranges = {use.range for use in uses}
    if None not in ranges:
        (only, *others) = ranges
        graph.add((node, RDFS.range, RDFS.Literal if others or only is None else only))
