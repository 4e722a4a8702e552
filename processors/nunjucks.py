"""Templates in the dialect of Nunjucks, which the JavaScript project's templates are written in, by way of Jinja.

A template is data: it sees nothing of Python, reads no file outside its own folder, and is stopped when what it makes
or the time it takes goes beyond any use.
"""

from __future__ import annotations

import functools
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, FileSystemLoader, TemplateError, nodes, pass_eval_context
from jinja2.exceptions import SecurityError
from jinja2.filters import do_replace
from jinja2.nodes import EvalContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from processors.values import as_text
from transmissions import TransmissionsError

__all__ = ["Dialect", "rendered"]

_MAX_SIZE = 64 << 20
"""Characters that a template may make."""
_MAX_SECONDS = 2.0
"""How long filling it may take."""
_MAX_NUMBER = 1_000_000
"""The largest number that a template may give a function, or repeat a text."""
_TICK, _TOGETHER = "_tick", "_together"
_PADDING = ("batch", "center", "indent", "slice", "truncate", "wordwrap")
_WIDTH = re.compile(r"\d{5,}")


@dataclass(frozen=True)
class Dialect:
    """What the templates of one language need besides.

    Args:
        rewritten: returns a template's text with what it needs put in.
        filters: filters by name.
    """

    rewritten: Callable[[str], str]
    filters: tuple[tuple[str, Callable[..., Any]], ...] = ()


class _Clock(threading.local):
    """When the filling of a thread's template has to be over."""

    deadline = 0.0


_CLOCK = _Clock()


def _tick() -> None:
    if time.monotonic() > _CLOCK.deadline:
        raise SecurityError(f"filling it takes more than {_MAX_SECONDS:g} s")


class _Nunjucks(ImmutableSandboxedEnvironment):
    """Jinja with what Nunjucks has and Jinja lacks (`===`, `elseif`, `.length`, `dump`), and with limits."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, folder: Path, *, escape: bool, dialect: Dialect | None = None) -> None:
        super().__init__(
            loader=FileSystemLoader(folder),
            autoescape=escape,
            keep_trailing_newline=True,
            undefined=ChainableUndefined,
            finalize=_shown,
        )
        self.filters["dump"] = as_text
        self.filters |= {name: _limited(self.filters[name]) for name in _PADDING}
        self.filters["replace"] = _replaced
        self.filters["join"] = _joined_list(self.filters["join"])
        del self.filters["format"], self.globals["lipsum"]
        self.filters |= dict(dialect.filters if dialect else ())
        self._dialect = dialect
        self.globals[_TICK] = _tick
        self.globals[_TOGETHER] = _together

    def preprocess(self, source: str, name: str | None = None, filename: str | None = None) -> str:
        """Write the expressions of Nunjucks as those of Jinja."""
        if self._dialect is not None:
            source = self._dialect.rewritten(source)
        return super().preprocess(_TAG.sub(_translated, source), name, filename)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Let every turn of a loop, and every call of a macro, look at the clock."""
        parsed = super()._parse(source, name, filename)
        found: list[nodes.For | nodes.Macro] = [*parsed.find_all(nodes.For), *parsed.find_all(nodes.Macro)]
        for node in found:
            call = nodes.Call(nodes.Name(_TICK, "load"), [], [], None, None)
            node.body.insert(0, nodes.ExprStmt(call).set_lineno(node.lineno))
        for concat in list(parsed.find_all(nodes.Concat)):
            # Texts that are put together again and again double each time, and no clock sees it.
            concat.nodes = [nodes.Call(nodes.Name(_TOGETHER, "load"), list(concat.nodes), [], None, None)]
        return parsed.set_environment(self)  # type: ignore[return-value]

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a member; a text's or list's `length` is how long it is."""
        if attribute == "length" and isinstance(obj, str | list | tuple):
            return len(obj)
        return super().getattr(obj, attribute)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Do arithmetic that stays small."""
        is_text = isinstance(left, str | list | tuple) or isinstance(right, str | list | tuple)
        if operator == "+" and is_text:
            _check_size(sum(len(one) for one in (left, right) if isinstance(one, str | list | tuple)))
        if operator == "%" and isinstance(left, str):
            raise SecurityError("texts are not formatted with %")
        if operator == "*" and is_text:
            lengths = [len(one) if isinstance(one, str | list | tuple) else one for one in (left, right)]
            _check_number(lengths[0] * lengths[1])
        if operator == "**":
            _check_number(abs(left) if isinstance(left, int | float) else 0)
            _check_number(abs(right) * 10_000 if isinstance(right, int | float) else 0)
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 (as its base has it)
        """Call a function with what stays small."""
        for one in (*args, *kwargs.values()):
            _check_number(one)
        if getattr(__obj, "__name__", "") in ("format", "format_map") and _WIDTH.search(
            str(getattr(__obj, "__self__", ""))
        ):
            raise SecurityError("a width in a format is too large")
        text, name = getattr(__obj, "__self__", None), getattr(__obj, "__name__", "")
        if isinstance(text, str) and name == "replace" and len(args) > 1:
            _check_replaced(text, str(args[0]), str(args[1]))
        if isinstance(text, str) and name == "join" and args and isinstance(args[0], list | tuple):
            _check_joined(args[0], text)
        return super().call(__context, __obj, *args, **kwargs)


