"""What calls cost: exact, by tier and date, from one's own table before the published one; never guessed."""

from __future__ import annotations

import decimal
import json
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transmissions.usage import (
    GenaiPrices,
    InvalidPrices,
    LayeredPrices,
    PriceFile,
    PriceTable,
    Rates,
    UsageRecord,
    default_prices,
    price,
)
from transmissions.usage.money import nano_of_atto, nano_of_dollars

SONNET = {
    "input": "3", "output": "15", "cacheRead": "0.3", "cacheWrite": "3.75", "cacheWrite1h": "6",
    "tier": {"above": 200_000, "input": "6", "output": "22.5", "cacheRead": "0.6", "cacheWrite": "7.5"},
}  # fmt: skip
TURTLE = """
@prefix : <http://purl.org/stuff/transmissions/> .
<> :version "2026-11" .
[] a :Price ; :model "claude-sonnet-4-5" ; :provider "anthropic" ; :alias "sonnet", "claude-sonnet-4-5-*" ;
    :input 3 ; :output 15.0 ; :cacheRead 0.3 ; :cacheWrite 3.75 ; :cacheWrite1h 6 ;
    :tier [ :above 200000 ; :input 6 ; :output 22.5 ; :cacheRead 0.6 ; :cacheWrite 7.5 ] .
"""


def call(model: str, provider: str = "", **more: object) -> UsageRecord:
    """Return the record of a call of a model."""
    return UsageRecord("c", "r", model, provider, **more)  # type: ignore[arg-type]


def test_the_published_figures(published: GenaiPrices) -> None:
    """1000 in, 200 out, 5000 from the cache and 300 to it cost what providers charge; an unknown model has no price."""
    counts = {"input": 1000, "output": 200, "cache_read": 5000, "cache_write_5m": 300}
    assert price(call("claude-sonnet-4-5", "anthropic", **counts), published).dollars == Decimal("0.008625")
    assert price(call("claude-sonnet-4-5", **counts), published).dollars == Decimal("0.008625")
    assert price(call("gpt-4o", "openai", **counts), published).dollars == Decimal("0.0115")
    assert price(call("anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock", **counts), published).dollars == Decimal(
        "0.0094875"
    )
    assert price(call("nope-model-9", **counts), published) == (None, None)
    assert price(call("gpt-4o", "nobody", **counts), published) == (None, None)


@pytest.mark.parametrize(
    ("total", "expected"), [(199_999, "0.614997"), (200_000, "0.615"), (200_001, "1.222506"), (300_000, "1.8225")]
)
def test_tiers_of_published_prices(published: GenaiPrices, total: int, expected: str) -> None:
    """Exactly the threshold is below it; one token more moves the whole call, its output and its cache as well."""
    assert price(call("claude-sonnet-4-5", "anthropic", input=total, output=1000), published).dollars == Decimal(
        expected
    )
    cached = call("claude-sonnet-4-5", "anthropic", input=total - 100, cache_read=100, output=1000)
    rates = price(cached, published).rates
    assert rates is not None
    assert rates.input == (3 if total <= 200_000 else 6) * 10**12


def test_published_prices_hold_from_their_dates(published: GenaiPrices) -> None:
    """A call is priced by what held when it was made."""
    million = {"input": 1_000_000}
    assert price(call("o3", "openai", at=datetime(2025, 5, 1, tzinfo=UTC), **million), published).dollars == 10
    assert price(call("o3", "openai", at=datetime(2026, 5, 1, tzinfo=UTC), **million), published).dollars == 2


