"""Card payments that the payer's bank contests: what is booked of each, and until when evidence can be given."""

from __future__ import annotations

from broker.audit.record import record
from broker.billing.gateway import dispute_store as store
from broker.billing.gateway import payment_store
from broker.billing.gateway.gateway import Gateway
from broker.billing.gateway.refund_model import Dispute
from broker.kernel.database import Database, UnitOfWork
from broker.notifications.notify import notify


def list_disputes(unit: UnitOfWork) -> list[Dispute]:
    """Disputes, those whose evidence is due first."""
    unit.actor.require("accountant", "broker")
    return store.disputes(unit)


def read_disputes(database: Database, gateway: Gateway, payment_id: int) -> None:
    """Keep what the gateway says of a payment's disputes; a new one, or one whose evidence is due, is told."""
    with database.begin() as unit:
        payment = payment_store.payment(unit, payment_id)
    if payment is None or not payment.gateway_reference:
        return
    found = gateway.read_disputes(payment.gateway_reference)
    with database.begin() as unit:
        for one in found:
            fresh = store.keep(unit, payment_id, one)
            if fresh:
                record(unit, "payment.dispute_seen", "payment", payment.code, reason=one.reason, cents=one.cents)
            if one.evidence_due_at is not None and one.status in ("needs_response", "warning_needs_response"):
                notify(
                    unit, "payment.disputed", None, one.reference, once="disputed",
                    order=payment.order_code, amount_cents=one.cents, due_on=one.evidence_due_at.date(),
                )  # fmt: skip
