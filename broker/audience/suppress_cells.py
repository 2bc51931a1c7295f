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
    while True:
        bridge = next(_bridges(hidden), None)
        if bridge is None:
            return hidden
        partner = _cheapest(figures, hidden, bridge)
        if partner is None:  # no cycle can be closed: what is left cannot be shown beside totals
            return np.ones_like(hidden)
        hidden = hidden.copy()
        hidden[partner[0], partner[1]] = True


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


def _cheapest(figures: Table, hidden: Cells, bridge: tuple[int, int]) -> tuple[int, int] | None:
    """The smallest shown cell in the bridge's row or column; each one hidden there brings a cycle nearer."""
    row, column = bridge
    line = [(row, int(place)) for place in np.flatnonzero(~hidden[row])]
    line += [(int(place), column) for place in np.flatnonzero(~hidden[:, column])]
    return min(line, key=lambda cell: (int(figures[cell]), cell), default=None)
