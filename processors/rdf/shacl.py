"""SHACLValidator: checks the graph in a message against shapes, and says what does not hold."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pyshacl
from rdflib import BNode, Graph, URIRef
from rdflib.namespace import RDF, SH
from rdflib.term import Node

from processors.rdf.asking import AskedApart, reach
from processors.rdf.graphs import (
    Graphs,
    format_named,
    from_rdflib,
    local_name,
    parsed,
    quads_in,
    serialised,
    to_rdflib,
    to_text,
)
from transmissions import Message, TransmissionsError, quiet_literals, reason_of, require_field, set_field, setting

__all__ = ["SHACLValidator", "found_in"]

_COPIED_DEEP, _COPIED_MOST = 10, 100_000
_QUERIES = (SH.select, SH.ask, SH.construct)


class SHACLValidator(AskedApart):
    r"""Validate the graph in a message against SHACL shapes, and say in fields whether it conforms and why not.

    `conforms` is true or false, to route by (FieldFilter lets on one or the other); `validationReport` is a list with
    an object for each result: `focusNode`, `path`, `value`, `severity`, `message`, `constraint`, `shape`. Shapes are
    those of SHACL's core and of SHACL-SPARQL; nothing is imported or fetched, and no script is run. A graph is
    validated in a process of its own, which is ended when it takes too long, or when the run ends.

    Example:
        :stage a :SHACLValidator ; :settings [ :shapesFile "shapes.ttl" ] .
        file shapes.ttl "@prefix sh: <http://www.w3.org/ns/shacl#> .
            <urn:shape> sh:targetSubjectsOf <urn:title> ;
            sh:property [ sh:path <urn:pages> ; sh:minCount 1 ; sh:message \"how many pages?\" ] ."
        in {"dataset": "<urn:book> <urn:title> \"Pipes\" .\n"}
        out {"dataset": "…", "conforms": false, "validationReport": [{"focusNode": "urn:book", "path": "urn:pages",
            "severity": "violation", "message": "how many pages?", "constraint": "MinCountConstraintComponent"}]}

    Guarantee: pure.
    """

    function = "processors.rdf.shacl:found_in"
    term = "validation"

    shapes_file: Path = setting(doc="the shapes, in any format that DatasetReader reads", fixed=True)
    source_field: str = setting("dataset", "field with the graph, as a dotted path", reads=True, fixed=True)
    conforms_field: str = setting("conforms", "field that says whether it conforms", writes=True, fixed=True)
    report_field: str = setting("validationReport", "field that receives the results", writes=True, fixed=True)
    report_graph_field: str = setting("", "field that receives the report as Turtle; none if empty", fixed=True)
    on_invalid: Literal["mark", "drop", "fail"] = setting(
        "mark",
        "what becomes of a message that does not conform: it goes on marked, ends here, or is an error",
        fixed=True,
    )
    allow_warnings: bool = setting(
        True, "whether a graph conforms if it has results of lesser severity only", fixed=True
    )

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._counts = {"conforming": 0, "failing": 0}

    def start(self) -> None:
        """Read the shapes."""
        path = self.context.find(self.shapes_file, below_root=True)
        form = format_named(path.suffix)
        if form is None:
            raise TransmissionsError(f"{path}: its ending says no format of RDF, such as .ttl")
        try:
            quads, _ = parsed(path.read_bytes(), form, path.absolute().as_uri())
        except OSError as error:
            raise TransmissionsError(f"{path}: cannot be read: {reason_of(error)}") from None
        except ValueError as error:
            raise TransmissionsError(f"{path}: {error}") from None
        _check_queries(to_rdflib(quads, Graphs()).default_context, path)
        self._shapes = to_text(quads)

    def process(self, message: Message) -> Message | None:
        """Return the message with what was found."""
        graph = require_field(message, self.source_field)
        if not isinstance(graph, str):
            quads_in(graph, self.source_field)
        found = self.asked(
            {
                "shapes": self._shapes,
                "graph": graph,
                "field": self.source_field,
                "place": str(self.shapes_file),
                "allow_warnings": self.allow_warnings,
                "with_graph": bool(self.report_graph_field),
            }
        )
        conforms, results = found["conforms"], found["results"]
        self._counts["conforming" if conforms else "failing"] += 1
        if not conforms and self.on_invalid == "drop":
            self.warn(f"a graph does not conform and was left out: {_sentence(results)}")
            return None
        if not conforms and self.on_invalid == "fail":
            raise TransmissionsError(f"the graph does not conform: {_sentence(results)}")
        set_field(message, self.conforms_field, conforms)
        set_field(message, self.report_field, results)
        if self.report_graph_field:
            set_field(message, self.report_graph_field, found["graph"])
        return message

    def report(self) -> dict[str, Any]:
        """Return how many graphs conform, and how many do not."""
        return dict(self._counts)


def _check_queries(shapes: Graph, path: Path) -> None:
    for query in _QUERIES:
        for text in shapes.objects(None, query):
            try:
                found = reach(str(text))
            except ValueError as error:
                raise TransmissionsError(f"{path}: a query in a shape is {error}") from None
            if found:
                raise TransmissionsError(f"{path}: refused: {found} in a shape reaches outside of the graph")


def found_in(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a validation finds: `conforms`, `results`, and, `with_graph`, the report as Turtle in `graph`.

    The question has `graph` (the field's text), `field`, `shapes` (in N-Quads) and `place` (where they are from),
    `allow_warnings` and `with_graph`. It has no bound in time, and is asked where it can be ended.

    Raises:
        TransmissionsError: the shapes make no sense, or the graph cannot be validated.
        ValueError: the text is no graph.
    """
    data = to_rdflib(quads_in(question["graph"], question["field"]), Graphs()).default_context
    _check_copies(data)
    lenient = question["allow_warnings"]
    try:
        with quiet_literals():
            conforms, report, _ = pyshacl.validate(
                data, shacl_graph=_prepared(question["shapes"]), inplace=True, inference="none", advanced=False,
                js=False, meta_shacl=False, do_owl_imports=False, allow_infos=lenient, allow_warnings=lenient,
            )  # fmt: skip
    except MemoryError:
        raise
    except Exception as error:
        # The validator raises errors of many kinds for shapes that make no sense.
        report = error
    if not isinstance(report, Graph):
        # What fails on the way is handed back in place of a report.
        raise TransmissionsError(f"{question['place']}: the shapes cannot be used: {_first_line(report)}")
    found = {"conforms": bool(conforms), "results": _results(report)}
    return {**found, "graph": _report_text(report)} if question["with_graph"] else found


@functools.lru_cache(maxsize=1)
def _prepared(shapes: str) -> Graph:
    return to_rdflib(quads_in(shapes, "shapes"), Graphs()).default_context


def _check_copies(data: Graph) -> None:
    """Refuse a graph that the validator would drown in.

    It copies a node without an address into its report with all that hangs on it, ten steps far, by every way there is.
    """
    links: dict[Node, list[Node]] = {}
    for subject, _, value in data:
        if isinstance(subject, BNode) and isinstance(value, BNode):
            links.setdefault(subject, []).append(value)
    copies = dict.fromkeys(links, 1)
    for _ in range(_COPIED_DEEP):
        copies = {node: 1 + sum(copies.get(one, 1) for one in values) for node, values in links.items()}
        if any(number > _COPIED_MOST for number in copies.values()):
            raise TransmissionsError("blank nodes of the graph lead to one another in too many ways to be validated")


def _ordered(report: Graph) -> list[Node]:
    parts = (SH.focusNode, SH.resultPath, SH.sourceConstraintComponent, SH.value, SH.resultMessage)
    return sorted(
        report.subjects(RDF.type, SH.ValidationResult),
        key=lambda node: [_shown(report.value(node, part)) or "" for part in parts],
    )


def _results(report: Graph) -> list[dict[str, Any]]:
    results = []
    for node in _ordered(report):
        one = {
            "focusNode": _shown(report.value(node, SH.focusNode)),
            "path": _named(report.value(node, SH.resultPath)),
            "value": _shown(report.value(node, SH.value)),
            "severity": local_name(str(report.value(node, SH.resultSeverity))).lower(),
            "message": " ".join(sorted(str(text) for text in report.objects(node, SH.resultMessage))),
            "constraint": local_name(str(report.value(node, SH.sourceConstraintComponent))),
            "shape": _named(report.value(node, SH.sourceShape)),
        }
        results.append({key: value for key, value in one.items() if value is not None})
    return results


def _report_text(report: Graph) -> str:
    """Return the report as Turtle, without what the validator copied of the data and the shapes."""
    whole = report.value(None, RDF.type, SH.ValidationReport)
    assert whole is not None
    nodes: list[Node] = [whole, *_ordered(report)]
    names: dict[Node, Node] = {
        node: BNode(f"result{number}" if number else "report") for number, node in enumerate(nodes)
    }
    told: list[tuple[Node, Node, Node]] = []
    for node in nodes:
        found = [(predicate, names.get(value, value)) for predicate, value in report.predicate_objects(node)]
        for predicate, value in sorted(found, key=lambda one: (one[0] != RDF.type, str(one[0]), str(one[1]))):
            if not isinstance(value, BNode) or predicate in (SH.result, SH.focusNode, SH.value):
                told.append((names[node], predicate, value))
    return serialised(from_rdflib(told), "turtle", {"sh": str(SH)})


def _shown(node: Node | None) -> str | None:
    return f"_:{node}" if isinstance(node, BNode) else None if node is None else str(node)


def _named(node: Node | None) -> str | None:
    # A node without an address has no name that says anything outside of its graph.
    return str(node) if isinstance(node, URIRef) else None


def _sentence(results: list[dict[str, Any]]) -> str:
    if not results:
        return "it has no results"
    first = results[0]
    text = f"{first['message']} (node {first.get('focusNode')}, path {first.get('path', 'none')})"
    return text + (f", and {len(results) - 1} more" if len(results) > 1 else "")


def _first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
