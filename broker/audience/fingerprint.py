"""What is kept of a set of people so that another set can be compared with it after the first is gone.

A contact has a secret, evenly spread 64-bit noise key that follows from its contact key alone: the same on every
snapshot and in every base. A set's fingerprint is made of sums of its members' keys, modulo 2⁶⁴:

- `key`, over all members: the *cell key*. The same set has the same one, any other set an unrelated one.
- `kin`, over the *marked* members, whom their key marks with odds of one in `rate`. Sets that differ by d people have
  the same one with probability about exp(-d / rate); whether one given person changes it is a secret of that person,
  not of how near a set stands to some border.
- `sketch`, over the members in each of 4,096 buckets (16 bits of each sum): two sets' sketches differ in as many
  buckets as their difference hits, from which its size is estimated (linear counting: Whang, Vander-Zanden & Taylor,
  ACM TODS 15, 1990) within 1.2 % at 1,000 people.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.audience.model import Mask

BUCKETS = 4_096
_VALUE_SHIFT = np.uint64(12)
Keys = NDArray[Any]  # int64 or uint64: noise keys, each person once
Sketch = NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """A set by its members' noise keys (uint64, each person once). `rate` is one in how many is marked."""

    keys: NDArray[np.uint64]
    rate: int

    @property
    def count(self) -> int:
        """How many people."""
        return len(self.keys)

    @cached_property
    def key(self) -> int:
        """The cell key."""
        return int(self.keys.sum(dtype=np.uint64))

    @cached_property
    def kin(self) -> int:
        """The sum over the marked members; 0 for a set without any."""
        return int(self.keys[marked(self.keys, self.rate)].sum(dtype=np.uint64))

    @cached_property
    def sketch(self) -> Sketch:
        """The sums by bucket, 16 bits of each."""
        return sketch_of(self.keys)


def fingerprint(noise: Keys, members: Mask, rate: int) -> Fingerprint:
    """Of the rows of one snapshot that are members."""
    return Fingerprint(np.compress(members, noise.view(np.uint64)), rate)


def fingerprint_of_many(parts: list[Keys], rate: int) -> Fingerprint:
    """Of the people in any of several sets: somebody in two bases has one noise key and counts once.

    Equal keys of different people (odds of 5 in 10⁶ among ten million) would count once.
    """
    return Fingerprint(np.unique(np.concatenate([part.view(np.uint64) for part in parts])), rate)


def marked(keys: NDArray[np.uint64], rate: int) -> Mask:
    """Which keys mark their person: the lowest one in `rate`."""
    found: Mask = keys <= np.uint64((2**64 - 1) // rate)
    return found


def sketch_of(keys: NDArray[np.uint64]) -> Sketch:
    """uint16 [BUCKETS]. Floats hold sums of 16-bit values exactly, up to 2³⁷ people."""
    places = (keys & np.uint64(BUCKETS - 1)).astype(np.intp)
    values = ((keys >> _VALUE_SHIFT) & np.uint64(0xFFFF)).astype(np.float64)
    sums = np.bincount(places, weights=values, minlength=BUCKETS)
    return (sums.astype(np.int64) & 0xFFFF).astype(np.uint16)


def difference(one: Sketch, other: Sketch) -> float:
    """About how many people are in one set and not in the other; infinite where the sketch is full."""
    hit = int(np.count_nonzero(one != other))
    return math.inf if hit >= BUCKETS else -BUCKETS * math.log1p(-hit / BUCKETS)
