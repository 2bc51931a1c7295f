"""Stripe, through its own SDK."""

from __future__ import annotations

import stripe
from stripe.params import PaymentIntentCreateParams

from broker.billing.gateway import GatewayEvent, Intent, intent_state, secret_of, verified_event
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


def _refusal(error: stripe.StripeError) -> Unavailable | Conflict:
    if isinstance(error, stripe.APIConnectionError | stripe.RateLimitError | stripe.APIError):
        return Unavailable("The payment gateway does not answer. Try again in a moment.", code="gateway_unavailable")
    return Conflict(
        "The payment gateway refused the request. The broker finds the reason in the gateway's own log.",
        code="gateway_refused",
        details={"gateway_code": str(error.code or "")},
    )
