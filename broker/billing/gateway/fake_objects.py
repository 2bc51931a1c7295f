"""The fake gateway's objects, in Stripe's own form. A test holds every field and its type to the SDK's declarations."""

from __future__ import annotations

import secrets
from typing import Any

from broker.billing.gateway import fake_store as store
from broker.billing.gateway.fake_store import Body
from broker.kernel.database import UnitOfWork

DAY = 86_400
# Working days until money can be used, about as Stripe does.
READY_DAYS = {"charge": 2, "payment": 5}


def mark(prefix: str) -> str:
    """A new identifier: `pi_fake_…`."""
    return f"{prefix}_fake_{secrets.token_hex(8)}"


def line(unit: UnitOfWork, kind: str, cents: int, about: str, fee: int = 0) -> Body:
    """A line of the balance."""
    at = store.now(unit)
    return store.insert(
        unit,
        {
            "id": mark("txn"),
            "object": "balance_transaction",
            "type": kind,
            "reporting_category": kind,
            "amount": cents,
            "fee": fee,
            "fee_details": [],
            "net": cents - fee,
            "currency": "eur",
            "source": about,
            "created": at,
            "available_on": at + READY_DAYS.get(kind, 0) * DAY,
            "status": "pending" if kind in READY_DAYS else "available",
            "description": None,
            "exchange_rate": None,
        },
    )


def shown_line(body: Body, at: int) -> Body:
    """A line as it stands at a moment: pending until its day."""
    return {**body, "status": "available" if body["available_on"] <= at else "pending"}


def intent(unit: UnitOfWork, amount: int, currency: str, metadata: Body, **more: Any) -> Body:
    """A payment that nobody has made yet."""
    reference = mark("pi")
    return store.insert(
        unit,
        {
            "id": reference,
            "object": "payment_intent",
            "amount": amount,
            "amount_received": 0,
            "currency": currency,
            "created": store.now(unit),
            "status": "requires_payment_method",
            "capture_method": "automatic",
            "confirmation_method": "automatic",
            "client_secret": f"{reference}_secret",
            "customer": None,
            "payment_method": None,
            "payment_method_types": ["card"],
            "latest_charge": None,
            "last_payment_error": None,
            "next_action": None,
            "livemode": False,
            "metadata": metadata,
            **more,
        },
    )


def charge(unit: UnitOfWork, paid: Body, kind: str, fee: int = 0) -> Body:
    """What a payment that succeeded took, with its line on the balance."""
    reference = mark("ch" if kind == "card" else "py")
    moved = line(unit, "charge" if kind == "card" else "payment", paid["amount"], reference, fee)
    return store.insert(
        unit,
        {
            "id": reference,
            "object": "charge",
            "amount": paid["amount"],
            "amount_captured": paid["amount"],
            "amount_refunded": 0,
            "balance_transaction": moved["id"],
            "captured": True,
            "created": store.now(unit),
            "currency": paid["currency"],
            "disputed": False,
            "failure_balance_transaction": None,
            "livemode": False,
            "metadata": paid["metadata"],
            "paid": True,
            "payment_intent": paid["id"],
            "payment_method": paid["payment_method"],
            "payment_method_details": {"type": kind},
            "refunded": False,
            "status": "succeeded",
        },
    )


def moved(unit: UnitOfWork, kind: str, prefix: str, amount: int, balance: Body | None, **more: Any) -> Body:
    """A transfer, a reversal, a payout or a refund."""
    return store.insert(
        unit,
        {
            "id": more.pop("reference", mark(prefix)),
            "object": kind,
            "amount": amount,
            "balance_transaction": None if balance is None else balance["id"],
            "created": store.now(unit),
            "currency": "eur",
            **more,
        },
    )