def test_prices_are_loaded_at_the_first_price() -> None:
    """Neither importing the library nor choosing its tables loads the published prices, nor an RDF library."""
    code = (
        "import sys; import transmissions.usage as u; t = u.default_prices();"
        " u.normalise({'input_tokens': 1, 'output_tokens': 1}); u.Ledger(u.MemoryStore(), prices=t);"
        " print({'genai_prices', 'rdflib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"


@pytest.fixture(params=["json", "turtle"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> PriceFile:
    """Return the same table of prices, read from each of its two forms."""
    if request.param == "turtle":
        (tmp_path / "prices.ttl").write_text(TURTLE, encoding="utf-8")
        return PriceFile.read(tmp_path / "prices.ttl")
    entry = {**SONNET, "provider": "anthropic", "alias": ["sonnet", "claude-sonnet-4-5-*"]}
    (tmp_path / "prices.json").write_text(json.dumps({"version": "2026-11", "models": {"claude-sonnet-4-5": entry}}))
    return PriceFile.read(tmp_path / "prices.json")


def test_tables_of_ones_own(table: PriceFile) -> None:
    """A table in JSON or Turtle gives exact costs, knows its aliases, and says where a price is from."""
    priced = price(
        call("Claude-Sonnet-4-5", "anthropic", input=1000, output=200, cache_read=5000, cache_write_5m=300), table
    )
    assert priced.dollars == Decimal("0.008625")
    assert priced.rates is not None
    assert priced.rates.as_json() == {
        "input": "3", "output": "15", "cache_read": "0.3", "cache_write_5m": "3.75", "cache_write_1h": "6",
        "reasoning": "15", "source": priced.rates.source, "model": "claude-sonnet-4-5",
    }  # fmt: skip
    assert priced.rates.source.endswith(" 2026-11")
    for name in ("sonnet", "claude-sonnet-4-5-20250929"):
        assert price(call(name, "anthropic", cache_write_1h=1_000_000), table).dollars == 6


@pytest.mark.parametrize("name", ["claude-sonnet-4", "sonnet-4-5", "claude-sonnet-4-50", "foo-claude-sonnet-4-5", ""])
def test_the_nearest_model_is_never_taken(table: PriceFile, name: str) -> None:
    """A name that is not in the table has no price, however near it is.

    The original took any model whose name a known one is part of ("foo1-tiny" cost what "o1" does), and any other for
    a made-up rate of 6 dollars.
    """
    assert price(call(name, "anthropic", input=1), table) == (None, None)
    assert price(call("claude-sonnet-4-5", "openai", input=1), table) == (None, None)


def test_what_used_nothing_costs_nothing(table: PriceTable) -> None:
    """A call without any token costs nothing, whatever its model; one that is unmeasured has no cost."""
    assert price(call("nope-model-9"), table).dollars == 0
    assert price(call("claude-sonnet-4-5", "anthropic", unmeasured=True), table).dollars is None


@pytest.mark.parametrize(("total", "cost"), [(199_999, "599997"), (200_000, "600000"), (200_001, "1200006")])
@pytest.mark.parametrize("bucket", ["input", "cache_write_5m"])
def test_thresholds_of_a_table(total: int, cost: str, bucket: str) -> None:
    """At n-1, n and n+1 tokens of all input, cached or not: only above the threshold the higher rate holds."""
    rates = {"input": Decimal("3"), "output": Decimal("15")}
    table = PriceFile([("m", {**rates, "tier": [{"above": 200_000, "input": 6}]})])
    assert price(call("m", **{bucket: total}), table).dollars == Decimal(cost) / 10**6


def test_tiers_keep_what_they_do_not_change() -> None:
    """A tier that names only one rate leaves the others; several tiers are taken in the order of their thresholds."""
    table = PriceFile(
        [("m", {"input": 1, "output": 2, "tier": [{"above": 20, "input": 9}, {"above": 10, "output": 4}]})]
    )
    found = [table.rates("m", "", None, total) for total in (10, 11, 21)]
    assert [(rates.input, rates.output) for rates in found if rates] == [
        (10**12, 2 * 10**12),
        (10**12, 4 * 10**12),
        (9 * 10**12, 2 * 10**12),
    ]


def test_prices_of_a_table_hold_from_their_dates() -> None:
    """The price is that of the day of the call; before the first there is none."""
    table = PriceFile(
        [
            ("m", {"input": 2, "output": 0, "validFrom": "2026-02-01"}),
            ("m", {"input": 1, "output": 0, "validFrom": "2026-01-01"}),
        ]
    )
    days = [datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)]
    assert [price(call("m", input=10**6, at=day), table).dollars for day in days] == [None, 1, 2]


def test_ones_own_prices_come_first(published: GenaiPrices, tmp_path: Path) -> None:
    """A model in one's own table is priced by it; every other falls through to the published prices."""
    (tmp_path / "own.json").write_text('{"models": {"gpt-4o": {"input": 100, "output": 0}}}')
    table = default_prices([tmp_path / "own.json"])
    assert price(call("gpt-4o", "openai", input=1000), table).dollars == Decimal("0.1")
    assert price(call("claude-sonnet-4-5", "anthropic", input=1000), table).dollars == Decimal("0.003")
    assert price(call("nope-model-9", input=1), table).dollars is None
    assert LayeredPrices().rates("gpt-4o", "openai", None, 1) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"models": {"m": {"input": -1, "output": 1}}}', "model m: input must be a number, 0 or more, got -1"),
        ('{"models": {"m": {"input": true, "output": 1}}}', "model m: input must be a number"),
        ('{"models": {"m": {"input": "NaN", "output": 1}}}', "model m: input must be a number"),
        ('{"models": {"m": {"input": 1}}}', "model m: it needs a rate for input and one for output"),
        ('{"models": {"m": {"input": 1, "output": 1, "cachRead": 1}}}', "model m: unknown key cachRead"),
        ('{"models": {"m": {"input": 1, "output": 1, "tier": [{"above": 1.5}]}}}', "above must be a whole number"),
        ('{"models": {"m": {"input": 1, "output": 1, "validFrom": "soon"}}}', "validFrom must be a date"),
        ('{"models": {"m": [{"input": 1, "output": 1}, {"input": 2, "output": 1}]}}', "begin at the same time"),
        ('{"models": []}', "a price table is an object"),
        ("{", "not valid JSON"),
    ],
)  # fmt: skip
def test_bad_tables_are_refused(tmp_path: Path, text: str, told: str) -> None:
    """What is wrong with a table is said with its file, model and key."""
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(InvalidPrices, match=r"bad\.json") as caught:
        PriceFile.read(tmp_path / "bad.json")
    assert told in str(caught.value)


