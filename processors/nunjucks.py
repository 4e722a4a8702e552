"""Templates in the dialect of Nunjucks, which the JavaScript project's templates are written in, by way of Jinja.

A template is data: it sees nothing of Python, reads no file outside its own folder, and is stopped when what it makes
or the time it takes goes beyond any use.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from jinja2 import (
    ChainableUndefined,
    Environment,
    FileSystemLoader,
    TemplateError,
    TemplateNotFound,
    nodes,
    pass_context,
)
from jinja2.exceptions import SecurityError
from jinja2.runtime import markup_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from processors.template_budget import BUDGET, check_number, limited, limited_call, product, total
from processors.values import as_text
from transmissions import TransmissionsError

__all__ = ["Dialect", "pieces", "rendered"]

_LARGEST_TEMPLATE = 1 << 20
_NOT_NUNJUCKS = ("attr", "format", "pprint")
_METHODS = frozenset(
    {
        "capitalize", "casefold", "center", "count", "endswith", "find", "index", "isalnum", "isalpha", "isascii",
        "isdecimal", "isdigit", "islower", "isnumeric", "isspace", "istitle", "isupper", "join", "ljust", "lower",
        "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rjust", "rpartition",
        "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper", "zfill",
    }
)  # fmt: skip
"""What a template may call of a text; the others make much of little, or look at more than the text."""


@dataclass(frozen=True)
class Dialect:
    """What the templates of one language need besides.

    Args:
        rewritten: returns a template's text with what it needs put in.
        filters: filters by name.
    """

    rewritten: Callable[[str], str]
    filters: tuple[tuple[str, Callable[..., Any]], ...] = ()


class _Nunjucks(ImmutableSandboxedEnvironment):
    """Jinja with what Nunjucks has and Jinja lacks (`===`, `elseif`, `.length`, `dump`), and with limits."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def __init__(self, folder: Path, *, escape: bool, dialect: Dialect | None = None) -> None:
        super().__init__(
            loader=_Folder(folder),
            autoescape=escape,
            keep_trailing_newline=True,
            undefined=ChainableUndefined,
            finalize=_shown,
            # What the compiler would work out beforehand, nobody would count.
            optimized=False,
        )
        self.filters["dump"] = as_text
        self.filters |= dict(dialect.filters if dialect else ())
        for name in _NOT_NUNJUCKS:
            del self.filters[name]
        self.filters = {name: limited(name, one, skipped=_skipped(one)) for name, one in self.filters.items()}
        self.globals = {name: self.globals[name] for name in ("range", "cycler", "joiner", "namespace")}
        self._dialect = dialect

    def preprocess(self, source: str, name: str | None = None, filename: str | None = None) -> str:
        """Write the expressions of Nunjucks as those of Jinja."""
        if len(source) > _LARGEST_TEMPLATE:
            raise SecurityError(f"it is longer than {_LARGEST_TEMPLATE >> 20} million characters")
        if self._dialect is not None:
            source = self._dialect.rewritten(source)
        parts = pieces(source)
        parts[1::2] = map(_translated, parts[1::2])
        return super().preprocess("".join(parts), name, filename)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Let all that is repeated look at the clock, and all that is put together be counted."""
        parsed = super()._parse(source, name, filename)
        repeated: list[Any] = [parsed, *parsed.find_all((nodes.For, nodes.Macro, nodes.Block))]
        for node in repeated:
            static = sum(len(one.data) for one in node.find_all(nodes.TemplateData))
            tick = _called("tick", nodes.Const(static), node.lineno)
            node.body.insert(0, nodes.ExprStmt(tick).set_lineno(node.lineno))
        return cast("nodes.Template", _Counting().visit(parsed)).set_environment(self)  # type: ignore[return-value]

    def tick(self, static: int) -> None:
        """Look at the clock; called by templates."""
        BUDGET.tick(static)

    def put_together(self, values: Iterable[Any]) -> str:
        """Return texts one after the other; called by templates for `~`."""
        values = tuple(values)
        BUDGET.take_text(*values)
        texts = [one if isinstance(one, str) else str(_as_shown(one)) for one in values]
        # Without escaping there is no difference between text and markup, and nothing to escape for either's sake.
        return markup_join(texts) if self.autoescape else "".join(texts)

    def counted(self, value: Any) -> Any:
        """Return a list or object that a template made; called by templates."""
        BUDGET.take_members(value)
        return value

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a member; a text's or list's `length` is how long it is."""
        if attribute == "length" and isinstance(obj, str | list | tuple):
            return len(obj)
        if isinstance(obj, str) and attribute not in _METHODS:
            return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return a member by its name or number."""
        if isinstance(obj, str) and isinstance(argument, str):
            return self.getattr(obj, argument)
        return super().getitem(obj, argument)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Do arithmetic that stays small."""
        if operator == "%" and isinstance(left, str):
            raise SecurityError("texts are not formatted with %")
        if operator == "+":
            total(left, right)
        elif operator != "%":
            product(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 (as its base has it)
        """Call a function with what stays small."""
        for one in (*args, *kwargs.values()):
            check_number(one)
        limited_call(__obj, args)
        made = super().call(__context, __obj, *args, **kwargs)
        BUDGET.take_made(made)
        return made


class _Folder(FileSystemLoader):
    """Finds templates in a folder, and not where a link in it leads."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """Return a template's text, where it is, and whether it is still the same."""
        folder = Path(self.searchpath[0])
        if not (folder / template).resolve().is_relative_to(folder.resolve()):
            raise TemplateNotFound(template, f"{template}: leads out of the template's folder")
        return super().get_source(environment, template)


class _Counting(NodeTransformer):
    """Lets what a template puts together be counted."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 (as its base has it)
        self.generic_visit(node)
        return _called("put_together", nodes.Tuple(node.nodes, "load"), node.lineno)

    def visit_List(self, node: nodes.List) -> nodes.Node:  # noqa: N802
        return self._counted(node, node.items)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        return self._counted(node, node.items) if node.ctx == "load" else node

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:  # noqa: N802
        return self._counted(node, [pair.value for pair in node.items])

    def _counted(self, node: nodes.Node, members: list[nodes.Expr]) -> nodes.Node:
        self.generic_visit(node)
        if all(isinstance(one, nodes.Const) for one in members):
            return node
        return _called("counted", cast("nodes.Expr", node), node.lineno)


def _called(method: str, argument: nodes.Expr, line: int) -> nodes.Call:
    # Of the environment: no name that a template sets can stand in for it.
    call = nodes.Call(nodes.EnvironmentAttribute(method), [argument], [], None, None)
    call.set_lineno(line)
    return call


def _skipped(function: Callable[..., Any]) -> int:
    return int(hasattr(function, "jinja_pass_arg"))


_CLOSING = {"{{": "}}", "{%": "%}", "{#": "#}"}


def pieces(source: str) -> list[str]:
    """Return a template as text, tag, text, tag, …, text; in time that grows with its length.

    >>> pieces("a {{ b }} c")
    ['a ', '{{ b }}', ' c']
    """
    parts, at, known = [], 0, dict(_CLOSING)
    for found in _OPENING.finditer(source):
        closing = known.get(found.group())
        if found.start() < at or closing is None:
            continue
        end = source.find(closing, found.end())
        if end < 0:
            # There is none further on, either.
            del known[found.group()]
            continue
        parts += [source[at : found.start()], source[found.start() : end + 2]]
        at = end + 2
    return [*parts, source[at:]]


_OPENING = re.compile(r"\{[{%#]")
_QUOTED = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""", re.DOTALL)
_SAME = (
    (re.compile(r"==="), "=="),
    (re.compile(r"!=="), "!="),
    (re.compile(r"\s&&\s"), " and "),
    (re.compile(r"\s\|\|\s"), " or "),
    (re.compile(r"\b(?:null|undefined)\b"), "none"),
    (re.compile(r"(\{%-?\s*)elseif\b"), r"\1elif"),
)


def _translated(tag: str) -> str:
    parts = _QUOTED.split(tag)
    for index in range(0, len(parts), 2):
        for pattern, replacement in _SAME:
            parts[index] = pattern.sub(replacement, parts[index])
    return "".join(parts)


@pass_context
def _shown(context: Any, value: Any) -> Any:
    if value is not None:
        BUDGET.take_text(value)
    return _as_shown(value)


def _as_shown(value: Any) -> Any:
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
    if isinstance(template, Path) and template.is_symlink():
        # The template that was named may be a link; what it includes may not.
        template = template.resolve()
    environment = _environment(template.parent if isinstance(template, Path) else Path("/dev/null"), escape, dialect)
    BUDGET.begin()
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
    except (TypeError, ValueError, ArithmeticError, MemoryError, RecursionError) as error:
        raise TransmissionsError(f"the template cannot be filled: {error}") from None
