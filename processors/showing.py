"""Processors that show a person what a stage knows: its settings, its place, its transmission."""

from __future__ import annotations

from typing import Any

from processors.values import as_text
from transmissions import Message, Processor, setting

__all__ = ["ShowConfig", "ShowSettings", "ShowTransmission"]


class ShowConfig(Processor):
    """Show where the stage is: its name, its pipeline, and in an application the folders that it works in.

    Example:
        :main a :EntryTransmission ; :pipe (:stage :remove) .
        :stage a :ShowConfig .
        :remove a :DeadEnd .
        application letters
        logged :stage {"stage":"stage","pipeline":"letters","application":"letters","root":"…/letters","working":"…/letters/data"}

    Guarantee: pure.
    """

    takes_done = True

    def process(self, message: Message) -> Message:
        """Show it and return the message."""
        facts: dict[str, Any] = {"stage": self.context.stage, "pipeline": self.context.pipeline}
        place = self.context.application
        if place is not None:
            facts |= {"application": place.name, "root": str(place.root), "working": str(place.working)}
        self.context.log("notice", as_text(facts), {})
        return message


class ShowSettings(Processor):
    """Show the value of a setting, to see where it comes from.

    Example:
        :stage a :ShowSettings ; :settings [ :name "Town library" ] .
        in {"title": "Letters"}
        logged :stage name: Town library
        out {"title": "Letters"}

    Guarantee: pure.
    """

    takes_done = True

    name: object = setting("", "any text")

    def process(self, message: Message) -> Message:
        """Show it and return the message."""
        self.context.log("notice", f"name: {as_text(self.name)}", {})
        return message


class ShowTransmission(Processor):
    """Show the pipeline that the stage is in, and which stages the message came through.

    Example:
        :stage a :ShowTransmission .
        in {"title": "Letters"}
        logged :stage pipeline example, stage :stage
        out {"title": "Letters"}

    Guarantee: pure.
    """

    takes_done = True

    def process(self, message: Message) -> Message:
        """Show it and return the message."""
        way = message.get("tags", "")
        came = f", the message came through {way}" if way else ""
        self.context.log("notice", f"pipeline {self.context.pipeline}, stage :{self.context.stage}{came}", {})
        return message
