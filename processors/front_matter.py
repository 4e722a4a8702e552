"""Front matter, the block of YAML at the beginning of a Markdown file: taken off, and put on.

Of YAML it reads what stands in front matter: names with texts, numbers, truths and lists of these, and texts of several
lines. What else stands there is told of and left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from processors.chat.front_matter import quoted
from processors.values import as_text, require_text
from transmissions import Message, Processor, get_field, require_field, set_field, setting

__all__ = ["FrontMatterReader", "FrontMatterWriter", "split"]

_BLOCK = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_MEMBER = re.compile(r"""(\w[\w .-]*?|"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')[ \t]*:(?:[ \t]+(.*))?$""")
_NAME = re.compile(r"(?!(?:true|false|null|yes|no|on|off|y|n)$)[A-Za-z_][\w-]*", re.ASCII | re.IGNORECASE)
_QUOTED = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')[ \t]*(?:#.*)?$""")
_IN_LIST = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,"'\[\]{}][^,\[\]{}]*)\s*(?:,|$)""")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_INTEGER, _DECIMAL = re.compile(r"[-+]?\d{1,18}"), re.compile(r"[-+]?\d{1,15}\.\d{1,15}")


def split(text: str) -> tuple[str, str]:
    r"""Return the lines of front matter that a text begins with, "" if there are none, and the rest of the text.

    >>> split("---\ntitle: Pipes\n---\nText.\n")
    ('title: Pipes\n', 'Text.\n')
    """
    found = _BLOCK.match(text)
    return (found.group(1), text[found.end() :]) if found else ("", text)


class FrontMatterReader(Processor):
    r"""Take the front matter off a text: the text stays without it, and what it says is an object of its own.

    Of YAML it reads names with texts, numbers, truths and lists of these, and texts of several lines; a date stays a
    text. What else stands there is warned of and left out. Without front matter the object is empty.

    Example:
        :stage a :FrontMatterReader .
        in {"content": "---\ntitle: Pipes\ntags: [a, b]\ndraft: false\n---\nText.\n"}
        out {"content": "Text.\n", "frontMatter": {"title": "Pipes", "tags": ["a", "b"], "draft": false}}

    Guarantee: pure.
    """

    source_field: str = setting("content", "field with the text, which stays without it", reads=True, fixed=True)
    target_field: str = setting("frontMatter", "field that receives the object", writes=True, fixed=True)

    def process(self, message: Message) -> Message:
        """Return the message with text and front matter apart."""
        text = require_text(message, self.source_field)
        block, rest = split(text)
        values: dict[str, Any] = {}
        for number, name, value in _members(block.splitlines()):
            if name:
                values[name] = value
            else:
                place = str(message.get("filepath", "front matter"))
                self.warn(f"{place}:{number + 1}: left out of the front matter: {value}", line=number + 1)
        set_field(message, self.source_field, rest)
        set_field(message, self.target_field, values)
        return message


class FrontMatterWriter(Processor):
    r"""Put front matter in front of a text: the members of an object, as YAML.

    Texts are quoted, so that whoever reads them gets the same ones; members that are null are left out.

    Example:
        :stage a :FrontMatterWriter .
        in {"content": "Text.\n", "frontMatter": {"title": "Pipes: a", "tags": ["b"], "pages": 7}}
        out {"content": "---\ntitle: \"Pipes: a\"\ntags: [\"b\"]\npages: 7\n---\n\nText.\n",
            "frontMatter": {"title": "Pipes: a", "tags": ["b"], "pages": 7}}

    Guarantee: pure.
    """

    source_field: str = setting("frontMatter", "field with the object", reads=True, fixed=True)
    target_field: str = setting("content", "field with the text", reads=True, writes=True, fixed=True)

    def process(self, message: Message) -> Message:
        """Return the message with the front matter in its text."""
        values = require_field(message, self.source_field)
        if not isinstance(values, dict):
            raise ValueError(f"the field {self.source_field} holds no object but {type(values).__name__}")
        lines = [f"{_written_name(name)}: {_written(value)}\n" for name, value in values.items() if value is not None]
        text = as_text(get_field(message, self.target_field, ""))
        set_field(message, self.target_field, "".join(["---\n", *lines, "---\n\n", text]))
        return message


