"""The Stripe gateway over the real SDK, whose HTTP client is replaced by one that answers from a script."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import pytest
import stripe

from broker.billing.gateway import intent_params, verified_event
from broker.billing.stripe_gateway import StripeGateway
from broker.kernel.errors import Conflict, InvalidInput, Unavailable


class Script(stripe.HTTPClient):
    """Answers every request with one reply and remembers what was asked."""

    name = "script"

    def __init__(self, status: int, reply: Mapping[str, Any]) -> None:
        super().__init__()
        self.status, self.reply, self.asked = status, reply, []

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **_: Any) -> Any:
        self.asked.append((method, url, dict(headers), post_data))
        return json.dumps(self.reply), self.status, {}

    def close(self) -> None:
        """Nothing is open."""


INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "status": "requires_payment_method",
    "amount": 119_999,
    "amount_received": 0,
    "currency": "eur",
    "client_secret": "pi_1_secret",
}


def gateway(status: int = 200, **changes: Any) -> tuple[StripeGateway, Script]:
    script = Script(status, INTENT | changes)
    return StripeGateway(stripe.StripeClient("sk_test_x", http_client=script)), script


def test_an_intent_is_created_under_our_key() -> None:
    door, script = gateway()
    intent = door.create_intent(intent_params(119_999, "EUR", "order_x"), "order_x:0")
    ((method, url, headers, body),) = script.asked
    assert (method.upper(), url) == ("POST", "https://api.stripe.com/v1/payment_intents")
    assert headers["Idempotency-Key"] == "order_x:0"
    form = parse_qs(body)
    assert (form["amount"], form["currency"], form["metadata[order]"]) == (["119999"], ["eur"], ["order_x"])
    assert (intent.state, intent.received_cents, intent.checkout) == ("waiting", 0, "pi_1_secret")


def test_an_intent_is_read_again() -> None:
    door, script = gateway(amount_received=119_999)
    script.reply = {**script.reply, "status": "succeeded"}
    intent = door.read_intent("pi_1")
    assert (intent.state, intent.received_cents, intent.currency) == ("captured", 119_999, "EUR")
    assert script.asked[0][1].endswith("/v1/payment_intents/pi_1")


@pytest.mark.parametrize(
    ("status", "error"), [(500, Unavailable), (429, Unavailable), (402, Conflict), (401, Conflict)]
)
def test_refusals_become_sentences_without_the_gateways_text(status: int, error: type[Exception]) -> None:
    door, script = gateway(status)
    script.reply = {"error": {"type": "api_error", "message": "secret detail", "code": "card_declined"}}
    with pytest.raises(error) as refusal:
        door.read_intent("pi_1")
    assert "secret detail" not in str(refusal.value)


class Book(Script):
    """Answers by the address that is asked for."""

    def __init__(self, replies: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(200, {})
        self.replies = replies

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **_: Any) -> Any:
        self.asked.append((method, url, dict(headers), post_data))
        return json.dumps(next(reply for part, reply in self.replies.items() if f"/v1/{part}" in url)), 200, {}


def moved(name: str, cents: int, fee: int) -> dict[str, Any]:
    return {"id": name, "object": "balance_transaction", "amount": cents, "fee": fee, "created": 1_790_000_000}


def listed(*items: Mapping[str, Any]) -> dict[str, Any]:
    return {"object": "list", "data": list(items), "has_more": False, "url": "/v1/x"}


def test_what_moved_is_read_from_balance_transactions() -> None:
    charge = {"id": "ch_1", "object": "charge", "balance_transaction": moved("txn_1", 119_999, 1_825)}
    refund = {"id": "re_1", "object": "refund", "balance_transaction": moved("txn_2", -20_000, 0)}
    waiting = {"id": "re_2", "object": "refund", "balance_transaction": None}
    dispute = {
        "id": "dp_1", "object": "dispute", "status": "lost", "amount": 50_000, "created": 1_790_000_000,
        "balance_transactions": [moved("txn_3", -50_000, 2_000)],
    }  # fmt: skip
    replies = {
        "payment_intents": {**INTENT, "latest_charge": charge},
        "refunds": listed(refund, waiting),
        "disputes": listed(dispute),
    }
    door = StripeGateway(stripe.StripeClient("sk_test_x", http_client=Book(replies)))
    assert [(one.reference, one.kind, one.cents, one.fee_cents) for one in door.read_movements("pi_1")] == [
        ("txn_1", "capture", 119_999, 1_825),
        ("txn_2", "refund", -20_000, 0),
        ("txn_3", "dispute", -50_000, 2_000),
        ("dp_1:lost", "dispute_lost", -50_000, 0),
    ]


@pytest.mark.parametrize(
    ("about", "read"),
    [
        ({"id": "pi_1", "object": "payment_intent"}, "pi_1"),
        ({"id": "dp_1", "object": "dispute", "payment_intent": "pi_1"}, "pi_1"),
        ({"id": "ch_1", "object": "charge", "payment_intent": None}, "ch_1"),
    ],
)
def test_an_event_names_the_payment_to_read_again(about: dict[str, Any], read: str) -> None:
    payload = json.dumps({"id": "evt_1", "object": "event", "type": "x", "data": {"object": about}}).encode()
    at = int(time.time())
    mac = hmac.new(b"whsec_x", f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
    assert verified_event(payload, f"t={at},v1={mac}", "whsec_x").object_reference == read
    for late in (f"t={at - 400},v1={mac}", f"t={at},v0={mac}", f"v1={mac}"):
        with pytest.raises(InvalidInput):
            verified_event(payload, late, "whsec_x")
