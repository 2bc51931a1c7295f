"""How many different people stand in several sets of contact keys, exactly; minus a suppression list.

Keys are 16 bytes, sorted. They are cut into ranges of their first 8 bytes that fit the cache; in each range the first
halves of all sets are sorted together and equal neighbours counted once. That is exact where equal first halves are
equal keys, which `halves_tell` proves for a group of sets; else (by chance, once in 10⁵) both halves are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broker.audience.model import Mask
from broker.audience.scan import in_parallel

PART = 1 << 17  # keys of all sets together in one range, about


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


def halves_tell(sets: Sequence[KeySet], threads: int = 2) -> bool:
    """Whether equal first halves are always equal keys in these sets. True of sets, it is true of their subsets: worth
    keeping for each group of snapshots."""

    def part(parts: Sequence[KeySet]) -> bool:
        high = np.concatenate([one.high for one in parts])
        order = np.argsort(high, kind="stable")
        low = np.concatenate([one.low for one in parts])[order]
        high = high[order]
        same = high[1:] == high[:-1]
        return not bool((same & (low[1:] != low[:-1])).any())

    return all(in_parallel(part, _cut(sets), threads))


def count_distinct(
    sets: Sequence[KeySet], without: KeySet | None = None, threads: int = 2, told_by_halves: bool | None = None
) -> int:
    """People who stand in any of the sets and not in `without`. No key stands twice in one set.

    `told_by_halves` is what `halves_tell` said of these sets or of larger ones; None asks it first.
    """
    if without is not None:
        return count_distinct([*sets, without], None, threads, told_by_halves) - len(without.high)
    if told_by_halves is None:
        told_by_halves = halves_tell(sets, threads)
    count = _count_halves if told_by_halves else _count_pairs
    return sum(in_parallel(count, _cut(sets), threads))


def _cut(sets: Sequence[KeySet]) -> list[list[KeySet]]:
    """The sets cut at the same values into ranges that fit the cache. Keys are hashes: spread evenly."""
    parts = max(1, sum(len(one.high) for one in sets) // PART)
    edges = (np.arange(1, parts, dtype=np.float64) * (2.0**64 / parts)).astype(np.uint64)
    cuts = [[0, *np.searchsorted(one.high, edges).tolist(), len(one.high)] for one in sets]
    return [
        [
            KeySet(one.high[a:b], one.low[a:b])
            for one, cut in zip(sets, cuts, strict=True)
            for a, b in [cut[part : part + 2]]
        ]
        for part in range(parts)
    ]


def _count_halves(sets: Sequence[KeySet]) -> int:
    together = np.concatenate([one.high for one in sets])
    together.sort()
    return len(together) - int(np.count_nonzero(together[1:] == together[:-1]))


def _count_pairs(sets: Sequence[KeySet]) -> int:
    """By both halves, where first halves collide."""
    pairs = np.concatenate([np.stack((one.high, one.low), axis=1) for one in sets])
    return len(np.unique(pairs, axis=0))
