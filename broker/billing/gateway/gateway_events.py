"""Webhooks by Stripe's scheme: HMAC-SHA-256 over time and body, five minutes of tolerance."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import stripe

from broker.billing.gateway.gateway_objects import GatewayEvent
from broker.kernel.errors import InvalidInput

TOLERANCE_SECONDS = 300


def verified_event(payload: bytes, signature: str, *secrets: str) -> GatewayEvent:
    """A webhook signed with one of some secrets: while one is rolled, the former still signs for a day.

    Of its content nothing but references is read. Raises `InvalidInput` (`bad_signature`).
    """
    try:
        text = payload.decode("utf-8")
        if not any(_signed(text, signature, secret) for secret in secrets):
            raise ValueError("no secret of ours signed it")
        event = json.loads(text)
        words = (str(event["id"]), str(event["type"]), _about(event), str(event.get("account") or ""))
        if any("\0" in word for word in words):
            raise ValueError("no name of the gateway's holds this, and no row can")
        return GatewayEvent(*words)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InvalidInput("This webhook is not signed by the payment gateway.", code="bad_signature") from None


def _signed(text: str, signature: str, secret: str) -> bool:
    try:
        return bool(secret) and stripe.WebhookSignature.verify_header(text, signature, secret, TOLERANCE_SECONDS)
    except (ValueError, IndexError, stripe.SignatureVerificationError):
        return False


def _about(event: Mapping[str, Any]) -> str:
    """What is to be read again: the connected account of an event of its own; the payment of a charge, refund or
    dispute; else the object itself."""
    if event.get("account"):
        return str(event["account"])
    about = event["data"]["object"]
    if about.get("object") != "checkout.session":
        payment = about.get("payment_intent")
        if payment:
            return str(payment["id"] if isinstance(payment, dict) else payment)
        if about.get("object") in ("capability", "person", "external_account") and about.get("account"):
            return str(about["account"])
    return str(about.get("id") or about["object"])  # the balance has no id


def secret_of(name: str) -> str:
    """A gateway's secret from the environment; raises `InvalidInput` naming the variable when it is not set."""
    value = os.environ.get(name, "").strip()
    if not value:
        raise InvalidInput(f"Set {name} in the environment to use the payment gateway.", code="no_gateway_key")
    return value


def webhook_secrets() -> Sequence[str]:
    """The secrets of the endpoints: one for the account's own events, one for connected accounts'; each may name two
    while it is rolled, parted by a space."""
    own = secret_of("COURTIER_STRIPE_WEBHOOK_SECRET").split()
    return [*own, *os.environ.get("COURTIER_STRIPE_CONNECT_WEBHOOK_SECRET", "").split()]
