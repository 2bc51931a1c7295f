"""The fake gateway is held to the SDK: its objects to the SDK's types, our requests to the SDK's parameters."""

from __future__ import annotations

import json
from typing import Any

import pytest
import stripe
from sqlalchemy import Engine
from stripe.params import (
    AccountCreateParams,
    AccountLinkCreateParams,
    CustomerCreateParams,
    PaymentIntentCreateParams,
    PayoutCreateParams,
    RefundCreateParams,
    TransferCreateParams,
    TransferReversalCreateParams,
)
from stripe.params.checkout import SessionCreateParams

from broker.billing.gateway import gateway_params as params
from broker.billing.gateway.fake_gateway import FakeGateway, signed_event
from broker.billing.gateway.fake_stripe import nested
from broker.kernel.database import Database
from broker.kernel.errors import Conflict
from tests.store.sdk_types import CLASSES, unlike_object

BACK = "https://courtier.test/x"
REQUESTS: list[tuple[Any, Any]] = [
    (params.checkout_params(1_200, "EUR", "order_x", ("card", "sepa_debit"), BACK), SessionCreateParams),
    (params.setup_params("cus_1", "sepa_debit", "means_x", BACK), SessionCreateParams),
    (
        params.off_session_params(1_200, "EUR", "order_x", "cus_1", "pm_1", "card", "pay_x"),
        PaymentIntentCreateParams,
    ),
    (params.customer_params("org_x", "Manteaux"), CustomerCreateParams),
    (params.refund_params("pi_1", 100, "ref_x"), RefundCreateParams),
    (params.account_params("org_x", "FR"), AccountCreateParams),
    (params.account_link_params("acct_1", BACK), AccountLinkCreateParams),
    (params.transfer_params(100, "acct_1", "pout_x"), TransferCreateParams),
    (params.reversal_params(100, "rev_x"), TransferReversalCreateParams),
    (params.payout_params(100, "gpo_x"), PayoutCreateParams),
]


@pytest.fixture(scope="module")
def house(web_engine: Engine) -> tuple[FakeGateway, Database]:
    database = Database(web_engine)
    return FakeGateway(database, pay_at_once=False), database


@pytest.mark.parametrize(("request_", "kind"), REQUESTS, ids=lambda one: getattr(one, "__name__", ""))
def test_our_requests_have_only_parameters_that_the_sdk_knows(request_: Any, kind: Any) -> None:
    known = kind.__required_keys__ | kind.__optional_keys__  # mypy holds their values to the SDK's types
    assert kind.__required_keys__ <= request_.keys() <= known
    assert "@" not in json.dumps(request_)


def test_every_object_of_the_fake_is_as_the_sdk_declares(
    house: tuple[FakeGateway, Database], worker_engine: Engine
) -> None:
    gateway, _ = house
    customer = gateway.create_customer(params.customer_params("org_x", "Manteaux"), "sdk:customer")
    for kind in ("card", "sepa_debit"):
        page = gateway.create_checkout(params.setup_params(customer, kind, "m", BACK), f"sdk:setup:{kind}")
        gateway.pay(page.reference, kind)
        means = gateway.read_means(gateway.read_checkout(page.reference).means)
        request = params.off_session_params(500_000, "EUR", "o", customer, means.reference, means.kind, f"pay_{kind}")
        paid = gateway.create_intent(request, f"sdk:pay:{kind}")
        if kind == "sepa_debit":
            gateway.end_debit(paid.reference, fee=35)
            gateway.move(paid.reference, "returned", -500_000, 350)
        else:
            gateway.create_refund(params.refund_params(paid.reference, 100, "ref_x"), "sdk:refund")
            gateway.move(paid.reference, "refund_failed", 100)
            gateway.move(paid.reference, "dispute", -1_000, 1_500)
            gateway.move(paid.reference, "dispute_won", 1_000)
            gateway.move(paid.reference, "dispute_lost", -1_000)
    gateway.adjust("topup", 900_000)
    account = gateway.create_account(params.account_params("org_x", "FR"), "sdk:account")
    gateway.onboard(account, "external_account")
    assert gateway.read_account(account).due == ("external_account",)
    gateway.onboard(account)
    assert gateway.create_account_link(params.account_link_params(account, BACK), "sdk:link").endswith(account)
    moved = gateway.create_transfer(params.transfer_params(2_000, account, "pout_sdk"), "sdk:transfer")
    gateway.create_reversal(moved.reference, params.reversal_params(500, "rev_x"), "sdk:reversal")
    out = gateway.create_payout(params.payout_params(1_000, "gpo_x"), "sdk:payout")
    gateway.fail_payout(out.reference)
    with Database(worker_engine).begin() as unit:
        bodies = [row.body for row in unit.all("SELECT body FROM fake_gateway_object")]
        replies = [row.reply for row in unit.all("SELECT reply FROM fake_gateway_call WHERE status = 200")]
    real = [one for one in bodies if one]
    assert {one["object"] for one in real} >= set(CLASSES) - {"event", "balance", "account_link"}
    events = [json.loads(signed_event("pi_1")[0])]
    by_id = {one["id"]: one for one in real}
    for one in real:  # kept as references, answered whole
        if one["object"] == "dispute":
            one["balance_transactions"] = [by_id[line] for line in one["balance_transactions"]]
    faults = [
        fault
        for one in [*real, *(one for one in replies if one), *events]
        if one["object"] != "list"
        for fault in unlike_object(one, CLASSES[one["object"]], one["object"])
    ]
    assert sorted(set(faults)) == []


def test_the_check_of_types_finds_what_is_wrong() -> None:
    good = {"id": "re_1", "object": "refund", "amount": 100, "currency": "eur", "status": "succeeded"}
    assert unlike_object(good, stripe.Refund, "refund") == []
    for name, wrong in (("amount", "100"), ("amount", True), ("colour", "red"), ("created", None), ("metadata", "x")):
        assert unlike_object(good | {name: wrong}, stripe.Refund, "refund"), (name, wrong)


def test_the_same_key_makes_one_thing_and_another_request_under_it_is_refused(
    house: tuple[FakeGateway, Database],
) -> None:
    gateway, _ = house
    first = gateway.create_customer(params.customer_params("org_k", "Manteaux"), "key:1")
    assert gateway.create_customer(params.customer_params("org_k", "Manteaux"), "key:1") == first
    with pytest.raises(Conflict) as refusal:
        gateway.create_customer(params.customer_params("org_k", "Autre"), "key:1")
    assert refusal.value.code == "gateway_refused"
    assert gateway.create_customer(params.customer_params("org_k", "Manteaux"), "key:2") != first


def test_forms_are_read_as_stripe_reads_them() -> None:
    assert nested("a[b][0][c]=1&a[b][1][c]=2&d=x%20y&e=") == {
        "a": {"b": {"0": {"c": "1"}, "1": {"c": "2"}}},
        "d": "x y",
        "e": "",
    }
