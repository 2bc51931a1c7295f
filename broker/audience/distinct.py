"""How many different people stand in several sets of contact keys, exactly; minus a suppression list.

Keys are 16 bytes, sorted. They are cut into ranges of their first 8 bytes that fit the cache; in each range the first
halves of all sets are sorted together and equal neighbours counted once. Equal first halves of unequal keys (by chance
once in 10⁵ counts of ten million) are settled on the other halves, so the answer is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broker.audience.model import Mask
from broker.audience.scan import in_parallel

PART = 1 << 15  # keys of all sets together in one range, about


@dataclass(frozen=True)
class KeySet:
    """Keys in order as two halves, big-endian numbers: `high` uint64 [n] ascending, `low` uint64 [n]."""

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]

    def only(self, members: Mask) -> KeySet:
        """The keys of the members, one truth value a key."""
        return KeySet(np.compress(members, self.high), np.compress(members, self.low))


def key_set(keys: NDArray[np.bytes_]) -> KeySet:
    """From sorted S16 keys."""
    halves = np.ascontiguousarray(keys).view(">u8").reshape(-1, 2)
    return KeySet(halves[:, 0].astype(np.uint64), halves[:, 1].astype(np.uint64))


def count_distinct(sets: Sequence[KeySet], without: KeySet | None = None, threads: int = 2) -> int:
    """People who stand in any of the sets and not in `without`. No key stands twice in one set."""
    if without is not None:
        return count_distinct([*sets, without], None, threads) - len(without.high)
    total = sum(len(one.high) for one in sets)
    parts = max(1, total // PART)
    # Keys are spread evenly (they are hashes), so equal ranges of numbers hold about as many.
    edges = (np.arange(1, parts, dtype=np.float64) * (2.0**64 / parts)).astype(np.uint64)
    cuts = [[0, *np.searchsorted(one.high, edges).tolist(), len(one.high)] for one in sets]

    def part(number: int) -> int:
        ranges = [slice(cut[number], cut[number + 1]) for cut in cuts]
        together = np.concatenate([one.high[at] for one, at in zip(sets, ranges, strict=True)])
        together.sort()
        same = together[1:] == together[:-1]
        repeated = int(np.count_nonzero(same))
        if repeated == 0:
            return len(together)
        doubtful = together[1:][same]
        found = len(together) - repeated
        # Of each doubtful first half, its keys: more different ones than one are more people.
        lows = []
        places = []
        for one, at in zip(sets, ranges, strict=True):
            high, low = one.high[at], one.low[at]
            first = np.searchsorted(high, doubtful)
            last = np.searchsorted(high, doubtful, side="right")
            if int((last - first).max(initial=0)) > 1:
                return _slow([KeySet(one.high[at], one.low[at]) for one, at in zip(sets, ranges, strict=True)])
            here = np.flatnonzero(last > first)
            places.append(here)
            lows.append(low[first[here]])
        place, half = np.concatenate(places), np.concatenate(lows)
        known = np.zeros(len(doubtful), dtype=np.uint64)
        known[place] = half
        if (known[place] == half).all():
            return found
        return _slow([KeySet(one.high[at], one.low[at]) for one, at in zip(sets, ranges, strict=True)])

    return sum(in_parallel(part, range(parts), threads))


def _slow(sets: Sequence[KeySet]) -> int:
    """By both halves at once, where first halves collide."""
    pairs = np.concatenate([np.stack((one.high, one.low), axis=1) for one in sets])
    return len(np.unique(pairs, axis=0))
