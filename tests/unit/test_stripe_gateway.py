"""The Stripe gateway over the real SDK, whose HTTP client is replaced by one that answers from a script."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import pytest
import stripe

from broker.billing.gateway import intent_params
from broker.billing.stripe_gateway import StripeGateway
from broker.kernel.errors import Conflict, Unavailable


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
