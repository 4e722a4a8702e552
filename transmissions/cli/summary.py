"""What a person reads when a run is over: how it ended, what came of it, what went wrong and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transmissions.bottleneck import find_bottleneck
from transmissions.cli.log import facts_text, shorten
from transmissions.cli.meter import source_of
from transmissions.quantities import size_text, time_text
from transmissions.runtime.result import Result, Status

__all__ = ["summary"]

_SHOWN_KINDS = 8
_SHOWN_OF_A_KIND = 3
_LONGEST_TEXT = 300
_LONG_S = 2.0
_HIDDEN = frozenset(("severity", "stage", "text"))
_HIDDEN_OF_SKIPPED = _HIDDEN | {"phase", "place", "message", "skipped"}
_WORDS = {Status.COMPLETE: "complete", Status.ERROR: "failed", Status.ABORTED: "aborted"}


def summary(
    result: Result, target: Path | None, report: Path | None, error: str | None = None, *, watched: bool = False
) -> str:
    """Return the summary as lines of text.

    Args:
        result: the run's.
        target: the folder that it wrote into; None for the current one.
        report: the file with the whole report, if one was asked for.
        error: how to tell what ended it; as the result does unless given.
        watched: whether the person wants to know what was slowest, however little the figures say.
    """
    lines = [f"{result.pipeline}: {_WORDS[result.status]} in {time_text(result.seconds)}"]
    if result.partial:
        lines[0] += ", but part of the input could not be used"
    error = result.error if error is None else error
    if error:
        lines.append(f"  {error.replace(chr(10), chr(10) + '  ')}")
    lines += _amounts(result, target)
    lines += _pace(result, watched=watched)
    # The error that ended the run stands above already.
    lines += _problems([one for one in result.problems if "phase" not in one or "skipped" in one], report)
    lines += [f"  {advice}" for advice in _advice(result)]
    return "\n".join(lines)


def _amounts(result: Result, target: Path | None) -> list[str]:
    lines = []
    source = source_of(result.stages)
    if source and source.bytes:
        rate = size_text(source.bytes / max(result.seconds, 1e-6))
        what = "read" if source.bytes_total is not None else f"{source.stage}:"
        lines.append(f"  {what} {size_text(source.bytes)}, {rate}/s")
    if any(result.outputs.values()):
        counts = {"written": 0, "unchanged": 0, "failed": 0} | result.outputs
        text = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        lines.append(f"  files: {text}" + (f" in {target}" if target else ""))
    elif result.stages and not lines and result.status is Status.COMPLETE:
        last = result.stages[-1]
        lines.append(f"  {last.stage} got {last.received:,} and gave {last.emitted:,} messages")
    dropped = [f"{one.stage} {one.buffer.drops:,}" for one in result.stages if one.buffer and one.buffer.drops]
    if dropped:
        lines.append(f"  messages dropped by the buffer in front of {', '.join(dropped)}")
    failed = [f"{one.stage} {one.failed:,}" for one in result.stages if one.failed]
    if failed:
        lines.append(f"  messages failed: {', '.join(failed)}")
    return lines


def _pace(result: Result, *, watched: bool) -> list[str]:
    """Say what was slowest; unasked only of a run that took long, and where the figures leave little doubt."""
    verdict = find_bottleneck(result.stages, result.edges, result.seconds)
    if verdict is None or not any(one.busy_s for one in result.stages):
        return []
    is_telling = verdict.clear and result.seconds >= _LONG_S and result.status is not Status.ERROR
    return [f"  {verdict}"] if watched or is_telling else []


def _problems(problems: Sequence[dict[str, Any]], report: Path | None) -> list[str]:
    kinds: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for problem in problems:
        kinds.setdefault((problem["severity"], problem.get("stage", ""), problem["text"]), []).append(problem)
    lines = []
    for (severity, stage, text), found in sorted(kinds.items(), key=lambda kind: kind[0][0])[:_SHOWN_KINDS]:
        times = f"{len(found):,} × " if len(found) > 1 else ""
        lines.append(f"  {severity}: {times}{stage + ': ' if stage else ''}{shorten(text, _LONGEST_TEXT)}")
        places = [_place(problem) for problem in found]
        lines += [f"    {place}" for place in places[:_SHOWN_OF_A_KIND] if place]
        if len(found) > _SHOWN_OF_A_KIND:
            lines.append(f"    … and {len(found) - _SHOWN_OF_A_KIND:,} more")
    if len(kinds) > _SHOWN_KINDS:
        lines.append(f"  … and {len(kinds) - _SHOWN_KINDS:,} more kinds of problems")
    if problems:
        is_whole = len(kinds) <= _SHOWN_KINDS and all(len(found) <= _SHOWN_OF_A_KIND for found in kinds.values())
        where = f"; all {len(problems):,} are in {report}" if report else "; --report FILE writes the full list"
        lines.append(
            f"  {len(problems):,} problem{'s' if len(problems) > 1 else ''}{where if report or not is_whole else ''}"
        )
    return lines


def _place(problem: dict[str, Any]) -> str:
    hidden = _HIDDEN_OF_SKIPPED if "skipped" in problem else _HIDDEN
    text = problem["text"]
    # Where the text names its place, a second time would bury it.
    facts = {key: value for key, value in problem.items() if key not in hidden and not _says(text, value)}
    return facts_text(facts).strip().removeprefix("(").removesuffix(")")


def _says(text: str, value: Any) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return f":{value}:" in text
    return isinstance(value, str) and bool(value) and value in text


def _advice(result: Result) -> list[str]:
    if result.status is Status.ABORTED:
        return ["what is written is whole; run it again to go on"]
    if result.status is Status.ERROR:
        return ["what is written is whole; run it again when the cause is gone, --debug shows more"]
    if result.partial:
        missing = "; what is named above is missing from the output" if any(result.outputs.values()) else ""
        return [f"all else was done{missing}"]
    return []
