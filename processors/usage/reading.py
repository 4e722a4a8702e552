"""The usage that a message holds: in a field, as metadata or a list of it, or as an event of type Usage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from transmissions import MISSING, Message, get_field
from transmissions.usage import Convention, UsageRecord, normalise

__all__ = ["IDS", "RecordReader", "event_data"]

IDS = ("call", "run", "model", "provider", "owner", "project", "session", "agent", "parent")


def event_data(message: Message, kind: str) -> Mapping[str, Any] | None:
    """Return the data of an event of this type; None if the message is none."""
    data = message.get("data")
    return data if message.get("type") == kind and isinstance(data, Mapping) else None


class RecordReader:
    """Makes records of what messages hold.

    Args:
        field: the message field with usage, as a dotted path.
        convention: `inclusive`, `additive`, or "" for the provider's own.
        defaults: what a record says where neither its usage nor its message does, by field.
        warn: told of what is doubtful.

    Attributes:
        skipped: how many entries of lists were null.
    """

    def __init__(self, field: str, convention: str, defaults: Mapping[str, str], warn: Callable[[str], None]) -> None:
        self.field = field
        self.skipped = 0
        self._convention = Convention(convention) if convention else None
        self._defaults = defaults
        self._warn = warn
        self._number = 0

    def metadata(self, message: Message) -> list[Mapping[str, Any]]:
        """Return the usage metadata of a message, without what is null; nothing if it has none."""
        usage = get_field(message, self.field)
        if usage is MISSING or usage is None:
            usage = event_data(message, "Usage")
        if usage is None:
            return []
        if not isinstance(usage, list):
            return [usage]
        return [one for one in usage if one is not None]

    def records(self, message: Message, call: str = "") -> Iterator[UsageRecord]:
        """Yield a record for each call whose usage a message holds.

        A call without an id of its own gets one by the run and its place in it.

        Args:
            message: the message.
            call: the id of the call that the message is about, if that is known by other means.

        Raises:
            InvalidUsage: the usage holds a number that is none.
        """
        found = self.metadata(message)
        if isinstance(listed := get_field(message, self.field), list):
            self.skipped += listed.count(None)
        for place, usage in enumerate(found, 1):
            record = self.record(usage, message, call)
            if len(found) > 1 and not isinstance(usage.get("call"), str):
                # What the message is called, all of its calls are; their places tell them apart.
                record = record._replace(call=f"{record.call}.{place}" if record.call else "")
            if not record.call:
                self._number += 1
                record = record._replace(call=f"{self._defaults.get('stage', '')}.{self._number}")
            yield record

    def record(self, usage: Mapping[str, Any], message: Message, call: str = "") -> UsageRecord:
        """Return the record of one usage; its call may be empty."""
        said: dict[str, Any] = {name: message[name] for name in IDS if isinstance(message.get(name), str)}
        where: dict[str, Any] = {name: said.get(name) or self._defaults.get(name, "") for name in IDS}
        where["call"] = call or where["call"]
        if isinstance(message.get("kind"), str):
            where["kind"] = message["kind"]
        if isinstance(at := message.get("at"), str):
            where["at"] = datetime.fromisoformat(at)
        provider = where.pop("provider")
        return normalise(usage, provider=provider, convention=self._convention, warn=self._warn, **where)
