"""The profile on a card: shares by gender, age, region, tier and recency, each cell guarded like any other figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.audience.coded import NotCoded
from broker.audience.guard import figure_from
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import Mask
from broker.audience.profile_codes import AGE_BANDS, RECENCY_BANDS, CellSums, band_names
from broker.audience.scan import key_sum
from broker.audience.table import RuleTable
from broker.kernel.settings import DisclosureSettings

PROFILED = ("gender", "age", "region", "value_tier", "recency_days")


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a breakdown: `figure` guarded, 0 where it is hidden."""

    value: str
    figure: int


def guarded_profile(
    snapshot: LoadedSnapshot, today: date, members: Mask, rules: DisclosureSettings
) -> dict[str, list[dict[str, Any]]]:
    """`{gender: [{value, share}], age: […], …}`: shares in whole per cent of those whose value is known.

    `share` is None where a cell is hidden. People of unknown value stand in no cell.
    """
    try:
        sums: Mapping[str, CellSums] = snapshot.profile_codes(PROFILED, today).sums(
            members, snapshot.noise, snapshot.threads
        )
    except NotCoded:
        sums = general_sums(snapshot.table(today), PROFILED, members, snapshot.noise)
    profile: dict[str, list[dict[str, Any]]] = {}
    for name, found in sums.items():
        cells = [
            Cell(value, figure_from(int(count), int(key), rules).shown)
            for value, count, key in zip(found.values, found.counts, found.keys, strict=True)
        ]
        if shares := shares_of(cells):
            profile[name] = shares
    return profile


def shares_of(cells: list[Cell]) -> list[dict[str, Any]]:
    """Whole per cents of the cells shown. One hidden cell alone would be the rest of a known total: then the
    smallest shown is hidden with it (complementary suppression)."""
    hidden = [cell for cell in cells if cell.figure == 0]
    shown = sorted((cell for cell in cells if cell.figure > 0), key=lambda cell: (cell.figure, cell.value))
    if len(hidden) == 1 and shown:
        hidden.append(shown.pop(0))
    total = sum(cell.figure for cell in shown)
    covered = {cell.value for cell in shown}
    return (
        [
            {
                "value": cell.value,
                "share": (200 * cell.figure + total) // (2 * total) if cell.value in covered else None,
            }
            for cell in cells
        ]
        if shown
        else []
    )


def general_sums(
    table: RuleTable, names: tuple[str, ...], members: Mask, noise: NDArray[np.int64]
) -> dict[str, CellSums]:
    """The same sums the general way, value by value."""
    known = {column.name for column in table.columns}
    sums: dict[str, CellSums] = {}
    for name in names:
        if name not in known:
            continue
        codes, values = _codes(table, name)
        masks = [members & (codes == code) for code in range(len(values))]
        counts = np.array([np.count_nonzero(mask) for mask in masks], dtype=np.int64)
        keys = np.array([key_sum(noise, mask, 1) for mask in masks], dtype=np.uint64)
        sums[name] = CellSums(values, counts, keys)
    return sums


def _codes(table: RuleTable, name: str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """A small code for each row (-1: missing) and the values in order."""
    bands = {"age": AGE_BANDS, "recency_days": RECENCY_BANDS}.get(name)
    if bands is not None:
        numbers = table.numbers(name)
        codes = np.full(len(numbers), -1, dtype=np.int32)
        for code, (low, high) in enumerate(bands):
            codes[(numbers >= low) & (numbers <= high)] = code
        return codes, band_names(bands)
    coded = table.texts(name)
    values = coded.dictionary.to_pylist()
    order = sorted(range(len(values)), key=lambda index: values[index])
    place = np.empty(len(values) + 1, dtype=np.int32)
    place[order] = np.arange(len(values), dtype=np.int32)
    place[-1] = -1
    indices = coded.indices.fill_null(len(values)).to_numpy()
    return place[indices], tuple(values[index] for index in order)
