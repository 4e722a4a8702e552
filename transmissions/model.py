"""What a Turtle file says, as frozen data: a pipeline's definition with its stages, edges and parameters.

Nothing here reads Turtle and nothing here runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from transmissions.problem import Location
from transmissions.streams import MAX_SPILL_BYTES, WhenFull

__all__ = ["Buffer", "Definition", "OnError", "Parameter", "Stage", "Template", "WhenFull"]


class OnError(StrEnum):
    """What a stage's error does: end the run, or skip the message, count it and go on."""

    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Buffer:
    """The bounds of the event stream in front of a stage.

    Args:
        max_messages: at most this many messages wait.
        max_bytes: at most this many bytes of messages wait; None for no bound but `max_messages`. A message larger
            than the bound is let in when nothing else waits.
        high_water_mark: fill at which senders are paused, in bytes if `max_bytes` is set, else in messages;
            None for the bound itself.
        low_water_mark: fill at which paused senders go on, in the same unit; None for half of the high mark.
        when_full: what happens to a message that finds no room.
        max_spill_bytes: where messages that find no room go to disk, the most bytes that may wait there.
    """

    max_messages: int = 1024
    max_bytes: int | None = None
    high_water_mark: int | None = None
    low_water_mark: int | None = None
    when_full: WhenFull = WhenFull.BLOCK
    max_spill_bytes: int = MAX_SPILL_BYTES


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that a pipeline asks of whoever runs it.

    Args:
        name: as in `{{ name }}` and `--name`.
        comment: what it is for, one sentence.
        required: a run without it is refused.
        default: its value when none is given; always text, as in Turtle.
        choices: the only values it takes; empty for any.
        datatype: `string`, `integer`, `decimal` or `boolean`.
        location: where it is declared.
        several: whether it may be given several values, because a setting that takes several is made of it.
    """

    name: str
    comment: str = ""
    required: bool = False
    default: str | None = None
    choices: tuple[str, ...] = ()
    datatype: str = "string"
    location: Location = field(default=Location(""), compare=False)
    several: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """A setting's text that holds `{{ parameter }}` places, to be filled in when a run starts.

    Args:
        text: the text as written.
        base: the folder against which a relative path in it is resolved.
    """

    text: str
    base: Path | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """One processor with its settings, at one place of a pipeline.

    Args:
        name: the node's local name, `read` for `:read`; in a nested pipeline `outer/read`.
        processor: the local name of its class, `FileReader` for `:FileReader`.
        settings: by Python name; a value is typed already, or a `Template`.
        location: where the stage is declared.
        setting_locations: where each setting's value stands.
        buffer: the event stream asked for in front of it; None leaves it to the engine.
        on_error: what an error in it does.
    """

    name: str
    processor: str
    settings: Mapping[str, object] = field(default_factory=dict)
    location: Location = field(default=Location(""), compare=False)
    setting_locations: Mapping[str, Location] = field(default_factory=dict, compare=False)
    buffer: Buffer | None = None
    on_error: OnError = OnError.FAIL


@dataclass(frozen=True, slots=True)
class Definition:
    """A pipeline as its Turtle file declares it.

    Args:
        name: its local name, or the file's stem if the node has none.
        file: the file it was read from.
        stages: in the order in which the pipes name them, nested pipelines inlined.
        edges: pairs of stage names, each once.
        label: `rdfs:label`.
        comment: `rdfs:comment`.
        parameters: in the order in which they are declared.
        edge_locations: where each edge's second stage stands in its pipe.
    """

    name: str
    file: str
    stages: tuple[Stage, ...]
    edges: tuple[tuple[str, str], ...] = ()
    label: str = ""
    comment: str = ""
    parameters: tuple[Parameter, ...] = ()
    edge_locations: Mapping[tuple[str, str], Location] = field(default_factory=dict, compare=False)
    _by_name: Mapping[str, Stage] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Planning asks for each stage many times: to look through all of them each time is felt from 500 on.
        object.__setattr__(self, "_by_name", {stage.name: stage for stage in self.stages})

    def stage(self, name: str) -> Stage:
        """Return the stage of that name; raises KeyError."""
        return self._by_name[name]
