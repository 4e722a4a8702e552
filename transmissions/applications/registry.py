"""The processors of an application: those of the registry, each with what the rules add to a stage."""

from __future__ import annotations

from transmissions.applications.sequence import FIRST, First
from transmissions.applications.stage import in_application
from transmissions.processor import Processor
from transmissions.registry import Registry

__all__ = ["ApplicationRegistry"]


class ApplicationRegistry(Registry):
    """Finds processors as they are in an application.

    Args:
        registry: where they are found.
    """

    def __init__(self, registry: Registry) -> None:
        super().__init__()
        self._registry = registry

    def names(self) -> list[str]:
        """Return the names of all processors there are, sorted."""
        return self._registry.names()

    def find(self, name: str) -> type[Processor]:
        """Return the processor of that name, as it is in an application; raises as `Registry.find`."""
        return First if name == FIRST else in_application(self._registry.find(name))

    def __contains__(self, name: str) -> bool:
        return name in self._registry
