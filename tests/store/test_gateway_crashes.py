"""The process killed at every commit of every request to the gateway: one thing there, one entry here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.billing.gateway.connect import open_account
from broker.billing.gateway.gateway_balance import ask_reading_now, read_gateway
from broker.billing.gateway.gateway_payouts import ask_gateway_payout
from broker.billing.gateway.refunds import ask_refund
from broker.billing.gateway.reversals import approve_reversal, propose_reversals
from broker.operate.database_server import DatabaseServer
from tests.store.gateway_scene import SETTINGS, GatewayScene, build_gateway_scene
from tests.store.test_connect import approved, credited, paid_order

ROOT = Path(__file__).parents[2]


def killed(database: DatabaseServer, *works: tuple[str, list[object]]) -> dict[str, int]:
    """Let a process die at each point of some works; how often each died."""
    asked = {"urls": {role: database.url(role) for role in ("worker", "web")}, "works": works}
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.gateway_killer"],
        input=json.dumps(asked), capture_output=True, text=True, timeout=120, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    found: dict[str, int] = json.loads(done.stdout)
    return found


def made(scene: GatewayScene, kind: str, **fields: object) -> int:
    """How many objects of a kind, with some values, are at the gateway."""
    (found,) = scene.column(
        "SELECT count(*) FROM fake_gateway_object WHERE kind = :kind AND body @> CAST(:fields AS jsonb)",
        kind=kind,
        fields=json.dumps(fields),
    )
    return int(found)


@pytest.mark.slow  # some forty processes are begun and killed
def test_killed_anywhere_money_moves_once(
    admin_engine: Engine, worker_engine: Engine, web_engine: Engine, database: DatabaseServer
) -> None:
    scene = build_gateway_scene(admin_engine, worker_engine, web_engine)
    scene.gateway.adjust("topup", 10_000_000)
    with scene.money.web.begin(scene.owner) as unit:
        account = open_account(unit, SETTINGS)
    first = killed(database, ("account", [account.id]), ("setup", [scene.payer.org, "card"]))
    assert first["account"] >= 2
    assert made(scene, "account", metadata={"organisation": _code(scene, scene.owner.org)}) == 1
    (customer,) = scene.column("SELECT reference FROM gateway_customer WHERE org_id = :org", org=scene.payer.org)
    assert made(scene, "checkout.session", customer=customer) == 1
    assert made(scene, "customer", metadata={"organisation": _code(scene, scene.payer.org)}) == 1
    scene.ready_owner()

    # Everything that can be killed at once: an order to be paid on a page, by card, by debit; a refund; a transfer.
    by_page, by_card, refunded = scene.money.approved(), scene.money.approved(), scene.money.approved()
    card = scene.paying(by_card, scene.saved("card"))
    given = scene.charged(scene.paying(refunded, scene.saved("card")))
    scene.money.settled(refunded, 2_000)  # most of its deposit is owed back
    with scene.money.web.begin(scene.money.person()) as unit:
        back = ask_refund(unit, SETTINGS, given.code, 1_000, "a part was not sent")
    paid_order(scene)
    payout, before = approved(scene), scene.books()
    works = [("checkout", [scene.payer.org, by_page.code]), ("charge", [card.id]), ("refund", [back.id])]
    deaths = killed(database, *works, ("transfer", [payout.id]))
    assert all(times >= 2 for times in deaths.values()), deaths
    assert made(scene, "checkout.session", client_reference_id=by_page.code) == 1
    assert made(scene, "payment_intent", metadata={"row": card.code}) == 1
    assert made(scene, "refund", metadata={"row": back.code}) == 1
    assert made(scene, "transfer", transfer_group=payout.code) == 1
    assert scene.payment(card.id).state == "captured"
    change = scene.changed(before)
    assert (change["512"], change["401"]) == (by_card.total_cents - payout.amount_cents, payout.amount_cents)

    # The capture of what was paid on the page, a transfer taken back, a payout to our bank.
    page = scene.opened(by_page)
    scene.gateway.pay(page.checkout_reference)
    credited(scene, 321)
    with scene.money.web.begin(scene.money.person()) as unit:
        (reversal,) = propose_reversals(unit, _code(scene, scene.owner.org), "returned mail")
    with scene.money.web.begin(scene.money.person()) as unit:
        approve_reversal(unit, reversal.code)
        ask_reading_now(unit)
    for reading in scene.column("SELECT id FROM gateway_reading WHERE read_at IS NULL"):
        read_gateway(scene.money.worker, scene.gateway, reading)
    with scene.money.web.begin(scene.money.person()) as unit:
        out = ask_gateway_payout(unit, 2_000)
    (out_id,) = scene.column("SELECT id FROM gateway_payout WHERE code = :code", code=out.code)
    before = scene.books()
    works = [("capture", [page.id]), ("reversal", [reversal.id]), ("payout", [out_id])]
    deaths = killed(database, *works)
    assert all(times >= 2 for times in deaths.values()), deaths
    assert made(scene, "payout", metadata={"row": out.code}) == 1
    assert made(scene, "transfer_reversal", metadata={"row": reversal.code}) == 1
    change = scene.changed(before)
    assert (change["512"], change["401"]) == (by_page.total_cents + 321, -321)
    assert scene.state(by_page) == "scheduled"


def _code(scene: GatewayScene, org: int) -> str:
    return str(scene.column("SELECT code FROM organisation WHERE id = :id", id=org)[0])