def _limited(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def limited(*args: Any, **kwargs: Any) -> Any:
        for one in (*args, *kwargs.values()):
            _check_number(one)
        return function(*args, **kwargs)

    return limited


def _check_size(size: int) -> None:
    _tick()
    if size > _MAX_SIZE:
        raise SecurityError(f"it makes a text of more than {_MAX_SIZE >> 20} million characters")


@pass_eval_context
def _together(context: EvalContext, *values: Any) -> str | Markup:
    """Return texts put together; what is not marked as safe is escaped where one of them is, if anything is escaped."""
    texts = [one if isinstance(one, str) else str(_shown(one)) for one in values]
    _check_size(sum(map(len, texts)))
    marked = context.autoescape and any(hasattr(one, "__html__") for one in values)
    return Markup("").join(texts) if marked else "".join(texts)


def _check_replaced(text: str, old: str, new: str) -> None:
    _check_size(len(text) + (text.count(old) if old else len(text) + 1) * len(new))


@pass_eval_context
def _replaced(context: EvalContext, text: Any, old: str, new: str, count: int | None = None) -> str:
    _check_replaced(str(text), str(old), str(new))
    return do_replace(context, text, old, new, count)


def _check_joined(values: Sequence[Any], between: str) -> None:
    _check_size(sum(len(one) if isinstance(one, str) else 0 for one in values) + len(between) * len(values))


def _joined_list(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def joined(context: EvalContext, value: Any, d: str = "", attribute: Any = None) -> Any:
        values = list(value)
        _check_joined(values, str(d))
        return function(context, values, d, attribute)

    return joined


def _check_number(value: Any) -> None:
    if isinstance(value, int | float) and value > _MAX_NUMBER:
        raise SecurityError(f"{value:g} is more than {_MAX_NUMBER:g}, the most that a template may ask for")


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
def _environment(folder: Path, escape: bool, dialect: Dialect | None) -> _Nunjucks:
    return _Nunjucks(folder, escape=escape, dialect=dialect)


def rendered(
    template: str | Path,
    data: Mapping[str, Any],
    *,
    escape: bool = False,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    dialect: Dialect | None = None,
) -> str:
    """Return a template filled with data.

    Args:
        template: its text, or the path of its file; others that it includes are looked for in that folder.
        data: what its names stand for.
        escape: whether what is filled in is escaped for HTML.
        functions: what it may call.
        dialect: what templates of its language need besides.

    Raises:
        TransmissionsError: there is no such file, the template is wrong, or it asks for too much.
    """
    environment = _environment(template.parent if isinstance(template, Path) else Path("/dev/null"), escape, dialect)
    _CLOCK.deadline = time.monotonic() + _MAX_SECONDS
    try:
        if isinstance(template, Path):
            if not template.is_file():
                raise TransmissionsError(f"{template}: there is no such template")
            made = environment.get_template(template.name)
        else:
            made = environment.from_string(template)
        return _joined(made.generate({**(functions or {}), **data}))
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        place = f"{template}:{line}" if isinstance(template, Path) and line else "the template"
        raise TransmissionsError(f"{place}: {error.message or type(error).__name__}") from None
    except (TypeError, ValueError, ArithmeticError, MemoryError, RecursionError) as error:
        raise TransmissionsError(f"the template cannot be filled: {error}") from None


def _joined(pieces: Any) -> str:
    kept, size = [], 0
    for piece in pieces:
        size += len(piece)
        if size > _MAX_SIZE:
            raise SecurityError(f"it makes more than {_MAX_SIZE >> 20} million characters")
        _tick()
        kept.append(piece)
    return "".join(kept)
