"""Queries of insight."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from sqlalchemy.engine import Row

from broker.insight.model import SnapshotInsight
from broker.kernel.database import UnitOfWork


def snapshot_to_study(unit: UnitOfWork, snapshot_id: int) -> Row[Any] | None:
    """base_id, file_name and created day of a snapshot without findings, and the file of the one before it."""
    return unit.one(
        "SELECT s.base_id, s.number, s.file_name, s.created_at, p.file_name AS before_file, p.number AS before_number"
        " FROM snapshot s LEFT JOIN LATERAL (SELECT file_name, number FROM snapshot"
        "  WHERE base_id = s.base_id AND number < s.number ORDER BY number DESC LIMIT 1) p ON true"
        " WHERE s.id = :id AND NOT EXISTS (SELECT 1 FROM base_insight i WHERE i.snapshot_id = s.id)",
        id=snapshot_id,
    )


def insert_insight(unit: UnitOfWork, snapshot_id: int, base_id: int, as_of: date, found: dict[str, Any]) -> None:
    """Keep what was found; a second run of the same job changes nothing."""
    unit.run(
        "INSERT INTO base_insight (snapshot_id, base_id, as_of, found)"
        " VALUES (:snapshot_id, :base_id, :as_of, CAST(:found AS jsonb)) ON CONFLICT DO NOTHING",
        snapshot_id=snapshot_id,
        base_id=base_id,
        as_of=as_of,
        found=json.dumps(found),
    )


def insights_of(unit: UnitOfWork, base_code: str, limit: int) -> list[SnapshotInsight]:
    """Findings on a base of the actor's organisation, the newest first."""
    rows = unit.all(
        "SELECT s.number, i.as_of, i.found FROM base b JOIN base_insight i ON i.base_id = b.id"
        " JOIN snapshot s ON s.id = i.snapshot_id WHERE b.code = :code AND b.org_id = :org"
        " ORDER BY s.number DESC LIMIT :limit",
        code=base_code,
        org=unit.actor.org,
        limit=limit,
    )
    return [SnapshotInsight(row.number, row.as_of, row.found) for row in rows]


def owns_base(unit: UnitOfWork, base_code: str) -> bool:
    """Whether the base is the actor's."""
    found = unit.scalar("SELECT 1 FROM base WHERE code = :code AND org_id = :org", code=base_code, org=unit.actor.org)
    return found is not None
