"""Segments as the broker compares them."""

from __future__ import annotations

from broker.catalogue.model import Segment
from broker.kernel.database import UnitOfWork


def any_segment(unit: UnitOfWork, code: str) -> Segment | None:
    """A segment of whatever organisation, for the broker; a policy of the database says so as well."""
    row = unit.one(
        "SELECT s.id, s.code, s.base_id, b.code AS base_code, s.org_id, s.name, s.rule_text, s.rule, s.created_at"
        " FROM segment s JOIN base b ON b.id = s.base_id WHERE s.code = :code",
        code=code,
    )
    return None if row is None else Segment(**row._mapping)
