"""The body of a message as Markdown: its blocks, its attachments, its artifacts."""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import orjson

from processors.chat.artifacts import TOOLS, Artifacts, Version, has_tags, split_text
from processors.chat.fences import close_fence, code_block
from transmissions.output.names import safe_name

__all__ = ["Bodies", "Choices", "Extras", "blocks_of"]

Raw = dict[str, Any]

_PLACEHOLDER = re.compile(r"(?:```[ \t]*\n)?[ \t]*This block is not supported on your current device yet\.[ \t]*(?:\n```[ \t]*)?\n?")
_MARK = "This block is not supported on your current device yet."
_SPECIAL = re.compile(r"([\\\[\]*_<>`#])")


@dataclass(frozen=True, slots=True)
class Choices:
    """What is shown of a conversation, and how; each is a setting of MarkdownFormatter of the same name."""

    thinking: str = "fold"
    tools: str = "fold"
    artifacts: str = "inline"
    attachments: str = "inline"


@dataclass(slots=True)
class Extras:
    """What one conversation gives beside its pages.

    Args:
        folder: the conversation's own name among folders, safe.
        files: contents by path, in the order in which they came.
        artifacts: all versions so far.
        hashes: the paths of attachments by the hash of what they hold: the same content is stored once.
    """

    folder: str
    files: dict[str, str] = field(default_factory=dict)
    artifacts: Artifacts = field(default_factory=Artifacts)
    hashes: dict[bytes, str] = field(default_factory=dict)
    made: dict[tuple[int, int], Version | None] = field(default_factory=dict)


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
            "voice_note": lambda block: "\n\n".join(filter(None, (text_of(block.get("title")), text_of(block.get("text"))))),
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
                            version = extras.artifacts.from_tag(attributes, content)
                            extras.made[id(block), part] = version
                elif kind == "tool_use" and block.get("name") in TOOLS and isinstance(block.get("input"), dict):
                    made = extras.artifacts.from_tool(block["name"], block["input"])
                    extras.made[id(block), 0] = made
        for versions in extras.artifacts.versions.values():
            for version in versions if self.choices.artifacts == "all" else versions[-1:]:
                extras.files[artifact_path(extras, version)] = version.content

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
                    paragraphs += self._tagged(block, text, extras, page)
                elif text and (text := text.strip("\n")):
                    paragraphs.append(close_fence(text) if "```" in text or "~~~" in text else text)
                if citations := block.get("citations"):
                    paragraphs += _sources(citations)
            elif kind == "tool_use" or kind == "tool_result":
                if results is None:
                    results = _paired(blocks)
                paragraphs += self._tool(block, number, results, extras, page)
            else:
                maker = self._makers.get(kind) if isinstance(kind, str) else None
                if paragraph := maker(block) if maker else self._unknown_block(block):
                    paragraphs.append(paragraph)
        if message.get("attachments") or message.get("files") or message.get("files_v2"):
            paragraphs += self._attachments(message, extras, page)
        return paragraphs

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
            return "**Thinking**\n\n> " + close_fence(text).replace("\n", "\n> ")
        return folded("Thinking", close_fence(text))

    def _tool(self, block: Raw, number: int, results: dict[int, Raw], extras: Extras, page: str) -> list[str]:
        """Return a tool's use with its result; a result that belongs to a use before it gives nothing."""
        name = text_of(block.get("name")) or "a tool"
        if block.get("type") == "tool_result":
            return [] if -1 - number in results else self._shown(f"Result of {name}", [_result(block)])
        result = results.get(number)
        given = block.get("input")
        if name in TOOLS and isinstance(given, dict):
            key = (id(block), 0)
            version = extras.made[key] if key in extras.made else extras.artifacts.from_tool(name, given)
            if version is not None:
                shown = self._artifact(version, extras, page)
                return shown + ([_result(result)] if result and result.get("is_error") else [])
        parts = [_input(given)] if given else []
        if result is not None:
            parts += [label_of(result), _result(result)]
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
        return f"**Block of type {escaped(kind)}**\n\n{code_block(_json(block), 'json')}"

    # Artifacts.

    def _tagged(self, block: Raw, text: str, extras: Extras, page: str) -> list[str]:
        paragraphs: list[str] = []
        for part, (what, attributes, content) in enumerate(split_text(text)):
            if what == "text":
                paragraphs.append(close_fence(content.strip("\n")))
            elif what == "thinking":
                paragraphs.append(self._thinking(content))
            else:
                made = extras.made.get((id(block), part)) or extras.artifacts.from_tag(attributes, content)
                paragraphs += self._artifact(made, extras, page)
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
            return [f"[{title}]({relative_link(artifact_path(extras, kept), page)})"]
        if version.change is not None:
            old, new = version.change
            lines = [f"-{line}" for line in old.split("\n") if old] + [f"+{line}" for line in new.split("\n") if new]
            return [f"**{title}**", code_block("\n".join(lines), "diff")]
        return [f"**{title}**", code_block(version.content, version.language)]

    # Attachments.

    def _attachments(self, message: Raw, extras: Extras, page: str) -> list[str]:
        paragraphs = []
        for one in _dicts(message.get("attachments")):
            name = text_of(one.get("file_name")) or "unnamed"
            content = text_of(one.get("extracted_content"))
            title = f"{escaped(name)}{size_of(one.get('file_size'))}"
            if content and self.choices.attachments in ("files", "both"):
                path = self._stored(content, name, message, extras)
                title = f"[{escaped(name)}]({relative_link(path, page)}){size_of(one.get('file_size'))}"
            paragraphs.append(f"**Attachment:** {title}")
            if content and self.choices.attachments in ("inline", "both"):
                paragraphs.append(folded(f"Content of {name}", code_block(content)))
        for one in _dicts(message.get("files")) or _dicts(message.get("files_v2")):
            paragraphs.append(f"**File:** {escaped(text_of(one.get('file_name')) or 'unnamed')} (not in the export)")
        return paragraphs

    def _stored(self, content: str, name: str, message: Raw, extras: Extras) -> str:
        """Return the path of the file that holds an attachment; the same content has one file."""
        digest = sha256(content.encode("utf-8", "replace")).digest()
        if digest in extras.hashes:
            return extras.hashes[digest]
        folder = f"attachments/{extras.folder}/{safe_name(text_of(message.get('uuid')), 'message')}"
        safe = safe_name(name, "unnamed", 240)
        path, number = f"{folder}/{safe}", 1
        taken = {one.casefold() for one in extras.files}
        while path.casefold() in taken:
            number += 1
            stem, dot, suffix = safe.rpartition(".")
            path = f"{folder}/{stem}-{number}{dot}{suffix}" if stem else f"{folder}/{safe}-{number}"
        extras.files[path] = content
        extras.hashes[digest] = path
        return path


