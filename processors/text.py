"""Processors of texts: set, join, reverse, replace, filter, cut into lines, escape; and one that shows messages."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from processors.patterns import matches
from processors.values import as_text, require_text
from transmissions import MISSING, Message, Processor, get_field, set_field, setting, shorten

__all__ = ["Concat", "Escaper", "LineReader", "Reverse", "SetText", "ShowMessage", "StringFilter", "StringReplace"]


class ShowMessage(Processor):
    """Show every message on standard error, shortened, and hand it on.

    Example:
        :stage a :ShowMessage ; :settings [ :alert "read:" ; :stringLimit 40 ] .
        in {"title": "Letters", "content": "Dear reader, it is a long time"}
        logged :stage read: {"title": "Letters", "content": "Dear r…
        out {"title": "Letters", "content": "Dear reader, it is a long time"}

    Guarantee: pure.
    """

    takes_done = True

    string_limit: int = setting(500, "characters of a message to show", minimum=1)
    alert: str = setting("", "a text to show in front of each message")
    field: str = setting("", "show this field only, as a dotted path; nothing of a message without it", fixed=True)

    def process(self, message: Message) -> Message:
        """Show the message and return it."""
        value = get_field(message, self.field) if self.field else MISSING
        shown = message if not self.field else {} if value is MISSING else {self.field: value}
        front = f"{self.alert} " if self.alert else ""
        self.context.log("notice", f"{front}{shorten(shown, self.string_limit)}", {})
        return message


class SetText(Processor):
    """Set a field to a text.

    Example:
        :stage a :SetText ; :settings [ :text "Dear reader" ; :targetField "letter.opening" ] .
        in {"letter": {"to": "all"}}
        out {"letter": {"to": "all", "opening": "Dear reader"}}

    Guarantee: pure.
    """

    takes_done = True

    text: object = setting("text", "the text; a number, true or false stays what it is")
    target_field: str = setting("content", "field to set, as a dotted path", writes=True)

    def process(self, message: Message) -> Message:
        """Return the message with the field set."""
        set_field(message, self.target_field, self.text)
        return message


class Concat(Processor):
    """Put the texts of two fields together; a field that is not there, or is null, is empty.

    Example:
        :stage a :Concat ; :settings [
            :sourceFieldA "street" ; :sourceFieldB "town" ; :separator ", " ; :targetField "address"
        ] .
        in {"street": "Station Road 5", "town": "Brig"}
        out {"street": "Station Road 5", "town": "Brig", "address": "Station Road 5, Brig"}

    Guarantee: pure.
    """

    takes_done = True

    source_field_a: str = setting("content", "field with the first text, as a dotted path", reads=True)
    source_field_b: str = setting("content", "field with the second text, as a dotted path", reads=True)
    target_field: str = setting("content", "field that receives both, as a dotted path", writes=True)
    separator: str = setting("", "what stands between them")

    def process(self, message: Message) -> Message:
        """Return the message with the texts together."""
        values = [get_field(message, path, None) for path in (self.source_field_a, self.source_field_b)]
        texts = ["" if value is None else as_text(value) for value in values]
        set_field(message, self.target_field, self.separator.join(texts))
        return message


class Reverse(Processor):
    """Reverse a text, character by character; an accent that is a sign of its own stays on its letter.

    Example:
        :stage a :Reverse .
        in {"content": "abc"}
        out {"content": "cba"}

    Guarantee: pure.
    """

    takes_done = True

    source_field: str = setting("content", "field with the text, as a dotted path", reads=True)
    target_field: str = setting("content", "field that receives it reversed, as a dotted path", writes=True)

    def process(self, message: Message) -> Message:
        """Return the message with the text reversed."""
        letters: list[str] = []
        for sign in require_text(message, self.source_field):
            if letters and unicodedata.combining(sign):
                letters[-1] += sign
            else:
                letters.append(sign)
        set_field(message, self.target_field, "".join(reversed(letters)))
        return message


class StringReplace(Processor):
    """Replace every occurrence of a text in a field; the text is taken literally.

    Example:
        :stage a :StringReplace ; :settings [ :match "Mr." ; :replace "Mx." ; :outputField "letter" ] .
        in {"content": "Mr. A. and Mr. B."}
        out {"content": "Mr. A. and Mr. B.", "letter": "Mx. A. and Mx. B."}

    Guarantee: pure.
    """

    takes_done = True

    input_field: str = setting("content", "field with the text, as a dotted path", reads=True)
    output_field: str = setting(
        "", "field that receives the new text, as a dotted path; the same one if empty", writes=True
    )
    match: str = setting("", "the text to replace; nothing is replaced if it is empty")
    replace: str = setting("", "what stands there instead")

    def process(self, message: Message) -> Message:
        """Return the message with the text replaced."""
        text = require_text(message, self.input_field)
        replaced = text.replace(self.match, self.replace) if self.match else text
        set_field(message, self.output_field or self.input_field, replaced)
        return message


class StringFilter(Processor):
    """Let on only the messages whose `filepath` one of the patterns matches, and none of those that exclude.

    In a pattern, `*` stands for any characters, also slashes; the pattern has to match the whole path.

    Example:
        :stage a :StringFilter ; :settings [ :includePattern "*.md", "*.txt" ; :excludePattern "*/drafts/*" ] .
        in {"filepath": "site/about.md"}
        in {"filepath": "site/drafts/news.md"}
        in {"filepath": "site/logo.png"}
        out {"filepath": "site/about.md"}

    Guarantee: pure.
    """

    reads = ("filepath",)

    include_pattern: list[str] = setting((), "patterns of paths that go on; all, if there is none")
    exclude_pattern: list[str] = setting((), "patterns of paths that do not")

    def process(self, message: Message) -> Message | None:
        """Return the message, or nothing."""
        path = require_text(message, "filepath")
        included = not self.include_pattern or any(matches(path, one) for one in self.include_pattern)
        return message if included and not any(matches(path, one) for one in self.exclude_pattern) else None


class LineReader(Processor):
    r"""Cut a text into its lines, without the blanks around them, and without empty lines and comments.

    Example:
        :stage a :LineReader .
        in {"content": "# towns\nBrig\n\n  Chur  \n"}
        out {"content": "# towns\nBrig\n\n  Chur  \n", "lines": ["Brig", "Chur"]}

    Guarantee: pure.
    """

    takes_done = True

    input_field: str = setting("content", "field with the text, as a dotted path", reads=True)
    output_field: str = setting("lines", "field that receives the list of lines, as a dotted path", writes=True)
    filter_empty: bool = setting(True, "leave out empty lines")
    filter_comments: bool = setting(True, "leave out lines that begin with the comment sign")
    comment_char: str = setting("#", "what comments begin with")

    def process(self, message: Message) -> Message:
        """Return the message with the lines."""
        lines = [line.strip() for line in re.split(r"\r\n|\r|\n", require_text(message, self.input_field))]
        kept = [line for line in lines if not self._is_left_out(line)]
        set_field(message, self.output_field, kept)
        return message

    def _is_left_out(self, line: str) -> bool:
        is_comment = self.comment_char and line.startswith(self.comment_char)
        return (self.filter_empty and not line) or bool(self.filter_comments and is_comment)


class Escaper(Processor):
    r"""Escape a text so that it can stand between quotes in a SPARQL query or an update.

    Example:
        :stage a :Escaper ; :settings [ :inputField "title" ; :outputField "literal" ] .
        in {"title": "The \"Blue\" Book"}
        out {"title": "The \"Blue\" Book", "literal": "The \\\"Blue\\\" Book"}

    Guarantee: pure.
    """

    format: Literal["SPARQL", "dummy"] = setting("SPARQL", "the language; `dummy` leaves the text as it is")
    input_field: str = setting("content", "field with the text, as a dotted path", reads=True)
    output_field: str = setting("content", "field that receives it escaped, as a dotted path", writes=True)

    def process(self, message: Message) -> Message:
        """Return the message with the text escaped."""
        text = require_text(message, self.input_field)
        set_field(message, self.output_field, text.translate(_SPARQL) if self.format == "SPARQL" else text)
        return message


_SPARQL = str.maketrans(
    {"\\": "\\\\", '"': '\\"', "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
)
