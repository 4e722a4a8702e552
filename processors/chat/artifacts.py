"""Artifacts: what an assistant made in a conversation, version by version, whichever way the export writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from processors.chat.fences import fence_open_at
from transmissions.output.names import safe_name

__all__ = ["TOOLS", "Artifacts", "Version", "has_tags", "split_text"]

TOOLS = ("artifacts", "create_artifact", "create_file", "str_replace")
"""The tools whose use makes or changes an artifact."""

_TAG = re.compile(r"<([aA][nN][tT](?:[aA][rR][tT][iI][fF][aA][cC][tT]|[tT][hH][iI][nN][kK][iI][nN][gG]))\b([^>]*)>")
_ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_TYPES = {
    "text/markdown": ("markdown", "md"),
    "text/html": ("html", "html"),
    "image/svg+xml": ("svg", "svg"),
    "application/vnd.ant.mermaid": ("mermaid", "mmd"),
    "application/vnd.ant.react": ("jsx", "jsx"),
    "application/json": ("json", "json"),
    "application/javascript": ("javascript", "js"),
    "text/css": ("css", "css"),
    "text/csv": ("csv", "csv"),
}
_SUFFIXES = {
    "python": "py", "javascript": "js", "typescript": "ts", "jsx": "jsx", "tsx": "tsx", "html": "html", "css": "css",
    "java": "java", "c": "c", "cpp": "cpp", "c++": "cpp", "csharp": "cs", "go": "go", "rust": "rs", "ruby": "rb",
    "php": "php", "swift": "swift", "kotlin": "kt", "sql": "sql", "bash": "sh", "shell": "sh", "sh": "sh",
    "json": "json", "yaml": "yaml", "toml": "toml", "xml": "xml", "markdown": "md", "turtle": "ttl", "sparql": "rq",
    "latex": "tex", "r": "r", "lua": "lua", "perl": "pl", "haskell": "hs", "scala": "scala", "dart": "dart",
    "mermaid": "mmd", "svg": "svg",
}  # fmt: skip


@dataclass(slots=True)
class Version:
    """One version of an artifact.

    Args:
        id: the artifact's identifier.
        number: from 1 on.
        title: its title; the identifier, if it has none.
        language: for a code fence; "" if unknown.
        suffix: of a file that holds it.
        content: all of it.
        change: the text replaced and the text put in its place, if that is how it came about.
        problem: why it is not what the assistant meant; "" if it is.
    """

    id: str
    number: int
    title: str
    language: str
    suffix: str
    content: str
    change: tuple[str, str] | None = None
    problem: str = ""

    @property
    def file_name(self) -> str:
        """The name of a file that holds this version: `<id>.v<number>.<suffix>`."""
        tail = f".v{self.number}.{self.suffix}"
        return safe_name(re.sub(r"[/\\]+", "_", self.id.strip("/\\ ")), "artifact", 255 - len(tail)) + tail


@dataclass(slots=True)
class Artifacts:
    """The artifacts of one conversation.

    Args:
        versions: by identifier, in the order in which they came.
    """

    versions: dict[str, list[Version]] = field(default_factory=dict)

    def from_tool(self, name: str, given: dict[str, Any]) -> Version | None:
        """Return the version that the use of a tool makes; None if it makes none (it looks at one, or says nothing)."""
        if name in ("create_file", "str_replace"):
            return self._from_file(given, creates=name == "create_file")
        id_ = _text(given.get("id")) or _text(given.get("title")) or "artifact"
        before = self.versions.get(id_, [])
        command = _text(given.get("command")) or ("create" if "content" in given else "update")
        content = given.get("content")
        if command == "view" or (command != "update" and not isinstance(content, str)):
            return None
        kind, language = _text(given.get("type")), _text(given.get("language"))
        if before and not (kind or language):
            language, suffix = before[-1].language, before[-1].suffix
        else:
            language, suffix = _language(kind, language)
        title = _text(given.get("title")) or (before[-1].title if before else id_)
        if command == "update" and not (isinstance(content, str) and content):
            return self._replace(Version(id_, 0, title, language, suffix, "", _change(given)))
        return self._add(Version(id_, 0, title, language, suffix, _text(content)))

    def from_tag(self, attributes: dict[str, str], content: str) -> Version:
        """Return the version that an `<antArtifact>` in a text makes."""
        id_ = attributes.get("identifier") or attributes.get("title") or "artifact"
        language, suffix = _language(attributes.get("type", ""), attributes.get("language", ""))
        return self._add(Version(id_, 0, attributes.get("title") or id_, language, suffix, content.strip("\n") + "\n"))

    def _from_file(self, given: dict[str, Any], *, creates: bool) -> Version | None:
        id_ = _text(given.get("path"))
        if not id_:
            return None
        name = re.split(r"[/\\]", id_)[-1]
        suffix = name.rpartition(".")[2].lower() if "." in name.strip(".") else "txt"
        suffix = suffix if re.fullmatch(r"[a-z0-9+]{1,12}", suffix) else "txt"
        language = next((language for language, one in _SUFFIXES.items() if one == suffix), "")
        if creates:
            return self._add(Version(id_, 0, name, language, suffix, _text(given.get("file_text"))))
        return self._replace(Version(id_, 0, name, language, suffix, "", _change(given)))

    def _replace(self, made: Version) -> Version:
        """Apply a replacement to the newest version that has the old text: branches may have changed the last one."""
        old, new = made.change or ("", "")
        before = self.versions.get(made.id, [])
        base = next((one for one in reversed(before) if old and old in one.content), None)
        if base is not None:
            made.content = base.content.replace(old, new, 1)
        else:
            made.content = before[-1].content if before else new
            made.problem = (
                "the text to replace is not in it" if before else "what it changes is not in the conversation"
            )
        return self._add(made)

    def _add(self, version: Version) -> Version:
        known = self.versions.setdefault(version.id, [])
        version.number = len(known) + 1
        known.append(version)
        return version


def split_text(text: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """Yield the parts of a text: `("text", {}, …)`, `("thinking", {}, …)`, `("artifact", attributes, content)`.

    Tags count in any case of letters, unless they stand in a code fence. One that is not closed lasts to the end, or,
    for thinking, to the next tag.
    """
    position = start = 0
    while found := _TAG.search(text, position):
        if fence_open_at(text, start, found.start()):
            position = found.end()
            continue
        if text[start : found.start()].strip():
            yield "text", {}, text[start : found.start()]
        thinking = found[1].lower() == "antthinking"
        end, start = _content_end(text, found, thinking)
        content = text[found.end() : end]
        attributes = {name.lower(): double or single for name, double, single in _ATTRIBUTE.findall(found[2])}
        yield ("thinking" if thinking else "artifact"), attributes, content
        position = start
    if text[start:].strip():
        yield "text", {}, text[start:]


def _content_end(text: str, tag: re.Match[str], thinking: bool) -> tuple[int, int]:
    """Return where a tag's content ends, and where what follows it begins."""
    closing = re.compile(f"</{tag[1]}\\s*>", re.IGNORECASE).search(text, tag.end())
    if closing:
        return closing.start(), closing.end()
    following = _TAG.search(text, tag.end()) if thinking else None
    end = following.start() if following else len(text)
    return end, end


def has_tags(text: str) -> bool:
    """Say whether a text has tags that `split_text` takes out."""
    return _TAG.search(text) is not None


def _language(kind: str, language: str) -> tuple[str, str]:
    if language:
        language = language.lower()
        return language, _SUFFIXES.get(language, language if re.fullmatch(r"[a-z0-9]{1,8}", language) else "txt")
    return _TYPES.get(kind.lower(), ("", "txt"))


def _change(given: dict[str, Any]) -> tuple[str, str]:
    return _text(given.get("old_str")), _text(given.get("new_str"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
