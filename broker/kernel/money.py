"""Money as integers.

Prices of single sends are in **micro-units** (1 EUR = 1,000,000 micros; a CPM of 25 EUR is 25,000 micros a send);
ledger and documents are in **cents**. Rates are in basis points (20 % = 2,000 bp). Nothing here is a float.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from broker.kernel.errors import InvalidInput

MICROS_PER_CENT = 10_000
BASIS_POINTS = 10_000
CURRENCIES = frozenset({"EUR"})
SYMBOLS = {"EUR": "€"}


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount of cents in one currency; sums of two currencies are refused."""

    cents: int
    currency: str = "EUR"

    def __post_init__(self) -> None:
        require_currency(self.currency)

    def __add__(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise InvalidInput(f"{self.currency} and {other.currency} cannot be added.", code="currency_mismatch")
        return Money(self.cents + other.cents, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.cents, self.currency)

    def __sub__(self, other: Money) -> Money:
        return self + (-other)


def require_currency(currency: str) -> str:
    """Return the currency, or say which ones are taken."""
    if currency not in CURRENCIES:
        known = ", ".join(sorted(CURRENCIES))
        raise InvalidInput(f"The currency {currency!r} is not handled; use {known}.", code="unknown_currency")
    return currency


def round_div(numerator: int, denominator: int) -> int:
    """Divide integers, rounding half away from zero (the commercial rounding of French invoices)."""
    quotient, rest = divmod(abs(numerator), denominator)
    rounded = quotient + (1 if 2 * rest >= denominator else 0)
    return rounded if numerator >= 0 else -rounded


def micros_to_cents(micros: int) -> int:
    """Cents of a cumulative micro amount. Round totals, never batches: batches rounded alone drift."""
    return round_div(micros, MICROS_PER_CENT)


def cpm_cents_to_micros(cpm_cents: int) -> int:
    """Price of one send in micros from a price per thousand in cents: 2,500 (25.00 EUR) → 25,000."""
    return cpm_cents * MICROS_PER_CENT // 1_000


def share(amount: int, basis_points: int) -> int:
    """`basis_points` of an integer amount, rounded half away from zero."""
    return round_div(amount * basis_points, BASIS_POINTS)


def split_by_largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """Split an integer total in proportion to weights so that the parts sum to exactly the total.

    Parts are floors of the exact shares; the units left go to the largest remainders, earlier ones first
    (Hamilton's method). Works for negative totals by symmetry. Weights are ≥ 0 and not all zero.
    """
    if total < 0:
        return [-part for part in split_by_largest_remainder(-total, weights)]
    whole = sum(weights)
    if whole <= 0 or any(weight < 0 for weight in weights):
        raise InvalidInput("Shares need weights that are not negative and not all zero.", code="bad_weights")
    parts = [total * weight // whole for weight in weights]
    remainders = [total * weight % whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda index: (-remainders[index], index))
    for index in order[: total - sum(parts)]:
        parts[index] += 1
    return parts


def format_cents(cents: int, language: str = "en", currency: str = "EUR") -> str:
    """`123456` → `1,234.56 EUR` in English, `1 234,56 €` (no-break spaces, narrow between thousands) in French."""
    sign = "-" if cents < 0 else ""
    units, rest = divmod(abs(cents), 100)
    grouped = f"{units:,}"
    if language == "fr":
        narrow, wide = "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}"
        return f"{sign}{grouped.replace(',', narrow)},{rest:02d}{wide}{SYMBOLS.get(currency, currency)}"
    return f"{sign}{grouped}.{rest:02d} {currency}"
