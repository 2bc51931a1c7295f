"""The local fake of the payment gateway: no money moves. Allowed by `payment.gateway = "fake"`, in demos only.

It keeps its objects in a table of its own, as the gateway would keep them: the request's parameters as given (a test
checks them against the SDK's types), one object for each idempotency key, webhooks signed by Stripe's scheme. It has
neither cards that are declined nor Connect or Checkout, and takes no fee; `move` stands for what else a gateway moves.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from typing import Any

from sqlalchemy import Row
from stripe.params import PaymentIntentCreateParams

from broker.billing.gateway import GatewayEvent, Intent, Movement, MovementKind, intent_state, verified_event
from broker.kernel.actor import PUBLIC
from broker.kernel.database import Database
from broker.kernel.errors import Conflict, NotFound

WEBHOOK_SECRET = "whsec_local_fake"  # noqa: S105 - signs nothing but the fake's own events


class FakeGateway:
    """A gateway that knows no payer. `pay_at_once`: an intent succeeds as it is made, as with a card on file."""

    name = "fake"

    def __init__(self, database: Database, *, pay_at_once: bool = True) -> None:
        self._database = database
        self._pay_at_once = pay_at_once

    def create_intent(self, params: PaymentIntentCreateParams, idempotency_key: str) -> Intent:
        """Keep an intent; the same key returns the first one, with other parameters it is refused as Stripe does."""
        status = "succeeded" if self._pay_at_once else "requires_payment_method"
        text = json.dumps(params, sort_keys=True)
        with self._database.begin(PUBLIC) as unit:
            unit.run(
                "INSERT INTO fake_payment_intent (id, idempotency_key, params, status, amount_received)"
                " VALUES (:id, :key, CAST(:params AS jsonb), :status, :received) ON CONFLICT DO NOTHING",
                id="pi_fake_" + secrets.token_hex(8),
                key=idempotency_key,
                params=text,
                status=status,
                received=params["amount"] if self._pay_at_once else 0,
            )
            row = unit.one(
                "SELECT id, params, status, amount_received FROM fake_payment_intent WHERE idempotency_key = :key",
                key=idempotency_key,
            )
        if row is None:
            raise Conflict("The payment fake works in a demo database only.", code="not_a_demo")
        if row.params != json.loads(text):
            raise Conflict("The idempotency key was used with other parameters.", code="gateway_refused")
        return _intent(row)

    def read_intent(self, reference: str) -> Intent:
        """The intent as it stands."""
        with self._database.begin(PUBLIC) as unit:
            row = unit.one(
                "SELECT id, params, status, amount_received FROM fake_payment_intent WHERE id = :id", id=reference
            )
        if row is None:
            raise NotFound("The payment fake knows no such payment.")
        return _intent(row)

    def read_movements(self, reference: str) -> list[Movement]:
        """What `move` put there."""
        with self._database.begin(PUBLIC) as unit:
            rows = unit.all(
                "SELECT id, kind, object_id, amount_cents, fee_cents, CAST(at AS date) AS day FROM"
                " fake_gateway_movement WHERE intent_id = :id ORDER BY at, id",
                id=reference,
            )
        return [Movement(row.id, row.kind, row.object_id, row.amount_cents, row.fee_cents, row.day) for row in rows]

    def move(self, reference: str, kind: MovementKind, cents: int, fee_cents: int = 0) -> tuple[bytes, str]:
        """Move money for a payment, as the gateway's dashboard or a cardholder's bank does; returns its webhook."""
        mark = secrets.token_hex(8)
        with self._database.begin(PUBLIC) as unit:
            unit.run(
                "INSERT INTO fake_gateway_movement (id, intent_id, kind, object_id, amount_cents, fee_cents)"
                " VALUES (:id, :intent, :kind, :object, :cents, :fee)",
                id=f"txn_fake_{mark}",
                intent=reference,
                kind=kind,
                object=f"{kind}_fake_{mark}",
                cents=cents,
                fee=fee_cents,
            )
        return signed_event(reference)

    def read_event(self, payload: bytes, signature: str) -> GatewayEvent:
        """Check and read a webhook of the fake."""
        return verified_event(payload, signature, WEBHOOK_SECRET)

    def pay(self, reference: str) -> tuple[bytes, str]:
        """What the fake's page does when its button is pressed; returns the webhook it sends: body and signature."""
        with self._database.begin(PUBLIC) as unit:
            unit.run(
                "UPDATE fake_payment_intent SET status = 'succeeded', amount_received = (params->>'amount')::bigint"
                " WHERE id = :id AND status = 'requires_payment_method'",
                id=reference,
            )
        return signed_event(reference)


def signed_event(reference: str) -> tuple[bytes, str]:
    """A signed `payment_intent.succeeded` about an intent."""
    event = {
        "id": "evt_fake_" + secrets.token_hex(8),
        "object": "event",
        "type": "payment_intent.succeeded",
        "data": {"object": {"id": reference, "object": "payment_intent"}},
    }
    payload = json.dumps(event).encode()
    at = int(time.time())
    mac = hmac.new(WEBHOOK_SECRET.encode(), f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
    return payload, f"t={at},v1={mac}"


def _intent(row: Row[Any]) -> Intent:
    state = intent_state(row.status)
    checkout = f"/fake-gateway/{row.id}" if state == "waiting" else ""
    return Intent(row.id, state, row.amount_received, str(row.params["currency"]).upper(), checkout)
