"""What the guard shows: rounding, error, floor, repetition of near sets, selects, profiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.audience import guard
from broker.audience.breakdown import Cell, shares_of, table_shares
from broker.audience.guard import Figure, amplitude, cell_key, check_selects, largest_error
from broker.audience.parse import parse_rule
from broker.kernel.errors import InvalidInput
from tests.unit.guard_desk import ROWS, RULES, Desk, first, noise_keys


@settings(max_examples=60, deadline=None)
@given(st.integers(0, ROWS), st.integers(0, 2**32))
def test_figures_are_rounded_floored_and_within_the_stated_error(count: int, seed: int) -> None:
    shown = guard.figure_of(first(count), noise_keys(seed), RULES)
    assert shown.shown % RULES.rounding == 0
    if shown.below_floor:
        assert shown.shown == 0
        assert count < RULES.smallest_count + largest_error(count, RULES)
    else:
        assert shown.shown >= RULES.smallest_count
        assert abs(shown.shown - count) <= largest_error(count, RULES)


def test_the_error_grows_with_large_figures_only() -> None:
    assert amplitude(10_000, RULES) == 200
    assert amplitude(1_000_000, RULES) == 5_000


def test_noise_is_evenly_spread_and_centred() -> None:
    errors = [guard.figure_of(first(10_000), noise_keys(seed), RULES).shown - 10_000 for seed in range(400)]
    assert abs(float(np.mean(errors))) < 4 * 120 / 20  # four standard errors of 400 even draws over ±200
    assert len(set(errors)) == 5
    assert min(errors) == -200
    assert max(errors) == 200


def test_the_same_set_shows_one_figure_however_often_and_by_whomever_it_is_asked() -> None:
    noise, members = noise_keys(1), first(12_345)
    desk = Desk(noise)
    assert {desk.figure(members) for _ in range(200)} == {Desk(noise).figure(members)}


def test_equal_sizes_do_not_make_near_sets() -> None:
    desk = Desk(noise_keys(3))
    desk.figure(first(8_000))
    other = ~first(ROWS - 8_000)
    assert other.sum() == 8_000
    assert desk.ask(other).anchor


def test_figures_do_not_drift_along_a_chain_of_near_sets() -> None:
    """Each set is near the one before; were repeats compared with, the first figure would be shown for all."""
    desk = Desk(noise_keys(4))
    for count in range(6_000, 16_000, 500):
        shown = desk.figure(first(count))
        # Threshold and edge, and people of one kin: 1,800 in a row without a marked one is rarer than one in 40.
        assert abs(shown - count) <= largest_error(count, RULES) + guard.furthest(RULES) + 1_800


def test_the_nearest_of_several_near_sets_is_repeated() -> None:
    desk = Desk(noise_keys(6))
    low, high = desk.figure(first(10_000)), desk.figure(first(12_000))
    assert low != high
    assert desk.figure(first(11_400)) == high
    assert desk.figure(first(10_300)) == low


def test_a_question_gets_a_new_figure_when_its_set_has_become_another() -> None:
    desk = Desk(noise_keys(6))
    once = desk.figure(first(10_000))
    assert desk.figure(first(9_500)) == once
    assert abs(desk.figure(first(6_000)) - 6_000) <= largest_error(6_000, RULES)


def test_a_set_that_gained_one_person_in_a_refresh_shows_the_figure_of_before() -> None:
    """The memory needs no old snapshot: a person's noise key is the same on all of them."""
    desk = Desk(noise_keys(9))
    once = desk.figure(first(9_000))
    desk.noise = np.concatenate([noise_keys(9), noise_keys(10, 500)])
    joined = np.concatenate([first(9_000), np.zeros(500, dtype=np.bool_)])
    joined[ROWS] = True
    assert desk.figure(joined) == once


def test_a_figure_below_the_floor_is_repeated_as_such() -> None:
    desk = Desk(noise_keys(7))
    assert desk.ask(first(4_000)).figure == Figure(0, True)
    assert desk.ask(first(4_900)).figure == Figure(0, True)


def test_few_people_are_never_a_figure_even_where_another_small_set_was_shown() -> None:
    desk = Desk(noise_keys(7))
    assert desk.ask(first(0)).figure == Figure(0, True)
    assert desk.ask(first(15)).figure == Figure(0, True)


def test_cell_keys_add_up_whatever_the_order() -> None:
    noise = noise_keys(8)
    one, two = first(300), first(700) & ~first(300)
    assert (cell_key(noise, one) + cell_key(noise, two)) % 2**64 == cell_key(noise, first(700))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60_000), st.integers(0, 2**64 - 1), st.integers(1, 600))
def test_an_order_gets_its_volume_or_a_round_number_below_what_is_left(left: int, key: int, hundreds: int) -> None:
    volume = hundreds * RULES.rounding
    sent = guard.sendable(left, key, volume, RULES)
    assert sent % RULES.rounding == 0
    assert sent <= left or sent == 0
    assert sent == volume if left >= volume else left - sent <= 2 * amplitude(left, RULES) + RULES.rounding


def test_a_suppression_file_that_matches_nobody_is_always_told_and_one_that_matches_many_never() -> None:
    keys = [int(key) for key in noise_keys(4, 200).view(np.uint64)]
    assert all(guard.few_match(0, key) for key in keys)
    assert not any(guard.few_match(150, key) for key in keys)
    assert {guard.few_match(100, key) for key in keys} == {True, False}


def test_only_the_cards_selects_may_be_combined() -> None:
    check_selects(parse_rule("gender = F and not age > 3"), ["gender", "age"])
    check_selects(parse_rule("Gender = F"), ["gender"])
    check_selects(parse_rule("within(10 km of 69001)"), ["postcode"])
    with pytest.raises(InvalidInput, match="birth_date") as caught:
        check_selects(parse_rule("gender = F or (age = 3 and birth_date = 1980-01-01)"), ["gender", "age"])
    assert caught.value.code == "select_not_offered"
    with pytest.raises(InvalidInput) as segment:
        check_selects(parse_rule('gender = F and segment "Buyers"'), ["gender"])
    assert segment.value.code == "select_not_offered"


def share_list(cells: Sequence[tuple[str, int]]) -> list[int | None]:
    return [entry["share"] for entry in shares_of([Cell(value, size) for value, size in cells])]


def test_a_single_hidden_cell_takes_another_with_it() -> None:
    assert share_list([("F", 60_000), ("M", 40_000)]) == [60, 40]
    assert share_list([("a", 60_000), ("b", 0), ("c", 20_000), ("d", 20_000)]) == [75, None, None, 25]
    assert share_list([("a", 60_000), ("b", 0), ("c", 0), ("d", 20_000)]) == [75, None, None, 25]
    assert share_list([("a", 0), ("b", 0)]) == []


def test_a_two_way_table_hides_squares() -> None:
    figures = np.array([[60_000, 0], [50_000, 40_000], [30_000, 20_000]])
    assert table_shares(figures) == [[None, None], [56, 44], [None, None]]
