"""After a worker's death: its lease runs out and somebody else takes its batch apart."""

from __future__ import annotations

from broker.audit.record import record
from broker.delivery import store
from broker.kernel.database import UnitOfWork


def reconcile(unit: UnitOfWork, mailing_id: int, mailing_code: str) -> tuple[int, int]:
    """Take apart every batch of a mailing whose lease is over; returns (uncertain, given back).

    What was being attempted may or may not have arrived: it is `uncertain`, counted and never sent again by itself.
    What was only claimed waits again.
    """
    lost = back = 0
    for batch in store.expired_batches(unit, mailing_id):
        uncertain, returned = store.take_apart(unit, mailing_id, batch)
        lost, back = lost + uncertain, back + returned
    if lost:
        record(unit, "mailing.uncertain", "mailing", mailing_code, sends=lost)
    return lost, back
