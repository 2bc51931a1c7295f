"""Positions become ranges without one lost or added."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from broker.billing.accrual_store import as_ranges


def test_ranges_are_written_as_postgresql_reads_them() -> None:
    assert as_ranges([1, 2, 3, 7]) == "{[1,4),[7,8)}"
    assert as_ranges([9]) == "{[9,10)}"
    assert as_ranges([3, 1, 2]) == "{[1,4)}"
    assert as_ranges([1, 1, 3]) == "{[1,2),[3,4)}"
    assert as_ranges([]) == "{}"


@given(st.lists(st.integers(0, 60)))
def test_ranges_hold_the_positions_and_nothing_else(positions: list[int]) -> None:
    found: list[int] = []
    for part in filter(None, as_ranges(positions).strip("{}").replace("),", ") ").split()):
        first, end = part.strip("[)").split(",")
        found += range(int(first), int(end))
    assert found == sorted(set(positions))
