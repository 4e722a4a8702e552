"""A run's log. It is silent until whoever uses the library asks for it: `logger.enable("transmissions")`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from loguru import logger

from transmissions.secrets import redact, redact_all

__all__ = ["NOTICE", "logger", "stage_log"]

NOTICE = 28
"""The level of what a person asked to see: above what goes as it should, below a warning."""

logger.level("NOTICE", no=NOTICE, color="<cyan>")
logger.disable("transmissions")


def stage_log(stage: str) -> Callable[[str, str, Mapping[str, Any]], None]:
    """Return the function that a stage's context logs with."""

    def log(level: str, text: str, facts: Mapping[str, Any]) -> None:
        told = "".join(f", {key} {value}" for key, value in facts.items())
        logger.bind(stage=stage, facts=redact_all(dict(facts))).log(level.upper(), redact(f":{stage} {text}{told}"))

    return log
