"""Where the value of a setting comes from: the target's Turtle, then the application's, then its configuration.

A message comes before all of them, and the processor's default after; those two are the business of `stage`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from rdflib import BNode, Literal, URIRef
from rdflib.namespace import RDF

from transmissions import vocabulary as terms
from transmissions.errors import SettingError
from transmissions.model import Stage
from transmissions.problem import Location, Problem, nearest
from transmissions.settings import Setting, kebab_name

if TYPE_CHECKING:
    from rdflib.term import Node

    from transmissions.outline import Outline
    from transmissions.processor import Processor
    from transmissions.turtle import Document

__all__ = ["Lookup"]

_DECORATION = frozenset({"key", "label", "comment", "loglevel", "processWhenDone", "settings"})


class Lookup:
    """Reads stages, each of whose settings stands in one of several documents.

    Args:
        pipelines: the document that holds the transmissions.
        documents: all that hold settings, the first to be asked first; `pipelines` is one of them.
        problems: takes what is wrong.
    """

    def __init__(self, pipelines: Document, documents: Sequence[Document], problems: list[Problem]) -> None:
        self._pipelines = pipelines
        self._documents = documents
        self._problems = problems

    def stage(self, node: Node, outline: Outline, processor: type[Processor] | None) -> Stage:
        """Return a stage with the settings that the documents give it, typed; relative paths stay as they are."""
        document = self._pipelines
        named = outline.processor(node) or ""
        name = terms.local_name(node) if isinstance(node, URIRef) else kebab_name(named)
        settings: dict[str, Any] = {}
        locations: dict[str, Location] = {}
        holder = self._holder(node)
        declared = processor.settings() if processor else {}
        for setting in declared.values() if holder is not None else ():
            assert holder is not None
            source, found = self._first(holder, terms.NAMESPACE[setting.turtle_name])
            if source is not None:
                locations[setting.name] = source.at_value(holder, terms.NAMESPACE[setting.turtle_name], found[0])
                value = self._value(setting, source, found)
                if isinstance(value, SettingError):
                    self._misfit(setting, name, value, source.described(found[0]), locations[setting.name])
                else:
                    settings[setting.name] = value
        if holder is not None and processor:
            self._guess(holder, declared, name)
        settings |= {"node_name": name} if processor else {}
        return Stage(name, named, settings, document.at_subject(node), locations)

    def _holder(self, node: Node) -> Node | None:
        holders = self._pipelines.objects(node, terms.SETTINGS)
        if len(holders) > 1:
            at = self._pipelines.at_value(node, terms.SETTINGS, holders[1])
            message = f"stage {self._pipelines.name(node)} has {len(holders)} :settings, so none of them is used"
            self._problems.append(Problem(at, message, "a stage has one node of settings", "two-settings", "warning"))
        return holders[0] if len(holders) == 1 and not isinstance(holders[0], Literal) else None

    def _first(self, holder: Node, term: URIRef) -> tuple[Document | None, list[Node]]:
        """Return the first document that has a property, and all values that it has there."""
        # Nodes without a name are of one file, whatever the parsers of others called theirs.
        for document in [self._pipelines] if isinstance(holder, BNode) else self._documents:
            if found := document.objects(holder, term):
                return document, found
        return None, []

    def _value(self, setting: Setting, source: Document, found: list[Node]) -> Any:
        """Return what the values of a property come to, or the error that they do not fit."""
        raw = [self._one(node, setting, source) for node in self._members(source, found)]
        value: Any = raw if setting.many or len(raw) != 1 else raw[0]
        try:
            if isinstance(value, list) and not setting.many and setting.type is not object:
                return SettingError(f"one value, {setting.expected}", f"{len(value)} values")
            return setting.check(value)
        except SettingError as error:
            return error

    def _misfit(self, setting: Setting, stage: str, error: SettingError, described: str, at: Location) -> None:
        message = f":{setting.turtle_name} on stage :{stage} must be {error.expected}"
        got = str(error.got) if str(error.got).endswith(" values") else described
        self._problems.append(Problem(at, message, f"got {got}", "wrong-value"))

    def _members(self, document: Document, found: list[Node]) -> list[Node]:
        return [
            item
            for one in found
            for item in ([item for _, item in document.items(one)] if document.is_list(one) else [one])
        ]

    def _one(self, node: Node, setting: Setting, source: Document) -> Any:
        """Return one value as text, as all values are in an application; the setting's type makes more of it."""
        if setting.record and not isinstance(node, Literal):
            return {
                part.name: value for part in setting.record if (value := self._part(node, part, source)) is not None
            }
        if setting.type is Path and isinstance(node, URIRef) and node.startswith("file:"):
            return Path(url2pathname(urlparse(node).path))
        if setting.choices and isinstance(node, URIRef) and node.startswith(terms.NAMESPACE):
            return terms.local_name(node)
        return str(node)

    def _part(self, node: Node, part: Setting, source: Document) -> Any:
        """Return a property of a member of a list, which mostly is described where the list is."""
        others = [document for document in self._documents if document is not source]
        for document in [source] if isinstance(node, BNode) else [source, *others]:
            if found := document.objects(node, terms.NAMESPACE[part.turtle_name]):
                values = [self._one(one, part, document) for one in self._members(document, found)]
                return values if part.many else values[0]
        return None

    def _guess(self, holder: Node, declared: dict[str, Setting], stage: str) -> None:
        """Warn of a property that is no setting and nearly one; the nodes of applications hold much that is neither."""
        known = {setting.turtle_name for setting in declared.values()}
        for document in [self._pipelines] if isinstance(holder, BNode) else self._documents:
            for term in dict.fromkeys(document.graph.predicates(holder)):
                name = terms.local_name(term) if isinstance(term, URIRef) else ""
                ours = name and str(term).startswith(terms.NAMESPACE) and term != RDF.type
                if not ours or name in known | _DECORATION or (guess := nearest(name, known)) is None:
                    continue
                at = document.at_predicate(holder, term, document.objects(holder, term)[0])
                message = f":{name} is no setting of stage :{stage}, and is ignored"
                self._problems.append(Problem(at, message, f"did you mean :{guess}?", "unknown-setting", "warning"))
