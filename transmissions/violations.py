"""Tell what SHACL found in the words of the file: which setting of which stage, at which line, what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rdflib import Graph, Literal, URIRef
from rdflib.namespace import RDF, SH, XSD

from transmissions import vocabulary as terms
from transmissions.problem import Location, Problem, nearest
from transmissions.settings import Setting, python_name

if TYPE_CHECKING:
    from rdflib.term import Node

    from transmissions.outline import Outline
    from transmissions.processor import Processor
    from transmissions.turtle import Document

__all__ = ["place_of", "tell"]


def tell(
    report: Graph,
    shapes: Graph,
    *,
    nodes: Mapping[Node, Node],
    document: Document,
    outline: Outline,
    processors: Mapping[str, type[Processor]],
) -> list[Problem]:
    """Return the problems that a validation report holds.

    Args:
        report: what pyshacl returned.
        shapes: the shapes it validated against.
        nodes: the document's nodes by what they are called in the report.
        document: the document it validated.
        outline: the document's pipelines and stages.
        processors: the processors that its stages use, by name.
    """
    teller = _Teller(report, shapes, nodes, document, outline, processors)
    found: dict[tuple[Location, str], Problem] = {}
    for result in report.subjects(RDF.type, SH.ValidationResult):
        for problem in teller.tell(result):
            # A value of the wrong type is out of range as well; once is enough.
            found.setdefault((problem.location, problem.message), problem)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class _Teller:
    """Turns one result at a time into problems."""

    _report: Graph
    _shapes: Graph
    _nodes: Mapping[Node, Node]
    _document: Document
    _outline: Outline
    _processors: Mapping[str, type[Processor]]

    def tell(self, result: Node) -> list[Problem]:
        focus, path, value = (self._report.value(result, term) for term in (SH.focusNode, SH.resultPath, SH.value))
        if focus is None or not isinstance(path, URIRef) or isinstance(focus, Literal):
            return []
        focus, value = self._nodes.get(focus, focus), self._nodes.get(value, value) if value is not None else None
        component = self._report.value(result, SH.sourceConstraintComponent)
        message = str(self._report.value(result, SH.resultMessage))
        if component == SH.ClosedConstraintComponent and value is not None:
            shape = self._report.value(result, SH.sourceShape)
            owners = [owner for owner in self._owners(focus, path, value) if self._is_ours(owner, path)]
            return [self._unknown(owner, path, value, shape) for owner in owners]
        if component == SH.MinCountConstraintComponent:
            shape = self._report.value(result, SH.sourceShape)
            return [] if self._misspelt(focus, path, shape) else self._missing(focus, path, message)
        if component == SH.MaxCountConstraintComponent:
            return [self._repeated(focus, path, message)]
        return [self._wrong(focus, path, value, message)] if value is not None else []

    def _owners(self, focus: Node, path: Node, value: Node) -> Iterable[Node]:
        """Yield the nodes that a result of sh:closed is about; SHACL names only the node that it started from."""
        graph = self._document.graph
        near = [focus] if (focus, path, value) in graph else []
        for one in graph.objects(focus):
            members = (member for _, member in self._document.items(one)) if self._document.is_list(one) else (one,)
            near += [member for member in members if (member, path, value) in graph]
        return near

    def _is_ours(self, owner: Node, path: URIRef) -> bool:
        """Say whether a property is for us to know: other vocabularies may say more of anything but of settings."""
        return path.startswith(terms.NAMESPACE) or self._noun(owner)[0] == "setting"

    def _unknown(self, owner: Node, path: URIRef, value: Node, shape: Node | None) -> Problem:
        document = self._document
        known = self._properties(shape)
        noun, code = self._noun(owner)
        at = document.at_predicate(owner, path, value)
        message = f"unknown {noun} {document.name(path)} {place_of(owner, document, self._outline)}"
        return Problem(at, message, self._instead(owner, terms.local_name(path), known), code)

    def _properties(self, shape: Node | None) -> list[str]:
        """Return the names of the properties that a closed shape lets its nodes have."""
        paths = (self._shapes.value(part, SH.path) for part in self._shapes.objects(shape, SH.property))
        return [
            terms.local_name(path) for path in paths if isinstance(path, URIRef) and path.startswith(terms.NAMESPACE)
        ]

    def _misspelt(self, focus: Node, path: URIRef, part: Node | None) -> bool:
        """Say whether what is missing is there under a name that it was likely meant to be; that is told by itself."""
        known = self._properties(next(self._shapes.subjects(SH.property, part), None))
        given = {terms.local_name(one) for one in self._document.graph.predicates(focus) if isinstance(one, URIRef)}
        return any(nearest(name, known) == terms.local_name(path) for name in given.difference(known))

    def _noun(self, owner: Node) -> tuple[str, str]:
        if owner in self._outline.pipes or owner in self._outline.types:
            return "term", "unknown-term"
        if (None, terms.PARAMETER, owner) in self._document.graph or (
            None,
            terms.BUFFER,
            owner,
        ) in self._document.graph:
            return "term", "unknown-term"
        return "setting", "unknown-setting"

    def _instead(self, owner: Node, name: str, known: list[str]) -> str:
        settings = self._settings_of(owner)
        if name in settings:
            return f"this is a setting: write :settings [ :{name} … ]"
        if (None, terms.SETTINGS, owner) in self._document.graph and name in map(terms.local_name, terms.STAGE_TERMS):
            return "this belongs to the stage itself, outside its :settings"
        guess = nearest(name, known)
        if guess:
            return f"did you mean :{guess}?"
        if inner := nearest(name, settings):
            return f"did you mean :{inner}, in :settings [ … ]?"
        return "it has " + ", ".join(f":{one}" for one in sorted(known)) if known else "there are no settings here"

    def _settings_of(self, stage: Node) -> list[str]:
        cls = self._processors.get(self._outline.processor(stage) or "")
        return [setting.turtle_name for setting in cls.settings().values()] if cls else []

    def _missing(self, focus: Node, path: URIRef, message: str) -> list[Problem]:
        document = self._document
        place = place_of(focus, document, self._outline)
        at = document.at_subject(focus)
        if path == terms.SETTINGS:
            cls = self._processors[self._outline.processor(focus) or ""]
            there = set(document.graph.predicates(focus))
            needed = [setting for setting in cls.settings().values() if setting.required]
            # A setting that stands on the stage itself is told as that.
            needed = [setting for setting in needed if terms.NAMESPACE[setting.turtle_name] not in there]
            return [_needs(at, document.name(focus), setting) for setting in needed]
        if focus in self._outline.pipes:
            return [Problem(at, f"pipeline {document.name(focus)} has no {document.name(path)}", message, "missing")]
        if isinstance(focus, URIRef) and (focus, None, None) not in document.graph:
            # Settings that are not in the file lack everything; the reader says that they are not there.
            return []
        for stage in document.graph.subjects(terms.SETTINGS, focus):
            user = self._processors.get(self._outline.processor(stage) or "")
            setting = user.settings().get(python_name(terms.local_name(path))) if user else None
            if setting is not None:
                return [_needs(at, document.name(stage), setting)]
        lacks = f"{document.name(path)} is missing {place}"
        if place.startswith("of "):
            lacks = f"{place.removeprefix('of ')} has no {document.name(path)}"
        return [Problem(at, lacks, f"add it; it {message}", "missing")]

    def _repeated(self, focus: Node, path: URIRef, message: str) -> Problem:
        document = self._document
        values = document.objects(focus, path)
        if len(values) == 1 and document.is_list(values[0]):
            values = [member for _, member in document.items(values[0])]
        at = document.at_value(focus, path, values[min(1, len(values) - 1)])
        place = place_of(focus, document, self._outline)
        return Problem(
            at, f"{document.name(path)} is given {len(values)} times {place}", f"it {message}", "given-twice"
        )

    def _wrong(self, focus: Node, path: URIRef, value: Node, message: str) -> Problem:
        document = self._document
        place = place_of(focus, document, self._outline)
        at = document.at_value(focus, path, value)
        hint = f"got {document.described(value)}" + self._correction(value, message)
        return Problem(at, f"{document.name(path)} {place} {message}", hint, "wrong-value")

    def _correction(self, value: Node, message: str) -> str:
        """Return what was likely meant by a wrong value, as the end of a hint."""
        name = terms.local_name(value) if isinstance(value, URIRef) else str(value)
        offered = {re.sub(r'^\w*:|"', "", word): word for word in re.findall(r'\w*:\w+|"[^"]+"', message)}
        # `"source"` may stand in the message as an example, and be what was written.
        if isinstance(value, URIRef | Literal) and (guess := nearest(name, offered)) and offered[guess] != value.n3():
            return f"; did you mean {offered[guess]}?"
        if not message.startswith(("must be text", "must be a path")):
            return ""
        if isinstance(value, Literal) and value.datatype in (XSD.integer, XSD.decimal, XSD.double, XSD.boolean):
            return f'; write "{value}"'
        if isinstance(value, Literal) and value.language:
            return "; write it without the language"
        if isinstance(value, URIRef) and value.startswith(terms.NAMESPACE):
            return f'; did you mean "{name}"?'
        return ""


def place_of(node: Node, document: Document, outline: Outline) -> str:
    """Return where in a pipeline a node is, for a message: `on stage :read`, `in :rename on stage :map`."""
    graph = document.graph
    if node in outline.pipes:
        return f"on pipeline {document.name(node)}"
    if node in outline.types:
        return f"on stage {document.name(node)}"
    for stage in graph.subjects(terms.SETTINGS, node):
        return f"on stage {document.name(stage)}"
    for stage in graph.subjects(terms.BUFFER, node):
        return f"in the :buffer of stage {document.name(stage)}"
    for pipeline in graph.subjects(terms.PARAMETER, node):
        name = graph.value(node, terms.NAME)
        which = f"parameter {document.name(name)}" if isinstance(name, Literal) else "a parameter"
        return f"of {which} of pipeline {document.name(pipeline)}"
    return _place_of_part(node, document, outline)


def _place_of_part(node: Node, document: Document, outline: Outline) -> str:
    """Return the place of a node that is the value of a setting, or is in a list that is."""
    seen: set[Node] = set()
    prefix = ""
    while node not in seen:
        seen.add(node)
        owner, path = min(
            ((owner, path) for owner, path in document.graph.subject_predicates(node) if owner not in seen),
            key=lambda pair: document.at_subject(pair[0]),
            default=(None, None),
        )
        if owner is None or path is None:
            break
        if path not in (RDF.first, RDF.rest):
            prefix += f"in {document.name(path)} "
        if owner in outline.types or (None, terms.SETTINGS, owner) in document.graph:
            return prefix + place_of(owner, document, outline)
        node = owner
    return prefix.rstrip()


def _needs(at: Location, stage: str, setting: Setting) -> Problem:
    hint = f"add :{setting.turtle_name}, {setting.expected}" + (f": {setting.doc}" if setting.doc else "")
    return Problem(at, f"stage {stage} needs the setting :{setting.turtle_name}", hint, "missing-setting")
