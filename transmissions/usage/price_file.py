"""A price table of one's own, read from JSON or Turtle."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from transmissions.usage.conventions import provider_id
from transmissions.usage.errors import InvalidPrices
from transmissions.usage.prices import Rates, Tiers

__all__ = ["PriceFile"]

_NAMESPACE = "http://purl.org/stuff/transmissions/"
_RATES = {
    "input": "input",
    "output": "output",
    "cacheRead": "cache_read",
    "cacheWrite": "cache_write_5m",
    "cacheWrite1h": "cache_write_1h",
    "reasoning": "reasoning",
    "webSearch": "web_search",
    "request": "request",
}
_OTHERS = ("tier", "validFrom", "provider", "alias", "model")
_START = datetime.min.replace(tzinfo=UTC)


class PriceFile:
    """The prices that a user wrote down: for each model its rates, from when they hold, and above which input.

    A name in the table is a model's whole name, in any case of letters, or begins one if it ends in `*`; of several
    that fit, the longest decides. Nothing else is tried: a model that no name fits is not in the table.

    Args:
        entries: for each model name and period the rates in dollars for a million tokens (`input`, `output`,
            `cacheRead`, `cacheWrite`, `cacheWrite1h`, `reasoning`) or a thousand (`webSearch`, `request`), `validFrom`
            (a date or time), `provider`, `alias` (other names), and `tier` (several nodes, each with `above`, a number
            of tokens, and the rates that are other there).
        source: what the ledger calls the table.

    Raises:
        InvalidPrices: something in it is no price; the error names the table, the model and the key.
    """

    def __init__(self, entries: Iterable[tuple[str, Mapping[str, Any]]], source: str = "own table") -> None:
        self.source = source
        self._exact: dict[tuple[str, str], list[tuple[datetime, Tiers]]] = {}
        self._beginnings: dict[tuple[str, str], list[tuple[datetime, Tiers]]] = {}
        for model, entry in entries:
            self._add(model, entry)
        for periods in (*self._exact.values(), *self._beginnings.values()):
            periods.sort(key=lambda period: period[0])

    @classmethod
    def read(cls, path: Path | str) -> PriceFile:
        """Read a table: Turtle if the file's name ends in `.ttl`, else JSON.

        Raises:
            InvalidPrices: it cannot be read, or is no table of prices.
        """
        path = Path(path)
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidPrices(f"{path}: the price table cannot be read: {error}") from None
        version, entries = _from_turtle(text, path) if path.suffix == ".ttl" else _from_json(text, path)
        return cls(entries, f"{path.name} {version}".strip())

    def rates(self, model: str, provider: str, at: datetime | None, total_input: int) -> Rates | None:
        """Return the rates of a model at a time; None if the table does not have it, or not yet at that time."""
        name, whose = model.lower(), provider_id(provider) if provider else ""
        periods = self._exact.get((name, whose)) or self._exact.get((name, "")) or self._beginning(name, whose)
        if not periods:
            return None
        place = bisect_right(periods, at or datetime.now(UTC), key=lambda period: period[0])
        return periods[place - 1][1].rates(total_input) if place else None

    def _beginning(self, name: str, provider: str) -> list[tuple[datetime, Tiers]] | None:
        fitting = [key for key in self._beginnings if name.startswith(key[0]) and key[1] in ("", provider)]
        return self._beginnings[max(fitting, key=lambda key: (len(key[0]), key[1]))] if fitting else None

    def _add(self, model: str, entry: Mapping[str, Any]) -> None:
        where = f"{self.source}: model {model or '(without a name)'}"
        if not model or not isinstance(entry, Mapping):
            raise InvalidPrices(f"{where}: prices are an object with rates such as input and output, got {entry!r}")
        if unknown := sorted(entry.keys() - {*_RATES, *_OTHERS}):
            raise InvalidPrices(f"{where}: unknown key {unknown[0]}; there are {', '.join((*_RATES, *_OTHERS))}")
        if "input" not in entry or "output" not in entry:
            raise InvalidPrices(f"{where}: it needs a rate for input and one for output")
        base = _rates_of(entry, where)
        above = []
        for tier in _several(entry.get("tier")):
            if not isinstance(tier, Mapping) or (unknown := sorted(tier.keys() - {*_RATES, "above"})):
                raise InvalidPrices(f"{where}: a tier has `above` and rates, got {tier!r}")
            threshold = _number(tier.get("above"), f"{where}: above")
            if threshold != int(threshold):
                raise InvalidPrices(f"{where}: above must be a whole number of tokens, got {threshold}")
            # What a tier leaves out stays as it is below it.
            above.append((int(threshold), Rates.of_dollars({**base, **_rates_of(tier, where)}, self.source, model)))
        tiers = Tiers(Rates.of_dollars(base, self.source, model), sorted(above, key=lambda one: one[0]))
        since = _moment(entry.get("validFrom"), where)
        provider = provider_id(str(entry.get("provider") or "")) if entry.get("provider") else ""
        for name in (model, *map(str, _several(entry.get("alias")))):
            place = self._beginnings if name.endswith("*") else self._exact
            periods = place.setdefault((name.rstrip("*").lower(), provider), [])
            if any(start == since for start, _ in periods):
                raise InvalidPrices(f"{where}: two prices for {name} begin at the same time; give one a validFrom")
            periods.append((since, tiers))


def _rates_of(entry: Mapping[str, Any], where: str) -> dict[str, Decimal]:
    return {
        name: _number(entry[key], f"{where}: {key}")
        for key, name in _RATES.items()
        if key in entry
    }  # fmt: skip


def _number(value: Any, where: str) -> Decimal:
    try:
        if isinstance(value, bool | float) or not isinstance(value, int | str | Decimal):
            raise ValueError
        number = Decimal(value)
        if not number.is_finite() or not 0 <= number < 10**9:
            raise ValueError
    except (ValueError, InvalidOperation):
        raise InvalidPrices(f"{where} must be a number, 0 or more, got {value!r}") from None
    return number


def _moment(value: Any, where: str) -> datetime:
    if value is None:
        return _START
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise InvalidPrices(f"{where}: validFrom must be a date such as 2026-01-31, got {value!r}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _from_json(text: str, path: Path) -> tuple[str, Iterator[tuple[str, Any]]]:
    try:
        table = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise InvalidPrices(f"{path}: not valid JSON: {error}") from None
    if not isinstance(table, dict) or not isinstance(table.get("models"), dict):
        raise InvalidPrices(f'{path}: a price table is an object {{"version": "…", "models": {{"name": {{…}}}}}}')
    entries = ((model, one) for model, periods in table["models"].items() for one in _several(periods))
    return str(table.get("version", "")), entries


def _from_turtle(text: str, path: Path) -> tuple[str, Iterator[tuple[str, Any]]]:
    from rdflib import RDF, Graph, URIRef
    from rdflib.exceptions import ParserError
    from rdflib.plugins.parsers.notation3 import BadSyntax

    graph = Graph()
    try:
        graph.parse(data=text, format="turtle")
    except (BadSyntax, ParserError, ValueError) as error:
        raise InvalidPrices(f"{path}: not valid Turtle: {error}") from None
    nodes = list(graph.subjects(RDF.type, URIRef(_NAMESPACE + "Price")))
    versions = [str(value) for value in graph.objects(None, URIRef(_NAMESPACE + "version"))]
    if not nodes:
        raise InvalidPrices(f'{path}: no :Price in it; a price is `[] a :Price ; :model "name" ; :input 3.0 ; …`')
    entries = [_node(graph, node, path) for node in nodes]
    return " ".join(sorted(versions)), ((str(entry.get("model", "")), entry) for entry in entries)


def _node(graph: Any, node: Any, path: Path) -> dict[str, Any]:
    from rdflib import RDF, Literal, URIRef

    entry: dict[str, Any] = {}
    for term, value in graph.predicate_objects(node):
        key = str(term).removeprefix(_NAMESPACE)
        if term == RDF.type or (key == "version" and not isinstance(value, URIRef)):
            continue
        # The text of a literal is exact; its value may be a float.
        one = str(value) if isinstance(value, Literal) else _node(graph, value, path)
        if key in ("tier", "alias"):
            entry.setdefault(key, []).append(one)
        elif key in entry:
            raise InvalidPrices(f"{path}: a price has :{key} twice: {entry[key]} and {one}")
        else:
            entry[key] = one
    return entry
