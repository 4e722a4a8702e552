"""MarkdownFormatter: makes Markdown of conversations."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from processors.chat.body import Bodies, Choices, Extras, text_of
from processors.chat.branches import is_linear, make_tree
from processors.chat.conversation import Conversation, read_conversation
from processors.chat.fences import close_fence
from processors.chat.layout import Layout
from processors.chat.message_page import bullets, message_page
from processors.chat.page import Pages
from processors.chat.times import in_zone, utc_text
from transmissions.errors import TransmissionsError
from transmissions.output.claims import Claims
from transmissions.processor import Message, Processor
from transmissions.settings import setting

__all__ = ["MarkdownFormatter"]

_PAGE_PATH = "{created:%Y}/{created:%m}/{created:%Y-%m-%d}-{title}-{uuid:8}.md"
_MESSAGE_PATH = "{conv.uuid:4}/{message.created_at:%Y-%m-%d}_{message.uuid:3}.md"
_OWN_FIELDS = ("conversation", "location", "provider", "source", "content", "filepath")
_LONGEST_ID = 40


class MarkdownFormatter(Processor):
    """Make Markdown of a conversation: one page, or one file for each of its messages in the original's form.

    Takes `conversation` and `source` as ClaudeExport gives them; sends a message for each file, with `filepath`,
    `content`, and `source` (`key`, `digest`, `parts`: how many files the conversation has; `entry`: its line of an index).
    In the form `message` it also takes what the original took: a chat message in `content`, and `meta`.

    What one message holds cannot spoil another: code fences are closed, names of files are safe, what is unknown is kept
    as JSON.

    Guarantee: idempotent; the same conversations in the same order give the same files.
    """

    reads = ("conversation",)
    writes = ("filepath", "content", "source")
    stateful = True

    form: Literal["conversation", "message"] = setting("conversation", "one page for a conversation, or one file a message")
    path: str | None = setting(None, "where files go, a template; its default depends on the form")
    front_matter: bool = setting(True, "begin pages with YAML front matter")
    thinking: Literal["hide", "fold", "show"] = setting("fold", "what becomes of thinking")
    tools: Literal["hide", "fold", "show"] = setting("fold", "what becomes of the use of tools")
    branches: Literal["active", "all", "files"] = setting(
        "active", "of a conversation with branches: the active one, all on one page, or a page for each"
    )
    artifacts: Literal["none", "inline", "latest", "all"] = setting(
        "inline", "artifacts: only named, as code in the page, or as files (the last version, or all)"
    )
    attachments: Literal["list", "inline", "files", "both"] = setting(
        "inline", "texts of attachments: only named, folded in the page, as files, or both"
    )
    text_field: bool = setting(False, "in the form `message`: the field `text` as it is, and no more than the original has")
    details: bool = setting(True, "in the form `message`: list sender, times, parent and attachments")
    keep_empty: bool = setting(False, "write conversations that have no messages")
    time_zone: str = setting("UTC", "zone of the times shown in pages and used in paths, such as `Europe/Rome`")

    def start(self) -> None:
        """Read the settings that need reading; raises TransmissionsError if one is wrong."""
        self._layout = Layout(
            self.path or (_PAGE_PATH if self.form == "conversation" else _MESSAGE_PATH), per_message=self.form == "message"
        )
        self._counts = {"conversations": 0, "empty": 0, "messages": 0, "messages_written": 0, "other_branches": 0}
        self._unknown: dict[str, int] = {}
        choices = Choices(self.thinking, self.tools, self.artifacts, self.attachments)
        bodies = Bodies(choices, self.warn, self._unknown)
        self._bodies = bodies
        self._zone = _zone(self.time_zone)
        self._pages = Pages(bodies, self.front_matter, self._zone, self.time_zone)
        self._claims: Claims | None = None

    def process(self, message: Message) -> Iterator[Message]:
        """Yield the files of one conversation."""
        raw = message.get("conversation")
        if not isinstance(raw, dict):
            yield self._original(message)
            return
        source = message.get("source") or {}
        key = str(source.get("key") or raw.get("uuid") or "conversation")
        conversation = read_conversation(raw, key, lambda text, **facts: self.warn(text, conversation=key, **facts))
        if self._claims is None:
            self._claims = self._known_claims(remembered="digest" in source)
        self._counts["conversations"] += 1
        self._counts["messages"] += len(conversation.messages)
        if not conversation.messages and not self.keep_empty:
            self._counts["empty"] += 1
            self.context.log("info", "a conversation without messages is left out", {"conversation": key})
            return
        extras = Extras(conversation.folder)
        files = self._page_files(conversation, extras) if self.form == "conversation" else self._message_files(conversation, extras, message)
        paths = [path for path, _ in files]
        entry = {
            "title": conversation.title,
            "created": conversation.created,
            "updated": conversation.updated,
            "path": paths[0] if paths else "",
            "messages": len(conversation.messages),
        }
        files += list(extras.files.items())
        sent = {**source, "key": key, "parts": len(files), "entry": entry}
        passed = {name: value for name, value in message.items() if name not in ("conversation", "location")}
        for path, content in files:
            yield {**passed, "filepath": path, "content": content, "source": sent}

    def report(self) -> dict[str, Any]:
        """Return what was formatted: messages read = written + on other branches than those shown."""
        return {**self._counts, "unknown_blocks": self._unknown}

    # One page, or a few.

    def _page_files(self, conversation: Conversation, extras: Extras) -> list[tuple[str, str]]:
        messages = conversation.messages
        self._bodies.collect(messages, extras)
        path = self._free(self._values(conversation), conversation.key)
        if is_linear(messages):
            self._counts["messages_written"] += len(messages)
            return [(path, self._pages.linear(conversation, extras, path))]
        tree = make_tree(messages, conversation.raw.get("current_leaf_message_uuid"), self._warner(conversation))
        if self.branches == "all":
            self._counts["messages_written"] += len(messages)
            return [(path, self._pages.branched(conversation, tree, extras, path))]
        files = []
        seen: set[int] = set()
        for number, leaf in enumerate(tree.leaves() if self.branches == "files" else [tree.leaf], start=1):
            places = tree.path(leaf)
            seen.update(places)
            conversation.messages = [messages[place] for place in places]
            note = self._on_others(len(messages) - len(places), number)
            name = path if number == 1 else f"{path.removesuffix('.md')}.branch-{number}.md"
            files.append((name, self._pages.linear(conversation, extras, name, note)))
        conversation.messages = messages
        self._counts["messages_written"] += len(seen)
        self._counts["other_branches"] += len(messages) - len(seen)
        return files

    def _on_others(self, others: int, number: int) -> str:
        if not others:
            return ""
        if self.branches == "files":
            return f"Branch {number}. {others} messages are on other branches, which have pages of their own."
        return f"{others} messages on other branches of this conversation are not shown."

    def _values(self, conversation: Conversation) -> dict[str, str]:
        raw = conversation.raw
        return {
            "title": conversation.slug,
            "name": conversation.title,
            "uuid": conversation.uuid or conversation.key,
            "created": in_zone(conversation.created, self._zone),
            "updated": in_zone(conversation.updated, self._zone),
            "provider": "claude",
            "model": text_of(raw.get("model")) or "unknown",
            "messages": str(len(conversation.messages)),
        }

    # One file a message.

    def _message_files(self, conversation: Conversation, extras: Extras, given: Message) -> list[tuple[str, str]]:
        self._bodies.collect(conversation.messages, extras)
        files = []
        app = {name: value for name, value in given.items() if name not in _OWN_FIELDS}
        for message, path in zip(conversation.messages, self._message_paths(conversation), strict=True):
            self._counts["messages_written"] += 1
            name = text_of(conversation.raw.get("name")) if self.text_field else conversation.title
            meta = {
                "conv_uuid": conversation.raw.get("uuid"),
                "conv_name": conversation.raw.get("name"),
                "updated_at": conversation.raw.get("updated_at"),
            }
            if self.text_field:
                text, fields = text_of(message.get("text")), {}
            else:
                paragraphs = self._bodies.body(message, extras, path)
                text, fields = "\n\n".join(paragraphs), _details(message) if self.details else {}
            lines = bullets({**fields, **app, "meta": meta, "filepath": path})
            files.append((path, message_page(name, conversation.uuid, text_of(message.get("uuid")), text, lines)))
        return files

    def _message_paths(self, conversation: Conversation) -> list[str]:
        """Return a path for each message. Those that would be the same take more of their ids, all of them, until not."""
        shared = self._values(conversation)
        values = [
            {
                **shared,
                "message.uuid": text_of(message.get("uuid")) or f"message-{place + 1}",
                "message.created": in_zone(utc_text(message.get("created_at")), self._zone),
                "message.updated": in_zone(utc_text(message.get("updated_at")), self._zone),
                "message.sender": text_of(message.get("sender")) or "unknown",
                "message.index": str(place + 1),
            }
            for place, message in enumerate(conversation.messages)
        ]
        paths = [self._layout.path(one) for one in values]
        more = 0
        clashes = self._clashes(paths, conversation.key)
        while clashes and more < _LONGEST_ID and self._layout.can_lengthen:
            more += 1
            for place in clashes:
                paths[place] = self._layout.path(values[place], more)
            clashes = self._clashes(paths, conversation.key)
        for place in clashes:
            paths[place] = self._numbered(paths[place], place + 1, conversation.key)
        return paths

    def _clashes(self, paths: list[str], key: str) -> list[int]:
        first: dict[str, int] = {}
        found: set[int] = set()
        for place, path in enumerate(paths):
            folded = path.casefold()
            if folded in first:
                found.update((first[folded], place))
            else:
                first[folded] = place
            if self._is_taken(path, key):
                found.add(place)
        return sorted(found)

    def _original(self, message: Message) -> Message:
        """Return the file of one chat message as the original made it, from a message of the original's."""
        content = message.get("content")
        if self.form != "message" or not isinstance(content, dict):
            raise TransmissionsError("MarkdownFormatter needs the field `conversation`, which ClaudeExport sets")
        meta = message["meta"] if isinstance(message.get("meta"), dict) else {}
        name, uuid = text_of(meta.get("conv_name")), text_of(meta.get("conv_uuid"))
        id_ = text_of(content.get("uuid"))
        values = {
            "title": name, "name": name, "uuid": uuid, "created": "", "updated": "", "provider": "claude",
            "model": "", "messages": "", "message.uuid": id_, "message.index": "",
            "message.created": utc_text(content.get("created_at")), "message.sender": text_of(content.get("sender")),
            "message.updated": utc_text(content.get("updated_at")),
        }  # fmt: skip
        path = self._layout.path(values)
        fields = {name: value for name, value in message.items() if name not in ("content", "filepath")}
        page = message_page(name, uuid, id_, text_of(content.get("text")), bullets({**fields, "filepath": path}))
        return {**message, "filepath": path, "content": page}

    # Names.

    def _known_claims(self, *, remembered: bool) -> Claims:
        """Return who has which path; what other conversations got in earlier runs stays theirs."""
        claims = Claims()
        if remembered:
            manifest = self.context.output.manifest
            for key, _ in manifest.entries():
                for path in manifest.files_of(key):
                    claims.claim(path, key)
        return claims

    def _is_taken(self, path: str, key: str) -> bool:
        """Say whether another conversation has a path; if none has, it is this one's from now on."""
        assert self._claims is not None
        return self._claims.claim(path, key) in ("taken", "twin")

    def _free(self, values: dict[str, str], key: str) -> str:
        """Return a path that no other conversation has."""
        path = self._layout.path(values)
        more = 0
        while (taken := self._is_taken(path, key)) and more < _LONGEST_ID and self._layout.can_lengthen:
            more += 1
            path = self._layout.path(values, more)
        if taken and self._is_taken(path := _with_tail(path, values["uuid"]), key):
            path = self._numbered(path, 2, key)
        return path

    def _numbered(self, path: str, number: int, key: str) -> str:
        while self._is_taken(candidate := _with_tail(path, str(number)), key):
            number += 1
        return candidate

    def _warner(self, conversation: Conversation) -> Any:
        return lambda text: self.warn(text, conversation=conversation.key)


def _with_tail(path: str, tail: str) -> str:
    stem, dot, suffix = path.rpartition(".")
    return f"{stem}-{tail}{dot}{suffix}" if stem and "/" not in suffix else f"{path}-{tail}"


def _details(message: dict[str, Any]) -> dict[str, Any]:
    names = ("sender", "created_at", "updated_at", "parent_message_uuid")
    fields = {name: message[name] for name in names if message.get(name)}
    for kind in ("attachments", "files"):
        given = message.get(kind)
        listed = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
        if listed:
            fields[kind] = ", ".join(" ".join(text_of(one.get("file_name")).split()) or "unnamed" for one in listed)
    return fields


def _zone(name: str) -> tzinfo | None:
    if name.upper() == "UTC":
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise TransmissionsError(f":timeZone {name!r} is no time zone; write one such as Europe/Rome") from None
