"""The queries of retroplanning."""

from __future__ import annotations

from datetime import datetime

from broker.kernel.database import UnitOfWork


def order_events(unit: UnitOfWork, order_id: int) -> list[tuple[str, datetime]]:
    """When an order came to each of its states."""
    rows = unit.all("SELECT state, at FROM order_event WHERE order_id = :id ORDER BY at", id=order_id)
    return [(row.state, row.at) for row in rows]


def creative_moments(unit: UnitOfWork, creative_id: int) -> tuple[datetime, datetime | None]:
    """When an order's creative was made, and when its proof was signed."""
    row = unit.one("SELECT created_at, signed_at FROM creative WHERE id = :id", id=creative_id)
    assert row is not None
    return row.created_at, row.signed_at
