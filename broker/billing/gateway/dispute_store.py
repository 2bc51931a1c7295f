"""The only place with the SQL of contested card payments."""

from __future__ import annotations

from broker.billing.gateway.gateway_objects import DisputeState
from broker.billing.gateway.refund_model import Dispute
from broker.kernel.database import UnitOfWork


def keep(unit: UnitOfWork, payment_id: int, one: DisputeState) -> bool:
    """Keep a dispute as it stands now; True when it is new."""
    return bool(
        unit.scalar(
            "INSERT INTO dispute (payment_id, reference, reason, status, amount_cents, evidence_due_at, evidence_given,"
            " opened_on) VALUES (:payment, :reference, :reason, :status, :cents, :due, :given, :opened)"
            " ON CONFLICT (reference) DO UPDATE SET reason = excluded.reason, status = excluded.status,"
            " amount_cents = excluded.amount_cents, evidence_due_at = excluded.evidence_due_at, evidence_given ="
            " excluded.evidence_given, seen_at = app_now() RETURNING xmax = 0",
            payment=payment_id,
            reference=one.reference,
            reason=one.reason,
            status=one.status,
            cents=one.cents,
            due=one.evidence_due_at,
            given=one.evidence_given,
            opened=one.opened_on,
        )
    )


def disputes(unit: UnitOfWork) -> list[Dispute]:
    """Disputes with what is booked of each: its movements, and the fees that the gateway kept."""
    rows = unit.all(
        "SELECT d.reference, p.code AS payment, o.code AS \"order\", coalesce(party_name(p.advertiser_id), '') AS"
        " customer, d.reason, d.status, d.amount_cents, coalesce((SELECT sum(m.fee_cents) FROM gateway_movement m"
        " WHERE m.object_reference = d.reference), 0)::bigint AS fee_cents, coalesce((SELECT array_agg(m.kind ORDER BY"
        " m.id) FROM gateway_movement m WHERE m.object_reference = d.reference), '{}') AS booked, d.opened_on,"
        " d.evidence_due_at, d.evidence_given FROM dispute d JOIN payment p ON p.id = d.payment_id"
        " JOIN rental_order o ON o.id = p.order_id"
        " ORDER BY d.status NOT IN ('needs_response', 'warning_needs_response'), d.evidence_due_at, d.id DESC"
    )
    return [Dispute(**{**row._mapping, "booked": tuple(row.booked)}) for row in rows]
