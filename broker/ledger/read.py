"""Entries and balances, for pages and checks."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork
from broker.kernel.paging import Page, offset
from broker.ledger import store
from broker.ledger.model import Entry


def list_entries(unit: UnitOfWork, page: int = 1, size: int = 50) -> Page[Entry]:
    """Entries with their lines, the newest first; for accountant and broker."""
    unit.actor.require("accountant", "broker")
    entries = store.entries_page(unit, size, offset(page, size))
    return Page(entries, store.count_entries(unit), page, size)


def balance(unit: UnitOfWork, account: str, org_id: int | None = None) -> int:
    """Debits minus credits of an account in cents, of one customer or supplier when `org_id` is given."""
    unit.actor.require("accountant", "broker")
    return store.balance(unit, account, org_id)
