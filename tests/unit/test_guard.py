"""The disclosure guard against attackers. Each attack must fail with the guard whole and succeed without one part."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.audience import guard
from broker.audience.breakdown import Cell, shares_of
from broker.audience.guard import Decision, Figure, Shown, amplitude, cell_key, check_selects, decide, largest_error
from broker.audience.model import Mask
from broker.audience.parse import parse_rule
from broker.audience.rule import EVERYBODY
from broker.kernel.errors import InvalidInput
from broker.kernel.settings import DisclosureSettings

RULES = DisclosureSettings()
ROWS = 20_000


def noise_keys(seed: int, rows: int = ROWS) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.random.default_rng(seed).integers(-(2**63), 2**63 - 1, size=rows, dtype=np.int64)


def first(count: int, rows: int = ROWS) -> Mask:
    members = np.zeros(rows, dtype=np.bool_)
    members[:count] = True
    return members


class Desk:
    """Questions about one base, with the guard's memory in a list."""

    def __init__(self, noise: np.ndarray[tuple[int], np.dtype[np.int64]], rules: DisclosureSettings = RULES) -> None:
        self.noise = noise
        self.rules = rules
        self.memory: list[Shown] = []
        self.masks: dict[int, Mask | None] = {}
        self.asked: dict[bytes, Shown] = {}

    def ask(self, members: Mask, name: bytes | None = None) -> Decision:
        before = self.asked.get(name) if name else None
        anchors = [shown for shown in self.memory if shown.anchor]
        found = decide(members, self.noise, before, anchors, lambda shown: self.masks[id(shown)], self.rules)
        if not found.known:
            shown = Shown(EVERYBODY, 7, found.true_count, found.figure.shown, found.anchor)
            self.memory.append(shown)
            self.masks[id(shown)] = members
            if name:
                self.asked[name] = shown
        return found

    def figure(self, members: Mask, name: bytes | None = None) -> int:
        return self.ask(members, name).figure.shown


def figure(members: Mask, noise: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
    return guard.figure_of(members, noise, RULES).shown


# --- what is shown ---------------------------------------------------------------------------------------------------


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
    errors = [figure(first(10_000), noise_keys(seed)) - 10_000 for seed in range(400)]
    assert abs(float(np.mean(errors))) < 4 * 120 / 20  # four standard errors of 400 even draws over ±200
    assert len(set(errors)) == 5
    assert min(errors) == -200
    assert max(errors) == 200


# --- the same set ----------------------------------------------------------------------------------------------------


def averaged(ask: Callable[[Mask], int], members: Mask, times: int) -> float:
    """The attacker asks about one set in many spellings and takes the mean."""
    return float(np.mean([ask(members) for _ in range(times)]))


def test_asking_again_in_other_words_gains_nothing() -> None:
    noise = noise_keys(1)
    desk, members = Desk(noise), first(12_345)
    once = desk.figure(members)
    assert averaged(desk.figure, members, 200) == once
    # Another advertiser, another day: still the same.
    assert averaged(Desk(noise).figure, members, 50) == once


def test_with_fresh_noise_instead_of_cell_keys_averaging_finds_the_count() -> None:
    """Without the cell key the attack works: this is what the test above would look like if the guard lost it."""
    members = first(12_345)
    draws = iter(range(10_000))

    def unguarded(asked: Mask) -> int:
        return figure(asked, noise_keys(next(draws)))

    assert abs(averaged(unguarded, members, 300) - 12_345) < 40


# --- one person ------------------------------------------------------------------------------------------------------


def advantage(answers: Callable[[bool, int], object], rounds: int) -> float:
    """Total variation distance between what is seen when the target is in and when it is not.

    0: nothing can be told; 1: membership is told for sure. A guess from even odds is right in (1 + it) / 2.
    """
    seen_in: dict[object, int] = {}
    seen_out: dict[object, int] = {}
    for world in range(rounds):
        one, other = answers(True, world), answers(False, world)
        seen_in[one] = seen_in.get(one, 0) + 1
        seen_out[other] = seen_out.get(other, 0) + 1
    return sum(abs(seen_in.get(key, 0) - seen_out.get(key, 0)) for key in seen_in | seen_out) / (2 * rounds)


SMALL = DisclosureSettings(smallest_count=50, difference_threshold=20, rounding=10)
WORLDS = 3_000
# Two equal distributions over at most 8 outcomes differ by about this much by chance alone.
CHANCE = 3 * (8 / WORLDS) ** 0.5 / 2


def world(seed: int, target: bool, size: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], Mask]:
    """A base of 200 whose first `size` match; row 0 is the target, who matches or not. Noise keys are secret."""
    members = first(size, 200)
    members[0] = target
    return noise_keys(seed, 200), members


