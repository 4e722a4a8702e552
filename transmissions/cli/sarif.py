"""Problems as SARIF 2.1.0, which code hosts show beside the lines they are about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from transmissions.problem import Problem

__all__ = ["as_sarif"]


def as_sarif(problems: Sequence[Problem]) -> dict[str, Any]:
    """Return the problems as a SARIF log with one run."""
    codes = sorted({one.code for one in problems})
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "transmissions", "rules": [{"id": code} for code in codes]}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(one) for one in problems],
            }
        ],
    }


def _result(problem: Problem) -> dict[str, Any]:
    at = problem.location
    text = f"{problem.message}; {problem.hint}" if problem.hint else problem.message
    region = {"startLine": at.line, "startColumn": at.column, "endColumn": at.column + max(1, at.length)}
    place = {"artifactLocation": {"uri": quote(Path(at.file).as_posix())}, "region": region}
    return {
        "ruleId": problem.code,
        "level": problem.severity,
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }
