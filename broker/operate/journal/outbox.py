"""Carries entries that transactions left in the database over to the journal."""

from __future__ import annotations

from broker.kernel.database import Database
from broker.operate.journal import store
from broker.operate.journal.files import Journal

AT_ONCE = 1_000


def flush_outbox(database: Database, journal: Journal) -> int:
    """Append what waits to this process's file and delete it, in this order: twice at worst, lost never.

    Returns how many entries were carried over.
    """
    carried = 0
    while True:
        with database.begin() as unit:
            entries = store.take_outbox(unit, AT_ONCE)
            if entries:
                journal.append(entries, instance="" if journal.started else store.instance_id(unit))
        carried += len(entries)
        if len(entries) < AT_ONCE:
            return carried
