"""Pages and calls of the payment gateway: each opens for whom it is, in both languages; others are kept out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.kernel.settings import PaymentSettings
from tests.front_house import House
from tests.web.test_accounting_pages import post

PAGES = {
    "/payouts": ("accountant", "advertiser"),
    "/payment-means": ("advertiser", "owner"),
    "/accounting/gateway": ("accountant", "advertiser"),
    "/accounting/connect": ("accountant", "owner"),
    "/payment-rules": ("broker", "advertiser"),
    "/payouts/connect": ("owner", "advertiser"),
}
CALLS = {
    "/payouts/balances": ("owner", "advertiser"),
    "/payouts/thresholds": ("accountant", "advertiser"),
    "/payment-means": ("advertiser", "owner"),
    "/connect-accounts": ("owner", "advertiser"),
    "/reversals": ("accountant", "advertiser"),
    "/gateway/reconciliation?from=2026-01-01&to=2026-12-31": ("accountant", "owner"),
    "/gateway/lines?from=2026-01-01&to=2026-12-31": ("broker", "advertiser"),
}


@pytest.mark.parametrize("address", PAGES)
def test_each_page_opens_for_whom_it_is(house: House, address: str) -> None:
    who, other = PAGES[address]
    client, _ = house.browser(who)
    for language in ("en", "fr"):
        reply = client.get(f"{address}?lang={language}")
        assert reply.status_code == 200
        for left in ("gw_", "line_", "connect_", "means_card", "debit_"):
            assert f">{left}" not in reply.text
    stranger, _ = house.browser(other)
    assert stranger.get(address).status_code == 403


def test_a_threshold_is_entered_on_the_page_and_a_wrong_one_says_why(house: House) -> None:
    client, csrf = house.browser("accountant")
    there = "/payouts/threshold"
    assert post(client, csrf, "/payouts", there, currency="EUR", cents="1,00", since="2020-01-01").status_code == 422
    assert post(client, csrf, "/payouts", there, currency="CHF", cents="1,00", since="").status_code == 422
    assert post(client, csrf, "/payouts", there, currency="EUR", cents="123,45", since="").status_code == 303
    assert "€123.45" in client.get("/payouts?lang=en").text
    owner, token = house.browser("owner")
    assert post(owner, token, "/payouts", there, currency="EUR", cents="1", since="").status_code == 403
    assert "org_…" not in client.get("/payouts").text + client.get("/accounting/connect").text


@pytest.mark.parametrize("path", CALLS)
def test_each_call_answers_whom_it_is_for(house: House, path: str) -> None:
    who, other = CALLS[path]
    client = house.api.test_client()
    assert client.get(path, headers=house.program(who)).status_code == 200
    assert client.get(path, headers=house.program(other)).status_code == 403


def test_calls_refuse_with_their_codes(house: House) -> None:
    client, staff = house.api.test_client(), house.program("accountant")
    payer = house.program("advertiser")
    for method, path, body, headers, status, code in (
        ("POST", "/connect-accounts", None, house.program("owner"), 409, "connect_closed"),
        ("DELETE", "/payment-means/means_none", None, payer, 404, "not_found"),
        ("POST", "/payment-means", {"kind": "cheque"}, payer, 422, None),
        ("POST", "/gateway/lines/gwl_none/explain", {"account": "627"}, staff, 404, "not_found"),
        ("POST", "/gateway/payouts", {"amount_cents": 10**12}, staff, 409, "balance_short"),
        ("POST", "/reversals/rev_none/approve", None, staff, 404, "not_found"),
        ("POST", "/reversals", {"owner": "org_none", "reason": "x"}, staff, 404, "not_found"),
        ("PUT", "/advertisers/org_none/payment-rule", {"methods": ["card"], "debit": "wait"},
         house.program("broker"), 404, "not_found"),
    ):  # fmt: skip
        reply = client.open(path, method=method, json=body, headers=headers)
        assert reply.status_code == status, (path, reply.text)
        if code:
            assert reply.get_json()["code"] == code, path
    assert client.post("/gateway/readings", headers=staff).status_code == 204


def test_a_webhook_without_a_right_signature_is_refused_and_leaves_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURTIER_STRIPE_KEY", "sk_test_1")
    monkeypatch.setenv("COURTIER_STRIPE_WEBHOOK_SECRET", "whsec_1")
    client, _ = house.browser("advertiser")
    front = house.pages.extensions["courtier"]
    stripe = replace(front.settings, payment=PaymentSettings(gateway="stripe"))
    monkeypatch.setitem(house.pages.extensions, "courtier", replace(front, settings=stripe))
    for signature in ("", "t=1,v1=0", "v1=abc"):
        reply = client.post("/webhooks/stripe", data=b'{"id": "evt_x"}', headers={"Stripe-Signature": signature})
        assert (reply.status_code, reply.mimetype) == (422, "text/plain"), reply.text
        assert reply.text == "This webhook is not signed by the payment gateway.\n"