def test_one_person_is_not_seen_in_one_figure() -> None:
    def answers(target: bool, seed: int) -> int:
        noise, members = world(seed, target, 105)
        return Desk(noise, SMALL).figure(members)

    # One person moves the even noise by one place in 2·20+1.
    assert advantage(answers, WORLDS) <= 1 / 41 + CHANCE


def test_one_person_is_not_seen_in_a_pair() -> None:
    """The classic: a set with and without the target."""

    def answers(target: bool, seed: int) -> tuple[int, int]:
        noise, members = world(seed, target, 105)
        without = members.copy()
        without[0] = False
        desk = Desk(noise, SMALL)
        return desk.figure(without), desk.figure(members) - desk.figure(without)

    assert advantage(answers, WORLDS) <= 1 / 41 + 2 * CHANCE


def test_without_repetition_of_near_sets_a_pair_tells_membership() -> None:
    """Cell keys alone: a set that changes by one person gets new noise, so equal figures mean 'not in'."""

    def answers(target: bool, seed: int) -> bool:
        noise, members = world(seed, target, 105)
        without = members.copy()
        without[0] = False
        return guard.figure_of(members, noise, SMALL) == guard.figure_of(without, noise, SMALL)

    assert advantage(answers, WORLDS) > 0.5


def test_the_edge_of_the_threshold_does_not_answer_either() -> None:
    """The attacker builds two sets that differ by threshold - 1 known people, or one more with the target."""
    edge = SMALL.difference_threshold - 1

    def answers(target: bool, seed: int) -> bool:
        noise, members = world(seed, target, 105)
        other = members.copy()
        other[0] = False
        other[1 : 1 + edge] = False
        desk = Desk(noise, SMALL)
        desk.ask(members)
        return desk.ask(other).anchor

    assert advantage(answers, WORLDS) <= 1 / 11 + CHANCE


def test_with_a_sharp_edge_it_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_edge", lambda one, other, rules: rules.difference_threshold)
    edge = SMALL.difference_threshold - 1

    def answers(target: bool, seed: int) -> bool:
        noise, members = world(seed, target, 105)
        other = members.copy()
        other[0] = False
        other[1 : 1 + edge] = False
        desk = Desk(noise, SMALL)
        desk.ask(members)
        return desk.ask(other).anchor

    assert advantage(answers, 200) > 0.9


def test_the_floor_does_not_answer() -> None:
    """A set of exactly the smallest count but for the target: shown or not must not tell."""

    def answers(target: bool, seed: int) -> Figure:
        noise, members = world(seed, target, SMALL.smallest_count)
        return Desk(noise, SMALL).ask(members).figure

    assert advantage(answers, WORLDS) <= 1 / 41 + CHANCE

    def unperturbed(target: bool, seed: int) -> bool:
        return int(world(seed, target, SMALL.smallest_count)[1].sum()) < SMALL.smallest_count

    assert advantage(unperturbed, 100) == 1.0


# --- near sets -------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(6_000, 15_000), st.sets(st.integers(0, ROWS - 1), max_size=999))
def test_a_set_closer_than_the_threshold_repeats_the_figure(seed: int, count: int, flipped: set[int]) -> None:
    desk, members = Desk(noise_keys(seed)), first(count)
    once = desk.figure(members)
    near = members.copy()
    near[list(flipped)] ^= True
    decision = desk.ask(near)
    assert decision.figure.shown == once
    assert not decision.anchor


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
        assert abs(shown - count) <= largest_error(count, RULES) + RULES.difference_threshold * 3 // 2


