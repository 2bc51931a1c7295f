"""The queries of a base's audience figures."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork


def size(unit: UnitOfWork, snapshot_id: int) -> Row[Any] | None:
    """rows, rentable, created_at of a snapshot: rentable as measured, after every exclusion that does not pass."""
    return unit.one(
        "SELECT s.rows, coalesce(q.rentable, s.rentable) AS rentable, s.created_at FROM snapshot s"
        " LEFT JOIN base_quality q ON q.snapshot_id = s.id WHERE s.id = :id",
        id=snapshot_id,
    )
