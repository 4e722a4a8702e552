"""Processors that show a person what a stage knows: its settings, its place, its transmission."""

from __future__ import annotations

import json
from typing import Any

from processors.values import as_text
from transmissions import Message, Processor, setting

__all__ = ["ShowConfig", "ShowSettings", "ShowTransmission"]


class ShowConfig(Processor):
    """Show where the stage is: its name, its pipeline, and in an application the folders that it works in.

    Example:
        :example a :EntryTransmission ; :pipe (:stage :end) .
        :stage a :ShowConfig .
        :end a :DeadEnd .
        application letters
        logged :stage {"stage": "stage", "pipeline": "letters", "application": "letters",
            "root": "…/letters", "working": "…/letters/data"}

    Guarantee: pure.
    """

    takes_done = True

    def process(self, message: Message) -> Message:
        """Show it and return the message."""
        facts: dict[str, Any] = {"stage": self.context.stage, "pipeline": self.context.pipeline}
        place = self.context.application
        if place is not None:
            facts |= {"application": place.name, "root": str(place.root), "working": str(place.working)}
        self.context.log("notice", json.dumps(facts, ensure_ascii=False), {})
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

    name: object = setting("", "what to show")

    def process(self, message: Message) -> Message:
        """Show it and return the message."""
        self.context.log("notice", f"name: {as_text(self.name)}", {})
        return message


class ShowTransmission(Processor):
    """Show the pipeline that the stage is in, stage by stage, and in an application which of them the message passed.

    Example:
        :example a :EntryTransmission ; :pipe (:text :stage) .
        :text a :SetText ; :settings [ :text "Dear reader" ] .
        :stage a :ShowTransmission .
        in {"title": "Letters"}
        logged :stage pipeline example: :text a :SetText, :stage a :ShowTransmission
        out {"title": "Letters", "content": "Dear reader"}

    Guarantee: pure.
    """

    takes_done = True

    def process(self, message: Message) -> Message:
        """Show it and return the message."""
        way = message.get("tags")
        came = f"; the message came through {way}" if way else ""
        stages = ", ".join(f":{name} a :{processor}" for name, processor in self.context.stages)
        self.context.log("notice", f"pipeline {self.context.pipeline}: {stages}{came}", {})
        return message
