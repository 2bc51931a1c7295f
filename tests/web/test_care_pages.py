"""Pages and calls of overdue invoices, payouts, refunds and others' money: as staff, owners and customers."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from broker.billing.dunning.dunning import run_dunning
from broker.billing.gateway.fake_gateway import FakeGateway
from tests.front_house import House
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene
from tests.store.test_payments import account_of_owner
from web.http.money_words import MONEY_WORDS

PAGES = ("/accounting/overdue", "/payouts", "/accounting/refunds", "/accounting/funds")


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def post(client: FlaskClient, csrf: str, address: str, **form: str) -> int:
    page = client.get("/account?lang=en").text
    token = re.search(r'name="([^"]+)" value="' + re.escape(csrf), page)
    assert token is not None
    return client.post(address, data={token[1]: csrf, **form}).status_code


def test_staff_sees_and_does_what_overdue_invoices_need(house: House, scene: MoneyScene) -> None:
    order = scene.on_credit()
    scene.settled(order, 30_000)
    number = scene.number(order, "invoice")
    scene.wait(40 * 24)
    run_dunning(scene.worker, SETTINGS)
    client, csrf = house.browser("accountant")
    for language in ("en", "fr"):
        for address in (*PAGES, f"/accounting/overdue/{number}"):
            reply = client.get(f"{address}?lang={language}")
            assert reply.status_code == 200, address
            assert not re.search(
                r"dunning_|mail_|payout_[a-z]|refund_[a-z]|velocity_", re.sub(r"<[^>]*>", "", reply.text)
            )
    listed = client.get("/accounting/overdue?lang=en").text
    assert number in listed
    letter = re.search(r"/letters/(dun_[a-z0-9]+)\.pdf", listed)
    assert letter is not None
    assert client.get(letter[0]).data.startswith(b"%PDF")
    address = f"/accounting/overdue/{number}"
    assert post(client, csrf, "/accounting/overdue") == 303
    assert post(client, csrf, address, act="hold", reason="") == 422
    assert post(client, csrf, address, act="hold", reason="In dispute") == 303
    assert "In dispute" in client.get(f"{address}?lang=en").text
    assert post(client, csrf, address, act="go_on") == 303
    assert post(client, csrf, address, act="claim", recovery="1") == 303
    assert post(client, csrf, address, act="claim") == 409
    with scene.worker.begin() as unit:
        first = unit.today + timedelta(days=20)
    assert post(client, csrf, address, act="parts", day=first.isoformat(), amount="1.00") == 422
    assert post(client, csrf, address, act="parts", day=first.isoformat(), amount="1199.99") == 303
    assert post(client, csrf, "/accounting/rates", kind="ecb", since="2089-02-01", rate="2") == 422
    for who in ("owner", "advertiser"):
        other, _ = house.browser(who)
        assert other.get("/accounting/overdue").status_code == 403
        assert other.get(letter[0]).status_code == 404
        assert other.get("/accounting/refunds").status_code == 403


def test_payouts_are_proposed_approved_and_held_by_pages(house: House, scene: MoneyScene) -> None:
    scene.settled(scene.paid(), 30_000)
    account_of_owner(scene)
    scene.wait(49)
    client, csrf = house.browser("accountant")
    second, second_csrf = house.browser("broker")
    with scene.worker.begin() as unit:
        day = (unit.today + timedelta(days=60)).isoformat()
        owner = str(unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.owner.org))
    assert post(client, csrf, "/payouts", until=day) == 303
    with scene.worker.begin() as unit:
        code = str(unit.scalar("SELECT code FROM payout WHERE owner_id = :id", id=scene.owner.org))
    assert post(client, csrf, f"/payouts/{code}", act="approve") == 403  # the same person
    assert post(client, csrf, "/payouts/holds", organisation=owner, reason="Suspicion") == 303
    assert post(second, second_csrf, f"/payouts/{code}", act="approve") == 409
    with scene.worker.begin() as unit:
        hold = str(unit.scalar("SELECT code FROM payout_hold WHERE org_id = :id", id=scene.owner.org))
    assert post(second, second_csrf, f"/payouts/holds/{hold}", act="release") == 409
    assert post(second, second_csrf, f"/payouts/holds/{hold}", finding="Called back") == 303
    assert post(client, csrf, f"/payouts/holds/{hold}", act="release") == 403
    assert "Called back" in client.get("/payouts?lang=en").text
    assert post(client, csrf, f"/payouts/{code}", act="fail", reason="") == 422
    assert post(client, csrf, f"/payouts/{code}", act="fail", reason="tried") == 303
    assert post(client, csrf, "/payouts/file") == 422  # company.iban is not set
    mine, mine_csrf = house.browser("owner")
    assert mine.get("/payouts?lang=fr").status_code == 200
    assert post(mine, mine_csrf, "/payouts/accounts", holder="Maison", iban="FR1420041010050500013M02607") == 422
    assert post(mine, mine_csrf, "/payouts/accounts", holder="Maison", iban="FR1420041010050500013M02606") == 303
    shown = mine.get("/payouts?lang=en").text
    assert "FR14 … 2606" in shown
    assert "FR1420041010050500013M02606" not in shown
    assert post(mine, mine_csrf, "/payouts", until=day) == 403


def test_a_refund_is_asked_for_and_a_dispute_shown(house: House, scene: MoneyScene) -> None:
    order = scene.paid()
    scene.settled(order, 20_000)
    client, csrf = house.browser("accountant")
    assert post(client, csrf, "/accounting/refunds", source=order.code, amount="9999999", reason="x") == 409
    assert post(client, csrf, "/accounting/refunds", source=order.code, amount="x", reason="x") == 422
    assert post(client, csrf, "/accounting/refunds", source=order.code, amount="100.00", reason="Sent twice") == 303
    page = client.get("/accounting/refunds?lang=en").text
    assert "Sent twice" in page
    with scene.worker.begin() as unit:
        row = unit.one("SELECT id, gateway_reference FROM payment WHERE order_id = :id", id=order.id)
    assert row is not None
    FakeGateway(scene.web).move(row.gateway_reference, "dispute", -50_000, 2_000)
    calls = house.api.test_client()
    key = house.program("accountant")
    for address in ("/overdue", "/overdue/letters", "/refunds", "/disputes", "/payout-holds", "/payout-alerts",
                    "/sepa-files", "/third-party-funds", "/payouts"):  # fmt: skip
        assert calls.get(address, headers=key).status_code == 200, address
        assert calls.get(address, headers=house.program("advertiser")).status_code in (200, 403)
    asked = {"source": order.code, "amount_cents": 100, "reason": "again"}
    assert calls.post("/refunds", json=asked, headers=key).status_code == 201


def test_what_a_dispute_is_about_and_what_became_of_it_has_words() -> None:
    booked = ("dispute", "dispute_won", "dispute_lost", "returned")
    assert {f"booked_{kind}" for kind in booked} <= {*MONEY_WORDS}
    assert {f"contest_{reason}" for reason in ("fraudulent", "debit_not_authorized", "duplicate")} <= {*MONEY_WORDS}
