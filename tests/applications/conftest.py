"""Applications made on the spot: a folder with its Turtle and data, and a run of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import transmissions
from transmissions import Message

PREFIX = """@prefix : <http://purl.org/stuff/transmissions/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
"""
CONTEXT = frozenset({"appName", "appPath", "subtask", "rootDir", "dataDir", "workingDir", "targetDir", "appRunStart"})


class Made:
    """An application's folder in a test."""

    def __init__(self, folder: Path, files: dict[str, str]) -> None:
        self.folder = folder
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(PREFIX + text if path.suffix == ".ttl" else text, encoding="utf-8")

    def run(self, message: Message | None = None, *, subtask: str = "", whole: bool = False, **options: Any) -> Any:
        """Return the messages that leave it, without the fields that tell of the run unless `whole` asks for them."""
        pipeline = transmissions.load(f"{self.folder}.{subtask}" if subtask else self.folder)
        left = list(pipeline.stream(messages=message or {}, **options))
        return left if whole else [{k: v for k, v in one.items() if k not in CONTEXT} for one in left]

    def text(self, name: str) -> str:
        """Return what is in a file of its folder."""
        return (self.folder / name).read_text(encoding="utf-8")


@pytest.fixture
def application(tmp_path: Path) -> Callable[..., Made]:
    """Make an application of its `transmissions.ttl`, its `config.ttl` and other files by path."""

    def make(turtle: str, config: str | None = None, files: dict[str, str] | None = None) -> Made:
        held = {"transmissions.ttl": turtle, **(files or {})}
        return Made(tmp_path / "app", held if config is None else {**held, "config.ttl": config})

    return make
