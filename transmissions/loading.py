"""Load a pipeline: the steps from a name or a file to a checked definition, in order.

Nothing here runs a processor, and nothing has a side effect: what is refused is refused before anything began.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rdflib import URIRef
from rdflib.namespace import RDF
from rdflib.term import Node

from transmissions import applications, bundled, dag, outline, reader, shapes, turtle
from transmissions import vocabulary as terms
from transmissions.errors import InvalidPipeline, NoSuchPipeline
from transmissions.model import Definition
from transmissions.outline import Outline
from transmissions.problem import Problem, nearest
from transmissions.registry import Registry
from transmissions.stage_reader import UNEXPLAINED
from transmissions.turtle import Document

__all__ = ["application", "check", "find", "load", "validate"]


def load(source: str | Path, registry: Registry, pick: str | None = None) -> tuple[Definition, list[Problem]]:
    """Return the pipeline of that name or file, and the warnings about it.

    Args:
        source: the name of a bundled pipeline, a Turtle file, or the folder of an application; `FILE#NAME` picks one of
            several in a file, and `FOLDER.NAME` the one so labelled in an application.
        registry: where processors are found.
        pick: the name of the pipeline in the file; comes before one in `source`.

    Raises:
        NoSuchPipeline: it is neither a bundled pipeline nor a file, or the file has none of that name.
        InvalidPipeline: something is wrong with the file; the error holds every problem.
    """
    definition, problems = check(source, registry, pick)
    errors = [problem for problem in problems if problem.severity == "error"]
    if definition is None or errors:
        raise InvalidPipeline(errors)
    return definition, problems


def check(source: str | Path, registry: Registry, pick: str | None = None) -> tuple[Definition | None, list[Problem]]:
    """Return the pipeline that `load` would, or None if it is invalid, and every problem, sorted by line.

    Raises:
        NoSuchPipeline: as for `load`.
    """
    if (folder := application(source, pick)) is not None:
        read = applications.read(folder, applications.ApplicationRegistry(registry))
        return read.definition, read.problems
    path, named = find(source)
    definitions, problems = _definitions(path, str(path), registry, pick or named, one=True)
    invalid = any(problem.severity == "error" for problem in problems)
    return (None if invalid or not definitions else definitions[0]), problems


def validate(path: Path, registry: Registry, file: str | None = None) -> tuple[list[Definition], list[Problem]]:
    """Return all pipelines of a file that are no part of another, and every problem, sorted by line.

    Args:
        path: the file.
        registry: where processors are found.
        file: how to call it in messages; the path if not given.
    """
    if (folder := application(path)) is not None:
        read = applications.read(folder, applications.ApplicationRegistry(registry))
        return list(read.transmissions.values()), read.problems
    return _definitions(path, str(path) if file is None else file, registry, None, one=False)


def application(source: str | Path, pick: str | None = None) -> applications.Folder | None:
    """Return the application folder that is meant, or None if something else is; a bundled name is never a folder."""
    return None if bundled.find(str(source)) is not None else applications.find(source, pick)


def find(source: str | Path) -> tuple[Path, str | None]:
    """Return the file that a source names, and the name that it picks in it, if any.

    Raises:
        NoSuchPipeline: it is neither a bundled pipeline nor a file.
    """
    text = str(source)
    candidates: list[tuple[str, str | None]] = [(text, None)]
    if "#" in text:
        before, _, name = text.rpartition("#")
        candidates.append((before, name or None))
    for name, picked in candidates:
        shipped = bundled.find(name)
        if shipped is not None:
            return shipped, picked
        if name and _exists(name):
            return Path(name), picked
    name = candidates[-1][0]
    if name.endswith(".ttl") or "/" in name:
        near = nearest(Path(name).name, _turtle_files(Path(name).parent))
        hint = f"; did you mean {Path(name).parent / near}?" if near else ""
        raise NoSuchPipeline(f"there is no file {name}{hint}")
    guess = nearest(name, bundled.names())
    hint = f"did you mean {guess}?   " if guess else ""
    raise NoSuchPipeline(f"no pipeline is called {name}; {hint}`trans list pipelines` shows all")


def _definitions(
    path: Path, file: str, registry: Registry, pick: str | None, *, one: bool
) -> tuple[list[Definition], list[Problem]]:
    """Take the steps; with `one`, for the one pipeline that is meant."""
    try:
        document = turtle.parse_file(path, file)
    except InvalidPipeline as error:
        return [], list(error.problems)

    found = outline.outline(document)
    processors, problems = outline.find_processors(document, found, registry)
    problems += found.problems
    problems += outline.unused(document, found, registry)
    problems += shapes.check(document, found, processors)

    if not found.pipelines and not found.problems:
        problems.append(_no_pipeline(document, foreign=None if one else "warning"))
    wanted = _pick(document, found, pick, problems) if one else _outermost(found)
    definitions, more = reader.read(document, found, processors, wanted)
    problems += more
    sound = not any(problem.severity == "error" for problem in problems)
    for definition in definitions:
        # What a stage reads is known only once its processor is, and its settings are right.
        problems += dag.check(definition, registry) if sound else dag.circles(definition)
    return definitions, _in_order(document, problems)


def _outermost(found: Outline) -> list[Node]:
    """Return the pipelines that are no stage of another; all, if they nest in a circle."""
    nested = {inner for pipeline in found.pipelines for inner in found.nested(pipeline)}
    return [pipeline for pipeline in found.pipelines if pipeline not in nested] or found.pipelines[:1]


def _no_pipeline(document: Document, *, foreign: Literal["warning"] | None) -> Problem:
    """Return the problem that a file has no pipeline.

    Args:
        document: the file's.
        foreign: how bad it is if the file is Turtle about something else; an error if not given.
    """
    message, hint = "there is no pipeline in this file", "write `:name a :Transmission ; :pipe (:first :second) .`"
    typed = sorted(document.graph.subject_objects(RDF.type), key=lambda one: document.at_subject(one[0]))
    for node, kind in typed:
        if isinstance(kind, URIRef) and any(kind.endswith(_local(one)) for one in terms.PIPELINE_CLASSES):
            hint = f"{document.name(kind)} is <{kind}>; pipelines are of the namespace <{terms.NAMESPACE}>"
            return Problem(document.at_value(node, RDF.type, kind), message, hint, "no-pipeline")
    used = any(str(part).startswith(terms.NAMESPACE) for triple in document.graph for part in triple)
    severity = "error" if used or not document.graph else foreign or "error"
    return Problem(document.at(0), message, hint, "no-pipeline", severity)


def _local(kind: URIRef) -> tuple[str, ...]:
    return tuple(sign + terms.local_name(kind) for sign in "/#:")


def _pick(document: Document, found: Outline, name: str | None, problems: list[Problem]) -> list[Node]:
    """Return the pipeline that is meant; all that could be, with a problem, if that is not clear.

    Raises:
        NoSuchPipeline: none is called `name`.
    """
    if name is not None:
        named = [pipeline for pipeline in found.pipelines if reader.name_of(pipeline, document) == name]
        if not named:
            raise NoSuchPipeline(_no_such(document, found, name))
        return named
    graph = document.graph
    entries = [one for one in found.pipelines if (one, None, terms.ENTRY_TRANSMISSION) in graph]
    candidates = entries if len(entries) > 0 else _outermost(found)
    if len(candidates) > 1:
        choices = " or ".join(f"{document.file}#{reader.name_of(one, document)}" for one in candidates)
        kind = "entry pipelines" if entries else "pipelines"
        message = f"{len(candidates)} {kind} in this file, and nothing says which is meant"
        hint = f"name one: {choices}" + ("" if entries else ", or type one as :EntryTransmission")
        problems.append(Problem(document.at_subject(candidates[1]), message, hint, "which-pipeline"))
    return candidates


def _no_such(document: Document, found: Outline, name: str) -> str:
    known = [reader.name_of(pipeline, document) for pipeline in found.pipelines]
    guess = nearest(name, known)
    hint = f"did you mean {guess}?" if guess else "it has " + (", ".join(known) or "none")
    return f"{document.file} has no pipeline called {name}; {hint}"


def _in_order(document: Document, problems: list[Problem]) -> list[Problem]:
    """Return problems sorted by place, each thing said once, each with the line that it is about."""
    if any(problem.severity == "error" and problem.code != UNEXPLAINED for problem in problems):
        problems = [problem for problem in problems if problem.code != UNEXPLAINED]
    kept: dict[tuple[object, ...], Problem] = {}
    for problem in problems:
        # Nested pipelines are looked at with each of their uses, and reader and shapes both look at values; but one
        # stage may lack several settings.
        what = problem.message if problem.code in ("missing-setting", "missing") else problem.code
        kept.setdefault((problem.location.line, problem.location.column, what), problem)
    return [document.shown(problem) for problem in sorted(kept.values(), key=lambda one: (one.location, one.message))]


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):
        return False


def _turtle_files(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.glob("*.ttl")]
    except (OSError, ValueError):
        return []
