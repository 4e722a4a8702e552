"""Load what a command names: one door for all of them, so that they agree on what a name means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from transmissions.errors import NoSuchPipeline, reason_of
from transmissions.problem import Location, Problem

if TYPE_CHECKING:
    from transmissions.model import Definition
    from transmissions.registry import Registry

__all__ = ["load_definition", "make_registry", "problems_of"]


def make_registry(processors: Sequence[str] | None) -> Registry:
    """Return where processors are found: installed ones, and those of the user's own in these files and folders."""
    from transmissions.registry import Registry, load_processors

    return Registry(load_processors(processors or ()))


def load_definition(name: str, processors: Sequence[str] | None) -> Definition:
    """Return what the pipeline's file declares; raises InvalidPipeline or NoSuchPipeline."""
    from transmissions.loading import load

    return load(name, make_registry(processors))[0]


def problems_of(name: str, registry: Registry) -> list[Problem]:
    """Return every problem of a bundled pipeline or of all pipelines in a file; one that cannot be read is one too."""
    from transmissions.loading import application, check, find, validate

    try:
        if application(name) is not None:
            return check(name, registry)[1]
        path, picked = find(name)
        _, problems = check(name, registry) if picked else validate(path, registry)
    except NoSuchPipeline as error:
        return [Problem(Location(name), str(error), code="no-such-pipeline")]
    except OSError as error:
        return [Problem(Location(name), f"cannot be read: {reason_of(error)}", code="unreadable")]
    return problems
