"""What billing asks of a payment gateway."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

import stripe
from stripe.params import PaymentIntentCreateParams

from broker.kernel.errors import InvalidInput

IntentState = Literal["waiting", "captured", "failed"]
# `requires_capture` never comes: we capture at once (an authorisation of 7 days does not last from J-12).
_STATES: Mapping[str, IntentState] = {"succeeded": "captured", "canceled": "failed"}


@dataclass(frozen=True, slots=True)
class Intent:
    """A payment as the gateway knows it, in cents; `checkout` is the secret or address that the payer's page needs."""

    reference: str
    state: IntentState
    received_cents: int
    currency: str
    checkout: str = ""


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """A verified webhook: a mere nudge to read `object_reference` again."""

    id: str
    kind: str
    object_reference: str


MovementKind = Literal["capture", "refund", "refund_failed", "dispute", "dispute_won", "dispute_lost"]


@dataclass(frozen=True, slots=True)
class Movement:
    """What a gateway moved on its balance for a payment, by its own id, in cents: positive what came in.

    `fee_cents` is what it kept (negative: gave back). A lost dispute moves no money: its amount is what is lost.
    """

    reference: str
    kind: MovementKind
    object_reference: str
    cents: int
    fee_cents: int
    day: date


class Gateway(Protocol):
    """A payment gateway. Amounts are cents of `currency`."""

    @property
    def name(self) -> str:
        """What the payment's row says."""

    def create_intent(self, params: PaymentIntentCreateParams, idempotency_key: str) -> Intent:
        """Ask for a payment; the same key again returns the first one."""

    def read_intent(self, reference: str) -> Intent:
        """The payment as it stands now."""

    def read_movements(self, reference: str) -> list[Movement]:
        """All that was moved for a payment: its capture, refunds and disputes, as they stand now."""

    def read_event(self, payload: bytes, signature: str) -> GatewayEvent:
        """Check a webhook's signature and read it; raises `InvalidInput` (`bad_signature`)."""


def intent_params(amount_cents: int, currency: str, order_code: str) -> PaymentIntentCreateParams:
    """The request that every gateway gets. Nothing personal is in it: an order's public code and an amount."""
    return {
        "amount": amount_cents,
        "currency": currency.lower(),
        "capture_method": "automatic",
        "automatic_payment_methods": {"enabled": True},
        "description": f"Courtier {order_code}",
        "metadata": {"order": order_code},
    }


def intent_state(status: str) -> IntentState:
    """Stripe's status of a PaymentIntent in our three words; a failed attempt may be tried again, so it waits."""
    return _STATES.get(status, "waiting")


def verified_event(payload: bytes, signature: str, secret: str) -> GatewayEvent:
    """A webhook by Stripe's scheme (HMAC-SHA-256 over time and body, five minutes of tolerance)."""
    try:
        event = stripe.Webhook.construct_event(payload, signature, secret)
        about = event["data"]["object"]
        # A charge, refund or dispute names the payment it is of.
        payment = about["payment_intent"] if "payment_intent" in about else None  # noqa: SIM401
        return GatewayEvent(str(event["id"]), str(event["type"]), str(payment or about["id"]))
    except (ValueError, KeyError, TypeError, AttributeError, stripe.SignatureVerificationError):
        raise InvalidInput("This webhook is not signed by the payment gateway.", code="bad_signature") from None


def secret_of(name: str) -> str:
    """A gateway's secret from the environment; raises `InvalidInput` naming the variable when it is not set."""
    value = os.environ.get(name, "")
    if not value:
        raise InvalidInput(f"Set {name} in the environment to use the payment gateway.", code="no_gateway_key")
    return value
