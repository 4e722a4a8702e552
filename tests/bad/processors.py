"""Processors of every kind of setting, for the pipelines beside this file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from transmissions.processor import Message, Processor
from transmissions.settings import Duration, setting


@dataclass(frozen=True)
class Change:
    """A field and the name that it gets."""

    old: str
    new: str = ""
    times: int = 1


class Read(Processor):
    """Read a file."""

    writes = ("content", "path")

    source_file: Path = setting(doc="the file to read")
    encoding: str = setting("utf-8", "its encoding")

    def process(self, message: Message) -> Message:
        """Pass the message on."""
        return message


class Cut(Processor):
    """Cut a text field."""

    field: str = setting("content", "the field to cut", reads=True, writes=True)
    limit: int = setting(80, "characters to keep", minimum=1, maximum=1000)
    share: float = setting(0.5, "how much of the rest to keep", minimum=0, maximum=1)
    every: Duration = setting(5.0, "time between reports")
    mode: Literal["append", "replace"] = setting("append", "what to do with the rest")
    exact: bool = setting(False, "whether words may be cut")
    words: list[str] = setting([], "words never to cut")
    changes: list[Change] = setting([], "fields to rename")
    extra: object = setting(None, "anything")
    note: str | None = setting(None, "a remark")

    def process(self, message: Message) -> Message:
        """Pass the message on."""
        return message


class Rename(Processor):
    """Rename fields."""

    writes = ("*",)

    change: Change = setting(doc="what to rename")
    label: str = setting(doc="what to call it")

    def process(self, message: Message) -> Message:
        """Pass the message on."""
        return message


class Show(Processor):
    """Show a field."""

    field: str = setting("content", "the field to show", reads=True)

    def process(self, message: Message) -> dict[str, Any] | None:
        """Keep the message."""
        return None


class Pass(Processor):
    """Do nothing."""

    def process(self, message: Message) -> Message:
        """Pass the message on."""
        return message


class Idle(Processor):
    """Do nothing, since its method has another name."""

    def proces(self, message: Message) -> Message:
        return message
