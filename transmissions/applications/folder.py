"""What an application is: a folder with `transmissions.ttl`; and what is known of a run before any stage is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rdflib import Literal
from rdflib.namespace import RDFS

from transmissions import vocabulary as terms
from transmissions.context import Application
from transmissions.errors import NoSuchPipeline, ParameterError
from transmissions.message import Message
from transmissions.problem import nearest

if TYPE_CHECKING:
    from rdflib.term import Node

    from transmissions.outline import Outline
    from transmissions.turtle import Document

__all__ = ["CONFIG", "PIPELINES", "TARGET", "Folder", "find", "is_application", "running"]

PIPELINES = "transmissions.ttl"
"""The file that makes a folder an application; it holds the transmissions."""
CONFIG = "config.ttl"
"""The file in the folder that holds settings which come after those in `transmissions.ttl`."""
TARGET = "tt.ttl"
"""The file in a target that holds settings which come before all others."""

_DATA = "data"


@dataclass(frozen=True, slots=True)
class Folder:
    """An application, as it was asked for.

    Args:
        path: its folder.
        subtask: the label or name of the transmission to run; "" for those that run unasked.
        target: the folder that it is run for; None for none.
        shown: how to call the folder in messages.
    """

    path: Path
    subtask: str = ""
    target: Path | None = None
    shown: str = ""

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.path.resolve().name

    def for_target(self, target: Path | str | None) -> Folder:
        """Return the same application, run for a target.

        Raises:
            ParameterError: the target is no folder.
        """
        if target is None:
            return self
        if not Path(target).is_dir():
            raise ParameterError(f"--target {target}: there is no such folder; an application's target is one that is")
        return replace(self, target=Path(target))

    def place(self) -> Application:
        """Return its folders as its stages see them."""
        folder = self.path.resolve()
        target = None if self.target is None else self.target.resolve()
        return Application(self.name, folder, target or folder, target or folder / _DATA, self.subtask)

    def beginning(self, message: Message) -> Message:
        """Return the message that a run starts with: the one given, and over it what tells of the run.

        `appName`, `appPath`, `subtask`, `rootDir`, `dataDir`, `workingDir`, `targetDir` and `appRunStart` are the
        engine's: a field of that name in the message given is replaced, or taken out where there is no value.
        """
        place = self.place()
        started = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        known: dict[str, str | None] = {
            "appName": place.name,
            "appPath": str(place.folder),
            "subtask": self.subtask or None,
            "rootDir": str(place.root),
            "dataDir": str(place.folder / _DATA),
            "workingDir": str(place.working),
            "targetDir": None if self.target is None else str(place.root),
            "appRunStart": started,
        }
        given = {name: value for name, value in message.items() if name not in known}
        return given | {name: value for name, value in known.items() if value is not None}


def is_application(path: Path) -> bool:
    """Say whether a path is an application's folder."""
    try:
        return (path / PIPELINES).is_file()
    except (OSError, ValueError):
        return False


def find(source: str | Path, pick: str | None = None) -> Folder | None:
    """Return the application that is meant by `FOLDER`, `FOLDER.SUBTASK` or `FOLDER#SUBTASK`; None if none is.

    Args:
        source: what the person wrote.
        pick: the subtask; comes before one in `source`.
    """
    text = str(source).rstrip("/") or str(source)
    if is_application(Path(text)):
        return Folder(Path(text), pick or "", shown=text)
    for sign in "#.":
        parts = text.split(sign)
        # A folder's name may hold the sign, and so may a label: the longest folder that is one is meant.
        for number in range(len(parts) - 1, 0, -1):
            before, after = sign.join(parts[:number]), sign.join(parts[number:])
            if before and after and "/" not in after and is_application(Path(before)):
                return Folder(Path(before), pick or after, shown=before)
    return None


def running(document: Document, outline: Outline, subtask: str) -> list[Node]:
    """Return the transmissions that run, in the order of the file.

    Those labelled as the subtask, if there is one; else the entry transmissions; without any, all, also those that are
    a stage of another.

    Raises:
        NoSuchPipeline: the subtask is no transmission's label or name.
    """
    if not subtask:
        graph = document.graph
        entries = [one for one in outline.pipelines if (one, None, terms.ENTRY_TRANSMISSION) in graph]
        return entries or list(outline.pipelines)
    labels = {one: [str(label) for label in document.objects(one, RDFS.label)] for one in outline.pipelines}
    names = {one: terms.local_name(one) for one in outline.pipelines if not isinstance(one, Literal)}  # type: ignore[arg-type]
    found = [one for one, known in labels.items() if subtask in known]
    found = found or [one for one, name in names.items() if name == subtask]
    if not found:
        known = [label for labels_of_one in labels.values() for label in labels_of_one] + list(names.values())
        guess = nearest(subtask, known)
        hint = f"did you mean {guess}?" if guess else "it has " + (", ".join(dict.fromkeys(known)) or "none")
        raise NoSuchPipeline(f"{document.file} has no transmission labelled or called {subtask}; {hint}")
    return found
