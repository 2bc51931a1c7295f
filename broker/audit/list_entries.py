"""The record, for the broker."""

from __future__ import annotations

from broker.audit import store
from broker.audit.model import AuditEntry
from broker.kernel.database import UnitOfWork
from broker.kernel.paging import Page, offset


def list_audit(unit: UnitOfWork, page: int = 1, size: int = 50) -> Page[AuditEntry]:
    """Entries, the newest first."""
    unit.actor.require("broker")
    entries = store.entries_page(unit, size, offset(page, size))
    return Page(entries, store.count_entries(unit), page, size)
