"""Hidden cells of a two-way table cannot be worked out from what is shown and the totals."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from broker.audience.suppress_cells import Cells, hidden_cells

TABLE = arrays.arrays(
    np.int64,
    st.tuples(st.integers(1, 6), st.integers(1, 5)),
    elements=st.sampled_from([0, 0, 5_000, 7_300, 12_000, 40_000]),
)


def determined(hidden: Cells) -> list[tuple[int, int]]:
    """Cells that the totals of rows and columns fix, by linear algebra: their unit vector is a sum of equations."""
    places = list(zip(*np.nonzero(hidden), strict=True))
    lines = [(axis, line) for axis in (0, 1) for line in range(hidden.shape[axis])]
    equations = [[float(place[axis] == line) for place in places] for axis, line in lines]
    rank = np.linalg.matrix_rank(equations) if places else 0
    return [
        place
        for index, place in enumerate(places)
        if np.linalg.matrix_rank([*equations, [float(other == index) for other in range(len(places))]]) == rank
    ]


@settings(max_examples=300, deadline=None)
@given(TABLE)
def test_no_hidden_cell_is_fixed_by_the_totals(figures: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> None:
    hidden = hidden_cells(figures)
    assert hidden[figures == 0].all()
    assert hidden.all() or determined(hidden) == []


def test_a_table_without_small_cells_is_shown_whole() -> None:
    assert not hidden_cells(np.full((3, 2), 9_000)).any()


def test_two_pairs_joined_by_one_cell_hide_another() -> None:
    """Every row and column has two hidden cells or none, and yet the joining one would be fixed."""
    figures = np.full((4, 4), 9_000)
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 2), (2, 3), (3, 2), (3, 3), (1, 2)):
        figures[row, column] = 0
    assert determined(figures == 0) == [(1, 2)]
    assert determined(hidden_cells(figures)) == []
