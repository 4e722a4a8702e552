"""Tell by its content, not by its name, what an archive file is; nothing here reads files."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Detected", "Kind", "detect"]

Kind = Literal["claude", "claude-other", "empty", "other", "unknown"]

_TOKEN = re.compile(rb'"((?:[^"\\]++|\\.)*+)"([ \t\r\n]*:)?|[{}\[\]]', re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*")
_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class Detected:
    """What a file seems to be.

    Args:
        kind: `claude` for conversations of Claude; `claude-other` for other parts of such an export, which are passed
            over; `empty`; `other` for what is known and not Claude's; `unknown`.
        label: what it looks like, for a person.
        why: by what that was told.
        layout: how the conversations stand in it.
        start: where they begin, in bytes: behind the array's bracket, if they stand in one.
    """

    kind: Kind
    label: str
    why: str
    layout: Literal["array", "objects", "lines"] = "array"
    start: int = 0

    def __str__(self) -> str:
        return f"{self.label} ({self.why})"


def _rule(kind: Kind, label: str, *keys: str) -> tuple[Kind, str, Callable[[set[str]], bool], str]:
    shown = " and ".join(f'"{key}"' for key in keys)
    return kind, label, lambda names: set(keys) <= names, shown


_RULES = [
    _rule("claude", "a Claude export", "chat_messages"),
    _rule("other", "a ChatGPT export", "mapping"),
    _rule("other", "an Open WebUI export", "chat", "chat.history"),
    _rule("other", "a Gemini Takeout", "header", "time", "products"),
    _rule("claude-other", "Claude's memories", "account_uuid", "conversations_memory"),
    _rule("claude-other", "Claude's memories", "conversations_memory"),
    _rule("claude-other", "the users of a Claude export", "uuid", "email_address"),
    _rule("claude-other", "the projects of a Claude export", "uuid", "docs"),
    _rule("claude-other", "the projects of a Claude export", "uuid", "prompt_template"),
    _rule("other", "a LibreChat export", "conversationId", "messages"),
    _rule("other", "a LibreChat export", "conversationId", "messagesTree"),
    _rule("other", "an AI Studio prompt", "chunkedPrompt"),
    _rule("other", "a Gemini CLI session", "sessionId", "projectHash"),
    _rule("claude-other", "a Claude design chat", "messages", "project"),
    _rule("other", "a Grok export", "conversations", "conversations.conversation"),
    _rule("claude", "a Claude export", "conversations", "conversations.chat_messages"),
    _rule("other", "a ChatGPT export", "conversations", "conversations.mapping"),
    _rule("other", "a ShareGPT file", "conversations", "conversations.from"),
    _rule("other", "a Codex session", "type", "payload"),
    _rule("other", "a Claude Code session", "sessionId"),
    _rule("other", "a Claude Code session", "parentUuid"),
    _rule("other", "a Claude Code session", "leafUuid"),
    _rule("other", "a file of OpenAI messages", "messages"),
    _rule("claude-other", "the login history of a Claude export", "ip_address"),
]


def detect(head: bytes, *, whole: bool) -> Detected:
    """Tell what a file is from its first bytes.

    Args:
        head: UTF-8, without a byte order mark; a megabyte is plenty.
        whole: whether this is all there is.
    """
    start = _after_space(head, 0)
    if start >= len(head):
        return Detected("empty", "an empty file", "it has no content" if whole else "it begins with white space only")
    if head[start] == 0x5B:
        return _array(head, start + 1)
    if head[start] != 0x7B:
        return Detected("unknown", "no JSON", f"it begins with {head[start : start + 12].decode('utf-8', 'replace')!r}")
    return _object(head, start)


def _object(head: bytes, start: int) -> Detected:
    names, end, wrapped = _names(head, start)
    kind, label, keys = _judge(names)
    if kind == "claude" and "chat_messages" not in names:
        return Detected(kind, label, f"it is an object with {keys}", "array", wrapped)
    if "conversations" in names and wrapped >= 0 and head[_after_space(head, wrapped) :][:1] == b"]":
        return Detected("claude", "an archive without conversations", 'its "conversations" is empty', "array", wrapped)
    newline = head.find(b"\n", start)
    if 0 <= end <= newline or (newline < 0 and end >= 0):
        return Detected(kind, label, f"its first line is an object with {keys}", "lines", 0)
    return Detected(kind, label, f"it is an object with {keys}", "objects", start)


def _array(head: bytes, start: int) -> Detected:
    position = _after_space(head, start)
    if head[position : position + 1] == b"]":
        return Detected("claude", "an archive without conversations", "it is an empty array", "array", start)
    first: Detected | None = None
    for number in range(_LOOKED_AT):
        position = head.find(b"{", position)
        if position < 0:
            break
        names, end, _ = _names(head, position)
        kind, label, keys = _judge(names)
        which = "its first element" if number == 0 else f"element {number + 1}"
        found = Detected(kind, label, f"{which} is an object with {keys}", "array", start)
        if kind != "unknown":
            return found
        first = first or found
        if end < 0:
            break
        position = end
    return first or Detected("unknown", "a JSON array", "its elements are no objects")


def _judge(names: set[str]) -> tuple[Kind, str, str]:
    for kind, label, fits, shown in _RULES:
        if fits(names):
            return kind, label, f"the key {shown}" if " and " not in shown else f"the keys {shown}"
    keys = ", ".join(f'"{name}"' for name in sorted(names) if "." not in name)[:200]
    return "unknown", "JSON of an unknown kind", f"the keys {keys}" if keys else "no keys"


def _names(head: bytes, start: int) -> tuple[set[str], int, int]:
    """Return the object's keys, and those of the objects directly in it or in an array in it as `outer.inner`.

    Also the index behind its end, or -1; and the index behind the bracket of its array "conversations", or -1.
    """
    names: set[str] = set()
    path: list[str] = []
    brackets = 0
    last, wrapped = "", -1
    for found in _TOKEN.finditer(head, start):
        token = head[found.start()]
        if token == 0x22:
            if found[2] is not None and len(path) - brackets <= 2 and brackets <= 1:
                last = found[1].decode("utf-8", "replace")
                names.add(f"{path[1]}.{last}" if len(path) > 1 else last)
        elif token in (0x7B, 0x5B):
            path.append(last)
            brackets += token == 0x5B
            if token == 0x5B and len(path) == 2 and last == "conversations":
                wrapped = found.end()
        else:
            path.pop()
            brackets -= token == 0x5D
            if not path:
                return names, found.end(), wrapped
    return names, -1, wrapped


def _after_space(data: bytes, position: int) -> int:
    found = _SPACE.match(data, position)
    return found.end() if found else position
