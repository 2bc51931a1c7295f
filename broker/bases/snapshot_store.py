"""The queries of a base's audience figures."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork


def size(unit: UnitOfWork, snapshot_id: int) -> Row[Any] | None:
    """rows, rentable, created_at of a snapshot."""
    return unit.one("SELECT rows, rentable, created_at FROM snapshot WHERE id = :id", id=snapshot_id)
