"""What an enrichment changed, field by field, and fields that grow stale."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

SEALED_KINDS = ("filled", "changed", "confirmed", "cleared", "kept")


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

    def plus(self, other: FieldChange) -> FieldChange:
        """The same field in another block of the file."""
        return FieldChange(
            self.field,
            self.given + other.given,
            self.filled + other.filled,
            self.changed + other.changed,
            self.confirmed + other.confirmed,
            self.cleared + other.cleared,
            self.kept + other.kept,
        )


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


def sealed_changes(
    old: bytes, new: bytes, fields: Collection[str], blanks: Collection[str], kept: Collection[str]
) -> list[FieldChange]:
    """What `merged_text(old, new, blanks, kept)` does to the sealed fields of one contact, one row a field."""
    before, after = json.loads(old), json.loads(new)
    return [_sealed(name, before.get(name, ""), after.get(name, ""), name in blanks, name in kept) for name in fields]


def _sealed(name: str, old: str, new: str, blank: bool, keep: bool) -> FieldChange:
    given = 1 if new else 0
    if new and not old:
        return FieldChange(name, given, filled=1)
    if new and old == new:
        return FieldChange(name, given, confirmed=1)
    if new and not keep:
        return FieldChange(name, given, changed=1)
    if not new and old and blank:
        return FieldChange(name, given, cleared=1)
    return FieldChange(name, given, kept=1)
