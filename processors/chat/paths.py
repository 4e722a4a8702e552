"""The paths of a conversation's files: from a layout, and never one that another file has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from processors.chat.conversation import Conversation
from processors.chat.layout import Layout
from processors.chat.markup import text_of
from processors.chat.times import in_zone, utc_text
from transmissions.output.claims import Claims

__all__ = ["Paths", "conversation_values", "message_values"]

_LONGEST_ID = 40
_INDEX = re.compile(r"index(-\d{4}-\d{2}|-undated)?\.(md|jsonl)", re.IGNORECASE)
"""Names, in the target itself, of the pages that list all others: no conversation gets one."""


class Paths:
    """Gives paths, and remembers who has which.

    Within a conversation the result does not depend on the order of its messages: all that would get the same path take
    more of their ids. Between conversations, the one that came first keeps its path, in this run and in later ones.

    Args:
        layout: the template.
        claims: paths that are taken, by keys of conversations.
        zone: of the times in paths; None is UTC.
    """

    def __init__(self, layout: Layout, claims: Claims, zone: tzinfo | None) -> None:
        self._layout = layout
        self._claims = claims
        self._zone = zone

    def of_page(self, conversation: Conversation) -> str:
        """Return the path of a conversation's page."""
        values, key = conversation_values(conversation, self._zone), conversation.key
        path = self._layout.path(values)
        more = 0
        while (taken := self._is_taken(path, key)) and more < _LONGEST_ID and self._layout.can_lengthen:
            more += 1
            path = self._layout.path(values, more)
        if taken and self._is_taken(path := _with_tail(path, values["uuid"]), key):
            path = self._numbered(path, 2, key)
        return path

    def of_messages(self, conversation: Conversation) -> list[str]:
        """Return a path for each message; those that would be the same take more of their ids, all of them."""
        shared, key = conversation_values(conversation, self._zone), conversation.key
        values = [
            shared | message_values(message, place, self._zone) for place, message in enumerate(conversation.messages)
        ]
        paths = [self._layout.path(one) for one in values]
        more = 0
        clashes = self._clashes(paths, key)
        while clashes and more < _LONGEST_ID and self._layout.can_lengthen:
            more += 1
            for place in clashes:
                paths[place] = self._layout.path(values[place], more)
            clashes = self._clashes(paths, key)
        for place in clashes:
            paths[place] = self._numbered(paths[place], place + 1, key)
        return paths

    def _clashes(self, paths: list[str], key: str) -> list[int]:
        """Return the places of paths that another message here, or another conversation, has as well."""
        first: dict[str, int] = {}
        found: set[int] = set()
        for place, path in enumerate(paths):
            before = first.setdefault(path.casefold(), place)
            if before != place:
                found.update((before, place))
        found.update(place for place, path in enumerate(paths) if place not in found and self._is_taken(path, key))
        return sorted(found)

    def _is_taken(self, path: str, key: str) -> bool:
        """Say whether another conversation has a path; if none has, it is this one's from now on."""
        return _INDEX.fullmatch(path) is not None or self._claims.claim(path, key) in ("taken", "twin")

    def _numbered(self, path: str, number: int, key: str) -> str:
        while self._claims.claim(numbered := _with_tail(path, str(number)), key) != "new":
            number += 1
        return numbered


def conversation_values(conversation: Conversation, zone: tzinfo | None) -> dict[str, str]:
    """Return what a layout's fields stand for."""
    return {
        "title": conversation.slug,
        "name": conversation.title,
        "uuid": conversation.uuid or conversation.key,
        "created": in_zone(conversation.created, zone),
        "updated": in_zone(conversation.updated, zone),
        "provider": "claude",
        "model": text_of(conversation.raw.get("model")) or "unknown",
        "messages": str(conversation.total),
    }


def message_values(message: Mapping[str, Any], place: int, zone: tzinfo | None) -> dict[str, str]:
    """Return what a layout's fields of a message stand for; `place` counts from 0."""
    return {
        "message.uuid": text_of(message.get("uuid")) or f"message-{place + 1}",
        "message.created": in_zone(utc_text(message.get("created_at")), zone),
        "message.updated": in_zone(utc_text(message.get("updated_at")), zone),
        "message.sender": text_of(message.get("sender")) or "unknown",
        "message.index": str(place + 1),
    }


def _with_tail(path: str, tail: str) -> str:
    stem, dot, suffix = path.rpartition(".")
    return f"{stem}-{tail}{dot}{suffix}" if stem and "/" not in suffix else f"{path}-{tail}"
