"""The only place with the payments' SQL."""

from __future__ import annotations

from typing import Any

from broker.billing.model import Payment
from broker.kernel.database import UnitOfWork

_SELECT = """
SELECT p.id, p.code, p.order_id, o.code AS order_code, p.advertiser_id, p.gateway,
       coalesce(p.gateway_reference, '') AS gateway_reference, p.amount_cents, p.state, p.created_at, p.captured_at
FROM payment p JOIN rental_order o ON o.id = p.order_id
"""


def standing_payment(unit: UnitOfWork, order_id: int) -> Payment | None:
    """The payment of an order that waits or is captured; there is one at most."""
    row = unit.one(_SELECT + "WHERE p.order_id = :order AND p.state IN ('pending', 'captured')", order=order_id)
    return None if row is None else Payment(**row._mapping)


def failed_payments(unit: UnitOfWork, order_id: int) -> int:
    """How many payments of an order failed: each new attempt has a key of its own."""
    return int(unit.scalar("SELECT count(*) FROM payment WHERE order_id = :order AND state = 'failed'", order=order_id))


def insert_payment(unit: UnitOfWork, **values: Any) -> Payment:
    """Insert a pending payment; keys are its columns."""
    payment_id = unit.scalar(
        "INSERT INTO payment (code, order_id, advertiser_id, gateway, gateway_reference, amount_cents)"
        " VALUES (:code, :order_id, :advertiser_id, :gateway, :gateway_reference, :amount_cents) RETURNING id",
        **values,
    )
    row = unit.one(_SELECT + "WHERE p.id = :id", id=payment_id)
    assert row is not None
    return Payment(**row._mapping)


def payment(unit: UnitOfWork, payment_id: int) -> Payment | None:
    """A payment by its id."""
    row = unit.one(_SELECT + "WHERE p.id = :id", id=payment_id)
    return None if row is None else Payment(**row._mapping)


def lock_payment(unit: UnitOfWork, payment_id: int) -> Payment | None:
    """A payment that nobody else can book before our commit."""
    unit.run("SELECT id FROM payment WHERE id = :id FOR UPDATE", id=payment_id)
    return payment(unit, payment_id)


def set_payment_state(unit: UnitOfWork, payment_id: int, state: str) -> None:
    """Move a payment; a capture is dated."""
    unit.run(
        "UPDATE payment SET state = :state, captured_at = CASE WHEN :state = 'captured' THEN app_now() END"
        " WHERE id = :id",
        id=payment_id,
        state=state,
    )


def receive_webhook(unit: UnitOfWork, event_id: str, kind: str, reference: str) -> bool:
    """Store an event once and nudge its payment; True when the event was new and named a payment of ours."""
    return bool(
        unit.scalar("SELECT receive_webhook(:id, :kind, :reference)", id=event_id, kind=kind, reference=reference)
    )


def processed(unit: UnitOfWork, reference: str) -> None:
    """Mark the events about a payment as treated."""
    unit.run(
        "UPDATE webhook_event SET processed_at = app_now() WHERE object_reference = :reference"
        " AND processed_at IS NULL",
        reference=reference,
    )
