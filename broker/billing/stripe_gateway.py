"""Stripe, through its own SDK."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import stripe
from stripe.params import PaymentIntentCreateParams

from broker.billing.gateway import GatewayEvent, Intent, Movement, MovementKind, intent_state, secret_of, verified_event
from broker.kernel.errors import Conflict, Unavailable


class StripeGateway:
    """PaymentIntents of one Stripe account; key in COURTIER_STRIPE_KEY, webhooks' in COURTIER_STRIPE_WEBHOOK_SECRET."""

    name = "stripe"

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    @classmethod
    def from_environment(cls) -> StripeGateway:
        """A client with two retries (the SDK repeats the idempotency key) and the key of the environment."""
        return cls(stripe.StripeClient(secret_of("COURTIER_STRIPE_KEY"), max_network_retries=2))

    def create_intent(self, params: PaymentIntentCreateParams, idempotency_key: str) -> Intent:
        """Create a PaymentIntent under our own row's key."""
        try:
            return _intent(self._client.v1.payment_intents.create(params, {"idempotency_key": idempotency_key}))
        except stripe.StripeError as error:
            raise _refusal(error) from error

    def read_intent(self, reference: str) -> Intent:
        """Retrieve a PaymentIntent."""
        try:
            return _intent(self._client.v1.payment_intents.retrieve(reference))
        except stripe.StripeError as error:
            raise _refusal(error) from error

    def read_movements(self, reference: str) -> list[Movement]:
        """The balance transactions of a PaymentIntent's charge, refunds and disputes (at most 100 of each)."""
        expand = ["latest_charge.balance_transaction"]
        try:
            intent = self._client.v1.payment_intents.retrieve(reference, {"expand": expand})
            refunds = self._client.v1.refunds.list(
                {
                    "payment_intent": reference,
                    "limit": 100,
                    "expand": ["data.balance_transaction", "data.failure_balance_transaction"],
                }
            )
            disputes = self._client.v1.disputes.list({"payment_intent": reference, "limit": 100})
        except stripe.StripeError as error:
            raise _refusal(error) from error
        charge: Any = intent.latest_charge
        found = [] if charge is None else [_movement("capture", charge.id, charge.balance_transaction)]
        for refund in refunds.data:
            found.append(_movement("refund", refund.id, refund.balance_transaction))
            found.append(_movement("refund_failed", refund.id, getattr(refund, "failure_balance_transaction", None)))
        for dispute in disputes.data:
            for moved in dispute.balance_transactions:
                kind: MovementKind = "dispute" if moved.amount < 0 else "dispute_won"
                found.append(_movement(kind, dispute.id, moved))
            if dispute.status == "lost":
                day = datetime.fromtimestamp(dispute.created, UTC).date()
                found.append(Movement(f"{dispute.id}:lost", "dispute_lost", dispute.id, -dispute.amount, 0, day))
        return [one for one in found if one is not None]

    def read_event(self, payload: bytes, signature: str) -> GatewayEvent:
        """Check and read a webhook."""
        return verified_event(payload, signature, secret_of("COURTIER_STRIPE_WEBHOOK_SECRET"))


def _intent(found: stripe.PaymentIntent) -> Intent:
    return Intent(
        found.id,
        intent_state(str(found.status)),
        found.amount_received,
        found.currency.upper(),
        found.client_secret or "",
    )


def _movement(kind: MovementKind, about: str, moved: Any) -> Movement | None:
    """A balance transaction; None while the gateway has not moved the money yet."""
    if moved is None or isinstance(moved, str):
        return None
    day = datetime.fromtimestamp(moved.created, UTC).date()
    return Movement(moved.id, kind, about, moved.amount, moved.fee, day)


def _refusal(error: stripe.StripeError) -> Unavailable | Conflict:
    if isinstance(error, stripe.APIConnectionError | stripe.RateLimitError | stripe.APIError):
        return Unavailable("The payment gateway does not answer. Try again in a moment.", code="gateway_unavailable")
    return Conflict(
        "The payment gateway refused the request. The broker finds the reason in the gateway's own log.",
        code="gateway_refused",
        details={"gateway_code": str(error.code or "")},
    )
