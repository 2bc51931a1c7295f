"""What Stripe moved for one payment, read from balance transactions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from broker.billing.gateway.gateway_objects import DisputeState, Movement, MovementKind
from broker.billing.gateway.stripe_answers import day_of


def movements_of(v1: Any, reference: str) -> list[Movement]:
    """The balance transactions of a PaymentIntent's charge, refunds and disputes.

    A direct debit that is taken back comes as a dispute that nobody can win, or as a charge that fails after all:
    both are `returned`, since the payer owes as before.
    """
    intent = v1.payment_intents.retrieve(
        reference,
        {"expand": ["latest_charge.balance_transaction", "latest_charge.failure_balance_transaction"]},
    )
    refunds = v1.refunds.list(
        {
            "payment_intent": reference,
            "limit": 100,  # of one page
            "expand": ["data.balance_transaction", "data.failure_balance_transaction"],
        }
    )
    disputes = v1.disputes.list({"payment_intent": reference, "limit": 100})
    charge: Any = intent.latest_charge
    found: list[Movement | None] = []
    debit = False
    if charge is not None:
        how = getattr(charge, "payment_method_details", None)
        debit = how is not None and how.type == "sepa_debit"
        found.append(_movement("capture", charge.id, getattr(charge, "balance_transaction", None)))
        found.append(_movement("returned", charge.id, getattr(charge, "failure_balance_transaction", None)))
    for refund in refunds.auto_paging_iter():
        found.append(_movement("refund", refund.id, getattr(refund, "balance_transaction", None)))
        found.append(_movement("refund_failed", refund.id, getattr(refund, "failure_balance_transaction", None)))
    for dispute in disputes.auto_paging_iter():
        for moved in dispute.balance_transactions:
            kind: MovementKind = "returned" if debit else "dispute" if moved.amount < 0 else "dispute_won"
            found.append(_movement(kind, dispute.id, moved))
        if dispute.status == "lost" and not debit:
            day = day_of(dispute.created)
            found.append(Movement(f"{dispute.id}:lost", "dispute_lost", dispute.id, -dispute.amount, 0, day))
    return [one for one in found if one is not None]


def disputes_of(v1: Any, reference: str) -> list[DisputeState]:
    """The disputes of a PaymentIntent; nobody gives evidence on one that names no day."""
    found = v1.disputes.list({"payment_intent": reference, "limit": 100})
    return [
        DisputeState(
            one.id, one.reason, one.status, one.amount, due_of(one.evidence_details),
            bool(getattr(one.evidence_details, "has_evidence", False)), day_of(one.created),
        )
        for one in found.auto_paging_iter()
    ]  # fmt: skip


def due_of(details: Any) -> datetime | None:
    """Until when evidence can be given."""
    due = getattr(details, "due_by", None)
    return None if due is None else datetime.fromtimestamp(due, UTC)


def _movement(kind: MovementKind, about: str, moved: Any) -> Movement | None:
    """A balance transaction; None while the gateway has not moved the money yet."""
    if moved is None or isinstance(moved, str):
        return None
    return Movement(moved.id, kind, about, moved.amount, moved.fee, day_of(moved.created))
