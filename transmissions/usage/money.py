"""Money as whole numbers, so that sums are exact in any order: costs in attodollars, ledger amounts in nanodollars.

A rate of one dollar for a million tokens is 10¹² attodollars (10⁻¹⁸ dollar) a token, so a cost is a sum of products of
whole numbers. It is rounded once, when the ledger takes it, to nanodollars (10⁻⁹ dollar), a half to the even neighbour.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

__all__ = [
    "ATTO_PER_NANO",
    "MAX_NANO",
    "NANO_PER_DOLLAR",
    "dollars_of_atto",
    "dollars_of_nano",
    "dollars_text",
    "nano_of_atto",
    "nano_of_dollars",
    "rate_of_dollars",
]

ATTO_PER_NANO = 10**9
NANO_PER_DOLLAR = 10**9
MAX_NANO = 2**63 - 1
"""The most nanodollars of an amount and of a balance, above or below zero: what a column of a store holds."""
_WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)
"""The context of conversions: a program's own may be narrower, and would round."""


def nano_of_atto(atto: int) -> int:
    """Return a cost as the ledger takes it: in nanodollars, a half rounded to the even neighbour.

    >>> nano_of_atto(2_500_000_000), nano_of_atto(3_500_000_000)
    (2, 4)
    """
    whole, rest = divmod(atto, ATTO_PER_NANO)
    half = ATTO_PER_NANO // 2
    return whole + (rest > half or (rest == half and whole % 2 == 1))


def dollars_of_atto(atto: int) -> Decimal:
    """Return attodollars in dollars, exactly.

    >>> dollars_of_atto(8_625_000_000_000_000)
    Decimal('0.008625')
    """
    return _plain(Decimal(f"{atto}E-18"))


def dollars_of_nano(nano: int) -> Decimal:
    """Return nanodollars in dollars, exactly.

    >>> dollars_of_nano(-1_500_000_000)
    Decimal('-1.5')
    """
    return _plain(Decimal(f"{nano}E-9"))


def nano_of_dollars(dollars: Decimal | int | str, what: str = "the amount") -> int:
    """Return an amount that a person gave, in nanodollars.

    Args:
        dollars: the amount; a float is refused, since 0.1 is none of its values.
        what: what the amount is, for the error.

    Raises:
        ValueError: it is no number, is not finite, or has more than nine decimals.
    """
    if isinstance(dollars, bool | float) or not isinstance(dollars, Decimal | int | str):
        raise ValueError(
            f'{what} must be dollars as a Decimal, a whole number or a text such as "2.50", got {dollars!r}'
        )
    try:
        exact = Decimal(dollars)
    except InvalidOperation:
        raise ValueError(f'{what} must be a number of dollars such as "2.50", got {dollars!r}') from None
    if not exact.is_finite() or exact.adjusted() > 15:
        raise ValueError(f"{what} must be a number of dollars below 10^16, got {dollars}")
    nano = exact.scaleb(9, _WIDE)
    if nano != nano.to_integral_value():
        raise ValueError(f"{what} has at most nine decimals, got {dollars}")
    return int(nano)


def rate_of_dollars(per_million: Decimal) -> int:
    """Return a rate in attodollars a token, from dollars for a million tokens; digits behind the twelfth are rounded.

    >>> rate_of_dollars(Decimal("3.75"))
    3750000000000
    """
    return int(per_million.scaleb(12, _WIDE).to_integral_value(ROUND_HALF_EVEN, _WIDE))


def dollars_text(dollars: Decimal | None) -> str:
    """Return dollars for a person to read: cents at least, and as many more decimals as there are, up to six.

    >>> dollars_text(Decimal("0.008625")), dollars_text(Decimal("12")), dollars_text(None)
    ('$0.008625', '$12.00', 'unpriced')
    """
    if dollars is None:
        return "unpriced"
    whole, _, decimals = f"{abs(dollars):,.6f}".partition(".")
    return f"{'-' if dollars < 0 else ''}${whole}.{decimals.rstrip('0').ljust(2, '0')}"


def _plain(dollars: Decimal) -> Decimal:
    """Return the number without trailing zeros and without an exponent: 0.5, not 5E-1, and 100, not 1E+2."""
    sign, digits, exponent = dollars.as_tuple()
    assert isinstance(exponent, int)
    while exponent < 0 and digits[-1] == 0:
        digits, exponent = (digits[:-1], exponent + 1) if len(digits) > 1 else (digits, 0)
    return Decimal((sign if any(digits) else 0, digits, exponent))
