"""Money: integers that add up, whatever they are split into or rounded from."""

from __future__ import annotations

import itertools
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.kernel.errors import InvalidInput
from broker.kernel.money import (
    MICROS_PER_CENT,
    Money,
    cpm_cents_to_micros,
    format_cents,
    micros_to_cents,
    round_div,
    share,
    split_by_largest_remainder,
)

amounts = st.integers(-(10**15), 10**15)
weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any)


@given(amounts, st.integers(1, 10**9))
def test_rounding_is_commercial(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    rounded = round_div(numerator, denominator)
    assert abs(rounded - exact) <= Fraction(1, 2)
    if abs(rounded - exact) == Fraction(1, 2):
        assert abs(rounded) > abs(exact)  # half goes away from zero


@given(amounts, st.integers(1, 10**9))
def test_rounding_is_symmetric(numerator: int, denominator: int) -> None:
    assert round_div(-numerator, denominator) == -round_div(numerator, denominator)


@given(amounts)
def test_micros_round_as_a_decimal_library_rounds(micros: int) -> None:
    expected = (Decimal(micros) / MICROS_PER_CENT).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    assert micros_to_cents(micros) == int(expected)


@given(amounts, weights)
def test_parts_sum_to_the_whole(total: int, parts: list[int]) -> None:
    assert sum(split_by_largest_remainder(total, parts)) == total


@given(amounts, weights)
def test_each_part_is_its_exact_share_rounded_down_or_up(total: int, parts: list[int]) -> None:
    whole = sum(parts)
    for part, weight in zip(split_by_largest_remainder(total, parts), parts, strict=True):
        assert abs(part - Fraction(total * weight, whole)) < 1


@given(amounts, weights)
def test_who_weighs_nothing_gets_nothing(total: int, parts: list[int]) -> None:
    split = split_by_largest_remainder(total, parts)
    assert [part for part, weight in zip(split, parts, strict=True) if weight == 0 and part != 0] == []


@given(st.integers(0, 10**12), weights)
def test_who_weighs_more_never_gets_less(total: int, parts: list[int]) -> None:
    by_weight = sorted(zip(parts, split_by_largest_remainder(total, parts), strict=True), key=lambda pair: pair[0])
    for (light, less), (heavy, more) in itertools.pairwise(by_weight):
        if heavy > light:
            assert more >= less


@given(amounts, weights)
def test_a_refund_is_the_mirror_of_the_charge(total: int, parts: list[int]) -> None:
    assert split_by_largest_remainder(-total, parts) == [-part for part in split_by_largest_remainder(total, parts)]


@given(amounts, st.integers(0, 10_000))
def test_commission_and_rest_are_the_whole(amount: int, basis_points: int) -> None:
    commission, rest = split_by_largest_remainder(amount, [basis_points, 10_000 - basis_points])
    assert commission + rest == amount
    assert abs(commission - share(amount, basis_points)) <= 1


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=60), st.integers(1, 200_000))
def test_cumulative_rounding_does_not_drift(batches: list[int], price: int) -> None:
    """The ledger posts the rounded total minus what it posted: batch by batch it ends where one posting would."""
    sent = posted = 0
    for batch in batches:
        sent += batch
        posted += micros_to_cents(sent * price) - posted
    assert posted == micros_to_cents(sum(batches) * price)


def test_rounding_batches_alone_would_drift() -> None:
    """The figures of the domain notes: 30,000 sends at 33,333 micros are 999.99 EUR."""
    assert micros_to_cents(30_000 * 33_333) == 99_999
    assert sum(micros_to_cents(7 * 33_333) for _ in range(30_000 // 7)) != micros_to_cents(30_000 // 7 * 7 * 33_333)


@pytest.mark.parametrize("bad", [[], [0], [0, 0], [1, -1], [-1, 5]])
def test_weights_that_share_nothing_are_refused(bad: list[int]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        split_by_largest_remainder(100, bad)
    assert refusal.value.code == "bad_weights"


@given(amounts, amounts)
def test_amounts_of_one_currency_add_and_subtract(one: int, two: int) -> None:
    assert Money(one) + Money(two) == Money(one + two)
    assert Money(one) - Money(two) == Money(one - two)
    assert -Money(one) == Money(-one)


@pytest.mark.parametrize("currency", ["USD", "eur", "", "EURO"])
def test_another_currency_is_refused_with_those_that_are_taken(currency: str) -> None:
    with pytest.raises(InvalidInput, match="EUR") as refusal:
        Money(1, currency)
    assert refusal.value.code == "unknown_currency"


@pytest.mark.parametrize(("cpm", "micros"), [(2_500, 25_000), (1, 10), (3_333, 33_330), (0, 0)])
def test_a_price_per_thousand_is_exact_in_micros(cpm: int, micros: int) -> None:
    assert cpm_cents_to_micros(cpm) == micros


@given(st.integers(0, 10**9))
def test_a_thousand_sends_cost_the_price_per_thousand(cpm: int) -> None:
    assert micros_to_cents(1_000 * cpm_cents_to_micros(cpm)) == cpm


@pytest.mark.parametrize(
    ("cents", "language", "shown"),
    [
        (123_456, "en", "1,234.56 EUR"),
        (-5, "en", "-0.05 EUR"),
        (0, "en", "0.00 EUR"),
        (100_000_000, "en", "1,000,000.00 EUR"),
        (123_456, "fr", "1\u202f234,56\u00a0€"),
        (-123_456_789, "fr", "-1\u202f234\u202f567,89\u00a0€"),
    ],
)
def test_amounts_are_written_as_each_language_writes_them(cents: int, language: str, shown: str) -> None:
    assert format_cents(cents, language) == shown


@given(amounts)
def test_a_written_amount_reads_back(cents: int) -> None:
    digits = format_cents(cents, "en").removesuffix(" EUR").replace(",", "").replace(".", "")
    assert int(digits) == cents
