"""A run's log. It is silent until whoever uses the library asks for it: `logger.enable("transmissions")`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from loguru import logger

from transmissions.secrets import redact, redact_all

__all__ = ["NOTICE", "OnLog", "logger", "stage_log"]

OnLog = Callable[[str, str, str, Mapping[str, Any]], object]
"""Called with level, stage, text and facts of each line of a run's log."""

NOTICE = 28
"""The level of what a person asked to see: above what goes as it should, below a warning."""

logger.level("NOTICE", no=NOTICE, color="<cyan>")
logger.disable("transmissions")


def stage_log(stage: str, on_log: OnLog | None = None) -> Callable[[str, str, Mapping[str, Any]], None]:
    """Return the function that a stage's context logs with; it tells `on_log`, too, whoever listens to the log."""

    def log(level: str, text: str, facts: Mapping[str, Any]) -> None:
        told = "".join(f", {key} {value}" for key, value in facts.items())
        shown = redact_all(dict(facts))
        logger.bind(stage=stage, facts=shown).log(level.upper(), redact(f":{stage} {text}{told}"))
        if on_log is not None:
            on_log(level, stage, redact(text), shown)

    return log
