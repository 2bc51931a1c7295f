"""How large a base is now: the figures of its current audience."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.bases import snapshot_store as store
from broker.bases.model import Base
from broker.kernel.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class SnapshotSize:
    """Contacts of the current audience, and those that nothing keeps from being rented."""

    rows: int
    rentable: int
    created_at: datetime


def snapshot_size(unit: UnitOfWork, base: Base) -> SnapshotSize | None:
    """The size of a base, or None before its first import."""
    row = store.size(unit, base.current_snapshot_id) if base.current_snapshot_id else None
    return None if row is None else SnapshotSize(row.rows, row.rentable, row.created_at)
