"""What a page needs to know of a conversation before its messages: id, title, times, messages, each once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from processors.chat.body import blocks_of
from processors.chat.times import utc_text
from transmissions.output.names import safe_name, slug

__all__ = ["Conversation", "read_conversation"]

_TITLE_CHARACTERS = 80


@dataclass(slots=True)
class Conversation:
    """One conversation.

    Args:
        raw: as exported.
        uuid: its id; "" if it has none.
        key: its id, or what stands for it.
        title: its name; else its summary, the beginning of the first question, or `untitled-` and its id.
        created: ISO 8601 in UTC; "" if unknown.
        updated: likewise.
        messages: those that are messages, each id once.
        left_out: how many others the export has: none, or with an id that came before.
    """

    raw: dict[str, Any]
    uuid: str
    key: str
    title: str
    created: str
    updated: str
    messages: list[dict[str, Any]]
    left_out: int = 0

    @property
    def total(self) -> int:
        """How many messages it has."""
        return len(self.messages)

    @property
    def folder(self) -> str:
        """Its own name among folders."""
        return safe_name(self.key, "conversation", 120)

    @property
    def slug(self) -> str:
        """Its title for use in a file name."""
        return slug(self.title) or f"untitled-{self.key[:8]}"


def read_conversation(raw: dict[str, Any], key: str, warn: Callable[..., None]) -> Conversation:
    """Return what there is to know of a conversation; what has the wrong type is left out, with a warning.

    Args:
        raw: as exported.
        key: what names it in the target.
        warn: takes a text, and facts.
    """
    uuid = raw.get("uuid")
    given = raw.get("chat_messages")
    messages = _messages(given, warn)
    left_out = len(given) - len(messages) if isinstance(given, list | dict) else 0
    created, updated = utc_text(raw.get("created_at")), utc_text(raw.get("updated_at"))
    for name, time in (("created_at", created), ("updated_at", updated)):
        if not time and raw.get(name) not in (None, ""):
            warn(f"{name} is no time", value=str(raw[name])[:80])
    return Conversation(
        raw,
        uuid if isinstance(uuid, str) else "",
        key,
        _title(raw, messages, key),
        created,
        updated,
        messages,
        left_out,
    )


def _messages(value: Any, warn: Callable[..., None]) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        warn("chat_messages is an object; its values are taken")
        value = list(value.values())
    elif value is not None and not isinstance(value, list):
        warn("chat_messages is no list; it is left out")
    if not isinstance(value, list):
        return []
    messages: list[dict[str, Any]] = value
    if not all(type(one) is dict for one in value):
        warn(
            "something between the messages is none; it is left out", count=sum(type(one) is not dict for one in value)
        )
        messages = [one for one in value if type(one) is dict]
    ids = [one.get("uuid") for one in messages]
    try:
        if len(set(ids)) == len(ids):
            return messages
    except TypeError:
        messages = [one | {"uuid": str(one.get("uuid"))} for one in messages]
    return _each_once(messages, warn)


def _each_once(messages: list[dict[str, Any]], warn: Callable[..., None]) -> list[dict[str, Any]]:
    kept: dict[Any, dict[str, Any]] = {}
    for place, message in enumerate(messages):
        uuid = message.get("uuid") or f"message-{place + 1}"
        if uuid in kept:
            warn("a message comes twice; the first counts", message=str(uuid))
        else:
            kept[uuid] = message
    return list(kept.values())


def _title(raw: dict[str, Any], messages: list[dict[str, Any]], key: str) -> str:
    for name in ("name", "title", "summary"):
        if title := _line(raw.get(name)):
            return title
    for message in messages:
        if message.get("sender") == "human":
            for block in blocks_of(message):
                if block.get("type") == "text" and (title := _line(block.get("text"))):
                    return title
    return f"untitled-{key[:8]}"


def _line(value: Any) -> str:
    """Return the beginning of a text on one line."""
    if not isinstance(value, str):
        return ""
    line = " ".join(value[:1000].split())
    if len(line) <= 2 * _TITLE_CHARACTERS:
        return line
    cut = line[:_TITLE_CHARACTERS]
    return re.sub(r"\s+\S*\Z", "", cut) + "…"
