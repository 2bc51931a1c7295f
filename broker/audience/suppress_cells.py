"""Complementary suppression: which cells of a two-way table are hidden besides those that are too small.

With the totals of rows and columns known, a hidden cell alone in its row is the rest of the row. More than that: hidden
cells are the edges of a graph between rows and columns, and one of them can be worked out exactly when, and only when,
its edge is a bridge of that graph (Gusfield, SIAM Journal on Computing 17, 1988). Cells are hidden until there is none.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.int64]
Cells = NDArray[np.bool_]


def hidden_cells(figures: Table) -> Cells:
    """Which cells of figures [rows, columns] are hidden; those that are 0 are too small to be shown."""
    hidden: Cells = figures == 0
    while (bridge := next(_bridges(hidden), None)) is not None:
        square = _cheapest_square(figures, hidden, *bridge)
        if square is None:  # a single row or column: its cells are their own totals
            return np.ones_like(hidden)
        hidden = hidden | square
    return hidden


def _bridges(hidden: Cells) -> Iterator[tuple[int, int]]:
    """Hidden cells whose row and column are connected by no other hidden cells."""
    for row, column in zip(*np.nonzero(hidden), strict=True):
        without = hidden.copy()
        without[row, column] = False
        if not _connected(without, int(row), int(column)):
            yield int(row), int(column)


def _connected(hidden: Cells, row: int, column: int) -> bool:
    rows, columns = {row}, set[int]()
    open_rows = [row]
    while open_rows:
        for found in np.flatnonzero(hidden[open_rows.pop()]):
            if int(found) in columns:
                continue
            columns.add(int(found))
            for other in np.flatnonzero(hidden[:, found]):
                if int(other) not in rows:
                    rows.add(int(other))
                    open_rows.append(int(other))
    return column in columns


def _cheapest_square(figures: Table, hidden: Cells, row: int, column: int) -> Cells | None:
    """The four cells of two rows and columns, one of them given, that hide the fewest people more."""
    best: tuple[int, int, int] | None = None
    open_figures = np.where(hidden, 0, figures)
    for other in range(figures.shape[0]):
        for across in range(figures.shape[1]):
            if other == row or across == column:
                continue
            cost = int(open_figures[row, across] + open_figures[other, column] + open_figures[other, across])
            best = min(best or (cost, other, across), (cost, other, across))
    if best is None:
        return None
    square = np.zeros_like(hidden)
    square[np.ix_([row, best[1]], [column, best[2]])] = True
    return square
