"""What is asked of the graph in a message: in a process of its own, and, in SPARQL, with a text and bindings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pyparsing import ParseResults
from rdflib import Literal as Text
from rdflib import URIRef
from rdflib.plugins.sparql.parser import parseQuery
from rdflib.plugins.sparql.parserutils import CompValue

from processors.values import as_text
from transmissions import (
    BoundedFunction,
    Duration,
    Message,
    Processor,
    TransmissionsError,
    reason_of,
    require_field,
    setting,
)

__all__ = ["AskedApart", "AskedInSPARQL", "Binding", "as_terms", "invalid", "outside", "reach"]

_OUTSIDE = {"ServiceGraphPattern": "SERVICE", "Load": "LOAD", "DatasetClause": "FROM"}


@dataclass(frozen=True)
class Binding:
    """A variable of the query, or of the update's WHERE, that a field of the message gives its value."""

    variable: str
    field: str
    kind: Literal["text", "address"] = "text"


class AskedApart(Processor):
    """A processor that asks in a process of its own, which is ended when it takes too long, or when the run ends."""

    timeout: Duration = setting(30.0, "seconds that one message may take", minimum=0.001, fixed=True)
    max_memory_bytes: int = setting(
        2 << 30, "memory that asking may take, where the system can bound it", minimum=1 << 28, fixed=True
    )
    function: str
    """What is called there: `package.module:function`."""
    term: str
    """What is asked, in a word: query, update, validation."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._apart: BoundedFunction | None = None

    def close(self) -> None:
        """End the process that asks."""
        if self._apart is not None:
            self._apart.close()

    def asked(self, question: Mapping[str, Any]) -> Any:
        """Return the function's answer.

        Raises:
            TransmissionsError: it takes too long, or the function raised it.
            ValueError: the function raised it.
        """
        if self._apart is None:
            self._apart = BoundedFunction(
                self.function, max_memory_bytes=self.max_memory_bytes, stopping=self.context.stopping
            )
        try:
            return self._apart.call(dict(question), self.timeout)
        except TimeoutError:
            raise TransmissionsError(f"the {self.term} took more than {self.timeout:g} s; see :timeout") from None


class AskedInSPARQL(AskedApart):
    """A processor that asks a query, or makes an update, whose variables the message may give values."""

    bind: list[Binding] = setting((), 'nodes with `:variable`, `:field`, and `:kind` "text" or "address"', fixed=True)

    def bound(self, message: Message) -> list[tuple[str, str, str, str | None]]:
        """Return what fields of a message give to variables: variable, kind, text, and a literal's datatype."""
        return list(_bound(self.bind, message))

    def text_of(self, text: str, file: Path | None) -> tuple[str, str]:
        """Return the text of a query or an update, which is given itself or as a file, and where it stands.

        Raises:
            TransmissionsError: there is none, or the file cannot be read.
        """
        place = f"the {self.term}"
        if file is not None:
            path = self.context.find(file, below_root=True)
            try:
                text, place = path.read_text(encoding="utf-8-sig"), str(path)
            except (OSError, ValueError) as error:
                raise TransmissionsError(f"{path}: cannot be read: {reason_of(error)}") from None
        if not text.strip():
            raise TransmissionsError(f"no {self.term} is given: set :{self.term}, or :{self.term}File")
        return text, place


def as_terms(bound: Iterable[tuple[str, str, str, str | None]]) -> dict[str, Any]:
    """Return bindings as terms of RDF, by variable."""
    return {
        name: URIRef(text) if kind == "address" else Text(text, datatype=datatype and URIRef(datatype))
        for name, kind, text, datatype in bound
    }


def invalid(error: Exception) -> str:
    """Return in words that a text is no SPARQL; its parser raises errors of many kinds for one and the same thing."""
    reason = str(error).strip().splitlines()
    return f"not valid SPARQL: {reason[0] if reason else type(error).__name__}"


def reach(text: str) -> str | None:
    """Return the word by which a query reaches outside of the graph that it is asked of; None if it does not.

    The query is parsed, not searched: SPARQL lets a word be written with escapes.

    Raises:
        ValueError: it is not valid.
    """
    try:
        return next(outside(parseQuery(text)), None)
    except Exception as error:
        raise ValueError(invalid(error)) from None


def outside(part: Any) -> Iterator[str]:
    """Yield what in a query, or an update, reaches for the network."""
    if isinstance(part, CompValue) and part.name in _OUTSIDE:
        yield _OUTSIDE[part.name]
    # The parser's results say that they are mappings, of names that they seldom have.
    if isinstance(part, list | tuple | set | ParseResults):
        for one in part:
            yield from outside(one)
    elif isinstance(part, Mapping):
        for one in part.values():
            yield from outside(one)


def _bound(given: Iterable[Binding], message: Message) -> Iterator[tuple[str, str, str, str | None]]:
    for one in given:
        value = require_field(message, one.field, f"it is to be ?{one.variable}")
        if one.kind == "address":
            yield one.variable, one.kind, _address(value, one.field), None
        else:
            # As text, since JSON has no numbers without end, nor those that are none.
            literal = Text(value if isinstance(value, bool | int | float) else as_text(value))
            yield one.variable, one.kind, str(literal), literal.datatype


def _address(value: Any, field: str) -> str:
    if not isinstance(value, str) or re.search(r"[\s<>\"{}|\\^`]", value) or not re.match(r"[A-Za-z][\w.+-]*:", value):
        raise ValueError(f"the field {field} holds no address")
    return value
