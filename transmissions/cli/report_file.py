"""Read the report of a run back from the file that `--report` wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from transmissions.errors import ParameterError, reason_of
from transmissions.problem import nearest
from transmissions.runtime.result import StageStatistics
from transmissions.streams import StreamStatistics

if TYPE_CHECKING:
    from transmissions.model import Definition

__all__ = ["Report", "read_report"]

_COUNTS = [field.name for field in fields(StageStatistics) if field.name not in ("stage", "processor", "buffer")]
_STREAM_COUNTS = [field.name for field in fields(StreamStatistics)]


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says of a run's pace.

    Args:
        pipeline: the pipeline's name.
        status: how the run ended.
        seconds: how long it took.
        stages: the counters of every stage.
        edges: pairs of stage names; None where the report does not name them.
    """

    pipeline: str
    status: str
    seconds: float
    stages: list[StageStatistics]
    edges: tuple[tuple[str, str], ...] | None

    def check_is_of(self, definition: Definition, path: Path) -> None:
        """See that it reports a run of this pipeline.

        Raises:
            ParameterError: it is that of another one, or the two do not have the same stages.
        """
        if self.pipeline != definition.name:
            raise ParameterError(f"--report {path}: this is a run of {self.pipeline}, not of {definition.name}")
        own = {stage.name for stage in definition.stages}
        ran = [one.stage for one in self.stages]
        for name in ran:
            if name not in own:
                guess = nearest(name, own)
                hint = f"; did it change, and is :{guess} now what this was?" if guess else ""
                raise ParameterError(f"--report {path}: {definition.name} has no stage :{name}{hint}")
        if lacking := sorted(own - set(ran)):
            raise ParameterError(f"--report {path}: it tells nothing of stage :{lacking[0]} of {definition.name}")


def read_report(path: Path) -> Report:
    """Return the report in a file.

    Raises:
        ParameterError: it cannot be read, or is no report.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ParameterError(f"--report {path}: {reason_of(error)}") from None
    if not data.strip():
        raise ParameterError(f"--report {path}: the file is empty; `trans run … --report {path}` writes one")
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ParameterError(f"--report {path}: not JSON: {error}") from None
    try:
        return _report(value)
    except _NotOneError as error:
        raise ParameterError(
            f"--report {path}: not the report of a run: {error}; `trans run … --report FILE` writes one"
        ) from None


class _NotOneError(Exception):
    """What a report would have is missing or of another kind."""


def _report(value: Any) -> Report:
    whole = _mapping(value, "the file")
    stages = [_stage(one, number) for number, one in enumerate(_list(whole.get("stages"), "stages"))]
    if not stages:
        raise _NotOneError("it has no stages")
    names = {one.stage for one in stages}
    if len(names) < len(stages):
        raise _NotOneError("a stage is named twice")
    edges = None
    if "edges" in whole:
        edges = tuple(_edge(one, names) for one in _list(whole["edges"], "edges"))
    seconds = _number(whole.get("seconds"), "seconds")
    return Report(_text(whole, "pipeline", "it"), _text(whole, "status", "it"), float(seconds), stages, edges)


def _stage(value: Any, number: int) -> StageStatistics:
    where = f"stage {number + 1}"
    given = _mapping(value, where)
    found = StageStatistics(_text(given, "stage", where), _text(given, "processor", where))
    _take(found, given, _COUNTS, f":{found.stage}")
    if given.get("buffer") is not None:
        held = _mapping(given["buffer"], f"the buffer of :{found.stage}")
        found.buffer = StreamStatistics(1)
        _take(found.buffer, held, _STREAM_COUNTS, f"the buffer of :{found.stage}")
    return found


def _take(target: object, given: Mapping[str, Any], names: Sequence[str], where: str) -> None:
    for name in names:
        if given.get(name) is not None:
            setattr(target, name, _number(given[name], f"{name} of {where}"))


def _edge(value: Any, names: set[str]) -> tuple[str, str]:
    given = _mapping(value, "an edge")
    ends = _text(given, "from", "an edge"), _text(given, "to", "an edge")
    for end in ends:
        if end not in names:
            raise _NotOneError(f"an edge names :{end}, which is none of its stages")
    return ends


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _NotOneError(f"{what} is no object")
    return value


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise _NotOneError(f"it has no list of {what}")
    return value


def _text(given: Mapping[str, Any], name: str, where: str) -> str:
    if not isinstance(given.get(name), str):
        raise _NotOneError(f"{where} has no {name}")
    return str(given[name])


def _number(value: Any, what: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise _NotOneError(f"{what} is no number, 0 or more")
    return value
