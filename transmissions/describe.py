"""Describe a processor from its class: what it does, its settings, the fields it reads and writes, and an example."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transmissions.examples import Example, example_of, without_example
from transmissions.processor import Processor
from transmissions.settings import Duration, Setting

__all__ = ["Description", "SettingDescription", "as_turtle", "describe", "reference_page"]

_NAMESPACE = "http://purl.org/stuff/transmissions/"
_HEAD = """# Processors

Everything here is said by the classes themselves; `trans describe NAME` shows one of them in the terminal.

Each has an example, which a test runs: a pipeline in Turtle, the files that it needs, and the command with what it
prints. `--messages -` writes the messages that leave the pipeline to standard output, one JSON object a line; lines
that begin with a stage's name, `:stage`, go to standard error. `…` stands for what is different each time.

- A **dotted path**, `meta.title` or `list.0`, leads to a field inside another, or to a member of a list.
- **reads** and **writes** name message fields; you are warned of a stage that reads what nobody writes.
- **guarantee** says what running it again does. *Pure*: the same messages give the same, and nothing else changes;
  *idempotent*: a second time changes nothing more; *at least once*: a second time does it again.
- A **mark** ends a **group**: a processor that splits a message sends the parts, then the message itself, marked with
  `"done": true`. Marks pass by all stages but those that end groups.
