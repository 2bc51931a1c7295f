"""Webhooks by Stripe's scheme, signed here by hand: `t=<seconds>,v1=<hex>`, HMAC-SHA-256 over `<seconds>.<body>`."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from broker.billing.fake_gateway import WEBHOOK_SECRET, signed_event
from broker.billing.gateway import intent_state
from broker.billing.gateway_events import secret_of, verified_event, webhook_secrets
from broker.billing.stripe_gateway import StripeGateway
from broker.kernel.errors import InvalidInput

SECRET, OTHER = "whsec_one", "whsec_two"


def body_of(about: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"id": "evt_1", "object": "event", "type": "x.y", "data": {"object": about}, **more}).encode()


BODY = body_of({"id": "pi_1", "object": "payment_intent"})


def mac(secret: str, at: int, body: bytes = BODY) -> str:
    return hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()


NOW = int(time.time())
GOOD = mac(SECRET, NOW)


@pytest.mark.parametrize(
    "header",
    [
        f"t={NOW},v1={GOOD}",
        f"v1={GOOD},t={NOW}",
        f"t={NOW},v1={'0' * 64},v1={GOOD}",  # rolled: one signature for each secret
        f"t={NOW},v0={'0' * 64},v1={GOOD},v2=x",
        f"t={NOW},v1={mac(OTHER, NOW)}",  # by the secret that is being rolled out
        f"t={NOW - 290},v1={mac(SECRET, NOW - 290)}",
    ],
)
def test_what_a_secret_of_ours_signed_is_believed(header: str) -> None:
    assert verified_event(BODY, header, SECRET, OTHER).object_reference == "pi_1"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "x",
        f"t={NOW}",
        f"v1={GOOD}",  # without its time
        f"t={NOW},v0={GOOD}",  # without v1
        f"t={NOW},v1=",
        f"t={NOW},v1={GOOD[:-1]}",
        f"t={NOW},v1={GOOD[:-1]}{'0' if GOOD[-1] != '0' else '1'}",
        f"t={NOW - 301},v1={mac(SECRET, NOW - 301)}",  # late
        f"t={NOW + 1},v1={GOOD}",  # another time than was signed
        f"t=soon,v1={GOOD}",
        f"t={NOW},v1={mac('whsec_stranger', NOW)}",
        f"t={NOW},v1={mac('', NOW)}",  # signed with an empty secret
        f"t={NOW},v1=é",
    ],
)
def test_nothing_else_is(header: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        verified_event(BODY, header, SECRET, "")
    assert refusal.value.code == "bad_signature"


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"{}", b'{"id": "evt_1"}', b"\xff\xfe", b"[" * 5_000])
def test_a_signed_body_that_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        verified_event(body, f"t={NOW},v1={mac(SECRET, NOW, body)}", SECRET)


def test_an_altered_body_is_refused() -> None:
    for altered in (BODY + b" ", BODY.replace(b"pi_1", b"pi_2")):
        with pytest.raises(InvalidInput):
            verified_event(altered, f"t={NOW},v1={GOOD}", SECRET)


@pytest.mark.parametrize(
    ("about", "more", "read"),
    [
        ({"id": "pi_1", "object": "payment_intent"}, {}, "pi_1"),
        ({"id": "dp_1", "object": "dispute", "payment_intent": "pi_1"}, {}, "pi_1"),
        ({"id": "ch_1", "object": "charge", "payment_intent": {"id": "pi_1"}}, {}, "pi_1"),
        ({"id": "ch_1", "object": "charge", "payment_intent": None}, {}, "ch_1"),
        ({"id": "cs_1", "object": "checkout.session", "payment_intent": "pi_1"}, {}, "cs_1"),
        ({"object": "balance"}, {}, "balance"),
        ({"id": "po_9", "object": "payout"}, {"account": "acct_1"}, "acct_1"),  # of a connected account: not ours
        ({"id": "pi_1", "object": "payment_intent"}, {"account": "acct_1"}, "acct_1"),
        ({"id": "capability", "object": "capability", "account": "acct_1"}, {}, "acct_1"),
    ],
)
def test_an_event_names_what_to_read_again(about: dict[str, Any], more: dict[str, Any], read: str) -> None:
    body = body_of(about, **more)
    found = verified_event(body, f"t={NOW},v1={mac(SECRET, NOW, body)}", SECRET)
    assert (found.object_reference, found.account) == (read, more.get("account", ""))


def test_secrets_come_from_the_environment_two_while_one_is_rolled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURTIER_STRIPE_WEBHOOK_SECRET", f"{SECRET} {OTHER}")
    monkeypatch.setenv("COURTIER_STRIPE_CONNECT_WEBHOOK_SECRET", "whsec_connect")
    assert webhook_secrets() == [SECRET, OTHER, "whsec_connect"]
    monkeypatch.setenv("COURTIER_STRIPE_WEBHOOK_SECRET", " ")
    with pytest.raises(InvalidInput, match="COURTIER_STRIPE_WEBHOOK_SECRET"):
        webhook_secrets()
    monkeypatch.delenv("COURTIER_STRIPE_KEY", raising=False)
    with pytest.raises(InvalidInput) as refusal:
        StripeGateway.from_environment()
    assert refusal.value.code == "no_gateway_key"
    monkeypatch.setenv("COURTIER_STRIPE_KEY", "sk_test_1")
    assert (StripeGateway.from_environment().name, secret_of("COURTIER_STRIPE_KEY")) == ("stripe", "sk_test_1")


def test_the_fake_signs_as_stripe_does() -> None:
    body, signature = signed_event("pi_1")
    event = verified_event(body, signature, WEBHOOK_SECRET)
    assert (event.kind, event.object_reference) == ("payment_intent.succeeded", "pi_1")


def test_every_status_of_a_payment_has_a_meaning() -> None:
    words = ("succeeded", "canceled", "processing", "requires_action", "requires_payment_method", "requires_capture")
    assert [intent_state(word) for word in words] == [
        "captured", "failed", "processing", "action", "waiting", "waiting",
    ]  # fmt: skip
