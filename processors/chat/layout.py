"""Where a file goes: a template such as `{created:%Y}/{title}-{uuid:8}.md`, parsed once."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from datetime import datetime

from transmissions.errors import TransmissionsError
from transmissions.output.names import safe_name
from transmissions.problem import nearest

__all__ = ["FIELDS", "MESSAGE_FIELDS", "Layout"]

FIELDS = ("title", "name", "uuid", "created", "updated", "provider", "model", "messages")
MESSAGE_FIELDS = ("message.uuid", "message.created", "message.updated", "message.sender", "message.index")
_ALIASES = {"sender": "message.sender", "index": "message.index"}
_TIMES = ("created", "updated", "message.created", "message.updated")
_SLICES = {"%Y": (0, 4), "%m": (5, 7), "%d": (8, 10), "%H": (11, 13), "%M": (14, 16), "%S": (17, 19)}

Values = Mapping[str, str]
_Piece = Callable[[Values, int], str]


class Layout:
    """A parsed template. Fields: those in `FIELDS`, and in `MESSAGE_FIELDS` for one file a message.

    `:8` behind a field keeps its first eight characters (an index gets at least so many digits); `:%Y-%m` formats
    a time. `conv.uuid`, `conv.name`, `conv.created_at`, `message.created_at` … name the same fields as exports do.

    Args:
        template: the text.
        per_message: whether it may name fields of a message.

    Raises:
        TransmissionsError: the template does not parse, or names a field that there is not.
    """

    def __init__(self, template: str, *, per_message: bool = False) -> None:
        self.template = template
        self._known = FIELDS + MESSAGE_FIELDS if per_message else FIELDS
        self.can_lengthen = False
        try:
            parsed = list(string.Formatter().parse(template))
        except ValueError as error:
            raise TransmissionsError(f":path {template!r} is no template: {error}") from None
        self._pieces: list[_Piece] = []
        for literal, name, spec, conversion in parsed:
            if literal:
                self._pieces.append(_literal(literal))
            if name is not None:
                if conversion:
                    raise TransmissionsError(f":path {template!r}: {{{name}!{conversion}}} is not supported")
                self._pieces.append(self._field(name, spec or ""))

    def path(self, values: Values, more: int = 0) -> str:
        """Return the path for the values.

        Args:
            values: by field; times in ISO 8601, or "" if unknown.
            more: by how many characters the shortened ids are longer than the template says.
        """
        text = "".join([piece(values, more) for piece in self._pieces])
        if "undated/undated" in text:
            # Year and month of what has no date would be two folders where one says it.
            text = re.sub(r"(?:undated/){2,}", "undated/", text)
        parts = text.split("/")
        # A path that the pipeline's author made absolute stays so; whether it may be written is not decided here.
        return "/".join([safe_name(part) if part or place else "" for place, part in enumerate(parts)])

    def _field(self, name: str, spec: str) -> _Piece:
        plain = re.sub(r"_at\Z", "", _ALIASES.get(name, name).removeprefix("conv.").removeprefix("conversation."))
        if plain not in self._known:
            guess = nearest(name, self._known)
            hint = f"did you mean {{{guess}}}?" if guess else "there are " + ", ".join(self._known)
            raise TransmissionsError(f":path {self.template!r}: there is no field {{{name}}} here; {hint}")
        if plain in _TIMES:
            return _time(plain, spec or "%Y-%m-%d")
        if not spec:
            return lambda values, more: _flat(values[plain])
        if not spec.isdigit():
            raise TransmissionsError(f":path {self.template!r}: {{{name}:{spec}}} takes a number of characters")
        length = int(spec)
        if plain == "message.index":
            return lambda values, more: values[plain].zfill(length)
        if plain == ("message.uuid" if MESSAGE_FIELDS[0] in self._known else "uuid"):
            self.can_lengthen = True
            return lambda values, more: _flat(values[plain][: length + more])
        return lambda values, more: _flat(values[plain][:length])


def _literal(text: str) -> _Piece:
    return lambda values, more: text


def _flat(text: str) -> str:
    """Return a value so that it makes no folder of its own."""
    return text.replace("/", "_").replace("\\", "_") if "/" in text or "\\" in text else text


def _time(field: str, pattern: str) -> _Piece:
    tokens = re.findall(r"%.|[^%]+", pattern)
    cuts = [_SLICES.get(token) for token in tokens]
    if any(token.startswith("%") and cut is None for token, cut in zip(tokens, cuts, strict=True)):
        return lambda values, more: _formatted(values[field], pattern)

    def cut_out(values: Values, more: int) -> str:
        time = values[field]
        if not time:
            return "undated"
        return "".join([time[cut[0] : cut[1]] if cut else token for token, cut in zip(tokens, cuts, strict=True)])

    return cut_out


def _formatted(time: str, pattern: str) -> str:
    return datetime.fromisoformat(time).strftime(pattern) if time else "undated"
