"""Intervals of what a mailing caused, against published figures and laws."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.mailings.own.effect import Interval, Side, difference_of_means, difference_of_rates, summed
from broker.mailings.own.model import first_run, next_run


def side(people: int, buyers: int, cents: int = 0) -> Side:
    return Side(people, buyers, buyers * cents, buyers * cents * cents)


def test_the_interval_of_a_difference_is_that_of_the_paper() -> None:
    """Newcombe 1998, table II, example (a): 56/70 and 48/80, method 10."""
    found = difference_of_rates(side(70, 56), side(80, 48))
    assert (round(found.low, 4), round(found.value, 4), round(found.high, 4)) == (0.0524, 0.2, 0.3339)


@given(st.integers(1, 500), st.integers(1, 500), st.data())
def test_an_interval_holds_its_value_and_turns_with_its_sides(one: int, other: int, data: st.DataObject) -> None:
    first, second = side(one, data.draw(st.integers(0, one))), side(other, data.draw(st.integers(0, other)))
    found, turned = difference_of_rates(first, second), difference_of_rates(second, first)
    assert -1 - 1e-9 <= found.low <= found.value <= found.high <= 1 + 1e-9
    assert (turned.low, turned.high) == (pytest.approx(-found.high), pytest.approx(-found.low))


def test_money_of_equal_sides_differs_by_nothing_give_or_take_their_spread() -> None:
    found = difference_of_means(side(100, 50, 1_000), side(100, 50, 1_000))
    assert found.value == 0
    # Standard deviation of a half at 1,000 and a half at 0, n - 1: 502.52; of the difference 71.07.
    assert (round(found.low, 1), round(found.high, 1)) == (-139.3, 139.3)


def test_segments_are_summed_by_their_people() -> None:
    found = summed([(Interval(0.1, 0.0, 0.2), 100), (Interval(0.2, 0.1, 0.3), 100)])
    assert found.value == pytest.approx(30)
    assert found.low == pytest.approx(30 - (10**2 + 10**2) ** 0.5)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 3, 29, 0, tzinfo=UTC)),  # two o'clock is skipped
        (datetime(2026, 10, 24, 20, tzinfo=UTC), datetime(2026, 10, 25, 0, tzinfo=UTC)),  # two o'clock comes twice
    ],
)
def test_an_hour_that_a_change_of_clocks_skips_or_repeats_comes_once(now: datetime, expected: datetime) -> None:
    coming = next_run(now, 2)
    assert abs((coming.astimezone(UTC) - expected).total_seconds()) <= 3_600
    assert next_run(coming, 2).date() > coming.date()
    assert first_run(coming, 2).date() > coming.date()
