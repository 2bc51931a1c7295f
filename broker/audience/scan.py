"""Runs a plan over coded columns in blocks that stay in the cache, in threads where numpy lets go of the lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from broker.audience.model import Mask
from broker.audience.scan_plan import Always, Known, Plan, Test

BLOCK = 32_768
SMALL_BLOCK = 8_192
FEW = 2  # with fewer than one row in FEW open, slow tests look at those only
Rows = slice | NDArray[np.intp]
One = TypeVar("One")
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Scan:
    """`left` are the members whom no reason excludes; `taken[k]` how many members have reason k (0: none)."""

    left: Mask
    taken: NDArray[np.int64]


def scan_mask(plan: Plan, rows: int, threads: int) -> Mask:
    """Which of so many rows a plan takes."""
    mask = np.empty(rows, dtype=np.bool_)

    def block(at: slice) -> None:
        mask[at] = members(plan, at, at.stop - at.start)

    in_blocks(block, rows, threads)
    return mask


def scan_count(plan: Plan, rows: int, threads: int) -> int:
    """How many rows a plan takes."""
    if isinstance(plan, Test):
        return int(plan.column.rows_of[plan.table].sum())
    return sum(in_blocks(lambda at: int(np.count_nonzero(members(plan, at, at.stop - at.start))), rows, threads))


def scan_left(plan: Plan, reasons: NDArray[np.uint8], kinds: int, threads: int) -> Scan:
    """The members of a plan, less those whom a reason (1 to `kinds`) excludes; rows have one reason each, 0 none."""
    left = np.empty(len(reasons), dtype=np.bool_)

    def block(at: slice) -> NDArray[np.int64]:
        found, why = members(plan, at, at.stop - at.start), reasons[at]
        kept = found & (why == 0)
        left[at] = kept
        return _told_apart(found, why, int(np.count_nonzero(found)), int(np.count_nonzero(kept)), kinds)

    parts = in_blocks(block, len(reasons), threads)
    return Scan(left, np.sum(parts, axis=0) if parts else np.zeros(kinds + 1, dtype=np.int64))


def _told_apart(found: Mask, why: NDArray[np.uint8], all_of: int, kept: int, kinds: int) -> NDArray[np.int64]:
    """How many members have each reason; looking ends when all excluded ones have theirs."""
    taken = np.zeros(kinds + 1, dtype=np.int64)
    taken[0], open_ones = kept, all_of - kept
    for kind in range(1, kinds + 1):
        if open_ones == 0:
            break
        taken[kind] = np.count_nonzero(found & (why == kind))
        open_ones -= int(taken[kind])
    return taken


def key_sum(noise: NDArray[np.int64], mask: Mask, threads: int) -> int:
    """The sum of the members' 64-bit keys modulo 2⁶⁴ (the guard's cell key)."""
    plain = noise.view(np.uint64)

    def block(at: slice) -> int:
        # A product that stays in the nearest cache: half as long as one over the whole block.
        total = 0
        for start in range(at.start, at.stop, SMALL_BLOCK):
            small = slice(start, min(start + SMALL_BLOCK, at.stop))
            total += int(np.multiply(plain[small], mask[small]).sum())
        return total

    return sum(in_blocks(block, len(mask), threads)) % 2**64


def members(plan: Plan, rows: Rows, size: int) -> Mask:
    """Which of these rows (`size` of them) a plan takes."""
    if isinstance(plan, Always):
        return np.full(size, plan.wanted)
    if isinstance(plan, Test):
        return _tested(plan, rows)
    if isinstance(plan, Known):
        return _known(plan, rows, size)
    found = members(plan.parts[0], rows, size)
    for place, part in enumerate(plan.parts[1:], start=1):
        if not (isinstance(part, Test) and part.ranges):  # a range is so quick that whom it asks about does not matter
            undecided = int(np.count_nonzero(found)) if plan.every else size - int(np.count_nonzero(found))
            if undecided * FEW < size:
                return _of_few(plan.parts[place:], plan.every, found, rows)
        if plan.every:
            found &= members(part, rows, size)
        else:
            found |= members(part, rows, size)
    return found


def _of_few(parts: Sequence[Plan], every: bool, found: Mask, rows: Rows) -> Mask:
    """The rest of a chain, asked about the rows that are still open only."""
    places = np.flatnonzero(found if every else ~found)
    for part in parts:
        if len(places) == 0:
            break
        there = places + rows.start if isinstance(rows, slice) else rows[places]
        passed = members(part, there, len(places))
        if not every:
            np.logical_not(passed, out=passed)
        places = places[passed]
    # Open to the end: all of a chain held for them, or nothing of it.
    settled = np.zeros(len(found), dtype=np.bool_) if every else np.ones(len(found), dtype=np.bool_)
    settled[places] = every
    return settled


def in_blocks(work: Callable[[slice], Part], rows: int, threads: int) -> list[Part]:
    """Do `work` for every block of rows; the results in order."""
    return in_parallel(work, [slice(start, min(start + BLOCK, rows)) for start in range(0, rows, BLOCK)], threads)


def in_parallel(work: Callable[[One], Part], items: Sequence[One], threads: int) -> list[Part]:
    """Do `work` for every item, each thread a run of them; the results in order."""
    if threads < 2 or len(items) < 4 * threads:
        return [work(item) for item in items]
    share = -(-len(items) // threads)
    parts = [items[start : start + share] for start in range(0, len(items), share)]
    done = _pool(threads).map(lambda part: [work(item) for item in part], parts)
    return [result for part in done for result in part]


def _known(plan: Known, rows: Rows, size: int) -> Mask:
    if isinstance(rows, slice):  # blocks begin at multiples of eight
        found = np.unpackbits(plan.bits[rows.start >> 3 : (rows.stop + 7) >> 3], count=size).view(np.bool_)
    else:
        found = ((plan.bits[rows >> 3] << (rows & 7).astype(np.uint8)) & 0x80).astype(np.bool_)
    return found if plan.wanted else ~found


def _tested(test: Test, rows: Rows) -> Mask:
    codes = test.column.codes[rows]
    if not test.ranges:
        return np.take(test.table, codes)
    found = _in_range(codes, *test.ranges[0], len(test.table) - 1)
    for first, last in test.ranges[1:]:
        found |= _in_range(codes, first, last, len(test.table) - 1)
    return found


def _in_range(codes: NDArray[Any], first: int, last: int, highest: int) -> Mask:
    width = codes.dtype.type
    found: Mask
    if first == last:
        found = codes == width(first)
    elif first == 0:
        found = codes <= width(last)
    elif last == highest:
        found = codes >= width(first)
    else:
        found = (codes - width(first)) <= width(last - first)  # what lies below wraps round to the top
    return found


@lru_cache(maxsize=4)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="scan")
