"""Webhooks by Stripe's scheme, signed here by hand: `t=<seconds>,v1=<hex>`, HMAC-SHA-256 over `<seconds>.<body>`."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from broker.billing.gateway.fake_gateway import WEBHOOK_SECRET, signed_event
from broker.billing.gateway.gateway import intent_state
from broker.billing.gateway.gateway_events import secret_of, verified_event, webhook_secrets
from broker.billing.gateway.stripe_gateway import StripeGateway
from broker.kernel.errors import InvalidInput

SECRET, OTHER = "whsec_one", "whsec_two"
SIGNED = "t={now},v1={good}"


def body_of(about: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"id": "evt_1", "object": "event", "type": "x.y", "data": {"object": about}, **more}).encode()


BODY = body_of({"id": "pi_1", "object": "payment_intent"})


def mac(secret: str, at: int, body: bytes = BODY) -> str:
    return hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()


def header(pattern: str, body: bytes = BODY) -> str:
    """A header as of now: what stands in braces is filled in when a test runs, not when it is collected."""
    now = int(time.time())
    good = mac(SECRET, now, body)
    return pattern.format(
        now=now,
        good=good,
        cut=good[:-1],
        wrong=good[:-1] + ("1" if good[-1] == "0" else "0"),
        other=mac(OTHER, now, body),
        stranger=mac("whsec_stranger", now, body),
        empty=mac("", now, body),
        zeros="0" * 64,
        early=now - 280,
        good_early=mac(SECRET, now - 280, body),
        late=now - 301,
        good_late=mac(SECRET, now - 301, body),
        next=now + 1,
    )


@pytest.mark.parametrize(
    "pattern",
    [
        "t={now},v1={good}",
        "v1={good},t={now}",
        "t={now},v1={zeros},v1={good}",  # rolled: one signature for each secret
        "t={now},v0={zeros},v1={good},v2=x",
        "t={now},v1={other}",  # by the secret that is being rolled out
        "t={early},v1={good_early}",
    ],
)
def test_what_a_secret_of_ours_signed_is_believed(pattern: str) -> None:
    assert verified_event(BODY, header(pattern), SECRET, OTHER).object_reference == "pi_1"


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "x",
        "t={now}",
        "v1={good}",  # without its time
        "t={now},v0={good}",  # without v1
        "t={now},v1=",
        "t={now},v1={cut}",
        "t={now},v1={wrong}",
        "t={late},v1={good_late}",
        "t={next},v1={good}",  # another time than was signed
        "t=soon,v1={good}",
        "t={now},v1={stranger}",
        "t={now},v1={empty}",  # signed with an empty secret
        "t={now},v1=é",
    ],
)
def test_nothing_else_is(pattern: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        verified_event(BODY, header(pattern), SECRET, "")
    assert refusal.value.code == "bad_signature"


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"{}", b'{"id": "evt_1"}', b"\xff\xfe", b"[" * 5_000])
def test_a_signed_body_that_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        verified_event(body, header(SIGNED, body), SECRET)


def test_an_altered_body_is_refused() -> None:
    for altered in (BODY + b" ", BODY.replace(b"pi_1", b"pi_2")):
        with pytest.raises(InvalidInput):
            verified_event(altered, header(SIGNED), SECRET)


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
    found = verified_event(body, header(SIGNED, body), SECRET)
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


def test_a_signed_event_with_a_name_that_no_row_can_hold_is_refused() -> None:
    body = body_of({"id": "pi_\0", "object": "payment_intent"})
    with pytest.raises(InvalidInput) as refusal:
        verified_event(body, header(SIGNED, body), SECRET)
    assert refusal.value.code == "bad_signature"
