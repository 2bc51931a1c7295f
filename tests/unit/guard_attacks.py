"""What attackers do at the desk. Each gets a world and returns what it concludes from."""

from __future__ import annotations

import numpy as np

from broker.audience import guard
from tests.unit.guard_desk import SMALL, World, noise_keys


def one_figure(world: World) -> object:
    """A set of exactly known size, plus perhaps the target, at the border between two roundings."""
    return world.desk.figure(world.rows(0, 105, target=True))


def pair(world: World) -> object:
    """The classic: a set without the target, then with it."""
    without = world.desk.figure(world.rows(0, 105))
    return world.desk.figure(world.rows(0, 105, target=True)) == without


def pair_beyond_the_threshold(world: World) -> object:
    """A pair where the blurred edge of repetition lies: near a third set, and not quite."""
    near = world.desk.figure(world.rows(0, 205))
    without = world.desk.figure(world.rows(0, 180))
    return without == near, world.desk.figure(world.rows(0, 180, target=True)) == without


def walk_to_the_edge(world: World) -> object:
    """Walk away from a shown set one person at a time until the figure changes; a step back, the target comes along."""
    desk = world.desk
    start = desk.figure(world.rows(0, 200))
    edge = next((stop for stop in range(190, 150, -1) if desk.figure(world.rows(0, stop)) != start), None)
    return edge is not None and desk.figure(world.rows(0, edge + 1, target=True)) == start


def triple(world: World) -> object:
    """Two disjoint sets and both together: the rest of the sum is the target, and noise."""
    desk = world.desk
    rest = desk.figure(world.rows(0, 300, target=True)) - desk.figure(world.rows(0, 150))
    return (rest - desk.figure(world.rows(150, 300)) > 0) - (rest < 0)


def edge(world: World) -> object:
    """Two sets that differ by known people, as many as the edge, and perhaps by the target."""
    desk = world.desk
    desk.ask(world.rows(0, 205))
    missing = guard._nearest_edge(SMALL) - 1
    return desk.ask(world.rows(missing + 1, 205, target=True)).anchor


def floor(world: World) -> object:
    """A set that is rounded up to the smallest count shown, or not, by the target."""
    border = SMALL.smallest_count - SMALL.rounding // 2
    return world.desk.ask(world.rows(0, border, target=True)).figure.below_floor


def small_group(world: World) -> object:
    """A family of ten of whom the target is one: are they contacts at all?"""
    members = world.rows(0, 0)
    members[:10] = world.target
    return world.desk.figure(members | world.rows(50, 200)) == world.desk.figure(world.rows(50, 200))


def refresh(world: World) -> object:
    """The same question before and after the night in which the target may have joined."""
    before = world.desk.figure(world.rows(0, 150))
    return world.desk.figure(world.rows(0, 150, target=True)) == before


def average_in_other_words(world: World) -> object:
    """The same set a hundred times: does the mean tell more than one figure?"""
    members = world.rows(0, 105, target=True)
    return round(float(np.mean([world.desk.figure(members) for _ in range(50)])))


def suppression_file(world: World) -> object:
    """A file of a hundred invented hashes and the target's: is it said to match nobody?"""
    return guard.few_match(int(world.target), int(noise_keys(int(world.noise[1]) % 1_000, 1)[0]) % 2**64)


def order_everybody(world: World) -> object:
    """An order for more names than are left: the invoice says how many there were."""
    members = world.rows(0, 110, target=True)
    return guard.sendable(int(members.sum()), guard.cell_key(world.noise, members), 200, SMALL)
