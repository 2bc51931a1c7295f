"""The only place with the SQL of what the gateway moved."""

from __future__ import annotations

from broker.billing.gateway.gateway_objects import Movement
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


def refund_keys(unit: UnitOfWork, refund: str) -> list[str]:
    """The entries in which a refund left."""
    rows = unit.all(
        "SELECT reference FROM gateway_movement WHERE object_reference = :refund AND kind = 'refund'", refund=refund
    )
    return [f"gateway:{row.reference}" for row in rows]


def role_of(unit: UnitOfWork, payment: str) -> str:
    """In which role the order of a payment is sold."""
    return str(
        unit.scalar(
            "SELECT o.contract_role FROM payment p JOIN rental_order o ON o.id = p.order_id WHERE p.code = :payment",
            payment=payment,
        )
    )


def returned_keys(unit: UnitOfWork, payment: str) -> list[str]:
    """The entries in which a payment's debit was taken back."""
    rows = unit.all(
        "SELECT m.reference FROM gateway_movement m JOIN payment p ON p.id = m.payment_id"
        " WHERE p.code = :payment AND m.kind = 'returned'",
        payment=payment,
    )
    return [f"gateway:{row.reference}" for row in rows]
