"""The profile on a card: shares by gender, age, region, tier and recency, and two-way tables.

Each cell is a set of its own that passes the guard like any other, so that the cells of near cards, and of two days,
repeat each other's figures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.audience.coded import NotCoded
from broker.audience.fingerprint import Fingerprint
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import Mask
from broker.audience.profile_codes import AGE_BANDS, RECENCY_BANDS, band_names
from broker.audience.rule import Rule
from broker.audience.suppress_cells import hidden_cells
from broker.audience.table import RuleTable

PROFILED = ("gender", "age", "region", "value_tier", "recency_days")
TABLES = (("age", "gender"), ("region", "gender"))
FigureOf = Callable[[dict[str, Any], Fingerprint], int]  # 0: too small to be shown


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a breakdown: `figure` guarded, 0 where it is hidden."""

    value: str
    figure: int


@dataclass(frozen=True)
class MemberCodes:
    """The members' noise keys and, for each field, a code a member (0: missing) with the values in order, from 1."""

    keys: NDArray[np.uint64]
    codes: dict[str, NDArray[np.int64]]
    values: dict[str, tuple[str, ...]]


def member_codes(snapshot: LoadedSnapshot, today: date, members: Mask) -> MemberCodes:
    """The fields of PROFILED that the snapshot has."""
    keys = np.compress(members, snapshot.noise.view(np.uint64))
    codes: dict[str, NDArray[np.int64]] = {}
    values: dict[str, tuple[str, ...]] = {}
    try:
        coded = snapshot.profile_codes(PROFILED, today)
    except NotCoded:
        table = snapshot.table(today)
        known = {column.name for column in table.columns}
        for name in PROFILED:
            if name in known:
                found, values[name] = general_codes(table, name)
                codes[name] = np.compress(members, found).astype(np.int64) + 1
        return MemberCodes(keys, codes, values)
    rest = np.compress(members, coded.codes).astype(np.int64)
    for part in reversed(coded.breakdowns):  # the last one varies fastest
        rest, codes[part.name] = np.divmod(rest, len(part.values) + 1)
        values[part.name] = part.values
    return MemberCodes(keys, {name: codes[name] for name in PROFILED if name in codes}, values)


def guarded_profile(
    snapshot: LoadedSnapshot, today: date, members: Mask, rule: Rule, figure: FigureOf, rate: int
) -> tuple[dict[str, list[dict[str, Any]]], MemberCodes]:
    """`{gender: [{value, share}], age: […], …}`: shares in whole per cent of those whose value is known.

    `share` is None where a cell is hidden. People of unknown value stand in no cell. `figure` is the guard's.
    """
    found = member_codes(snapshot, today, members)
    profile: dict[str, list[dict[str, Any]]] = {}
    for name, codes in found.codes.items():
        cells = [
            Cell(value, figure({"rule": rule, name: value}, Fingerprint(found.keys[codes == code], rate)))
            for code, value in enumerate(found.values[name], start=1)
        ]
        if shares := shares_of(cells):
            profile[name] = shares
    return profile, found


def guarded_tables(
    snapshot: LoadedSnapshot,
    today: date,
    members: Mask,
    rule: Rule,
    found: MemberCodes,
    figure: FigureOf,
    rate: int,
) -> dict[str, dict[str, Any]]:
    """`{"age|gender": {rows: […], columns: […], shares: [[…], …]}}`: whole per cents of all cells shown, None where a
    cell is hidden; none of a table of which nothing can be shown."""
    tables: dict[str, dict[str, Any]] = {}
    for row_name, column_name in TABLES:
        if row_name not in found.codes or column_name not in found.codes:
            continue
        rows, columns = found.values[row_name], found.values[column_name]
        figures = np.zeros((len(rows), len(columns)), dtype=np.int64)
        cells = found.codes[row_name] * (len(columns) + 1) + found.codes[column_name]
        for row, row_value in enumerate(rows):
            for column, column_value in enumerate(columns):
                inside = found.keys[cells == (row + 1) * (len(columns) + 1) + column + 1]
                question = {"rule": rule, row_name: row_value, column_name: column_value}
                figures[row, column] = figure(question, Fingerprint(inside, rate))
        shares = table_shares(figures)
        if any(share is not None for line in shares for share in line):
            tables[f"{row_name}|{column_name}"] = {"rows": rows, "columns": columns, "shares": shares}
    return tables


def table_shares(figures: NDArray[np.int64]) -> list[list[int | None]]:
    """Whole per cents of the cells shown, None where a cell is hidden by itself or to keep another one hidden."""
    hidden = hidden_cells(figures)
    total = int(figures[~hidden].sum())
    return [
        [None if hidden[place] else (200 * int(value) + total) // (2 * total) for place, value in line]
        for line in _lines(figures)
    ]


def _lines(figures: NDArray[np.int64]) -> list[list[tuple[tuple[int, int], int]]]:
    return [[((row, column), int(value)) for column, value in enumerate(line)] for row, line in enumerate(figures)]


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


def general_codes(table: RuleTable, name: str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """A small code for each row (-1: missing) and the values in order, the general way."""
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
