"""PathTemplate: makes the path of a file from fields, whatever texts of others they hold."""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Mapping
from typing import Any

from processors.values import as_text
from transmissions import Message, Processor, TransmissionsError, get_field, set_field, setting
from transmissions.output.names import safe_path, slug

__all__ = ["PathTemplate"]

_PLACE = re.compile(r"(#?)(\d{0,3})")


class PathTemplate(Processor):
    r"""Make a path of fields by a template: `{feed.title}/{date:10}-{title}-{id:#8}.md`.

    A field's text comes in lower case, as words with hyphens between them, so that it makes no folder and no system
    refuses it. `:10` behind a field takes its first ten signs, `:#8` eight signs of its hash, which tell apart what has
    the same title. A field that is not there leaves no gap; a part of the path in which nothing stays is `untitled`.
    With `:distinctBy`, a path that another message of the run has got already is an error: one file would take the
    other's place.

    Example:
        :stage a :PathTemplate ; :settings [ :template "{feed}/{date:10}-{title}-{id:#4}.md" ] .
        in {"feed": "News", "date": "2025-03-01T10:00:00Z", "title": "What's new? ../etc", "id": "urn:1"}
        out {"feed": "News", "date": "2025-03-01T10:00:00Z", "title": "What's new? ../etc", "id": "urn:1",
            "filepath": "news/2025-03-01-what-s-new-etc-….md"}

    Guarantee: pure.
    """

    stateful = True

    template: str = setting(doc="the template", fixed=True)
    target_field: str = setting("filepath", "field that receives the path, as a dotted path", writes=True, fixed=True)

    distinct_by: str = setting(
        "", "a field, as a dotted path; messages in which it differs must not get the same path", fixed=True
    )

    def start(self) -> None:
        """Read the template."""
        self._parts = [_parsed(part) for part in self.template.split("/")]
        self._made: dict[int, int] = {}

    def process(self, message: Message) -> Message:
        """Return the message with the path."""
        path = safe_path("/".join(_filled(part, message) for part in self._parts))
        if self.distinct_by:
            self._check_distinct(path, get_field(message, self.distinct_by, None))
        set_field(message, self.target_field, path)
        return message

    def _check_distinct(self, path: str, value: Any) -> None:
        # Hashes, not the paths themselves: a run may have millions.
        which = hash(as_text(value))
        if self._made.setdefault(hash(path), which) != which:
            raise TransmissionsError(
                f"{path}: another message has this path already; put what tells them apart into :template, "
                "such as {id:#8}"
            )

    @classmethod
    def fields_read(cls, settings: Mapping[str, Any]) -> set[str]:
        """Return nothing: a field that is not there is left out."""
        return set()


_Piece = tuple[str, str, str, int]
"""A fixed text; a field, whether its hash is taken, and how many signs."""


def _parsed(part: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    try:
        found = list(string.Formatter().parse(part))
    except ValueError as error:
        raise TransmissionsError(f":template {part!r} is no template: {error}") from None
    for text, name, place, conversion in found:
        if text:
            pieces.append((text, "", "", 0))
        if name is not None:
            said = _PLACE.fullmatch(place or "")
            if not name or conversion or said is None:
                raise TransmissionsError(f":template {part!r}: a field is {{name}}, {{name:10}} or {{name:#8}}")
            pieces.append(("", name, said.group(1), int(said.group(2) or 0)))
    return pieces


def _filled(part: list[_Piece], message: Message) -> str:
    made = "".join(text or _value(message, name, sign, count) for text, name, sign, count in part)
    stem, dot, ending = made.rpartition(".")
    # What a field that is not there leaves of the texts around it is no name.
    stem = re.sub(r"-{2,}", "-", stem if dot else made).strip("-_ ")
    return f"{stem or 'untitled'}{dot}{ending if dot else ''}"


def _value(message: Message, name: str, sign: str, count: int) -> str:
    value = get_field(message, name, None)
    text = "" if value is None else as_text(value)
    if sign:
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[: count or 8]
    return slug(text[:count] if count else text)