def _written_name(name: str) -> str:
    return name if _NAME.fullmatch(name) else quoted(name)


def _written(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    # JSON is YAML, too, but for signs that only texts have.
    return orjson.dumps(value).decode() if isinstance(value, bool | int | float) else quoted(as_text(value))


def _members(lines: list[str]) -> Iterator[tuple[int, str, Any]]:
    """Yield number, name and value of each member; of what cannot be read, no name and the line."""
    at = 0
    while at < len(lines):
        number, line = at + 1, lines[at]
        at += 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _MEMBER.match(line)
        if found is None:
            yield number, "", line.strip()
            continue
        name, said = found.group(1), (found.group(2) or "").strip()
        below = at
        while at < len(lines) and (not lines[at].strip() or lines[at][0] in " \t" or _is_item(lines[at])):
            at += 1
        try:
            yield number, _name(name), _value(said, lines[below:at])
        except ValueError:
            yield number, "", line.strip()


def _name(said: str) -> str:
    return str(_scalar(said)) if said[0] in "\"'" else said


def _is_item(line: str) -> bool:
    return line.startswith("- ") or line.rstrip() == "-"


def _value(said: str, below: list[str]) -> Any:
    """Return a value; raise ValueError if it is none of those that are read."""
    if said[:1] in ("|", ">") and re.fullmatch(r"[|>][-+]?", said):
        return _of_lines(said, below)
    kept = [line.strip() for line in below if line.strip() and not line.lstrip().startswith("#")]
    if not said or said.startswith("#"):
        if all(_is_item(line) for line in kept):
            return [_scalar(line[1:].strip()) for line in kept] if kept else None
        raise ValueError(said)
    if kept:
        raise ValueError(said)
    return _flow(said) if said.startswith("[") else _scalar(said)


def _of_lines(said: str, below: list[str]) -> str:
    indents = [len(line) - len(line.lstrip()) for line in below if line.strip()]
    lines = [line[min(indents, default=0) :].rstrip() for line in below]
    text = "\n".join(lines).strip("\n")
    if said[0] == ">":
        text = re.sub(r"\n(\n*)", lambda found: found.group(1) or " ", text)
    return text if "-" in said else text + "\n"


def _flow(said: str) -> list[Any]:
    inner, close, _ = said[1:].rpartition("]")
    items, at = [], 0
    while close and at < len(inner.rstrip()):
        found = _IN_LIST.match(inner, at)
        if found is None:
            raise ValueError(said)
        items.append(_scalar(found.group(1).strip()))
        at = found.end()
    if not close:
        raise ValueError(said)
    return items


def _scalar(said: str) -> Any:
    if said[:1] in ("'", '"'):
        found = _QUOTED.match(said)
        if found is None:
            raise ValueError(said)
        text = found.group(1)
        return text[1:-1].replace("''", "'") if text[0] == "'" else _unescaped(text)
    said = re.sub(r"(?:^|\s)#.*$", "", said).strip()
    if said[:1] in ("{", "[", "&", "*", "!", "|", ">", "%", "@", "`"):
        raise ValueError(said)
    if said.lower() in _WORDS:
        return _WORDS[said.lower()]
    if _INTEGER.fullmatch(said) and (said == "0" or said.lstrip("+-")[0] != "0"):
        return int(said)
    return float(said) if _DECIMAL.fullmatch(said) else said


def _unescaped(text: str) -> str:
    """Return what stands between double quotes; raise ValueError for an escape that JSON does not have."""
    return str(orjson.loads(text))