def blocks_of(message: Raw) -> list[Raw]:
    """Return a message's blocks; its `text`, without what stands for blocks there, only if it has none."""
    content = message.get("content")
    if type(content) is list:
        if all(type(block) is dict for block in content):
            if len(content) != 1 or content[0].get("text") or content[0].get("type") != "text":
                if content:
                    return content
        else:
            blocks = [block if isinstance(block, dict) else {"type": "text", "text": text_of(block)} for block in content]
            return [block for block in blocks if block.get("type") != "text" or block.get("text")]
    elif isinstance(content, str) and content:
        return [{"type": "text", "text": content}]
    elif isinstance(content, dict) and content:
        return [content]
    text = text_of(message.get("text"))
    if _MARK in text:
        text = _PLACEHOLDER.sub("", text)
    return [{"type": "text", "text": text}] if text.strip() else []


def folded(summary: str, content: str) -> str:
    """Return `content` as a paragraph that a reader unfolds."""
    if "details>" in content:
        content = content.replace("</details>", "&lt;/details>").replace("<details>", "&lt;details>")
    return f"<details>\n<summary>{html.escape(summary, quote=False)}</summary>\n\n{content}\n\n</details>"


def artifact_path(extras: Extras, version: Version) -> str:
    """Return where a version goes."""
    return f"artifacts/{extras.folder}/{version.file_name}"


