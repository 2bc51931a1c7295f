"""The profile's cells as one code a row, made once a snapshot and day: a whole profile is then one pass."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.audience.code_fields import SOURCES, derived_values
from broker.audience.coded import CodedColumn, NotCoded
from broker.audience.fast_count import FastCount
from broker.audience.model import Mask
from broker.audience.scan import in_blocks

AGE_BANDS = ((0, 24), (25, 34), (35, 44), (45, 54), (55, 64), (65, 150))
RECENCY_BANDS = ((0, 30), (31, 90), (91, 180), (181, 365), (366, 1_000_000))
MOST_CELLS = 1 << 16
_HALF = np.uint64(0xFFFF_FFFF)


@dataclass(frozen=True)
class Breakdown:
    """One field of a profile: its values in order; code 0 of a row is none of them."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class CellSums:
    """People and key sums (modulo 2⁶⁴) of each value of one breakdown."""

    values: tuple[str, ...]
    counts: NDArray[np.int64]
    keys: NDArray[np.uint64]


@dataclass(frozen=True)
class ProfileCodes:
    """`codes` numbers the cell of each row in the product of all breakdowns, the last one varying fastest."""

    breakdowns: tuple[Breakdown, ...]
    codes: NDArray[np.uint16]

    def sums(self, members: Mask, noise: NDArray[np.int64], threads: int) -> dict[str, CellSums]:
        """Counts and cell keys of every value among the members."""
        shape = tuple(len(part.values) + 1 for part in self.breakdowns)
        size = int(np.prod(shape))
        plain = noise.view(np.uint64)

        def block(at: slice) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
            inside = members[at]
            cells = np.compress(inside, self.codes[at]).astype(np.intp)
            keys = np.compress(inside, plain[at])
            # Floats hold sums of a block of 32-bit halves exactly (48 of 53 bits).
            low = np.bincount(cells, weights=keys & _HALF, minlength=size).astype(np.uint64)
            high = np.bincount(cells, weights=keys >> np.uint64(32), minlength=size).astype(np.uint64)
            return np.bincount(cells, minlength=size), (high << np.uint64(32)) + low

        counts, keys = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.uint64)
        for count, key in in_blocks(block, len(members), threads):
            counts += count
            keys += key
        return {
            part.name: CellSums(part.values, *(_marginal(whole.reshape(shape), place) for whole in (counts, keys)))
            for place, part in enumerate(self.breakdowns)
        }


def profile_codes(fast: FastCount, names: tuple[str, ...], known: frozenset[str], today: date) -> ProfileCodes:
    """The codes of these fields (those `known`); raises NotCoded where the general path must answer."""
    breakdowns: list[Breakdown] = []
    codes: NDArray[Any] | None = None
    size = 1
    for name in names:
        if name not in known:
            continue
        column, cell_of, values = _cells(fast, name, today)
        size *= len(values) + 1
        if size > MOST_CELLS:
            raise NotCoded
        own = cell_of.astype(np.uint16)[column.codes]
        codes = own if codes is None else codes * np.uint16(len(values) + 1) + own
        breakdowns.append(Breakdown(name, values))
    if codes is None:
        raise NotCoded
    return ProfileCodes(tuple(breakdowns), codes)


def _cells(fast: FastCount, name: str, today: date) -> tuple[CodedColumn, NDArray[np.int64], tuple[str, ...]]:
    """A column, the cell of each of its codes (0: none) and the cells' names."""
    bands = {"age": AGE_BANDS, "recency_days": RECENCY_BANDS}.get(name)
    derived = not fast.has(name)
    try:
        column = fast.column(SOURCES[name] if derived else name)
    except KeyError:
        raise NotCoded from None
    if derived:
        kind, values, _ = derived_values(name, column, today)
    else:
        kind, values = column.type, column.values
    if (kind == "number") != (bands is not None):
        raise NotCoded
    if bands is not None:
        cell_of = np.zeros(len(values) + 1, dtype=np.int64)
        for place, (low, high) in enumerate(bands, start=1):
            cell_of[1:][(values >= low) & (values <= high)] = place
        return column, cell_of, band_names(bands)
    if kind != "category":
        raise NotCoded
    texts = values.to_pylist()
    present = sorted({text for text, rows in zip(texts, column.rows_of[1:], strict=True) if text is not None and rows})
    places = {text: place for place, text in enumerate(present, start=1)}
    return column, np.array([0, *(places.get(text, 0) for text in texts)], dtype=np.int64), tuple(present)


def band_names(bands: tuple[tuple[int, int], ...]) -> tuple[str, ...]:
    """25-34, …, and 65+ for the last."""
    return (*(f"{low}-{high}" for low, high in bands[:-1]), f"{bands[-1][0]}+")


def _marginal(cells: NDArray[Any], place: int) -> NDArray[Any]:
    others = tuple(axis for axis in range(cells.ndim) if axis != place)
    found: NDArray[Any] = cells.sum(axis=others, dtype=cells.dtype)[1:]
    return found
