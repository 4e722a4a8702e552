"""Make the reference pages from commands and processors: `python -m transmissions.cli.reference docs`."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from transmissions.cli.app import app

if TYPE_CHECKING:
    from transmissions.processor import Processor

__all__ = ["bundled_processors", "cli_page", "processors_page", "vocabulary_file", "write_pages"]

_COLUMNS = 90
_HEAD = """# Command line

What each command says of itself under `--help`. Results go to standard output, progress and the log to standard error.

| exit code | |
| --- | --- |
| 0 | done |
| 1 | the run failed, or something unforeseen did |
| 2 | what was given is wrong: the command, the pipeline, or part of the input (the rest was done) |
| 130 | interrupted by Ctrl-C: the run was ended in order, what it wrote is whole; a second Ctrl-C kills |
| 143 | likewise, by SIGTERM |
| 141 | the reader of its output went away, as in `trans … | head` |
"""


def cli_page() -> str:
    """Return the page with the help of every command."""
    group = typer.main.get_command(app)
    context = group.make_context(
        "trans", [], resilient_parsing=True, terminal_width=_COLUMNS, max_content_width=_COLUMNS
    )
    return "\n".join([_HEAD, *_sections(context, group)])


def bundled_processors() -> dict[str, Callable[[], type[Processor]]]:
    """Return for each processor that ships with the package, by name, what loads it."""
    from transmissions.registry import GROUP, Registry

    registry = Registry()
    names = sorted(point.name for point in entry_points(group=GROUP) if point.value.startswith("processors."))
    return {name: partial(registry.find, name) for name in names}


def processors_page() -> str:
    """Return the page with the bundled processors."""
    from transmissions.describe import describe, reference_page

    found = {name: load() for name, load in bundled_processors().items()}
    subjects: dict[str, list[str]] = {}
    for name, processor in found.items():
        subjects.setdefault(_subject(processor), []).append(name)
    return reference_page((describe(name, one) for name, one in found.items()), dict(sorted(subjects.items())))


def vocabulary_file() -> str:
    """Return the vocabulary with the bundled processors, in Turtle."""
    from transmissions.ontology import ontology_text

    return ontology_text({name: load() for name, load in bundled_processors().items()})


def write_pages(folder: Path) -> None:
    """Write both pages and the vocabulary into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cli.md").write_text(cli_page(), encoding="utf-8", newline="\n")
    (folder / "processors.md").write_text(processors_page(), encoding="utf-8", newline="\n")
    (folder / "vocabulary.ttl").write_text(vocabulary_file(), encoding="utf-8", newline="\n")


def _subject(processor: type[Processor]) -> str:
    """Return what the module or the package that a processor is in says of itself."""
    module = sys.modules[".".join(processor.__module__.split(".")[:2])]
    first = inspect.cleandoc(module.__doc__ or "").split("\n", 1)[0].rstrip(".")
    # A module of one processor begins with its name, one of several with "Processors that" or "Processors of".
    said = re.sub(r"^(\w+: |(A p|P)rocessors? (that |of |which )?)", "", first)
    return said[:1].upper() + said[1:]


def _sections(context: Any, command: Any) -> Iterator[str]:
    yield _section(context)
    for name, below in vars(command).get("commands", {}).items():
        yield from _sections(below.make_context(name, [], parent=context, resilient_parsing=True), below)


def _section(context: Any) -> str:
    text = "\n".join(line.rstrip() for line in context.get_help().strip().splitlines())
    return f"## {context.command_path}\n\n```text\n{text}\n```\n"


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
