"""The Stripe gateway over the real SDK, whose HTTP client is replaced by one that answers from a script."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import pytest
import stripe

from broker.billing.gateway.gateway_params import checkout_params, off_session_params
from broker.billing.gateway.stripe_gateway import StripeGateway
from broker.kernel.errors import Conflict, Unavailable


class Script(stripe.HTTPClient):
    """Answers every request with one reply and remembers what was asked."""

    name = "script"

    def __init__(self, status: int, reply: Mapping[str, Any]) -> None:
        super().__init__()
        self.status, self.reply, self.asked = status, reply, []
        self.then: tuple[int, Mapping[str, Any]] | None = None

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **_: Any) -> Any:
        self.asked.append((method, url, dict(headers), post_data))
        status, reply = self.status, self.reply
        if self.then is not None:
            (self.status, self.reply), self.then = self.then, None
        return json.dumps(reply), status, {}

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
    "last_payment_error": None,
}
PAGE = {
    "id": "cs_1",
    "object": "checkout.session",
    "status": "open",
    "url": "https://pay.test/cs_1",
    "payment_intent": None,
    "setup_intent": None,
}


def gateway(status: int = 200, **changes: Any) -> tuple[StripeGateway, Script]:
    script = Script(status, INTENT | changes)
    return StripeGateway(stripe.StripeClient("sk_test_x", http_client=script)), script


def test_a_page_is_made_under_our_key() -> None:
    door, script = gateway()
    script.reply = PAGE
    params = checkout_params(119_999, "EUR", "order_x", ("card", "sepa_debit"), "https://courtier.test/orders/order_x")
    page = door.create_checkout(params, "order_x:0:0")
    ((method, url, headers, body),) = script.asked
    assert (method.upper(), url) == ("POST", "https://api.stripe.com/v1/checkout/sessions")
    assert headers["Idempotency-Key"] == "order_x:0:0"
    form = parse_qs(body)
    assert form["line_items[0][price_data][unit_amount]"] == ["119999"]
    assert form["allowed_payment_method_types[1]"] == ["sepa_debit"]
    assert form["payment_intent_data[metadata][order]"] == ["order_x"]
    assert (page.state, page.url, page.intent) == ("open", "https://pay.test/cs_1", "")


def test_a_declined_card_is_a_state_of_the_payment_and_no_error() -> None:
    door, script = gateway(402)
    made = INTENT | {"last_payment_error": {"type": "card_error", "code": "authentication_required"}}
    script.reply = {"error": {"type": "card_error", "code": "authentication_required", "payment_intent": made}}
    script.then = (200, made)
    params = off_session_params(119_999, "EUR", "order_x", "cus_1", "pm_1", "card", "pay_1")
    intent = door.create_intent(params, "pay_1")
    assert (intent.reference, intent.state, intent.failure) == ("pi_1", "waiting", "authentication_required")
    form = parse_qs(script.asked[0][3])
    assert (form["off_session"], form["confirm"], form["metadata[row]"]) == (["true"], ["true"], ["pay_1"])


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
