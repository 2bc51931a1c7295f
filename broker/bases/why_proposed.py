"""Why a column is proposed as what it is: the word that the mapping page shows beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from broker.bases.fields import IGNORE, TRAIT, Kind
from broker.bases.propose_mapping import propose_mapping

Why = Literal["remembered", "header", "values", "trait", "empty", "taken", "unknown"]


def why_proposed(header: str, cells: Sequence[str], field: str, kind: Kind, remembered: Mapping[str, str]) -> Why:
    """`taken` is a second column of a field, `unknown` one of a file of lines that no field fits."""
    if remembered.get(header) == field:
        return "remembered"
    filled = [cell for cell in cells if cell.strip()]
    by_header = propose_mapping([header], {}, kind)[header]
    if field == IGNORE:
        if not filled:
            return "empty"
        alone = propose_mapping([header], {header: cells}, kind)[header]
        return "unknown" if alone == IGNORE else "taken"
    if field.startswith(TRAIT):
        return "trait"
    if field == by_header or (field == "mobile" and by_header == "phone"):
        return "header"
    return "values"
