"""Different people over several sets of keys: exact, also where first halves collide."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.audience import distinct
from broker.audience.distinct import KeySet, count_distinct, key_set

# Few first halves, so that unequal keys often share one.
key = st.tuples(st.sampled_from([b"\0" * 8, b"a" * 8, b"\xff" * 8]), st.sampled_from([b"\0" * 8, b"b" * 8, b"c" * 8]))
keys = st.sets(key.map(b"".join)).map(sorted)


def as_set(found: list[bytes]) -> KeySet:
    return key_set(np.array(found, dtype="S16"))


@settings(deadline=None)
@given(st.lists(keys, min_size=1, max_size=4), keys)
def test_colliding_halves_are_settled(sets: list[list[bytes]], without: list[bytes]) -> None:
    wanted = set().union(*map(set, sets)) - set(without)
    assert count_distinct([as_set(one) for one in sets], as_set(without), 1) == len(wanted)


def test_large_sets_are_cut_into_ranges() -> None:
    draw = np.random.default_rng(3)
    numbers = [draw.choice(400_000, size, replace=False) for size in (150_000, 90_000, 200_000)]
    prints = draw.bytes(16 * 400_000)
    sets = [as_set(sorted(prints[16 * one : 16 * one + 16] for one in some)) for some in numbers]
    wanted = len((set(numbers[0].tolist()) | set(numbers[1].tolist())) - set(numbers[2].tolist()))
    assert sum(len(one.high) for one in sets) > 3 * distinct.PART
    assert count_distinct(sets[:2], sets[2], 2) == wanted