@pytest.mark.parametrize("text", ["this is no Turtle", "@prefix : <http://example.org/> . :a a :Price ."])
def test_bad_turtle_is_refused(tmp_path: Path, text: str) -> None:
    """Invalid Turtle, and Turtle without prices, is refused with the file's name; so is a file that is not there."""
    (tmp_path / "bad.ttl").write_text(text)
    for name in ("bad.ttl", "none.ttl"):
        with pytest.raises(InvalidPrices, match=name):
            PriceFile.read(tmp_path / name)


def test_costs_are_exact_in_any_context() -> None:
    """A cost is a sum of whole numbers: a narrow decimal context of the program changes nothing."""
    rates = Rates.of_dollars({"input": Decimal("3.123457"), "output": Decimal("15")})
    with decimal.localcontext(prec=3):
        cost = price(call("m", input=123_456_789, output=7), _One(rates)).dollars
        assert str(cost) == "385.612076799573"


class _One:
    """A table that knows one price for everything."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates

    def rates(self, model: str, provider: str, at: datetime | None, total_input: int) -> Rates:
        return self._rates


@pytest.mark.parametrize(
    ("atto", "nano"), [(0, 0), (5, 0), (15, 2), (25, 2), (24, 2), (26, 3), (-5, 0), (-15, -2), (-25, -2)]
)
def test_rounding_is_half_to_even(atto: int, nano: int) -> None:
    """The one rounding there is takes a half to the even neighbour, below zero as above."""
    assert nano_of_atto(atto * 10**8) == nano


@given(st.integers(-(10**30), 10**30))
def test_rounding_agrees_with_decimal(atto: int) -> None:
    """Rounding whole numbers gives what decimal arithmetic gives."""
    with decimal.localcontext(prec=60):
        assert nano_of_atto(atto) == (Decimal(atto) / 10**9).to_integral_value(decimal.ROUND_HALF_EVEN)


@pytest.mark.parametrize("bad", [0.1, True, None, "NaN", "1e400", "x", "0.0000000001", Decimal("Infinity")])
def test_amounts_that_are_none_are_refused(bad: object) -> None:
    """An amount of money is a number of dollars with at most nine decimals, and no float."""
    with pytest.raises(ValueError, match="amount"):
        nano_of_dollars(bad)  # type: ignore[arg-type]
