"""Find processors: installed ones through the entry-point group, a user's own from files named on the command line."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from transmissions.errors import NoSuchProcessor, TransmissionsError, reason_of
from transmissions.problem import nearest
from transmissions.processor import Processor

__all__ = ["GROUP", "REFUSED_GROUP", "Registry", "load_processors"]

GROUP = "transmissions.processors"
"""The entry-point group through which installed packages, the bundled one included, offer processors."""

REFUSED_GROUP = "transmissions.refused"
"""The group through which packages say why they offer no processor of a name: a mapping from names to reasons."""


class Registry:
    """Processor classes by name. A name is only ever a key here; it is never imported as a module.

    Args:
        own: processors of the user's own, by name; they come before installed ones.
    """

    def __init__(self, own: Mapping[str, type[Processor]] | None = None) -> None:
        self._own = dict(own or {})
        self._loaded: dict[str, type[Processor]] = {}

    def names(self) -> list[str]:
        """Return the names of all processors there are, sorted."""
        return sorted({*self._own, *_installed()})

    def find(self, name: str) -> type[Processor]:
        """Return the processor of that name.

        Raises:
            NoSuchProcessor: nothing provides it; the error's text has the nearest name.
            TransmissionsError: the package that provides it cannot be loaded.
        """
        if name in self._own:
            return self._own[name]
        if name not in self._loaded:
            if name not in _installed():
                if reason := self.refusal(name):
                    raise NoSuchProcessor(f":{name} is refused: {reason}")
                guess = nearest(name, self.names())
                hint = f"did you mean :{guess}?   " if guess else ""
                raise NoSuchProcessor(f"no processor is called :{name}; {hint}`trans list processors` shows all")
            self._loaded[name] = _load(name, _installed()[name])
        return self._loaded[name]

    def refusal(self, name: str) -> str | None:
        """Return why nobody offers a processor of that name on purpose; None if nobody says so."""
        return None if name in self else _refused().get(name)

    def __contains__(self, name: str) -> bool:
        return name in self._own or name in _installed()


@functools.cache
def _refused() -> Mapping[str, str]:
    return {name: reason for point in entry_points(group=REFUSED_GROUP) for name, reason in point.load().items()}


@functools.cache
def _installed() -> Mapping[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        # The bundled processors yield to nobody: a plugin that takes one of their names is not heard.
        if point.name not in found or point.value.startswith("processors."):
            found[point.name] = point
    return found


def _load(name: str, point: EntryPoint) -> type[Processor]:
    package = point.dist.name if point.dist else "an unnamed package"
    try:
        cls = point.load()
    except Exception as error:
        origin = sys.modules.get("processors")
        hint = ""
        if (
            point.value.startswith("processors.")
            and origin is not None
            and not hasattr(origin, "OF_TRANSMISSIONS_ENGINE")
        ):
            hint = f"; the module `processors` that Python finds is another one: {getattr(origin, '__file__', '?')}"
        raise TransmissionsError(f"processor :{name} of {package} cannot be loaded: {error}{hint}") from error
    if not (isinstance(cls, type) and issubclass(cls, Processor)):
        raise TransmissionsError(f"processor :{name} of {package} is {point.value}, which is no Processor class")
    return cls


def load_processors(paths: Iterable[Path | str]) -> dict[str, type[Processor]]:
    """Load the processors that Python files define, or the files directly in folders.

    Args:
        paths: files and folders that the user named.

    Raises:
        TransmissionsError: a path does not exist, holds no processor, or fails to load; a processor's settings are
            wrong; or two files define processors of one name.
    """
    own: dict[str, type[Processor]] = {}
    origins: dict[str, Path] = {}
    for path in map(Path, paths):
        if not path.exists():
            raise TransmissionsError(f"--processors {path}: there is no such file or folder")
        files = sorted(path.glob("[!_]*.py")) if path.is_dir() else [path]
        found: dict[str, type[Processor]] = {}
        for file in files:
            for name, cls in _defined_in(file).items():
                first = origins.setdefault(name, file)
                if first.resolve() != file.resolve():
                    raise TransmissionsError(f"--processors: :{name} is defined twice, in {first} and in {file}")
                found[name] = cls
        if not found:
            raise TransmissionsError(f"--processors {path}: no Processor class or @processor function is defined there")
        own |= found
    return own


def _defined_in(file: Path) -> dict[str, type[Processor]]:
    # Equal in every process while the file is the same: what a run makes is told apart by the names of its classes.
    try:
        known = hashlib.sha256(bytes(file.resolve()) + b"\0" + file.read_bytes()).hexdigest()
    except OSError as error:
        raise TransmissionsError(f"--processors {file}: cannot be read: {reason_of(error)}") from error
    name = f"transmissions_own_{file.stem}_{known[:16]}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise TransmissionsError(f"--processors {file}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise TransmissionsError(
            f"--processors {file}: {_where(error, file)}{type(error).__name__}: {error}"
        ) from error
    found = {
        cls.__name__: cls
        for cls in vars(module).values()
        if isinstance(cls, type) and issubclass(cls, Processor) and cls.__module__ == name
    }
    for cls in found.values():
        try:
            cls.settings()
        except Exception as error:
            raise TransmissionsError(f"--processors {file}: class {cls.__name__}: {error}") from error
    return found


def _where(error: BaseException, file: Path) -> str:
    """Return `line N: ` for the last line of `file` that the error came through."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        # Python makes the names of code files absolute, however they were given.
        if Path(trace.tb_frame.f_code.co_filename) == file.absolute():
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"line {line}: " if line else ""
