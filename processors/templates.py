"""Templates in the dialect of Nunjucks, which the JavaScript project's templates are written in, by way of Jinja."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, FileSystemLoader, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from processors.values import as_text
from transmissions import Message, Processor, TransmissionsError, get_field, require_field, set_field, setting

__all__ = ["RDFBuilder", "Templater", "rendered"]


class _Nunjucks(SandboxedEnvironment):
    """Jinja with what Nunjucks has and Jinja lacks: `===`, `elseif`, `.length`, the filter `dump`."""

    def __init__(self, folder: Path, *, escape: bool) -> None:
        super().__init__(
            loader=FileSystemLoader(folder),
            autoescape=escape,
            keep_trailing_newline=True,
            undefined=ChainableUndefined,
            finalize=_shown,
        )
        self.filters["dump"] = as_text

    def preprocess(self, source: str, name: str | None = None, filename: str | None = None) -> str:
        """Write the expressions of Nunjucks as those of Jinja."""
        return super().preprocess(_TAG.sub(_translated, source), name, filename)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a member; a text's or list's `length` is how long it is."""
        if attribute == "length" and isinstance(obj, str | list | tuple):
            return len(obj)
        return super().getattr(obj, attribute)


_TAG = re.compile(r"\{[{%].*?[}%]\}", re.DOTALL)
_QUOTED = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""", re.DOTALL)
_SAME = (
    (re.compile(r"==="), "=="),
    (re.compile(r"!=="), "!="),
    (re.compile(r"\s&&\s"), " and "),
    (re.compile(r"\s\|\|\s"), " or "),
    (re.compile(r"\b(?:null|undefined)\b"), "none"),
    (re.compile(r"(\{%-?\s*)elseif\b"), r"\1elif"),
)


def _translated(found: re.Match[str]) -> str:
    parts = _QUOTED.split(found.group())
    for index in range(0, len(parts), 2):
        for pattern, replacement in _SAME:
            parts[index] = pattern.sub(replacement, parts[index])
    return "".join(parts)


def _shown(value: Any) -> Any:
    if value is None:
        return ""
    return as_text(value) if isinstance(value, bool) else value


@functools.lru_cache(maxsize=64)
def _environment(folder: Path, escape: bool) -> _Nunjucks:
    return _Nunjucks(folder, escape=escape)


def rendered(
    template: str | Path,
    data: Mapping[str, Any],
    *,
    escape: bool = False,
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> str:
    """Return a template filled with data.

    Args:
        template: its text, or the path of its file; others that it includes are looked for in that folder.
        data: what its names stand for.
        escape: whether what is filled in is escaped for HTML.
        functions: what it may call.

    Raises:
        TransmissionsError: there is no such file, or the template is wrong.
    """
    folder = template.parent if isinstance(template, Path) else Path()
    environment = _environment(folder, escape)
    try:
        if isinstance(template, Path):
            if not template.is_file():
                raise TransmissionsError(f"{template}: there is no such template")
            made = environment.get_template(template.name)
        else:
            made = environment.from_string(template)
        return made.render({**(functions or {}), **data})
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        place = f"{template}:{line}" if isinstance(template, Path) and line else "the template"
        raise TransmissionsError(f"{place}: {error.message or type(error).__name__}") from None
    except (TypeError, ValueError, ArithmeticError) as error:
        raise TransmissionsError(f"the template cannot be filled: {error}") from None


class Templater(Processor):
    """Fill a template, a file in the dialect of Nunjucks, with one field of the message, into `content`.

    The names in the template are the members of that field.

    Guarantee: pure: the same template and message give the same text.
    """

    takes_done = True
    writes = ("content",)

    template_filename: Path | None = setting(None, "the template's file")
    template: str = setting("", "the template itself, instead of a file")
    data_field: str = setting(
        "contentBlocks", "field that holds what the names stand for, as a dotted path", reads=True
    )
    escape: bool = setting(False, "whether what is filled in is escaped for HTML", fixed=True)

    def process(self, message: Message) -> Message:
        """Return the message with the filled template."""
        data = require_field(message, self.data_field)
        if not isinstance(data, dict):
            raise ValueError(f"the field {self.data_field} holds no object but {type(data).__name__}")
        message["content"] = rendered(_chosen(self, self.template_filename, self.template), data, escape=self.escape)
        return message


class RDFBuilder(Processor):
    """Fill a template for RDF with the message, or with one field of it.

    Besides the message's fields the template knows `baseURI`, and may call `uri(text)` (the text as part of an
    address), `hash(text)` (eight signs that tell it apart), `escape(text)` (for between quotes), `now()` and
    `isoDate(date)`. What comes out is not checked; parse it in a stage behind to do so.

    Guarantee: pure, but for `now()`.
    """

    template_filename: Path | None = setting(None, "the template's file; in an application, from the target's folder")
    template: str = setting("", "the template itself, instead of a file")
    data_field: str = setting("", "field that holds what the names stand for; the message itself if empty")
    output_field: str = setting("rdf", "field that receives the text, as a dotted path", writes=True)
    base_uri: str = setting("http://hyperdata.it/", "what addresses begin with")

    def process(self, message: Message) -> Message:
        """Return the message with the filled template."""
        data = get_field(message, self.data_field, {}) if self.data_field else message
        known = {**message, **(data if isinstance(data, dict) else {}), "baseURI": self.base_uri}
        if self.data_field:
            known["data"] = data
        template = _chosen(self, self.template_filename, self.template, below_root=True)
        set_field(message, self.output_field, rendered(template, known, functions=_FUNCTIONS))
        return message


def _chosen(processor: Processor, file: Path | None, text: str, *, below_root: bool = False) -> str | Path:
    if file is not None:
        return processor.context.find(file, below_root=below_root)
    if not text:
        raise TransmissionsError("no template is named: set :templateFilename, or :template")
    return text


def _as_address(text: object) -> str:
    return re.sub(r"[^a-z0-9]+", "-", str(text).lower()).strip("-")


def _escaped(text: object) -> str:
    return str(text).translate(_ESCAPES)


_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def _digest(text: object) -> str:
    return hashlib.md5(str(text).encode(), usedforsecurity=False).hexdigest()[:8]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _iso_date(date: object) -> str:
    try:
        read = datetime.fromisoformat(str(date))
    except ValueError:
        return str(date)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="milliseconds")


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "uri": _as_address,
    "hash": _digest,
    "escape": _escaped,
    "now": _now,
    "isoDate": _iso_date,
}
