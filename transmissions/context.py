"""What a run gives each stage: its name, the door to files, its counters, and where its warnings go."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transmissions.errors import OutputRefused, TransmissionsError
from transmissions.network import Network
from transmissions.output import Output
from transmissions.programs import Programs

__all__ = ["Application", "Context"]


def _silent(level: str, text: str, facts: Mapping[str, Any]) -> None:
    """Drop a log record; what a processor outside a run does."""


def _no_statistics() -> dict[str, Any]:
    return {}


def _no_call(name: str, message: dict[str, Any]) -> dict[str, Any] | None:
    """Refuse to call another transmission; what a stage gets whose pipeline is no part of an application."""
    raise TransmissionsError(f"cannot go to {name}: only the transmissions of an application folder call one another")


def _no_halt(reason: str) -> None:
    """Go on; what halting means outside a run."""


@dataclass(frozen=True, slots=True)
class Application:
    """The application folder that a stage runs in, and the folders that its files are looked for in.

    Args:
        name: its name.
        folder: the folder, which holds `transmissions.ttl`.
        root: the target's folder, or the application's without one.
        working: where relative files are: the target's folder, or the application's `data` without one.
        subtask: the transmission that was asked for; "" for none.
    """

    name: str
    folder: Path
    root: Path
    working: Path
    subtask: str = ""


def _never() -> bool:
    return False


@dataclass(slots=True)
class Context:
    """A stage's view of the run it is part of.

    Args:
        stage: the stage's name.
        pipeline: the pipeline's name.
        output: the only door to files that are written, rooted in the run's target.
        fingerprint: equal in two runs if pipeline, settings and versions are; what is unchanged under it need not be
            made again.
        statistics: the stage's counters so far, the very numbers of the run report: `received`, `emitted`,
            `filtered`, `failed`, `busy_s`, `blocked_s`, `bytes`, `backpressure_events`, `buffer`.
        log: takes a level, a text and facts; "notice" is for what a person asked to see, and is shown unless all is to
            be quiet; the others are "debug", "info", "warning" and "error".
        closes: the name of the split whose groups this stage ends; None if it ends none.
        application: the application folder that it runs in; None in a plain pipeline.
        call: runs another transmission of the application with a message, to its end, and returns the first message
            that left it; None if none did.
        halt: ends the run on purpose, and takes the reason.
        run: the id of the run, which no other run has.
        stopping: says whether the run takes nothing more in, because it failed or was aborted; who waits, asks it.
        network: which hosts the run may connect to; a `Fetcher` is made with it.
        programs: which programs the run may start, and the door to them.
        stages: the pipeline's stages in order, each as its name and its processor's.
    """

    stage: str = ""
    pipeline: str = ""
    output: Output = field(default_factory=lambda: Output(Path()))
    fingerprint: str = ""
    statistics: Callable[[], Mapping[str, Any]] = _no_statistics
    log: Callable[[str, str, Mapping[str, Any]], None] = _silent
    run: str = ""
    stopping: Callable[[], bool] = _never
    closes: str | None = None
    application: Application | None = None
    call: Callable[[str, dict[str, Any]], dict[str, Any] | None] = _no_call
    halt: Callable[[str], None] = _no_halt
    network: Network = field(default_factory=Network)
    programs: Programs = field(default_factory=Programs)
    stages: tuple[tuple[str, str], ...] = ()
    _outputs: dict[Path, Output] = field(default_factory=dict)

    def find(self, path: str | Path, *, below_root: bool = False) -> Path:
        """Return where a file or folder that is read is.

        In a plain pipeline that is the path itself. In an application a relative one is looked for in the working
        folder, then in `data` below it; with `below_root`, in the target's folder or the application's.
        """
        if self.application is None:
            return Path(path)
        if below_root:
            return Path(os.path.normpath(self.application.root / path))
        folders = (self.application.working, self.application.working / "data")
        first, second = (Path(os.path.normpath(folder / path)) for folder in folders)
        return second if not first.exists() and second.exists() else first

    def destination(self, path: str | Path) -> tuple[Output, str]:
        """Return the door to a file that is written, and the file's path behind it.

        That is the run's target; in an application, the target's or the application's own folder, which a relative
        path starts from as it does for reading.

        Raises:
            OutputRefused: it is in neither.
        """
        if self.application is None:
            return self.output, str(path)
        place = Path(os.path.normpath(self.application.working / path))
        folders = (self.application.working, self.application.root, self.application.folder)
        for folder in folders if place not in folders else ():
            if place.is_relative_to(folder):
                output = self.output if folder == self.output.target else self._outputs.get(folder)
                if output is None:
                    output = self._outputs[folder] = Output(folder)
                return output, place.relative_to(folder).as_posix()
        raise OutputRefused(f"{path}: refused: files are written in the target's and the application's folder only")

    def close(self) -> None:
        """Close the doors that `destination` opened."""
        for output in self._outputs.values():
            output.close()
        self._outputs.clear()
