"""Processors of RDF: read it, write it in another form, ask it, check it with shapes.

In a message a graph is its Turtle, or text in another serialisation: a message is what JSON can hold.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from rdflib import Dataset, Graph

from transmissions import Message, Processor, TransmissionsError, get_field, require_field, set_field, setting

__all__ = ["DatasetReader", "RDFConverter", "SHACLValidator", "SPARQLQuery"]

_FORMATS = Literal["turtle", "nt", "xml", "json-ld", "trig", "nquads", "n3"]
_WITH_GRAPHS = ("trig", "nquads", "json-ld")


class DatasetReader(Processor):
    """Read a Turtle file into the field `dataset`, as N-Triples in the order of their text, and count its triples.

    Guarantee: pure: the same file gives the same message.
    """

    takes_done = True
    writes = ("dataset", "triples")

    dataset_file: Path = setting(Path("dataset.ttl"), "the file; in an application, from the target's or its folder")

    def process(self, message: Message) -> Message:
        """Return the message with the dataset."""
        path = self.context.find(self.dataset_file, below_root=True)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TransmissionsError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
        graph = parsed(text, "turtle", str(path), base=path.absolute().as_uri())
        message["dataset"] = "".join(sorted(graph.serialize(format="nt").splitlines(keepends=True)))
        message["triples"] = len(graph)
        return message


class RDFConverter(Processor):
    """Write RDF in another form; to parse it is to check it, so that what is wrong does not go on.

    Guarantee: pure; names of blank nodes may change.
    """

    overridable = False

    input_field: str = setting("content", "field with the RDF, as a dotted path", reads=True)
    input_format: _FORMATS = setting("turtle", "the form that it is in")
    output_field: str = setting("content", "field that receives it, as a dotted path", writes=True)
    output_format: _FORMATS = setting("turtle", "the form that it is to have")
    base_uri: str = setting("", "what relative addresses start from")

    def process(self, message: Message) -> Message:
        """Return the message with the RDF."""
        text = str(require_field(message, self.input_field))
        graph = parsed(text, self.input_format, f"the field {self.input_field}", base=self.base_uri)
        set_field(message, self.output_field, graph.serialize(format=self.output_format))
        return message


class SPARQLQuery(Processor):
    """Ask RDF that is in the message: SELECT, CONSTRUCT, DESCRIBE or ASK.

    SELECT gives the result in SPARQL's JSON form (`head`, `results.bindings`), ASK true or false, the others Turtle.
    A query cannot reach beyond the message: SERVICE and FROM are refused.

    Guarantee: pure.
    """

    overridable = False

    input_field: str = setting("content", "field with the RDF, as a dotted path", reads=True)
    input_format: _FORMATS = setting("turtle", "the form that it is in")
    query: str = setting("SELECT * WHERE { ?s ?p ?o }", "the query")
    output_field: str = setting("queryResults", "field that receives the result, as a dotted path", writes=True)

    def process(self, message: Message) -> Message:
        """Return the message with the result."""
        from rdflib.plugins.sparql import prepareQuery
        from rdflib.plugins.sparql.algebra import traverse

        text = str(require_field(message, self.input_field))
        graph = parsed(text, self.input_format, f"the field {self.input_field}")
        try:
            prepared = prepareQuery(self.query, initNs=dict(graph.namespaces()))
            traverse(prepared.algebra, visitPre=_refuse_services)
            if prepared.algebra.get("datasetClause"):
                raise TransmissionsError(":query has FROM; it is asked of what is in the message only")
            result = graph.query(prepared)
            set_field(message, self.output_field, _as_json(result))
        except TransmissionsError:
            raise
        except Exception as error:
            # The parser's errors are of many kinds; what went wrong stands in the first line.
            raise ValueError(
                f":query cannot be answered: {str(error).splitlines()[0] if str(error) else error}"
            ) from None
        return message


def _refuse_services(node: Any) -> None:
    if getattr(node, "name", "") == "ServiceGraphPattern":
        raise TransmissionsError(":query has SERVICE; it is asked of what is in the message only")


def _as_json(result: Any) -> Any:
    if result.type == "ASK":
        return bool(result.askAnswer)
    if result.type == "SELECT":
        return json.loads(result.serialize(format="json"))
    return result.graph.serialize(format="turtle")


class SHACLValidator(Processor):
    """Check RDF with SHACL shapes: `conforms` says whether it does, and `validation` lists what does not.

    Each of those has `focus`, `path`, `value`, `message` and `severity`.

    Guarantee: pure.
    """

    overridable = False
    writes = ("conforms", "validation")

    input_field: str = setting("content", "field with the RDF, as a dotted path", reads=True)
    input_format: _FORMATS = setting("turtle", "the form that it is in")
    shapes_file: Path | None = setting(None, "file with the shapes, in Turtle")
    shapes_field: str = setting("shapes", "field with the shapes, in Turtle, if no file is named")
    on_violation: Literal["mark", "drop", "fail"] = setting(
        "mark", "what becomes of a message that does not conform: it goes on, it ends here, or the run fails"
    )

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._shapes: tuple[str, Graph] | None = None

    def process(self, message: Message) -> Message | None:
        """Return the message with the findings, or nothing."""
        from pyshacl import validate

        text = str(require_field(message, self.input_field))
        data = parsed(text, self.input_format, f"the field {self.input_field}")
        conforms, found, _ = validate(data, shacl_graph=self._graph(message), inference="none", advanced=False)
        message["conforms"], message["validation"] = bool(conforms), [] if conforms else _findings(found)
        if not conforms and self.on_violation == "fail":
            first = message["validation"][0]
            raise TransmissionsError(f"{first['focus']} does not conform: {first['message']}")
        return None if not conforms and self.on_violation == "drop" else message

    def _graph(self, message: Message) -> Graph:
        if self.shapes_file is not None:
            path = self.context.find(self.shapes_file)
            try:
                text, origin = path.read_text(encoding="utf-8"), str(path)
            except OSError as error:
                raise TransmissionsError(f"{path}: cannot be read: {error.strerror}") from None
        else:
            text, origin = str(get_field(message, self.shapes_field, "")), f"the field {self.shapes_field}"
        if self._shapes is None or self._shapes[0] != text:
            self._shapes = (text, parsed(text, "turtle", origin))
        return self._shapes[1]


def _findings(found: Any) -> list[dict[str, str]]:
    rows = found.query(
        """PREFIX sh: <http://www.w3.org/ns/shacl#> SELECT ?focus ?path ?value ?message ?severity WHERE {
        ?r a sh:ValidationResult ; sh:focusNode ?focus ; sh:resultSeverity ?severity .
        OPTIONAL { ?r sh:resultPath ?path } OPTIONAL { ?r sh:value ?value }
        OPTIONAL { ?r sh:resultMessage ?message } }"""
    )
    names = ("focus", "path", "value", "message", "severity")
    kept = [{name: str(term) for name, term in zip(names, row, strict=True) if term is not None} for row in rows]
    for one in kept:
        one["severity"] = one["severity"].rpartition("#")[2].lower()
        one.setdefault("message", "it breaks a shape")
    return sorted(kept, key=lambda one: (one["focus"], one.get("path", ""), one["message"]))


def parsed(text: str, form: str, origin: str, base: str = "") -> Graph:
    """Return RDF as a graph.

    Args:
        text: the RDF.
        form: the form that it is in.
        origin: what to call it in an error.
        base: what relative addresses start from.

    Raises:
        TransmissionsError: it is not RDF of that form.
    """
    if form == "xml" and "<!DOCTYPE" in text:
        raise TransmissionsError(f"{origin} has a document type, which can make a little XML endless; it is not read")
    if form == "json-ld":
        _refuse_remote_contexts(text, origin)
    graph: Graph = Dataset(default_union=True) if form in _WITH_GRAPHS else Graph()
    try:
        graph.parse(data=text, format=form, publicID=base or None)
    except Exception as error:
        # rdflib's parsers raise errors of many kinds for one and the same thing.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise TransmissionsError(f"{origin} is not valid {form}: {reason}") from None
    return graph


def _refuse_remote_contexts(text: str, origin: str) -> None:
    """Refuse JSON-LD that names a context by its address: reading it would fetch that."""
    try:
        waiting = [json.loads(text)]
    except (ValueError, RecursionError) as error:
        raise TransmissionsError(f"{origin} is not valid json-ld: {error}") from None
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            contexts = value.get("@context")
            named = [one for one in (contexts if isinstance(contexts, list) else [contexts]) if isinstance(one, str)]
            if named or "@import" in value:
                where = named[0] if named else value["@import"]
                raise TransmissionsError(f"{origin} has a context that is elsewhere, {where}; write it in place")
            waiting += value.values()