- **in an application** means in a folder of the JavaScript project, which has [rules of its own](applications.md).
"""
_SAMPLES: dict[Any, str] = {
    str: '"text"',
    int: "1",
    float: "1.0",
    bool: "true",
    Path: '"input.json"',
    Duration: '"PT5S"',
    object: '"value"',
}


@dataclass(frozen=True, slots=True)
class SettingDescription:
    """One setting, in words.

    Args:
        name: in Turtle, `maxMessages`.
        takes: what a value must be.
        many: whether it takes several values.
        required: whether a pipeline has to give it.
        default: its default as Turtle; "" if it is required or has none.
        doc: what it is for.
    """

    name: str
    takes: str
    many: bool
    required: bool
    default: str
    doc: str


@dataclass(frozen=True, slots=True)
class Description:
    """A processor, in words and data.

    Args:
        name: in Turtle, without the colon.
        summary: the first paragraph of its docstring, on one line.
        details: the rest of its docstring.
        guarantee: what may be relied on when it runs again; "" if it says nothing.
        settings: in the order of declaration.
        reads: message fields it reads; one that a setting names stands as `:field`.
        writes: message fields it sets, likewise; "*" for any.
        splits: whether it sends the message that it split after the parts.
        stateful: whether what it does with one message depends on those before it.
        takes_done: whether in an application it handles messages that are marked done.
        example: a pipeline with it, in Turtle: that of its docstring, or else the least that is valid.
        run: the example of its docstring, with what goes in and comes out; None if it gives none.
    """

    name: str
    summary: str
    details: str
    guarantee: str
    settings: tuple[SettingDescription, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    splits: bool
    stateful: bool
    takes_done: bool
    example: str
    run: Example | None

    def as_json(self) -> dict[str, Any]:
        """Return the description as JSON values."""
        return dataclasses.asdict(self)

    def as_markdown(self) -> str:
        """Return the description as a section of a Markdown page."""
        parts = [f"## {self.name}", self.summary]
        if self.details:
            parts.append(self.details)
        if self.settings:
            head = ["| setting | takes | default | |", "| --- | --- | --- | --- |"]
            parts.append("\n".join([*head, *map(_markdown_row, self.settings)]))
        parts.append("\n".join(f"- {name}: {text}" for name, text in self.facts()))
        parts.append(self.run.as_markdown() if self.run else f"```turtle\n{self.example}```")
        return "\n\n".join(parts) + "\n"

    def facts(self) -> list[tuple[str, str]]:
        """Return what else there is to say, as pairs of a name and a text."""
        pairs = [
            ("reads", ", ".join(self.reads) or "no field"),
            ("writes", ", ".join("any field" if name == "*" else name for name in self.writes) or "no field"),
            ("guarantee", self.guarantee or "none stated"),
        ]
        if self.splits:
            pairs.append(("end of group", "sends the message that it split, marked `done`, after its parts"))
        if self.stateful:
            pairs.append(("state", "what it does with one message depends on those before it"))
        if self.takes_done:
            pairs.append(("in an application", "handles messages that are marked `done` as well"))
        return pairs


def describe(name: str, processor: type[Processor]) -> Description:
    """Return the description of a processor.

    Args:
        name: the name it has in Turtle.
        processor: its class.
    """
    # Its own: what it inherits says what processors are.
    summary, _, details = without_example(inspect.cleandoc(processor.__doc__ or "")).partition("\n\n")
    run = example_of(processor)
    guarantee = processor.guarantee()
    kept = [line for line in details.splitlines() if not line.strip().startswith("Guarantee:")]
    settings = processor.settings()
    return Description(
        name=name,
        summary=" ".join(summary.split()),
        details="\n".join(kept).strip(),
        guarantee=guarantee,
        settings=tuple(map(_describe_setting, settings.values())),
        reads=_fields(processor.reads, (one for one in settings.values() if one.reads)),
        writes=_fields(processor.writes, (one for one in settings.values() if one.writes)),
        splits=processor.splits,
        stateful=processor.stateful,
        takes_done=processor.takes_done,
        example=run.turtle if run else _example(name, processor),
        run=run,
    )


def reference_page(descriptions: Iterable[Description], subjects: Mapping[str, Iterable[str]]) -> str:
    """Return the Markdown page that describes all these processors.

    Args:
        descriptions: what is known of each, in order.
        subjects: names of processors by what they have to do with, for the table that the page begins with.
    """
    sections = [one.as_markdown() for one in descriptions]
    rows = [f"| {subject} | {' '.join(map(_link, names))} |" for subject, names in subjects.items()]
    return "\n".join([_HEAD, "| what for | processors |", "| --- | --- |", *rows, "", *sections])


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"


def _describe_setting(one: Setting) -> SettingDescription:
    takes = one.expected.replace("one of ", "", 1).replace(", ", " or ") if one.choices else one.expected
    default = "" if one.required or one.default is None else as_turtle(one.default)
    doc = one.doc
    if one.differs_in_application:
        doc += f"; in an application `{as_turtle(one.application)}` unless said"
    return SettingDescription(one.turtle_name, takes, one.many, one.required, default, doc)


def _fields(named: Iterable[str], settings: Iterable[Setting]) -> tuple[str, ...]:
    return (*named, *(f"the one that :{one.turtle_name} names" for one in settings))


def as_turtle(value: Any) -> str:
    """Return a setting's value as it would be written in Turtle."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(as_turtle, value))
    if dataclasses.is_dataclass(value):
        parts = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return "[ " + " ; ".join(f":{name} {as_turtle(part)}" for name, part in parts.items()) + " ]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


def _example(name: str, processor: type[Processor]) -> str:
    required = [one for one in processor.settings().values() if one.required]
    settings = " ; :settings [ " + " ; ".join(map(_sample, required)) + " ]" if required else ""
    return (
        f"@prefix : <{_NAMESPACE}> .\n\n"
        ":example a :EntryTransmission ;\n"
        "    :pipe (:stage) .\n\n"
        f":stage a :{name}{settings} .\n"
    )


def _sample(one: Setting) -> str:
    return f":{one.turtle_name} {_sample_value(one)}"


def _sample_value(one: Setting) -> str:
    if one.choices:
        return as_turtle(one.choices[0])
    if one.record:
        return "[ " + " ; ".join(_sample(part) for part in one.record if part.required) + " ]"
    if one.reads or one.writes:
        return '"content"'
    if one.minimum is not None or one.maximum is not None:
        bound = one.minimum if one.minimum is not None else one.maximum
        return as_turtle(bound if one.type is float else int(bound or 0))
    return _SAMPLES[one.type]


def _markdown_row(one: SettingDescription) -> str:
    takes = f"{one.takes}{', several' if one.many else ''}"
    default = "required" if one.required else f"`{one.default}`" if one.default else ""
    cells = (f"`:{one.name}`", takes, default, one.doc)
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"
