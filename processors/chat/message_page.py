"""The page of one message, in the form that the original converter gave it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from processors.chat.markup import dicts_in, text_of

__all__ = ["bullets", "details_of", "message_page", "meta_of", "stringified"]


def message_page(name: str, conversation_uuid: str, message_uuid: str, text: str, fields: Iterable[str]) -> str:
    """Return title link, message id, text, a line, and the bullets; no line end behind the last.

    Args:
        name: of the conversation.
        conversation_uuid: its id, for the link.
        message_uuid: the message's id.
        text: what it says.
        fields: the bullets' lines.
    """
    lines = [f"# [{name}](https://claude.ai/chat/{conversation_uuid})", "", message_uuid, "", text, "", "---", ""]
    return "\n".join([*lines, *fields])


def bullets(fields: Mapping[str, Any]) -> list[str]:
    """Return a bullet for each field that is not null, as JavaScript prints it: `[undefined]` for what is empty there.

    >>> bullets({"a": "x", "b": False, "c": None})
    ['* **a** : x', '* **b** : [undefined]']
    """
    return [f"* **{name}** : {stringified(value)}" for name, value in fields.items() if value is not None]


def stringified(value: Any) -> str:
    """Return a value as the original prints it: objects as `JSON.stringify(value, null, 2)` writes them."""
    if isinstance(value, dict | list):
        return json.dumps(_as_javascript(value), indent=2, ensure_ascii=False)
    if not value or (isinstance(value, float) and math.isnan(value)):
        return "[undefined]"
    if isinstance(value, bool):
        return "true"
    return text_of(_as_javascript(value))


def _as_javascript(value: Any) -> Any:
    """Return a value whose whole numbers have no fraction, and whose keys that are numbers come first, in order."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(value)
    if isinstance(value, list):
        return [_as_javascript(one) for one in value]
    if isinstance(value, dict):
        names = sorted((name for name in value if _is_index(name)), key=int)
        names += [name for name in value if not _is_index(name)]
        return {name: _as_javascript(value[name]) for name in names}
    return value


def _is_index(name: Any) -> bool:
    return isinstance(name, str) and name.isascii() and name.isdigit() and str(int(name)) == name


def details_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the original left out of a message: who wrote it, when, in answer to what, and what was attached."""
    names = ("sender", "created_at", "updated_at", "parent_message_uuid")
    fields = {name: message[name] for name in names if message.get(name)}
    for kind in ("attachments", "files"):
        if listed := dicts_in(message.get(kind)):
            fields[kind] = ", ".join(" ".join(text_of(one.get("file_name")).split()) or "unnamed" for one in listed)
    return fields


def meta_of(conversation: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the original says of a message's conversation."""
    names = {"conv_uuid": "uuid", "conv_name": "name", "updated_at": "updated_at"}
    return {ours: conversation[theirs] for ours, theirs in names.items() if theirs in conversation}
