"""A count desk in memory for attackers, and how much better than chance they guess."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.audience import guard
from broker.audience.fingerprint import fingerprint
from broker.audience.guard import Anchor, Decision
from broker.audience.model import Mask
from broker.kernel.settings import DisclosureSettings

Noise = NDArray[np.int64]
RULES = DisclosureSettings()
ROWS = 20_000
# Small numbers, so that thousands of worlds can be played: one in 10 is marked, noise is ±20.
SMALL = DisclosureSettings(smallest_count=50, difference_threshold=20, rounding=10, questions_per_day=100)
PEOPLE = 400
WORLDS = 2_000
# Two equal distributions over at most 8 outcomes differ by less than this by chance alone.
CHANCE = 3 * (8 / WORLDS) ** 0.5 / 2
MARKED = 1 / guard.marking_rate(SMALL)
ONE_PLACE = 1 / 41  # one person moves the even noise of ±20 by one place


def noise_keys(seed: int, rows: int = ROWS) -> Noise:
    return np.random.default_rng(seed).integers(-(2**63), 2**63 - 1, size=rows, dtype=np.int64)


def first(count: int, rows: int = ROWS) -> Mask:
    members = np.zeros(rows, dtype=np.bool_)
    members[:count] = True
    return members


class Desk:
    """Questions about one base, with the guard's memory in a list, shared by all who ask."""

    def __init__(self, noise: Noise, rules: DisclosureSettings = RULES) -> None:
        self.noise = noise
        self.rules = rules
        self.of_kin: dict[int, int] = {}
        self.anchors: list[Anchor] = []
        self.questions = 0

    def ask(self, members: Mask) -> Decision:
        self.questions += 1
        guard.check_budget(self.questions, self.questions, self.rules)
        asked = fingerprint(self.noise, members, guard.marking_rate(self.rules))
        found = guard.decide(asked, self.of_kin.get(asked.kin), self.anchors, self.rules)
        self.of_kin.setdefault(asked.kin, found.figure.shown)
        if found.anchor:
            self.anchors.append(Anchor(asked.count, asked.key, asked.sketch, found.figure.shown))
        return found

    def figure(self, members: Mask) -> int:
        return self.ask(members).figure.shown


class World:
    """A base of PEOPLE whose row 0 is the target, a contact or not. The noise keys are secret."""

    def __init__(self, seed: int, target: bool) -> None:
        self.noise = noise_keys(seed, PEOPLE)
        self.target = target
        self.desk = Desk(self.noise, SMALL)

    def rows(self, start: int, stop: int, target: bool = False) -> Mask:
        """Rows start to stop (the others, known to the attacker), with the target if it is there and asked for."""
        members = np.zeros(PEOPLE, dtype=np.bool_)
        members[max(1, start) : stop] = True
        members[0] = target and self.target
        return members


def advantage(attack: Callable[[World], Hashable], worlds: int = WORLDS) -> float:
    """Total variation distance between what is seen when the target is a contact and when not.

    0: nothing can be told; 1: membership is told for sure. A guess from even odds is right in (1 + it) / 2.
    """
    seen: tuple[dict[Any, int], dict[Any, int]] = ({}, {})
    for seed in range(worlds):
        for there in (False, True):
            outcome = attack(World(seed, there))
            seen[there][outcome] = seen[there].get(outcome, 0) + 1
    return sum(abs(seen[0].get(key, 0) - seen[1].get(key, 0)) for key in seen[0] | seen[1]) / (2 * worlds)
