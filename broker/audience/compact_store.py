"""The queries of the compaction, as the worker's role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork


def lock_base(unit: UnitOfWork, base_id: int) -> Row[Any] | None:
    """(code, file_name of the current snapshot, next_number), locked as a build locks it."""
    unit.run("SELECT 1 FROM base WHERE id = :id FOR NO KEY UPDATE", id=base_id)
    return unit.one(
        "SELECT b.code, s.file_name, coalesce((SELECT max(number) FROM snapshot WHERE base_id = b.id), 0) + 1"
        " AS next_number FROM base b LEFT JOIN snapshot s ON s.id = b.current_snapshot_id WHERE b.id = :id",
        id=base_id,
    )


def make_current(unit: UnitOfWork, base_id: int, snapshot_id: int) -> None:
    """The base counts on this snapshot from the commit on."""
    unit.run("UPDATE base SET current_snapshot_id = :id WHERE id = :base", id=snapshot_id, base=base_id)


def forget_shells(unit: UnitOfWork, base_id: int, contact_ids: Sequence[int]) -> None:
    """Delete rows of erased contacts; while an import runs they stay, so that its rows do not come back without one."""
    unit.run(
        "DELETE FROM contact WHERE id = ANY(:ids) AND sealed IS NULL AND NOT EXISTS (SELECT 1 FROM import_run"
        " WHERE base_id = :base AND state IN ('waiting', 'reading', 'building'))",
        ids=list(contact_ids),
        base=base_id,
    )


def bases_to_compact(unit: UnitOfWork) -> list[int]:
    """Bases with erased contacts that a snapshot may still hold."""
    rows = unit.all(
        "SELECT b.id FROM base b WHERE b.current_snapshot_id IS NOT NULL"
        " AND EXISTS (SELECT 1 FROM contact c WHERE c.base_id = b.id AND c.sealed IS NULL) ORDER BY b.id"
    )
    return [row.id for row in rows]
