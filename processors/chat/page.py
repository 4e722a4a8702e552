"""The page of a conversation: front matter, title, and its messages one below the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import Any
from urllib.parse import quote

from processors.chat.body import Bodies
from processors.chat.branches import Tree
from processors.chat.conversation import Conversation
from processors.chat.extras import Extras
from processors.chat.front_matter import front_matter
from processors.chat.times import in_zone, utc_text

__all__ = ["Pages", "link_to"]

_SENDERS = {"human": "## Human", "assistant": "## Assistant"}
_NO_TEXT = "*(no text)*"


@dataclass(frozen=True, slots=True)
class Pages:
    """Makes pages of conversations.

    Args:
        bodies: makes the bodies of their messages.
        with_front_matter: whether a page begins with YAML.
        zone: the zone of the times that are shown; None is UTC. Front matter is in UTC always.
        zone_name: how the zone is called.
    """

    bodies: Bodies
    with_front_matter: bool
    zone: tzinfo | None
    zone_name: str

    def linear(
        self, conversation: Conversation, messages: list[dict[str, Any]], extras: Extras, path: str, note: str = ""
    ) -> str:
        """Return the page of messages that follow each other; `note` stands above them."""
        parts = self._head(conversation, note)
        if not messages:
            parts.append("*(no messages)*")
        body, zone = self.bodies.body, self.zone
        for message in messages:
            time = message.get("created_at")
            time = in_zone(utc_text(time), zone) or time
            sender = message.get("sender")
            heading = _SENDERS.get(sender) if type(sender) is str else None
            heading = heading or f"## {_sender(sender)}"
            parts.append(f"{heading} · {time[:10]} {time[11:16]}" if type(time) is str and time else heading)
            parts += body(message, extras, path) or (_NO_TEXT,)
        parts[-1] += "\n"
        return "\n\n".join(parts)

    def branched(self, conversation: Conversation, tree: Tree, extras: Extras, path: str) -> str:
        """Return the page that has each message once, and says where each branch begins."""
        parts = self._head(conversation, "")
        shown: dict[int, str] = {}
        current = 1
        for place, branch in tree.branches():
            message = tree.messages[place]
            heading = self._heading(message)
            if branch != current:
                current = branch
                origin = shown.get(tree.parents[place])
                parts.append("---")
                parts.append(
                    f"*Branch {branch}" + (f", another answer to: {origin}*" if origin else ", another beginning*")
                )
            shown[place] = heading[3:]
            parts.append(f"{heading} · branch {branch}")
            parts += self.bodies.body(message, extras, path) or (_NO_TEXT,)
        parts[-1] += "\n"
        return "\n\n".join(parts)

    def _heading(self, message: dict[str, Any]) -> str:
        time = in_zone(utc_text(message.get("created_at")), self.zone) or message.get("created_at")
        heading = f"## {_sender(message.get('sender'))}"
        return f"{heading} · {time[:10]} {time[11:16]}" if isinstance(time, str) and time else heading

    def _head(self, conversation: Conversation, note: str) -> list[str]:
        link = link_to(conversation.uuid)
        parts = [front_matter(_metadata(conversation, link))] if self.with_front_matter else []
        parts.append(f"# {conversation.title}")
        about = [f"[Open in Claude]({link})"] if link else []
        if conversation.created:
            created = in_zone(conversation.created, self.zone)
            about.append(f"begun {created[:10]} {created[11:16]} {self.zone_name}")
        if about:
            parts.append(" · ".join(about))
        if note:
            parts.append(f"*{note}*")
        return parts


def link_to(uuid: str) -> str:
    """Return the address of a conversation; "" if it has no id."""
    return f"https://claude.ai/chat/{quote(uuid, safe='-')}" if uuid else ""


def _sender(value: Any) -> str:
    if value == "human":
        return "Human"
    if value == "assistant":
        return "Assistant"
    return " ".join(value.split())[:60] if isinstance(value, str) and value.strip() else "Unknown sender"


def _metadata(conversation: Conversation, link: str) -> dict[str, str | int]:
    raw = conversation.raw
    values: dict[str, str | int] = {"title": conversation.title}
    if conversation.uuid:
        values["uuid"] = conversation.uuid
    values["provider"] = "claude"
    for name, time in (("created", conversation.created), ("updated", conversation.updated)):
        written = raw.get(f"{name}_at")
        if time or isinstance(written, str):
            values[name] = time or str(written)
    values["messages"] = len(conversation.messages)
    for name in ("model", "summary"):
        if isinstance(raw.get(name), str) and raw[name].strip():
            values[name] = raw[name]
    if link:
        values["link"] = link
    return values
