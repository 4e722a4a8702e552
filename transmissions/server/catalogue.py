"""The catalogue: which pipelines may be run over HTTP, and what there is to make others of."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from transmissions import bundled
from transmissions.describe import describe
from transmissions.errors import InvalidPipeline, TransmissionsError
from transmissions.loading import load
from transmissions.pipeline import Pipeline
from transmissions.problem import nearest
from transmissions.registry import Registry, load_processors
from transmissions.server.refusal import Refusal

__all__ = ["Catalogue"]

_MOST_FILES = 1000


class Catalogue:
    """Pipelines that ship, and those in folders that whoever started the server named.

    A name is looked up among those that there are; none is joined to a path.

    Args:
        folders: where more pipelines are, in files `*.ttl`, at any depth.
        processors: files and folders with processors of the user's own.
    """

    def __init__(self, folders: Iterable[Path] = (), processors: Iterable[str | Path] = ()) -> None:
        self._folders = [folder.resolve() for folder in folders]
        self.registry = Registry(load_processors(processors))

    def names(self) -> dict[str, Path | str]:
        """Return what each name stands for: a bundled pipeline's name, or a file."""
        found: dict[str, Path | str] = {}
        for folder in self._folders:
            for file in sorted(folder.rglob("*.ttl"))[:_MOST_FILES]:
                # A link may lead out of the folder.
                if file.resolve().is_relative_to(folder) and file.is_file():
                    found.setdefault(file.relative_to(folder).as_posix(), file)
        return {**{name: name for name in bundled.names()}, **found}

    def load(self, name: str) -> Pipeline:
        """Return a pipeline, ready to run; `FILE#NAME` picks one of several in a file.

        Raises:
            Refusal: there is none of that name, or it is not valid.
        """
        file, _, pick = name.partition("#")
        known = self.names()
        if file not in known:
            guess = nearest(file, list(known))
            hint = f"did you mean {guess}?" if guess else "GET /api/pipelines lists those that there are"
            raise Refusal(404, "pipeline", f"there is no pipeline {file}; {hint}")
        try:
            definition, warnings = load(known[file], self.registry, pick or None)
        except InvalidPipeline as error:
            problems = [str(problem) for problem in error.problems]
            raise Refusal(422, "invalid", f"the pipeline {file} is not valid", problems=problems) from None
        except TransmissionsError as error:
            raise Refusal(404, "pipeline", str(error)) from None
        return Pipeline(definition, self.registry, warnings)

    def pipelines(self) -> list[dict[str, Any]]:
        """Return all pipelines, with their parameters."""
        return [self._pipeline(name) for name in self.names()]

    def _pipeline(self, name: str) -> dict[str, Any]:
        try:
            definition = self.load(name).definition
        except Refusal as refusal:
            # One that is broken must not hide the others.
            return {"name": name, "label": "", "summary": refusal.text, "valid": False, "parameters": []}
        return {
            "name": name,
            "label": definition.label,
            "summary": " ".join((definition.comment or definition.label).split()),
            "valid": True,
            "parameters": [
                {
                    "name": one.name,
                    "datatype": one.datatype,
                    "required": one.required and one.default is None,
                    "default": None if one.default is None else str(one.default),
                    "choices": list(one.choices),
                    "several": one.several,
                    "comment": one.comment,
                }
                for one in definition.parameters
            ],
        }

    def processors(self) -> list[dict[str, Any]]:
        """Return all processors, each with what is to be said of it."""
        found = []
        for name in self.registry.names():
            try:
                found.append(describe(name, self.registry.find(name)).as_json())
            except TransmissionsError as error:
                found.append({"name": name, "summary": str(error)})
        return found
