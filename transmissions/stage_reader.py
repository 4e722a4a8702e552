"""Read one stage or one set of parameters out of a document: values typed, paths made absolute, templates kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from rdflib import Literal, URIRef
from rdflib.namespace import RDF, RDFS, XSD

from transmissions import vocabulary as terms
from transmissions.errors import SettingError
from transmissions.model import Buffer, OnError, Parameter, Stage, Template, WhenFull
from transmissions.parameters import STANDARD_INPUT, check_parameter, is_template, templates_in
from transmissions.problem import Location, Problem, nearest
from transmissions.settings import Setting, kebab_name, turtle_name

if TYPE_CHECKING:
    from rdflib.term import Node

    from transmissions.outline import Outline
    from transmissions.processor import Processor
    from transmissions.turtle import Document

__all__ = ["UNEXPLAINED", "read_parameters", "read_stage"]

UNEXPLAINED = "wrong-node"
"""The code of a problem that stands for a node which does not fit; told only if nothing tells why."""


def read_stage(
    node: Node,
    document: Document,
    outline: Outline,
    processors: Mapping[str, type[Processor]],
    problems: list[Problem],
) -> Stage:
    """Return a stage with its settings; what is wrong is added to `problems` and left out of the stage.

    Args:
        node: the stage.
        document: the document that it is in.
        outline: the document's pipelines and stages.
        processors: the processors by name; without that of the stage, its settings are not read.
        problems: takes what is wrong.
    """
    processor = outline.processor(node) or ""
    name = terms.local_name(node) if isinstance(node, URIRef) else kebab_name(processor)
    settings: dict[str, Any] = {}
    locations: dict[str, Location] = {}
    holders = document.objects(node, terms.SETTINGS)
    cls = processors.get(processor)
    if len(holders) == 1 and not isinstance(holders[0], Literal):
        meant = (one for kind in terms.SETTINGS_CLASSES for one in document.graph.subjects(RDF.type, kind))
        what = f"stage {document.name(node)} takes its settings"
        hint = f"describe it: {document.name(holders[0])} a :ConfigSet ; … ."
        problems += _not_here(what, (node, terms.SETTINGS, holders[0]), document, meant=meant, hint=hint)
        for setting in cls.settings().values() if cls else ():
            path = terms.NAMESPACE[setting.turtle_name]
            found = document.objects(holders[0], path)
            if found:
                at = document.at_value(holders[0], path, found[0])
                value = _value(holders[0], setting, document, document.name(node), problems)
                if value is not _WRONG:
                    settings[setting.name], locations[setting.name] = value, at
    return Stage(
        name,
        processor,
        settings,
        document.at_subject(node),
        locations,
        _buffer(node, document, problems),
        _on_error(node, document),
    )


def read_parameters(pipeline: Node, document: Document, problems: list[Problem]) -> list[Parameter]:
    """Return the parameters of a pipeline in the order of the file; what is wrong is added to `problems`."""
    found: dict[str, Parameter] = {}
    for node in document.objects(pipeline, terms.PARAMETER):
        meant = document.graph.subjects(terms.NAME)
        hint = f':parameter [ :name "{terms.local_name(node)}" ] declares one' if isinstance(node, URIRef) else ""
        what = f"pipeline {document.name(pipeline)} takes a parameter"
        problems += _not_here(what, (pipeline, terms.PARAMETER, node), document, meant=meant, hint=hint)
        names = document.objects(node, terms.NAME)
        if len(names) != 1 or not isinstance(names[0], Literal):
            continue
        at = document.at_value(node, terms.NAME, names[0])
        parameter = _parameter(str(names[0]), node, document, at)
        if parameter.name in found:
            message = f'parameter "{parameter.name}" of pipeline {document.name(pipeline)} is declared twice'
            hint = f"it is declared in line {found[parameter.name].location.line} already"
            problems.append(Problem(at, message, hint, "parameter-twice"))
        found.setdefault(parameter.name, parameter)
        problems += _misfit(parameter, node, document)
    return list(found.values())


_WRONG = object()


def _not_here(
    what: str, triple: tuple[Node, URIRef, Node], document: Document, *, meant: Iterable[Node], hint: str
) -> list[Problem]:
    """Return a problem if something that a stage or a pipeline names is not in the file.

    Args:
        what: who takes what from there, for the message.
        triple: the stage or pipeline, the property by which it names something, and what it names.
        document: the document.
        meant: the nodes that the name could be a slip for.
        hint: what to write if it is near none of them.
    """
    node = triple[2]
    if not isinstance(node, URIRef) or (node, None, None) in document.graph:
        return []
    name = document.name(node)
    guess = nearest(name, {document.name(one) for one in meant})
    message = f"{what} from {name}, which is not in this file"
    at = document.at_value(*triple)
    return [Problem(at, message, f"did you mean {guess}?" if guess else hint, "no-settings")]


def _value(holder: Node, setting: Setting, document: Document, stage: str, problems: list[Problem]) -> Any:
    """Return the value of a setting, checked unless it holds templates, or `_WRONG`."""
    found = document.objects(holder, terms.NAMESPACE[setting.turtle_name])
    if setting.many:
        nodes = [
            item
            for one in found
            for item in ([item for _, item in document.items(one)] if document.is_list(one) else [one])
        ]
        raw: Any = [_one(node, setting, document) for node in nodes]
    elif len(found) > 1:
        # The shape has said so.
        return _WRONG
    else:
        raw = _one(found[0], setting, document)
    if any(True for _ in templates_in(raw)):
        return raw
    try:
        return setting.check(raw)
    except SettingError:
        problems += _misfits(holder, setting, document, f"on stage {stage}")
        return _WRONG


def _misfits(holder: Node, setting: Setting, document: Document, place: str) -> list[Problem]:
    """Return a problem for each value of a setting that does not fit, down to the parts of records.

    Mostly a shape has said so already, at the same place; texts that stand for numbers are for this check alone.
    """
    path = terms.NAMESPACE[setting.turtle_name]
    message = f":{setting.turtle_name} {place} must be {setting.expected}"
    found = []
    for one in document.objects(holder, path):
        members = [item for _, item in document.items(one)] if setting.many and document.is_list(one) else [one]
        for node in members:
            at = document.at_value(holder, path, node)
            if setting.record and not isinstance(node, Literal):
                inner = f"in :{setting.turtle_name} {place}"
                found += [problem for part in setting.record for problem in _misfits(node, part, document, inner)]
                found.append(Problem(at, message, f"got {document.described(node)}", UNEXPLAINED))
                continue
            try:
                setting.check_one(_one(node, setting, document))
            except SettingError:
                found.append(Problem(at, message, f"got {document.described(node)}", "wrong-value"))
    return found


def _one(node: Node, setting: Setting, document: Document) -> Any:
    if setting.record:
        if isinstance(node, Literal):
            return str(node)
        return {
            part.name: _several(document.objects(node, terms.NAMESPACE[part.turtle_name]), part, document)
            for part in setting.record
            if (node, terms.NAMESPACE[part.turtle_name], None) in document.graph
        }
    return _literal(node, setting, document) if isinstance(node, Literal) else _name(node, setting)


def _literal(node: Literal, setting: Setting, document: Document) -> Any:
    value = _python_value(node)
    if isinstance(value, str) and is_template(value):
        return Template(value, document.folder if setting.type is Path else None)
    if setting.type is Path and isinstance(value, str) and value and value != STANDARD_INPUT and "\0" not in value:
        return document.folder / value
    return value


def _name(node: Node, setting: Setting) -> Any:
    if not isinstance(node, URIRef):
        return None
    if setting.choices and node.startswith(terms.NAMESPACE):
        return terms.local_name(node)
    if setting.type is Path and node.startswith("file:"):
        return Path(url2pathname(urlparse(node).path))
    return str(node)


def _several(found: Iterable[Node], part: Setting, document: Document) -> Any:
    values = [
        _one(item, part, document)
        for one in found
        for item in ([item for _, item in document.items(one)] if part.many and document.is_list(one) else [one])
    ]
    return values if part.many else values[0]


def _python_value(literal: Literal) -> object:
    """Return a literal as a value of its own type if that is one of JSON's, else as text."""
    if literal.value is None:
        return str(literal)
    if literal.datatype == XSD.boolean:
        return bool(literal.value)
    if literal.datatype == XSD.integer:
        return int(literal.value)
    if literal.datatype in (XSD.decimal, XSD.double, XSD.float):
        return float(literal.value)
    return str(literal)


