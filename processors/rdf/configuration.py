"""A processor that makes one object of what a graph says of a group of settings, nodes within nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyoxigraph

from processors.rdf.graphs import local_name, quads_in
from transmissions import Message, Processor, TransmissionsError, require_field, set_field, setting

__all__ = ["RDFConfig"]

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DEEPEST = 50


class RDFConfig(Processor):
    r"""Make an object of each group of settings that a graph describes, with all that belongs to it, into `config`.

    A group is a node of the class that `:groupClass` names, and stands under the last part of its address. Its members
    are the node's properties, under the last parts of theirs, a list where there are several values. A value that the
    graph describes is an object itself, with its address, if it has one, as `@id`; a list of RDF is a list. Where
    nodes go round in a circle, the one that comes again is but its address. ConfigMap gathers single sets, flat.

    Example:
        :example a :EntryTransmission ; :pipe (:read :config :leave) .
        :read a :DatasetReader ; :settings [ :datasetFile "groups.ttl" ] .
        :config a :RDFConfig .
        :leave a :Restructure ; :settings [ :remove "dataset", "prefixes" ] .
        file groups.ttl "@prefix : <http://purl.org/stuff/transmissions/> .
            :site a :ConfigGroup ; :title \"Notes\" ; :folders ( \"raw\" \"html\" ) ; :feed [ :maxEntries 20 ] ."
        out {"config": {"site": {"title": "Notes", "folders": ["raw", "html"], "feed": {"maxEntries": "20"}}}}

    Guarantee: pure.
    """

    reads = ("dataset",)

    group_class: str = setting(
        "http://purl.org/stuff/transmissions/ConfigGroup",
        "the class of the groups: its address, or its last part",
        fixed=True,
    )
    target_field: str = setting("config", "field that receives the object, as a dotted path", writes=True, fixed=True)
    max_values: int = setting(100_000, "the most values that the object may hold", minimum=1, fixed=True)

    def process(self, message: Message) -> Message:
        """Return the message with the object."""
        quads = quads_in(require_field(message, "dataset", "DatasetReader reads one"), "dataset")
        graph = _Graph(quads, self.max_values)
        groups = {
            local_name(node.value): graph.described(node, (), named=False)
            for node in dict.fromkeys(quad.subject for quad in quads if self._is_group(quad))
            if isinstance(node, pyoxigraph.NamedNode)
        }
        set_field(message, self.target_field, groups)
        return message

    def _is_group(self, quad: pyoxigraph.Quad) -> bool:
        kind = quad.object
        if quad.predicate.value != f"{_RDF}type" or not isinstance(kind, pyoxigraph.NamedNode):
            return False
        return self.group_class in (kind.value, local_name(kind.value))


class _Graph:
    """What a graph says, by node."""

    def __init__(self, quads: Iterable[pyoxigraph.Quad], most: int) -> None:
        self._most = self._left = most
        self._said: dict[Any, dict[str, list[Any]]] = {}
        for quad in quads:
            values = self._said.setdefault(quad.subject, {}).setdefault(quad.predicate.value, [])
            if quad.object not in values[-1:]:
                values.append(quad.object)

    def described(self, node: Any, way: tuple[Any, ...], *, named: bool = True) -> dict[str, Any]:
        """Return what is said of a node, as an object."""
        made: dict[str, Any] = {"@id": node.value} if named and isinstance(node, pyoxigraph.NamedNode) else {}
        for predicate, terms in self._said[node].items():
            if predicate != f"{_RDF}type":
                values = [self._value(term, (*way, node)) for term in terms]
                made[local_name(predicate)] = values[0] if len(values) == 1 else values
        return made

    def _value(self, term: Any, way: tuple[Any, ...]) -> Any:
        # A few nodes that name one another twice each would make an object of any size.
        self._left -= 1
        if self._left < 0:
            raise TransmissionsError(f"the groups hold more than {self._most} values; see :maxValues")
        if isinstance(term, pyoxigraph.NamedNode) and term.value == f"{_RDF}nil":
            return []
        said = self._said.get(term)
        if said is None or term in way or len(way) > _DEEPEST:
            return getattr(term, "value", str(term))
        if f"{_RDF}first" in said:
            return [self._value(one, (*way, term)) for one in self._members(term)]
        return self.described(term, way)

    def _members(self, start: Any) -> list[Any]:
        members: list[Any] = []
        seen: set[Any] = set()
        node = start
        while node not in seen and (firsts := self._said.get(node, {}).get(f"{_RDF}first")):
            seen.add(node)
            members.append(firsts[0])
            rests = self._said[node].get(f"{_RDF}rest")
            node = rests[0] if rests else None
        return members