def test_the_nearest_of_several_near_sets_is_repeated() -> None:
    desk = Desk(noise_keys(5))
    low, high = desk.figure(first(10_000)), desk.figure(first(11_600))
    assert low != high
    assert desk.figure(first(10_100)) == low
    assert desk.figure(first(11_500)) == high


def test_a_question_keeps_its_figure_until_its_set_has_become_another() -> None:
    desk = Desk(noise_keys(6))
    once = desk.figure(first(10_000), b"question")
    assert desk.ask(first(9_500), b"question") == Decision(Figure(once, False), 9_500, anchor=True, known=True)
    later = desk.ask(first(7_000), b"question")
    assert not later.known
    assert abs(later.figure.shown - 7_000) <= largest_error(7_000, RULES)


def test_a_set_that_gained_one_person_in_a_refresh_shows_the_figure_of_before() -> None:
    """Without memory across snapshots the attacker compares two days: an equal figure would mean 'nobody came'."""
    before = Desk(noise_keys(9))
    once = before.figure(first(9_000))
    refreshed = Desk(np.concatenate([noise_keys(9), noise_keys(10, 500)]))
    refreshed.memory = before.memory
    joined = np.concatenate([first(9_000), np.zeros(500, dtype=np.bool_)])
    joined[ROWS] = True
    refreshed.masks = {id(shown): joined for shown in before.memory}  # the anchor's rule as it stands today
    assert refreshed.ask(joined) == Decision(Figure(once, False), 9_001, anchor=False, known=False)
    forgetful = [guard.figure_of(first(9_000 + extra), noise_keys(9), RULES).shown for extra in range(2)]
    assert forgetful[0] != forgetful[1]


def test_a_repeated_figure_is_never_further_off_than_threshold_and_noise() -> None:
    """The rule takes the same people as the asked set today, but far fewer when its figure was shown."""
    desk = Desk(noise_keys(11))
    desk.figure(first(6_000))
    desk.masks = {id(shown): first(9_000) for shown in desk.memory}
    assert desk.ask(first(9_000)).anchor


def test_an_anchor_whose_fields_are_gone_is_passed_over() -> None:
    desk = Desk(noise_keys(12))
    desk.figure(first(6_000))
    desk.masks = {id(shown): None for shown in desk.memory}
    assert desk.ask(first(6_000)).anchor


def test_a_figure_below_the_floor_is_repeated_as_such() -> None:
    desk = Desk(noise_keys(7))
    assert desk.ask(first(4_000)).figure == Figure(0, True)
    assert desk.ask(first(4_900)).figure == Figure(0, True)


def test_cell_keys_add_up_whatever_the_order() -> None:
    noise = noise_keys(8)
    one, two = first(300), first(700) & ~first(300)
    assert (cell_key(noise, one) + cell_key(noise, two)) % 2**64 == cell_key(noise, first(700))


# --- selects, profile ------------------------------------------------------------------------------------------------


def test_only_the_cards_selects_may_be_combined() -> None:
    check_selects(parse_rule("gender = F and not age > 3"), ["gender", "age"])
    check_selects(parse_rule("within(10 km of 69001)"), ["postcode"])
    with pytest.raises(InvalidInput, match="birth_date") as caught:
        check_selects(parse_rule("gender = F or (age = 3 and birth_date = 1980-01-01)"), ["gender", "age"])
    assert caught.value.code == "select_not_offered"


def share_list(cells: Sequence[tuple[str, int]]) -> list[int | None]:
    return [entry["share"] for entry in shares_of([Cell(value, size) for value, size in cells])]


def test_a_single_hidden_cell_takes_another_with_it() -> None:
    assert share_list([("F", 60_000), ("M", 40_000)]) == [60, 40]
    assert share_list([("a", 60_000), ("b", 0), ("c", 20_000), ("d", 20_000)]) == [75, None, None, 25]
    assert share_list([("a", 60_000), ("b", 0), ("c", 0), ("d", 20_000)]) == [75, None, None, 25]
    assert share_list([("a", 0), ("b", 0)]) == []