def _buffer(stage: Node, document: Document, problems: list[Problem]) -> Buffer | None:
    nodes = document.objects(stage, terms.BUFFER)
    if len(nodes) != 1 or isinstance(nodes[0], Literal):
        return None
    node = nodes[0]
    meant = {one for path in terms.BUFFER_TERMS for one in document.graph.subjects(path)}
    hint = f"describe it: {document.name(node)} :maxMessages 10 ."
    if isinstance(node, URIRef) and terms.local_name(node) in set(WhenFull):
        # A policy is no name of anybody's own, so it is no slip for one.
        meant, hint = set(), f"a policy stands in a buffer: :buffer [ :whenFull {document.name(node)} ]"
    what = f"stage {document.name(stage)} takes its buffer"
    if missing := _not_here(what, (stage, terms.BUFFER, node), document, meant=meant, hint=hint):
        problems += missing
        return None
    given: dict[str, Any] = {}
    for name in ("max_messages", "max_bytes", "high_water_mark", "low_water_mark", "max_spill_bytes"):
        value = document.graph.value(node, terms.NAMESPACE[turtle_name(name)])
        if isinstance(value, Literal) and value.datatype == XSD.integer and value.value is not None:
            given[name] = int(value.value)
    when_full = document.graph.value(node, terms.WHEN_FULL)
    if isinstance(when_full, URIRef) and terms.local_name(when_full) in set(WhenFull):
        given["when_full"] = WhenFull(terms.local_name(when_full))
    buffer = Buffer(**given)
    problems += _marks(buffer, node, document, document.name(stage))
    if "max_spill_bytes" in given and buffer.when_full is not WhenFull.SPILL:
        problems.append(_no_spill(node, document, document.name(stage)))
    return buffer


