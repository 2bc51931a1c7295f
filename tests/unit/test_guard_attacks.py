"""Attackers at the whole guard: none tells much better than by chance whether one given person is a contact."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.audience import guard
from broker.audience.fingerprint import marked
from broker.audience.model import QuestionBudgetSpent
from tests.unit import guard_attacks as attacks
from tests.unit.guard_desk import CHANCE, MARKED, ONE_PLACE, PEOPLE, SMALL, Desk, World, advantage, noise_keys

BOUNDS: dict[Callable[[World], object], float] = {
    attacks.one_figure: ONE_PLACE,
    attacks.pair: 0.0,
    attacks.pair_beyond_the_threshold: MARKED,
    attacks.walk_to_the_edge: MARKED,
    attacks.triple: 2 * ONE_PLACE,
    attacks.edge: 1 / 11,
    attacks.floor: ONE_PLACE,
    attacks.small_group: 0.0,
    attacks.refresh: 0.0,
    attacks.average_in_other_words: ONE_PLACE,
    attacks.suppression_file: 0.0,
    attacks.order_everybody: ONE_PLACE,
}


@pytest.mark.parametrize("attack", BOUNDS, ids=lambda attack: attack.__name__)
def test_an_attack_stays_within_its_bound(attack: Callable[[World], object]) -> None:
    bound = BOUNDS[attack]
    assert advantage(attack) <= bound + (CHANCE if bound else 0)


BITS = st.lists(st.tuples(st.integers(0, PEOPLE - 1), st.integers(0, PEOPLE)), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**31), BITS, st.integers(0, PEOPLE - 1), st.booleans())
def test_whatever_was_asked_before_one_unmarked_person_changes_no_figure(
    seed: int, history: list[tuple[int, int]], person: int, first: bool
) -> None:
    """The last two questions differ by one person; nine in ten people (499 in 500 by default) are not marked."""
    noise = noise_keys(seed, PEOPLE)
    if marked(noise.view(np.uint64), guard.marking_rate(SMALL))[person]:
        return
    desk = Desk(noise, SMALL)
    for start, length in history:
        members = np.zeros(PEOPLE, dtype=np.bool_)
        members[start : start + length] = True
        desk.ask(members)
    members[person] = first
    one = desk.figure(members)
    members[person] = not first
    assert desk.figure(members) == one


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(100, 380), st.sets(st.integers(0, PEOPLE - 1), max_size=19))
def test_a_set_closer_than_the_threshold_to_an_anchor_repeats_its_figure(
    seed: int, count: int, flipped: set[int]
) -> None:
    desk = Desk(noise_keys(seed, PEOPLE), SMALL)
    members = np.arange(PEOPLE) < count
    if not desk.ask(members).anchor:
        return  # no marked member among so many: one in 37,000
    once = desk.of_kin[next(iter(desk.of_kin))]
    near = members.copy()
    near[list(flipped)] ^= True
    found = desk.ask(near)
    assert found.figure.shown == once
    assert not found.anchor


def test_the_budget_ends_the_averaging_of_far_sets() -> None:
    """Sets that have nothing but the target in common average the noise away, as far as the budget goes."""
    desk = Desk(noise_keys(3, PEOPLE), SMALL)
    members = np.arange(PEOPLE) < 200
    for _ in range(SMALL.questions_per_day):
        desk.ask(members)
    with pytest.raises(QuestionBudgetSpent) as caught:
        desk.ask(members)
    assert caught.value.code == "question_budget"
    with pytest.raises(QuestionBudgetSpent, match="twelve months"):
        guard.check_budget(1, SMALL.questions_per_year + 1, SMALL)
