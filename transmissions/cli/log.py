"""The log on stderr: short lines for people, secrets struck out, and no flood of the same."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loguru import Record

__all__ = ["facts_text", "set_up", "shorten"]

_SHOWN_PER_STAGE = 5
_LONGEST_TEXT = 240
_LONGEST_FACT = 80


def set_up(*, quiet: bool = False, verbose: bool = False, debug: bool = False) -> None:
    """Send the log to stderr: notices, warnings and errors, unless asked for more or less.

    Args:
        quiet: errors only.
        verbose: also what goes as it should.
        debug: everything.
    """
    from transmissions.runtime.log import NOTICE, logger
    from transmissions.secrets import redact

    seen: Counter[tuple[str, str]] = Counter()

    def few(record: Record) -> bool:
        """Let the first records of a stage and level through, so that a broken input does not bury the rest."""
        stage = record["extra"].get("stage")
        if stage is None or debug or record["level"].no == NOTICE:
            return True
        key = (str(stage), record["level"].name)
        seen[key] += 1
        return seen[key] <= _SHOWN_PER_STAGE

    def line(record: Record) -> str:
        stage = record["extra"].get("stage")
        text = redact(record["message"])
        if record["level"].no != NOTICE:
            text = shorten(text, _LONGEST_TEXT)
        if stage is not None and not debug and seen[str(stage), record["level"].name] == _SHOWN_PER_STAGE:
            text += "  (more of this stage are counted, not shown)"
        # What is formatted is the format, not the text: a brace or a tag in the text stays what it is.
        record["extra"]["line"] = text
        if record["level"].no == NOTICE:
            return "{extra[line]}\n"
        where = "<dim>{name}:{line}</dim> " if debug else ""
        return f"<level>{record['level'].name.lower()}</level> {where}{{extra[line]}}\n" + (
            "{exception}" if debug else ""
        )

    logger.enable("transmissions")
    logger.remove()
    logger.add(
        _write,
        level="DEBUG" if debug else "INFO" if verbose else "ERROR" if quiet else NOTICE,
        format=line,
        filter=few,
        colorize=sys.stderr.isatty(),
        backtrace=False,
        diagnose=False,
    )


def shorten(text: str, longest: int) -> str:
    """Return the text on one line, cut in the middle if it is longer than that many characters."""
    flat = " ".join(text.split())
    if len(flat) <= longest:
        return flat
    half = (longest - 3) // 2
    return f"{flat[:half]} … {flat[-half:]}"


def facts_text(facts: dict[str, Any]) -> str:
    """Return the facts of a record or problem behind a text: ` (conversation=…, bytes=[12, 90])`, or nothing."""
    if not facts:
        return ""
    parts = []
    for name, value in facts.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        parts.append(f"{name}={shorten(text, _LONGEST_FACT)}")
    return f" ({', '.join(parts)})"


def _write(text: str) -> None:
    # Looked up each time: the live view puts a stream of its own there, so that lines scroll above it.
    sys.stderr.write(text)
