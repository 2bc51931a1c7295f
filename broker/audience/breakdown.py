"""The profile on a card: shares by gender, age and region, each cell guarded like any other figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.audience.guard import figure_of
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import Mask
from broker.audience.table import RuleTable
from broker.kernel.settings import DisclosureSettings

AGE_BANDS = ((0, 24), (25, 34), (35, 44), (45, 54), (55, 64), (65, 150))


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a breakdown: `figure` guarded, 0 where it is hidden."""

    value: str
    figure: int


def guarded_profile(
    snapshot: LoadedSnapshot, table: RuleTable, members: Mask, rules: DisclosureSettings
) -> dict[str, list[dict[str, Any]]]:
    """`{gender: [{value, share}], age: […], region: […]}`: shares in whole per cent of those whose value is known.

    `share` is None where a cell is hidden. People of unknown value stand in no cell.
    """
    profile: dict[str, list[dict[str, Any]]] = {}
    known = {column.name for column in table.columns}
    for name in ("gender", "age", "region"):
        if name in known:
            codes, values = _codes(table, name)
            cells = [
                Cell(value, figure_of(members & (codes == code), snapshot.noise, rules).shown)
                for code, value in enumerate(values)
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


def _codes(table: RuleTable, name: str) -> tuple[NDArray[np.int32], list[str]]:
    """A small code for each row (-1: missing) and the values in order."""
    if name == "age":
        ages = table.numbers("age")
        codes = np.full(len(ages), -1, dtype=np.int32)
        for code, (low, high) in enumerate(AGE_BANDS):
            codes[(ages >= low) & (ages <= high)] = code
        return codes, [f"{low}-{high}" if high < 150 else f"{low}+" for low, high in AGE_BANDS]
    coded = table.texts(name)
    values = coded.dictionary.to_pylist()
    order = sorted(range(len(values)), key=lambda index: values[index])
    place = np.empty(len(values) + 1, dtype=np.int32)
    place[order] = np.arange(len(values), dtype=np.int32)
    place[-1] = -1
    indices = coded.indices.fill_null(len(values)).to_numpy()
    return place[indices], [values[index] for index in order]
