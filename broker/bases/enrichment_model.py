"""What an enrichment changed, field by field, and fields that grow stale."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import numpy.typing as npt

UNKNOWN = "unknown_contact"  # why a row of an enrichment is rejected: its address is not in the base
CODES = ("filled", "changed", "confirmed", "cleared", "kept", "kept_given")
# Sealed fields that an enrichment reports by what it does in the vault; the others are columns of the snapshot, too.
REPORTED_SEALED = frozenset(
    {"first_name", "last_name", "full_name", "phone", "mobile", "street", "street_more", "city", "reference", "social"}
)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of the contacts that a file named: filled + changed + confirmed + cleared + kept is their number.

    `given` counts those for whom the file had a value; of files that are no enrichment it is all there is.
    """

    field: str
    given: int = 0
    filled: int = 0
    changed: int = 0
    confirmed: int = 0
    cleared: int = 0
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Enrichment:
    """An enrichment in a list: how many it named and knew, and what changed in all."""

    code: str
    file_name: str
    state: str
    created_at: datetime
    ended_at: datetime | None
    rows_read: int
    accepted: int
    unknown: int
    filled: int
    changed: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class Watch:
    """A field that an owner wants to be reminded of after so many months."""

    field: str
    months: int


@dataclass(frozen=True, slots=True)
class Reminder:
    """A field that grew stale: of `contacts` with a value files renewed `renewed` within so many months."""

    base_code: str
    base_name: str
    field: str
    months: int
    contacts: int
    renewed: int
    last_given_on: date | None
    since: date


def sealed_change(old: str, new: str, *, blank: bool, keep: bool) -> int:
    """What `merged_text` does to one sealed field of one contact, as a place in `CODES`."""
    if new and not old:
        return CODES.index("filled")
    if new and old == new:
        return CODES.index("confirmed")
    if new:
        return CODES.index("kept_given" if keep else "changed")
    return CODES.index("cleared" if old and blank else "kept")


def counted(field: str, codes: npt.NDArray[np.int8]) -> FieldChange:
    """Codes of some contacts as one change of the field."""
    times = dict(zip(CODES, np.bincount(codes, minlength=len(CODES)).tolist(), strict=True))
    given = times["filled"] + times["changed"] + times["confirmed"] + times["kept_given"]
    kept = times["kept"] + times["kept_given"]
    return FieldChange(field, given, times["filled"], times["changed"], times["confirmed"], times["cleared"], kept)
