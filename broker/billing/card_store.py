"""The only place with the SQL of what the gateway moved."""

from __future__ import annotations

from broker.billing.gateway import Movement
from broker.kernel.database import UnitOfWork


def known(unit: UnitOfWork, payment_id: int) -> set[str]:
    """The movements of a payment that are booked."""
    rows = unit.all("SELECT reference FROM gateway_movement WHERE payment_id = :id", id=payment_id)
    return {str(row.reference) for row in rows}


def insert(unit: UnitOfWork, payment_id: int, one: Movement) -> None:
    """Keep a movement as booked."""
    unit.run(
        "INSERT INTO gateway_movement (payment_id, reference, kind, object_reference, amount_cents, fee_cents,"
        " moved_on) VALUES (:payment, :reference, :kind, :object, :cents, :fee, :day)",
        payment=payment_id,
        reference=one.reference,
        kind=one.kind,
        object=one.object_reference,
        cents=one.cents,
        fee=one.fee_cents,
        day=one.day,
    )
