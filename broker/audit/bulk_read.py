"""Bulk reads leave a trace: whoever takes many rows, at once or little by little over a day, is seen by the broker, in
the audit, as an alert.
"""

from __future__ import annotations

from broker.audit import store
from broker.audit.model import Alert
from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.paging import Page, offset

ALERT = "alert.bulk_read"


def note_bulk_read(unit: UnitOfWork, object_kind: str, object_id: str, rows: int, alert_from: int) -> bool:
    """Record a read of `rows` rows as an alert when they are at least `alert_from`, or when the actor's rows of this
    kind and day pass it, or a multiple of it, with them; returns whether it was one.
    """
    today = store.meter_read(unit, object_kind, rows)
    if rows < alert_from and today // alert_from == (today - rows) // alert_from:
        return False
    record(unit, ALERT, object_kind, object_id, rows=rows, **({"today": today} if today != rows else {}))
    return True


def list_alerts(unit: UnitOfWork, page: int = 1, size: int = 50) -> Page[Alert]:
    """The alerts, the newest first; for the broker."""
    unit.actor.require("broker")
    found = store.alerts_page(unit, ALERT, size, offset(page, size))
    return Page(found, store.count_alerts(unit, ALERT), page, size)


def recent_alerts(unit: UnitOfWork, days: int = 30) -> int:
    """How many there were lately; for the broker's home."""
    unit.actor.require("broker")
    return store.count_alerts(unit, ALERT, days)
