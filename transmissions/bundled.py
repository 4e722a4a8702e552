"""Find the pipelines that ship with the package: beside it when installed, else in the checkout."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

__all__ = ["find", "folder", "names"]


def folder() -> Path | None:
    """Return the folder of the pipelines that ship; None if there is none."""
    package = Path(str(files("transmissions")))
    for candidate in (package / "pipelines", package.parent / "pipelines"):
        if candidate.is_dir():
            return candidate
    return None


def names() -> list[str]:
    """Return the names of the pipelines that ship, sorted."""
    here = folder()
    return sorted(path.stem for path in here.glob("*.ttl")) if here else []


def find(name: str) -> Path | None:
    """Return the file of a pipeline that ships; None if none is called that."""
    here = folder()
    # The name is looked up, never joined to a path: it comes from whoever calls.
    return here / f"{name}.ttl" if here and name in names() else None
