"""Bulk reads leave a trace: whoever takes many rows at once is seen by the broker, in the audit, as an alert."""

from __future__ import annotations

from broker.audit.record import record
from broker.kernel.database import UnitOfWork

ALERT = "alert.bulk_read"


def note_bulk_read(unit: UnitOfWork, object_kind: str, object_id: str, rows: int, alert_from: int) -> bool:
    """Record a read of `rows` rows as an alert when they are at least `alert_from`; returns whether it was one."""
    if rows < alert_from:
        return False
    record(unit, ALERT, object_kind, object_id, rows=rows)
    return True
