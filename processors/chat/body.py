"""The body of a message as Markdown: its blocks, its attachments, its artifacts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from processors.chat.artifacts import TOOLS, Version, has_tags, split_text
from processors.chat.extras import Extras
from processors.chat.fences import close_fence, code_block
from processors.chat.markup import as_json, dicts_in, escaped, folded, relative_link, size_of, text_of
from processors.chat.raw_html import close_html, escape_html
from processors.chat.tools import input_of, label_of, pair_results, result_of

__all__ = ["Bodies", "Choices", "blocks_of"]

Raw = dict[str, Any]

_PLACEHOLDER = re.compile(
    r"(?:```[ \t]*\n)?[ \t]*This block is not supported on your current device yet\.[ \t]*(?:\n```[ \t]*)?\n?"
)
_MARK = "This block is not supported on your current device yet."


@dataclass(frozen=True, slots=True)
class Choices:
    """What is shown of a conversation, and how; each is a setting of MarkdownFormatter of the same name."""

    thinking: str = "fold"
    tools: str = "fold"
    artifacts: str = "inline"
    attachments: str = "inline"
    html: str = "keep"


class Bodies:
    """Makes bodies of messages.

    Args:
        choices: what is shown.
        warn: is told of what is odd: a text, and facts.
        unknown: counts blocks of unknown types, by type.
    """

    def __init__(self, choices: Choices, warn: Callable[..., None], unknown: dict[str, int]) -> None:
        self.choices = choices
        self._warn = warn
        self._unknown = unknown
        self._as_files = choices.artifacts in ("latest", "all")
        self._makers: dict[str, Callable[[Raw], str]] = {
            "thinking": self._thinking_block,
            "token_budget": lambda block: "",
            "voice_note": lambda block: "\n\n".join(
                filter(None, (text_of(block.get("title")), text_of(block.get("text"))))
            ),
        }

    def collect(self, messages: list[Raw], extras: Extras) -> None:
        """Take in the artifacts of all messages, so that a page can link to a version that comes later."""
        if not self._as_files:
            return
        for message in messages:
            for number, block in enumerate(blocks_of(message)):
                kind = block.get("type")
                if kind == "text" and has_tags(text := text_of(block.get("text"))):
                    for part, (what, attributes, content) in enumerate(split_text(text)):
                        if what == "artifact":
                            extras.from_tag((id(message), number, part), attributes, content)
                elif kind == "tool_use" and block.get("name") in TOOLS and isinstance(block.get("input"), dict):
                    extras.from_tool((id(message), number, 0), block["name"], block["input"])
        for versions in extras.artifacts.versions.values():
            for version in versions if self.choices.artifacts == "all" else versions[-1:]:
                extras.files[extras.path_of(version)] = version.content

    def body(self, message: Raw, extras: Extras, page: str) -> list[str]:
        """Return the paragraphs of a message's body; none, if it has nothing to show.

        Args:
            message: as exported.
            extras: of its conversation.
            page: the path of the file that the body goes into, from which its links lead.
        """
        paragraphs: list[str] = []
        blocks = blocks_of(message)
        results: dict[int, Raw] | None = None
        for number, block in enumerate(blocks):
            kind = block.get("type")
            if kind == "text":
                text = block.get("text")
                if type(text) is not str:
                    text = text_of(text)
                if "<" in text and has_tags(text):
                    paragraphs += self._tagged((id(message), number), text, extras, page)
                elif text and (text := text.strip("\n")):
                    paragraphs.append(self._safe(text) if "```" in text or "<" in text or "~~~" in text else text)
                if citations := block.get("citations"):
                    paragraphs += _sources(citations)
            elif kind in ("tool_use", "tool_result"):
                if results is None:
                    results = pair_results(blocks)
                paragraphs += self._tool((id(message), number), block, results, extras, page)
            else:
                maker = self._makers.get(kind) if isinstance(kind, str) else None
                if paragraph := maker(block) if maker else self._unknown_block(block):
                    paragraphs.append(paragraph)
        if message.get("attachments") or message.get("files") or message.get("files_v2"):
            paragraphs += self._attachments(message, extras, page)
        return paragraphs

    def _safe(self, text: str) -> str:
        """Return a text that swallows nothing that follows it."""
        if "<" in text:
            text = escape_html(text) if self.choices.html == "escape" else close_html(text)
        return close_fence(text)

    # Thinking and tools.

    def _thinking_block(self, block: Raw) -> str:
        if self.choices.thinking == "hide":
            return ""
        text = text_of(block.get("thinking"))
        if not text and isinstance(block.get("summaries"), list):
            summaries = [text_of(one.get("summary")) for one in block["summaries"] if isinstance(one, dict)]
            text = "\n\n".join(filter(None, summaries))
        return self._thinking(text)

    def _thinking(self, text: str) -> str:
        text = text.strip()
        if not text or self.choices.thinking == "hide":
            return ""
        if self.choices.thinking == "show":
            return "**Thinking**\n\n> " + self._safe(text).replace("\n", "\n> ")
        return folded("Thinking", self._safe(text))

    def _tool(
        self, place: tuple[int, int], block: Raw, results: dict[int, Raw], extras: Extras, page: str
    ) -> list[str]:
        """Return a tool's use with its result; a result that belongs to a use before it gives nothing."""
        name = text_of(block.get("name")) or "a tool"
        if block.get("type") == "tool_result":
            return [] if -1 - place[1] in results else self._shown(f"Result of {name}", [result_of(block)])
        result = results.get(place[1])
        given = block.get("input")
        if name in TOOLS and isinstance(given, dict):
            version = extras.from_tool((*place, 0), name, given)
            if version is not None:
                shown = self._artifact(version, extras, page)
                return shown + ([result_of(result)] if result and result.get("is_error") else [])
        parts = [input_of(given)] if given else []
        if result is not None:
            parts += [label_of(result), result_of(result)]
        integration = text_of(block.get("integration_name"))
        return self._shown(f"Tool: {name}" + (f" ({integration})" if integration else ""), parts)

    def _shown(self, title: str, parts: list[str]) -> list[str]:
        parts = [part for part in parts if part]
        if self.choices.tools == "hide":
            return []
        if self.choices.tools == "show" or not parts:
            return [f"**{escaped(title)}**", *parts]
        return [folded(title, "\n\n".join(parts))]

    def _unknown_block(self, block: Raw) -> str:
        kind = str(block.get("type"))[:60]
        self._unknown[kind] = self._unknown.get(kind, 0) + 1
        if self._unknown[kind] == 1:
            self._warn(f"blocks of the unknown type {kind!r} are kept as JSON")
        return f"**Block of type {escaped(kind)}**\n\n{code_block(as_json(block), 'json')}"

    # Artifacts.

    def _tagged(self, place: tuple[int, int], text: str, extras: Extras, page: str) -> list[str]:
        paragraphs: list[str] = []
        for part, (what, attributes, content) in enumerate(split_text(text)):
            if what == "text":
                paragraphs.append(self._safe(content.strip("\n")))
            elif what == "thinking":
                paragraphs.append(self._thinking(content))
            else:
                paragraphs += self._artifact(extras.from_tag((*place, part), attributes, content), extras, page)
        return [paragraph for paragraph in paragraphs if paragraph]

    def _artifact(self, version: Version, extras: Extras, page: str) -> list[str]:
        title = f"Artifact: {escaped(version.title)}" + (f" (version {version.number})" if version.number > 1 else "")
        if version.problem:
            self._warn(
                f"a change of an artifact could not be made: {version.problem}",
                artifact=version.id,
                version=version.number,
                conversation=extras.folder,
            )
            title += f": {version.problem}"
        if self.choices.artifacts == "none":
            return [f"*{title}*"]
        if self._as_files:
            kept = version if self.choices.artifacts == "all" else extras.artifacts.versions[version.id][-1]
            return [f"[{title}]({relative_link(extras.path_of(kept), page)})"]
        if version.change is not None:
            old, new = version.change
            lines = [f"-{line}" for line in old.split("\n") if old] + [f"+{line}" for line in new.split("\n") if new]
            return [f"**{title}**", code_block("\n".join(lines), "diff")]
        return [f"**{title}**", code_block(version.content, version.language)]

    # Attachments.

    def _attachments(self, message: Raw, extras: Extras, page: str) -> list[str]:
        paragraphs = []
        for one in dicts_in(message.get("attachments")):
            name = text_of(one.get("file_name")) or "unnamed"
            content = text_of(one.get("extracted_content"))
            title = f"{escaped(name)}{size_of(one.get('file_size'))}"
            if content and self.choices.attachments in ("files", "both"):
                path = extras.store(content, name, text_of(message.get("uuid")))
                title = f"[{escaped(name)}]({relative_link(path, page)}){size_of(one.get('file_size'))}"
            paragraphs.append(f"**Attachment:** {title}")
            if content and self.choices.attachments in ("inline", "both"):
                paragraphs.append(folded(f"Content of {name}", code_block(content)))
        files = dicts_in(message.get("files")) or dicts_in(message.get("files_v2"))
        names = [escaped(text_of(one.get("file_name")) or "unnamed") for one in files]
        return paragraphs + [f"**File:** {name} (not in the export)" for name in names]


def blocks_of(message: Raw) -> list[Raw]:
    """Return a message's blocks; its `text`, without what stands for blocks there, only if it has none."""
    content = message.get("content")
    if type(content) is not list:
        content = [content] if isinstance(content, str | dict) and content else []
    if content and {*map(type, content)} != {dict}:
        content = [_as_block(block) for block in content if block is not None]
    if len(content) > 1 or (content and not _is_empty(content[0])):
        return content
    text = text_of(message.get("text"))
    if _MARK in text:
        text = _PLACEHOLDER.sub("", text)
    return [{"type": "text", "text": text}] if text.strip() else []


def _as_block(block: Any) -> Raw:
    return block if isinstance(block, dict) else {"type": "text", "text": text_of(block)}


def _is_empty(block: Raw) -> bool:
    return block.get("type") == "text" and not block.get("text")


def _sources(citations: Any) -> list[str]:
    urls: dict[str, None] = {}
    for one in dicts_in(citations):
        details = one.get("details")
        url = details.get("url") if isinstance(details, dict) else one.get("url")
        if isinstance(url, str) and url:
            urls[url.replace(">", "%3E").replace("\n", "")] = None
    return ["Sources: " + ", ".join(f"<{url}>" for url in urls)] if urls else []
