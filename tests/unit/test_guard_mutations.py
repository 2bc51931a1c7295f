"""The guard with one part taken out at a time: each time an attack that the whole guard stops succeeds.

Were one of these parts lost, test_guard_attacks.py would fail on the attack named here.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np
import pytest

from broker.audience import breakdown, guard
from broker.audience.fingerprint import Fingerprint
from broker.audience.guard import Figure
from tests.unit import guard_attacks as attacks
from tests.unit.guard_desk import PEOPLE, SMALL, Desk, World, advantage, noise_keys

SURE = 0.35  # far beyond every bound of the whole guard
FEW = 300


def test_without_kinship_pairs_at_the_edge_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fingerprint, "kin", property(lambda asked: asked.key))
    assert advantage(attacks.pair_beyond_the_threshold, FEW) > 0.2
    assert advantage(attacks.walk_to_the_edge, FEW) > 0.2


def test_without_repetition_small_groups_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_edge", lambda one, other, rules: 0)
    assert advantage(attacks.small_group, FEW) > SURE


def test_without_kinship_and_repetition_a_pair_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_edge", lambda one, other, rules: 0)
    monkeypatch.setattr(Fingerprint, "kin", property(lambda asked: asked.key))
    assert advantage(attacks.pair, FEW) > SURE


def test_without_a_memory_of_all_a_refresh_or_an_ally_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(world: World) -> object:
        before = world.desk.figure(world.rows(0, 150))
        other_day = Desk(world.noise, SMALL)
        return other_day.figure(world.rows(0, 150, target=True)) == before

    assert advantage(forget, FEW) > SURE


def test_without_blur_the_edge_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_edge", lambda one, other, rules: guard._nearest_edge(rules))
    monkeypatch.setattr(Fingerprint, "kin", property(lambda asked: asked.key))
    assert advantage(attacks.edge, FEW) > SURE


def test_with_fresh_noise_instead_of_cell_keys_averaging_finds_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two bases of the same people have no common memory; the cell key alone makes their figures one."""
    noise, members = noise_keys(1, PEOPLE), np.arange(PEOPLE) < 203
    assert len({Desk(noise, SMALL).figure(members) for _ in range(30)}) == 1
    draws = count()
    whole = guard._hash
    monkeypatch.setattr(guard, "_hash", lambda purpose, *keys: whole(purpose, next(draws)))
    mean = float(np.mean([Desk(noise, SMALL).figure(members) for _ in range(2_000)]))
    assert abs(mean - 203) < 1.2


def test_without_noise_one_figure_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "amplitude", lambda count, rules: 0)
    assert advantage(attacks.one_figure, FEW) > SURE
    assert advantage(attacks.floor, FEW) > SURE
    assert advantage(attacks.order_everybody, FEW) > SURE


def equal_figures_of_far_sets(worlds: int) -> float:
    """How often two sets without a common member, of one size, show the same figure."""
    return float(
        np.mean(
            [
                (desk := Desk(noise_keys(seed, PEOPLE), SMALL)).figure(np.arange(PEOPLE) < 150)
                == desk.figure(np.arange(PEOPLE) >= PEOPLE - 150)
                for seed in range(worlds)
            ]
        )
    )


def test_without_rounding_equal_figures_prove_equal_people(monkeypatch: pytest.MonkeyPatch) -> None:
    assert equal_figures_of_far_sets(FEW) > 0.15  # equal figures may be chance: nothing is proved
    monkeypatch.setattr(guard, "rounded", lambda number, rules: number)
    assert equal_figures_of_far_sets(FEW) < 0.08


def test_without_the_floor_a_family_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    def family(world: World) -> object:
        members = world.rows(0, 0)
        members[:22] = world.target
        return world.desk.figure(members) > 0

    assert advantage(family, FEW) == 0
    monkeypatch.setattr(guard, "floored", lambda figure, rules: Figure(figure, False))
    assert advantage(family, FEW) > SURE


def guesses_right(questions: int, rounds: int) -> float:
    """How often the mean of so many figures, of far sets of known size plus perhaps the target, tells which it is."""
    draw, right = np.random.default_rng(5), 0
    middle = np.mean([guard.rounded(150 + there + noise, SMALL) for there in (0, 1) for noise in range(-20, 21)])
    for game in range(rounds):
        there = game % 2
        keys = draw.integers(0, 2**64, questions, dtype=np.uint64)
        mean = np.mean([guard.perturbed(150 + there, int(key), SMALL) for key in keys])
        right += int((mean > middle) == there)
    return right / rounds


def test_without_a_budget_far_sets_average_the_noise_away(monkeypatch: pytest.MonkeyPatch) -> None:
    assert guesses_right(SMALL.questions_per_day, 200) < 0.75
    assert guesses_right(20_000, 20) > 0.95
    monkeypatch.setattr(guard, "check_budget", lambda today, year, rules: None)
    desk = Desk(noise_keys(1, PEOPLE), SMALL)
    for _ in range(SMALL.questions_per_day + 50):  # refused by the whole guard
        desk.ask(np.arange(PEOPLE) < 200)


def test_without_the_order_guard_the_invoice_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "sendable", lambda left, key, volume, rules: min(left, volume))
    assert advantage(attacks.order_everybody, 20) == 1


def test_with_a_warning_at_nobody_a_suppression_file_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "few_match", lambda matches, file_key: matches == 0)
    assert advantage(attacks.suppression_file, 20) == 1


def test_without_complementary_suppression_a_hidden_cell_is_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = np.array([[60, 0, 30], [50, 40, 20], [30, 35, 25]]) * 1_000

    def rests() -> list[tuple[int, int]]:
        shares: list[list[Any]] = breakdown.table_shares(figures)
        alone = [(row, line.index(None)) for row, line in enumerate(shares) if line.count(None) == 1]
        return [(row, column) for row, column in alone if [line[column] for line in shares].count(None) == 1]

    assert rests() == []
    monkeypatch.setattr(breakdown, "hidden_cells", lambda found: found == 0)
    assert rests() == [(0, 1)]
