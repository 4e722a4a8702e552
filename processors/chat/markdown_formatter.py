"""MarkdownFormatter: makes Markdown of conversations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import tzinfo
from functools import partial
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from processors.chat.body import Bodies, Choices
from processors.chat.branches import is_linear, make_tree
from processors.chat.conversation import Conversation, read_conversation
from processors.chat.extras import Extras
from processors.chat.layout import FIELDS, Layout
from processors.chat.markup import text_of
from processors.chat.message_page import bullets, details_of, message_page, meta_of
from processors.chat.page import Pages
from processors.chat.paths import Paths, message_values
from transmissions import Message, Processor, TransmissionsError, setting
from transmissions.output.claims import Claims

__all__ = ["MarkdownFormatter"]

_PAGE_PATH = "{created:%Y}/{created:%m}/{created:%Y-%m-%d}-{title}-{uuid:8}.md"
_MESSAGE_PATH = "{conv.uuid:4}/{message.created_at:%Y-%m-%d}_{message.uuid:3}.md"
_OWN_FIELDS = ("conversation", "location", "provider", "source", "content", "filepath")


class MarkdownFormatter(Processor):
    r"""Make Markdown of a conversation: one page, or one file for each of its messages in the original's form.

    Takes `conversation` and `source` as ClaudeExport gives them; sends a message for each file, with `filepath`,
    `content`, and `source` (`key`, `digest`, `parts`: how many files the conversation has; `entry`: its line of an
    index). In the form `message` it also takes what the original took: a chat message in `content`, and `meta`.

    What one message holds cannot spoil another: code fences are closed, names of files are safe, what is unknown is
    kept as JSON.

    Example:
        :main a :EntryTransmission ; :pipe (:read :stage :write) .
        :read  a :ClaudeExport ; :settings [ :sourceFile "conversations.json" ] .
        :stage a :MarkdownFormatter ; :settings [ :path "{created:%Y-%m-%d}-{title}.md" ; :frontMatter false ] .
        :write a :FileWriter .
        file conversations.json [{"uuid": "6f1c2a00-0000-4000-8000-000000000001", "name": "Thaw", "created_at":
            "2025-03-01T09:00:00Z",
            "updated_at": "2025-03-01T09:01:00Z", "chat_messages": [
            {"uuid": "a1", "sender": "human", "text": "Will it rain?", "created_at": "2025-03-01T09:00:00Z"},
            {"uuid": "b2", "sender": "assistant", "text": "All day.", "created_at": "2025-03-01T09:01:00Z"}]}]
        out {"provider": "claude", "filepath": "2025-03-01-thaw.md", "content": "# Thaw…", "source": {
            "key": "6f1c2a00-0000-4000-8000-000000000001", "parts": 1, "entry": {"title": "Thaw",
            "created": "2025-03-01T09:00:00.000000Z", "updated": "2025-03-01T09:01:00.000000Z", "path":
            "2025-03-01-thaw.md",
            "messages": 2}}}
        written 2025-03-01-thaw.md "# Thaw\n\n[Open in
            Claude](https://claude.ai/chat/6f1c2a00-0000-4000-8000-000000000001) · begun 2025-03-01 09:00 UTC\n\n##
            Human ·
            2025-03-01 09:00\n\nWill it rain?\n\n## Assistant · 2025-03-01 09:01\n\nAll day.\n"

    Guarantee: idempotent; the same conversations in the same order give the same files.
    """

    reads = ("conversation",)
    writes = ("filepath", "content", "source")
    stateful = True
    overridable = False
    takes_done = True

    form: Literal["conversation", "message"] = setting(
        "conversation", "one page for a conversation, or one file a message", application="message"
    )
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
    html: Literal["keep", "escape"] = setting("keep", "raw HTML in texts: kept, or shown as it is written")
    text_field: bool = setting(
        False, "in the form `message`: the field `text` as it is, and no more than the original has"
    )
    details: bool = setting(True, "in the form `message`: list sender, times, parent and attachments")
    keep_empty: bool = setting(False, "write conversations that have no messages")
    time_zone: str = setting("UTC", "zone of the times shown in pages and used in paths, such as `Europe/Rome`")

    def start(self) -> None:
        """Read the settings that need reading; raises TransmissionsError if one is wrong."""
        per_message = self.form == "message"
        self._layout = Layout(self.path or (_MESSAGE_PATH if per_message else _PAGE_PATH), per_message=per_message)
        self._counts = {
            "conversations": 0,
            "empty": 0,
            "messages": 0,
            "messages_written": 0,
            "other_branches": 0,
            "left_out": 0,
        }
        self._unknown: dict[str, int] = {}
        choices = Choices(self.thinking, self.tools, self.artifacts, self.attachments, self.html)
        self._bodies = Bodies(choices, self.warn, self._unknown)
        self._zone = _zone(self.time_zone)
        self._pages = Pages(self._bodies, self.front_matter, self._zone, self.time_zone)
        self._paths: Paths | None = None

    def process(self, message: Message) -> Iterator[Message]:
        """Yield the files of one conversation."""
        raw = message.get("conversation")
        if not isinstance(raw, dict):
            # What a walker sends behind its parts is no chat message, and would be written as a file.
            if self.context.application is None or not message.get("done"):
                yield self._original(message)
            return
        source = message.get("source") or {}
        key = str(source.get("key") or raw.get("uuid") or "conversation")
        warn = partial(self.warn, conversation=key)
        if self._paths is None:
            self._paths = Paths(self._layout, self._known_claims(remembered="digest" in source), self._zone)
        conversation = read_conversation(raw, key, warn)
        self._counts["conversations"] += 1
        self._counts["messages"] += conversation.total + conversation.left_out
        self._counts["left_out"] += conversation.left_out
        if not conversation.messages and not self.keep_empty:
            self._counts["empty"] += 1
            self.context.log("info", "a conversation without messages is left out", {"conversation": key})
            return
        extras = Extras(conversation.folder)
        self._bodies.collect(conversation.messages, extras)
        if self.form == "message":
            files = self._message_files(conversation, self._paths.of_messages(conversation), extras, message)
        else:
            files = self._page_files(conversation, self._paths.of_page(conversation), extras, warn)
        entry = {
            "title": conversation.title,
            "created": conversation.created,
            "updated": conversation.updated,
            "path": files[0][0] if files else "",
            "messages": conversation.total,
        }
        files += extras.files.items()
        sent = {**source, "key": key, "parts": len(files), "entry": entry}
        passed = {name: value for name, value in message.items() if name not in ("conversation", "location")}
        for path, content in files:
            yield {**passed, "filepath": path, "content": content, "source": sent}

    def report(self) -> dict[str, Any]:
        """Return what was formatted: messages = written + those on branches not shown + those left out."""
        return {**self._counts, "unknown_blocks": self._unknown}

    @classmethod
    def fields_read(cls, settings: Mapping[str, Any]) -> set[str]:
        """Return `conversation`; in the form `message`, the original's messages do as well, so nothing is demanded."""
        return set() if settings.get("form") == "message" else super().fields_read(settings)

    def _known_claims(self, *, remembered: bool) -> Claims:
        """Return who has which path; what other conversations got in earlier runs stays theirs."""
        claims = Claims()
        if remembered:
            manifest = self.context.output.manifest
            for key, _ in manifest.entries():
                for path in manifest.files_of(key):
                    claims.claim(path, key)
        return claims

    def _page_files(
        self, conversation: Conversation, path: str, extras: Extras, warn: Callable[[str], None]
    ) -> list[tuple[str, str]]:
        messages = conversation.messages
        if is_linear(messages):
            self._counts["messages_written"] += len(messages)
            return [(path, self._pages.linear(conversation, messages, extras, path))]
        tree = make_tree(messages, conversation.raw.get("current_leaf_message_uuid"), warn)
        if self.branches == "all":
            self._counts["messages_written"] += len(messages)
            return [(path, self._pages.branched(conversation, tree, extras, path))]
        files = []
        shown: set[int] = set()
        for number, leaf in enumerate(tree.leaves() if self.branches == "files" else [tree.leaf], start=1):
            places = tree.path(leaf)
            shown.update(places)
            name = path if number == 1 else f"{path.removesuffix('.md')}.branch-{number}.md"
            note = self._on_others(len(messages) - len(places), number)
            branch = [messages[place] for place in places]
            files.append((name, self._pages.linear(conversation, branch, extras, name, note)))
        self._counts["messages_written"] += len(shown)
        self._counts["other_branches"] += len(messages) - len(shown)
        return files

    def _message_files(
        self, conversation: Conversation, paths: list[str], extras: Extras, given: Message
    ) -> list[tuple[str, str]]:
        carried = {name: value for name, value in given.items() if name not in _OWN_FIELDS}
        own_name = text_of(conversation.raw.get("name"))
        files = []
        for message, path in zip(conversation.messages, paths, strict=True):
            if self.text_field:
                name, text, fields = own_name, text_of(message.get("text")), carried
            else:
                name, text = conversation.title, "\n\n".join(self._bodies.body(message, extras, path))
                fields = {**details_of(message), **carried} if self.details else carried
            lines = bullets({**fields, "meta": meta_of(conversation.raw), "filepath": path})
            files.append((path, message_page(name, conversation.uuid, text_of(message.get("uuid")), text, lines)))
        self._counts["messages_written"] += len(files)
        return files

    def _original(self, message: Message) -> Message:
        """Return the file of one chat message as the original made it, from a message as the original had it."""
        content, meta = message.get("content"), message.get("meta")
        if self.form != "message" or not isinstance(content, dict):
            raise TransmissionsError("there is no field `conversation`, which ClaudeExport sets, to make Markdown of")
        meta = meta if isinstance(meta, dict) else {}
        name, uuid = text_of(meta.get("conv_name")), text_of(meta.get("conv_uuid"))
        values = dict.fromkeys(FIELDS, "") | {"title": name, "name": name, "uuid": uuid, "provider": "claude"}
        path = self._layout.path(values | message_values(content, 0, self._zone))
        fields = {name: value for name, value in message.items() if name not in ("content", "filepath")}
        lines = bullets({**fields, "filepath": path})
        page = message_page(name, uuid, text_of(content.get("uuid")), text_of(content.get("text")), lines)
        return {**message, "filepath": path, "content": page}

    def _on_others(self, others: int, number: int) -> str:
        """Return what a page says of the messages that it does not show."""
        if not others:
            return ""
        counted = "1 message is" if others == 1 else f"{others} messages are"
        if self.branches == "files":
            return f"Branch {number}: {counted} on other branches, which have pages of their own"
        return f"{counted.capitalize()} on other branches, and not shown here"


def _zone(name: str) -> tzinfo | None:
    if name.upper() == "UTC":
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise TransmissionsError(f":timeZone {name!r} is no time zone; write one such as Europe/Rome") from None
