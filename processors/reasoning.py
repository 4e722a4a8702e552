"""Eye: draws conclusions from N3 rules, forwards, until nothing new follows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rdflib import BNode, Graph, Variable
from rdflib.graph import QuotedGraph
from rdflib.namespace import RDF, Namespace
from rdflib.term import Node

from transmissions import Message, Processor, TransmissionsError, require_field, setting

__all__ = ["Eye"]

_IMPLIES = Namespace("http://www.w3.org/2000/10/swap/log#").implies
Triple = tuple[Node, Node, Node]
Binding = dict[Node, Node]


@dataclass(frozen=True, slots=True)
class _Rule:
    """If the first patterns hold, the second follow."""

    premises: tuple[Triple, ...]
    conclusions: tuple[Triple, ...]


class Eye(Processor):
    r"""Draw conclusions: from facts and rules in Notation3, in `data`, what the rule in `query` asks for.

    The rules are of the form `{ … } => { … }`, without built-ins; a blank node in a conclusion is a new one for each
    way in which the rule holds. `result` is what the query's rule follows from facts
    and conclusions together, `inferred` the part of it that no fact states; both are Turtle.

    Example:
        :example a :EntryTransmission ; :pipe (:facts :question :stage) .
        :facts a :FileReader ; :settings [ :sourceFile "rivers.n3" ; :targetField "data" ] .
        :question a :FileReader ; :settings [ :sourceFile "question.n3" ; :targetField "query" ] .
        :stage a :Eye .
        file rivers.n3 "@prefix : <http://example.org/#> .\n"
            ":rhone :flowsInto :sea .\n"
            "{ ?x :flowsInto ?y } => { ?y :fedBy ?x } .\n"
        file question.n3 "@prefix : <http://example.org/#> .\n"
            "{ ?y :fedBy ?x } => { ?y :fedBy ?x } .\n"
        out {"filepath": "…/question.n3", "data": "…", "query": "…",
            "result": "@prefix : <http://example.org/#>.\n\n:sea :fedBy :rhone.\n",
            "inferred": "@prefix : <http://example.org/#>.\n\n:sea :fedBy :rhone.\n"}

    Guarantee: pure.
    """

    reads = ("data", "query")
    writes = ("result", "inferred")
    takes_done = True

    max_triples: int = setting(100_000, "the most triples that conclusions may come to", minimum=1, fixed=True)

    def process(self, message: Message) -> Message:
        """Return the message with the conclusions."""
        facts, rules = _parsed(require_field(message, "data"), "data")
        questions, asked = _parsed(require_field(message, "query"), "query")
        known = Graph()
        for triple in facts:
            known.add(triple)
        self._close(known, rules)
        found = dict.fromkeys(triple for rule in asked for triple in _conclusions(rule, known))
        names = questions.namespace_manager
        # Names of its own: those that a parser gives to blank nodes are others each time.
        blank = dict.fromkeys(term for triple in found for term in triple if isinstance(term, BNode))
        named: Binding = {term: BNode(f"b{number}") for number, term in enumerate(blank)}
        message["result"] = _turtle(found, names, named)
        message["inferred"] = _turtle([triple for triple in found if triple not in facts], names, named)
        return message

    def _close(self, known: Graph, rules: list[_Rule]) -> None:
        """Add what follows, until nothing new does."""
        grown = True
        while grown:
            new: dict[Triple, None] = {}
            for triple in (triple for rule in rules for triple in _conclusions(rule, known)):
                if triple not in known:
                    new[triple] = None
                if len(known) + len(new) > self.max_triples:
                    raise TransmissionsError(
                        f"the conclusions come to more than {self.max_triples} triples; "
                        "look for a rule that makes new nodes of its own conclusions, or raise :maxTriples"
                    )
            for triple in new:
                known.add(triple)
            grown = bool(new)


def _parsed(text: Any, field: str) -> tuple[Graph, list[_Rule]]:
    graph = Graph()
    try:
        graph.parse(data=str(text), format="n3")
    except Exception as error:
        # rdflib's parser raises errors of many kinds for one and the same thing.
        reason = str(error).strip().splitlines()
        raise ValueError(f"the field {field} is not Notation3: {reason[0] if reason else error}") from None
    rules = []
    for before, after in list(graph.subject_objects(_IMPLIES)):
        graph.remove((before, _IMPLIES, after))
        if not isinstance(before, QuotedGraph) or not isinstance(after, QuotedGraph):
            raise ValueError(f"the field {field} has a rule that is not of the form {{ … }} => {{ … }}")
        rules.append(_Rule(tuple(before), tuple(after)))
    return graph, rules


def _conclusions(rule: _Rule, known: Graph) -> Iterator[Triple]:
    for binding in _matches(rule.premises, known, {}):
        for subject, predicate, value in rule.conclusions:
            made = (_bound(subject, binding), _bound(predicate, binding), _bound(value, binding))
            if not any(isinstance(term, Variable) for term in made):
                yield made


def _matches(patterns: tuple[Triple, ...], known: Graph, binding: Binding) -> Iterator[Binding]:
    if not patterns:
        yield binding
        return
    first, *rest = patterns
    sought = (binding.get(term, None if isinstance(term, Variable | BNode) else term) for term in first)
    for triple in known.triples(tuple(sought)):  # type: ignore[arg-type]
        more = _unified(first, triple, binding)
        if more is not None:
            yield from _matches(tuple(rest), known, more)


def _unified(pattern: Triple, triple: Triple, binding: Binding) -> Binding | None:
    found = binding
    for wanted, term in zip(pattern, triple, strict=True):
        if not isinstance(wanted, Variable | BNode):
            if wanted != term:
                return None
        elif wanted not in found:
            found = {**found, wanted: term}
        elif found[wanted] != term:
            return None
    return found


def _bound(term: Node, binding: Binding) -> Node:
    if isinstance(term, BNode) and term not in binding:
        # The same for the same binding, so that a rule that is followed again concludes nothing new.
        way = repr((term, sorted((str(name), value.n3()) for name, value in binding.items())))
        return BNode(f"n{hashlib.md5(way.encode(), usedforsecurity=False).hexdigest()}")
    return binding.get(term, term)


def _turtle(triples: Iterable[Triple], names: Any, blank: Binding) -> str:
    """Return triples as Turtle, one statement a line, in their order, with the prefixes that they use."""
    lines = []
    used: set[str] = set()
    for triple in triples:
        shown = ["a" if position == 1 and term == RDF.type else _shown(blank.get(term, term), names, used)
                 for position, term in enumerate(triple)]  # fmt: skip
        lines.append(" ".join(shown) + ".")
    prefixes = [f"@prefix {prefix}: <{uri}>." for prefix, uri in names.namespaces() if prefix in used]
    return "\n".join([*prefixes, "", *lines, ""]) if lines else ""


def _shown(term: Node, names: Any, used: set[str]) -> str:
    text: str = term.n3(names)
    prefix, colon, _ = text.partition(":")
    if colon and not text.startswith(("<", '"', "_:")):
        used.add(prefix)
    return text
