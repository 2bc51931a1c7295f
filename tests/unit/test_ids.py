"""Public codes and dispatch numbers."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.kernel.ids import ALPHABET, DISPATCHES_PER_MONTH, dispatch_id, dispatch_month, new_code

days = st.dates(date(2000, 1, 1), date(2099, 12, 31))
numbers = st.integers(1, DISPATCHES_PER_MONTH - 1)


@given(st.sampled_from(["card", "ord", "org"]), st.integers(8, 20))
def test_a_code_is_its_prefix_and_random_letters(prefix: str, length: int) -> None:
    stem, _, letters = new_code(prefix, length).partition("_")
    assert stem == prefix
    assert len(letters) == length
    assert set(letters) <= set(ALPHABET)


def test_the_alphabet_has_no_look_alikes() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET) == 32
    assert not set("ilou") & set(ALPHABET)


def test_codes_do_not_repeat() -> None:
    assert len({new_code("x") for _ in range(10_000)}) == 10_000


@given(days, numbers)
def test_the_month_reads_off_a_dispatch_number(day: date, number: int) -> None:
    assert dispatch_month(dispatch_id(day, number)) == (day.year, day.month)


@given(days, numbers, days, numbers)
def test_dispatch_numbers_order_by_month_then_number(one: date, a: int, two: date, b: int) -> None:
    first, second = (one.year, one.month, a), (two.year, two.month, b)
    assert (dispatch_id(one, a) < dispatch_id(two, b)) == (first < second)


@pytest.mark.parametrize("number", [-1, 0, DISPATCHES_PER_MONTH])
def test_a_number_outside_the_month_is_a_fault_of_the_caller(number: int) -> None:
    with pytest.raises(ValueError, match=r"outside 1\.\.999999"):
        dispatch_id(date(2026, 11, 1), number)