def _no_spill(node: Node, document: Document, stage: str) -> Problem:
    path = terms.MAX_SPILL_BYTES
    message = f"{document.name(path)} in the :buffer of stage {stage} has no effect"
    hint = "messages wait on disk only with :whenFull :spill"
    return Problem(
        document.at_value(node, path, document.objects(node, path)[0]), message, hint, "no-effect", "warning"
    )


def _marks(buffer: Buffer, node: Node, document: Document, stage: str) -> list[Problem]:
    bound = buffer.max_messages if buffer.max_bytes is None else buffer.max_bytes
    high = bound if buffer.high_water_mark is None else buffer.high_water_mark
    unit = "messages" if buffer.max_bytes is None else "bytes"
    pairs = ((terms.HIGH_WATER_MARK, buffer.high_water_mark, bound, f"the {bound} {unit} that the buffer holds"),
             (terms.LOW_WATER_MARK, buffer.low_water_mark, high, f"the high water mark, {high} {unit}"))  # fmt: skip
    found = []
    for path, mark, most, what in pairs:
        if mark is not None and mark > most:
            value = document.objects(node, path)[0]
            message = f"{document.name(path)} in the :buffer of stage {stage} is above {what}"
            at = document.at_value(node, path, value)
            found.append(Problem(at, message, f"{most} at most", "wrong-value"))
    return found


def _on_error(stage: Node, document: Document) -> OnError:
    value = document.graph.value(stage, terms.ON_ERROR)
    name = terms.local_name(value) if isinstance(value, URIRef) else ""
    return OnError(name) if name in set(OnError) else OnError.FAIL


def _parameter(name: str, node: Node, document: Document, at: Location) -> Parameter:
    graph = document.graph
    default, datatype = graph.value(node, terms.DEFAULT), graph.value(node, terms.DATATYPE)
    kind = terms.local_name(datatype) if isinstance(datatype, URIRef) else "string"
    required = graph.value(node, terms.REQUIRED)
    return Parameter(
        name,
        str(graph.value(node, RDFS.comment) or ""),
        isinstance(required, Literal) and required.value is True,
        str(default) if isinstance(default, Literal) else None,
        tuple(str(choice) for choice in document.objects(node, terms.CHOICE)),
        kind if kind in ("string", "integer", "decimal", "boolean") else "string",
        at,
    )


def _misfit(parameter: Parameter, node: Node, document: Document) -> list[Problem]:
    """Return a problem for each choice and default that the parameter itself would refuse."""
    found = []
    for path, choices in ((terms.CHOICE, ()), (terms.DEFAULT, parameter.choices)):
        for value in document.objects(node, path):
            checked = Parameter(parameter.name, choices=choices, datatype=parameter.datatype)
            try:
                check_parameter(checked, str(value))
            except SettingError as error:
                message = f'{document.name(path)} of parameter "{parameter.name}" must be {error.expected}'
                at = document.at_value(node, path, value)
                found.append(Problem(at, message, f"got {document.described(value)}", "wrong-value"))
    return found
