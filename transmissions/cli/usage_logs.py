"""The calls in session logs, whatever program wrote them, and what was wrong with the logs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from transmissions.errors import ParameterError, TransmissionsError

if TYPE_CHECKING:
    from transmissions.usage import UsageRecord

__all__ = ["Logs"]

GROUP = "transmissions.session_logs"
"""The entry-point group of processors that read session logs, by the name of the program that writes them."""


class _Reader(Protocol):
    """What a processor that reads session logs offers beside messages."""

    problems: list[dict[str, Any]]
    problems_dropped: int

    def start(self) -> None: ...

    def records(self) -> Iterator[UsageRecord]: ...

    def report(self) -> dict[str, Any]: ...


def _readers() -> list[EntryPoint]:
    """Return what reads session logs, the bundled first; a reader of one's own gets what these do not know."""
    found = {(point.name, point.value): point for point in entry_points(group=GROUP)}
    return sorted(found.values(), key=lambda point: (not point.value.startswith("processors."), point.name))


class Logs:
    """Session logs of all programs that a reader is there for.

    Args:
        paths: files and folders; none for where the programs keep their logs.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._given = bool(paths)
        self._unknown = [Path(path) for path in paths]
        self._readers: list[_Reader] = []

    def records(self) -> Iterator[UsageRecord]:
        """Yield all calls, each once.

        Raises:
            TransmissionsError: a path leads nowhere.
            ParameterError: no path is given, and no program has kept any logs.
        """
        missing = []
        for point in _readers():
            if self._given and not self._unknown:
                return
            reader = cast("_Reader", point.load()(source_file=list(self._unknown)))
            reader.start()
            try:
                yield from reader.records()
            except TransmissionsError as error:
                if self._given:
                    raise
                missing.append(str(error))
                continue
            self._readers.append(reader)
            if self._given:
                # What one does not know may be another's.
                self._unknown = [Path(path) for path in reader.report()["foreign"]]
        if not self._readers:
            raise ParameterError("\n".join([*missing, "name the files or folders that hold your session logs"]))

    def problems(self) -> list[dict[str, Any]]:
        """Return what went wrong."""
        found = [one for reader in self._readers for one in reader.problems if not one.get("foreign")]
        text = "no session log of a program that is known"
        unknown = self._unknown if self._readers else []
        return found + [{"severity": "warning", "text": text, "file": str(path)} for path in unknown]

    def notes(self) -> list[str]:
        """Return what has to be known to compare the sums with those of the programs themselves."""
        return [note for reader in self._readers if (note := reader.report().get("note"))]

    def lost(self) -> int:
        """Return how many lines and files could not be used."""
        dropped = sum(reader.problems_dropped for reader in self._readers)
        return dropped + len([problem for problem in self.problems() if problem["severity"] == "error"])
