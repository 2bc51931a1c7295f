"""Segments as the broker compares them."""

from __future__ import annotations

from dataclasses import dataclass

from broker.catalogue.model import Segment
from broker.catalogue.store import SEGMENT
from broker.kernel.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class ComparableSegment:
    """A segment in the broker's list."""

    code: str
    name: str
    base_name: str
    owner: str


def comparable_segments(unit: UnitOfWork, most: int) -> list[ComparableSegment]:
    """Everybody's segments in use of bases that can be counted, the newest first, for the broker."""
    rows = unit.all(
        "SELECT s.code, s.name, b.name AS base_name, o.name AS owner FROM segment s JOIN base b ON b.id = s.base_id"
        " JOIN organisation o ON o.id = s.org_id WHERE s.archived_at IS NULL AND b.current_snapshot_id IS NOT NULL"
        " ORDER BY s.id DESC LIMIT :most",
        most=most,
    )
    return [ComparableSegment(**row._mapping) for row in rows]


def any_segment(unit: UnitOfWork, code: str) -> Segment | None:
    """A segment of whatever organisation, for the broker; a policy of the database says so as well."""
    row = unit.one(f"{SEGMENT} WHERE s.code = :code", code=code)
    return None if row is None else Segment(**row._mapping)
