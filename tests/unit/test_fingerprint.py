"""Fingerprints: the same people, the same sums; differences are estimated within the stated error."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.audience.fingerprint import BUCKETS, difference, fingerprint, fingerprint_of_many, marked
from tests.unit.guard_desk import first, noise_keys


def test_people_of_several_bases_count_once() -> None:
    noise = noise_keys(1, 5_000)
    one, other = noise[:3_000], noise[2_000:][::-1]
    both = fingerprint_of_many([one, other], 500)
    whole = fingerprint(noise, first(5_000, 5_000), 500)
    assert (both.count, both.key, both.kin) == (5_000, whole.key, whole.kin)
    assert difference(both.sketch, whole.sketch) == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 3_000), st.integers(0, 9_000))
def test_the_difference_of_two_sets_is_estimated(seed: int, apart: int, common: int) -> None:
    noise = noise_keys(seed, 12_000)
    one, other = first(common, 12_000), first(common + apart, 12_000)
    found = difference(fingerprint(noise, one, 5).sketch, fingerprint(noise, other, 5).sketch)
    assert abs(found - apart) <= 1 + 5 * 0.02 * apart


def test_sets_too_far_apart_have_no_estimate() -> None:
    noise = noise_keys(2, 200_000)
    sketches = [fingerprint(noise, mask, 5).sketch for mask in (first(0, 200_000), first(200_000, 200_000))]
    assert difference(*sketches) == math.inf
    assert len(sketches[0]) == BUCKETS


@pytest.mark.parametrize("rate", [1, 10, 500])
def test_one_in_so_many_is_marked(rate: int) -> None:
    keys = noise_keys(3, 200_000).view(np.uint64)
    share = float(marked(keys, rate).mean())
    assert abs(share - 1 / rate) < 5 * (1 / rate / 200_000) ** 0.5 + 1e-12


def test_the_kin_of_a_set_changes_with_its_marked_members_only() -> None:
    noise = noise_keys(4, 2_000)
    special = marked(noise.view(np.uint64), 100)
    everybody = fingerprint(noise, np.ones(2_000, dtype=np.bool_), 100)
    assert fingerprint(noise, special, 100).kin == everybody.kin
    assert fingerprint(noise, ~special, 100).kin == 0
