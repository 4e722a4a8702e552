"""A processor that takes the comments out of source code."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Literal

from processors.values import require_text
from transmissions import Message, Processor, get_field, set_field, setting

__all__ = ["CommentStripper"]

# Texts come first, so that what looks like a comment in one is none. Each alternative begins with a sign of its own
# and has one way to match, so that the work grows with the length of the code and no faster.
_QUOTED = r"\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?"
_LONG_QUOTED = r"\"\"\"(?:\\.|[^\"\\]|\"(?!\"\"))*(?:\"\"\")?|'''(?:\\.|[^'\\]|'(?!''))*(?:''')?"
_PATTERNS = {
    "c": rf"(?P<kept>{_QUOTED}|`(?:\\.|[^`\\])*`?)|/\*(?:[^*]|\*(?!/))*(?:\*/)?|//[^\n]*",
    "hash": rf"(?P<kept>{_LONG_QUOTED}|{_QUOTED}|<[^<>\s]*>)|#[^\n]*",
    "html": r"(?P<kept>\Z.)|<!--(?:[^-]|-(?!->))*(?:-->)?",
}
_COMPILED = {style: re.compile(pattern, re.DOTALL) for style, pattern in _PATTERNS.items()}
_STYLES = {
    **dict.fromkeys((".c", ".cc", ".cpp", ".cs", ".css", ".go", ".h", ".java", ".js", ".jsx", ".kt", ".mjs"), "c"),
    **dict.fromkeys((".php", ".rs", ".scala", ".scss", ".swift", ".ts", ".tsx"), "c"),
    **dict.fromkeys((".n3", ".py", ".rb", ".rq", ".sh", ".sparql", ".toml", ".trig", ".ttl", ".yaml", ".yml"), "hash"),
    **dict.fromkeys((".htm", ".html", ".md", ".svg", ".xml"), "html"),
}
_EMPTIED = re.compile(r"[ \t]+$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")


class CommentStripper(Processor):
    """Take the comments out of source code; what stands in a text between quotes is none.

    How comments are written is told by the file's name, unless `:style` says it: `c` for `//` and `/* */`, `hash` for
    `#`, `html` for `<!-- -->`. Code of a kind that is not known goes on as it is. It knows texts, but not the grammar
    of each language: a regular expression with a quote in it may hide a comment behind it.

    Example:
        :stage a :CommentStripper .
        in {"filepath": "a.js", "content": "let a = 'http://x' // where it is"}
        out {"filepath": "a.js", "content": "let a = 'http://x'"}

    Guarantee: pure.
    """

    input_field: str = setting("content", "field with the code, as a dotted path", reads=True)
    output_field: str = setting("content", "field that receives it, as a dotted path", writes=True)
    path_field: str = setting("filepath", "field with the file's name, as a dotted path")
    style: Literal["auto", "c", "hash", "html"] = setting("auto", "how comments are written")

    def process(self, message: Message) -> Message:
        """Return the message with the code."""
        code = require_text(message, self.input_field)
        name = str(get_field(message, self.path_field, ""))
        style = _STYLES.get(PurePosixPath(name).suffix.lower(), "") if self.style == "auto" else self.style
        set_field(message, self.output_field, stripped(code, style) if style else code)
        return message


def stripped(code: str, style: str) -> str:
    """Return code without comments, without blanks that they left, and with at most one empty line in a row.

    >>> stripped('a = "#1"  # one\\n', "hash")
    'a = "#1"\\n'
    """
    without = _COMPILED[style].sub(lambda found: found.group("kept") or "", code)
    return code if without == code else _BLANK_LINES.sub("\n\n", _EMPTIED.sub("", without))