def relative_link(path: str, page: str) -> str:
    """Return a link from a page to a file, both by their paths in the target."""
    return quote(posixpath.relpath(path, posixpath.dirname(page) or "."), safe="/-._~")


def escaped(text: str) -> str:
    """Return `text` so that Markdown shows it as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def text_of(value: Any) -> str:
    """Return a value that should be text as text; "" for null."""
    if isinstance(value, str):
        return value
    return "" if value is None else _json(value) if isinstance(value, dict | list) else str(value)


def size_of(value: Any) -> str:
    """Return ` (5.3 kB)` for a number of bytes."""
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        return ""
    if value < 1000:
        return f" ({value:g} bytes)"
    return f" ({value / 1000:.1f} kB)" if value < 1_000_000 else f" ({value / 1_000_000:.1f} MB)"


def label_of(result: Raw) -> str:
    return "Result (an error):" if result.get("is_error") else "Result:"


def _dicts(value: Any) -> list[Raw]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        return repr(value)


def _input(given: Any) -> str:
    """Return what a tool was given; texts of several lines each in a block of its own, where they can be read."""
    if not isinstance(given, dict):
        return code_block(text_of(given))
    long = {name: value for name, value in given.items() if isinstance(value, str) and "\n" in value}
    rest = {name: value for name, value in given.items() if name not in long}
    parts = [code_block(_json(rest), "json")] if rest else []
    parts += [f"{escaped(str(name))}:\n\n{code_block(value)}" for name, value in long.items()]
    return "\n\n".join(parts)


def _result(block: Raw) -> str:
    content = block.get("content")
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return code_block(text) if (text := text_of(content)) else ""
    parts: list[str] = []
    links: list[str] = []
    for one in content:
        if not isinstance(one, dict):
            parts.append(text_of(one))
        elif isinstance(one.get("url"), str) and one["url"]:
            links.append(f"- [{escaped(text_of(one.get('title')) or one['url'])}](<{one['url'].replace('>', '%3E')}>)")
        elif isinstance(one.get("text"), str):
            parts.append(one["text"])
        elif one.get("type") == "local_resource":
            name = text_of(one.get("name")) or text_of(one.get("file_path")) or "unnamed"
            links.append(f"- {escaped(name)} (not in the export)")
        else:
            parts.append(_json(one))
    text = "\n".join(filter(None, parts))
    return "\n\n".join(filter(None, (code_block(text) if text else "", "\n".join(links))))


def _paired(blocks: list[Raw]) -> dict[int, Raw]:
    """Return the result of each tool's use, by the place of the use; and, at -1 - place, that a result is used."""
    pairs: dict[int, Raw] = {}
    uses = [place for place, block in enumerate(blocks) if block.get("type") == "tool_use"]
    results = [place for place, block in enumerate(blocks) if block.get("type") == "tool_result"]
    by_id = {id_: place for place in uses if isinstance(id_ := blocks[place].get("id"), str) and id_}
    left = []
    for place in results:
        wanted = blocks[place].get("tool_use_id")
        use = by_id.get(wanted) if isinstance(wanted, str) else None
        if use is None or use in pairs:
            left.append(place)
        else:
            pairs[use], pairs[-1 - place] = blocks[place], blocks[place]
    for place in left:
        name = blocks[place].get("name")
        before = [use for use in uses if use < place and use not in pairs]
        use = next((one for one in before if blocks[one].get("name") == name), before[0] if before else None)
        if use is not None and not (name and blocks[use].get("name") not in (name, None)):
            pairs[use], pairs[-1 - place] = blocks[place], blocks[place]
    return pairs


def _sources(citations: Any) -> list[str]:
    urls: dict[str, None] = {}
    for one in _dicts(citations):
        details = one.get("details")
        url = details.get("url") if isinstance(details, dict) else one.get("url")
        if isinstance(url, str) and url:
            urls[url.replace(">", "%3E").replace("\n", "")] = None
    return ["Sources: " + ", ".join(f"<{url}>" for url in urls)] if urls else []
