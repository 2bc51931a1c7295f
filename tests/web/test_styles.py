"""Style sheets: a page's own sheet gives no new meaning to a class of the common one."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

SHEETS = Path(__file__).parents[2] / "web" / "static" / "css"


def test_no_class_is_laid_out_by_two_sheets() -> None:
    """The count desk was once set in the two columns of another page's list."""
    laid_out = {
        sheet.name: set(re.findall(r"(?m)^(\.[\w-]+) \{", sheet.read_text(encoding="utf-8")))
        for sheet in SHEETS.glob("*.css")
    }
    assert len(laid_out) > 1
    for one, other in combinations(sorted(laid_out), 2):
        assert laid_out[one] & laid_out[other] == set(), (one, other)
