"""Fees, refunds and disputes of card payments: booked once, whatever the events say, in any order; freezes."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from broker.billing.bank.bank_store import approved_today
from broker.billing.bank.freeze_org import freeze_organisation, thaw_organisation
from broker.billing.bank.payouts import approve_payout, fail_payout, propose_payouts
from broker.billing.gateway.card_money import book_card_money
from broker.billing.gateway.collect import book_payment, start_payment
from broker.billing.gateway.fake_gateway import FakeGateway, signed_event
from broker.billing.gateway.webhook import receive_webhook
from broker.kernel.actor import PUBLIC
from broker.kernel.errors import Conflict, CourtierError, Forbidden, InvalidInput
from broker.ledger.store import balance
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene
from tests.store.test_payments import FAR, account_of_owner

ACCOUNTS = ("416", "4197", "471", "512", "627", "654")


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def captured(scene: MoneyScene) -> tuple[FakeGateway, int, str]:
    """A gateway, a captured payment's id, the gateway's reference of it."""
    order = scene.paid()
    with scene.worker.begin() as unit:
        row = unit.one("SELECT id, gateway_reference FROM payment WHERE order_id = :id", id=order.id)
    assert row is not None
    return FakeGateway(scene.web), row.id, row.gateway_reference


def books(scene: MoneyScene) -> dict[str, int]:
    with scene.worker.begin() as unit:
        return {account: balance(unit, account, None) for account in ACCOUNTS}


def moved(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {account: after[account] - before[account] for account in ACCOUNTS if after[account] != before[account]}


def test_the_fee_of_a_capture_is_booked_once(scene: MoneyScene) -> None:
    gateway, payment, reference = captured(scene)
    before = books(scene)
    gateway.move(reference, "capture", 0, 1_825)
    for _ in range(2):
        book_card_money(scene.worker, gateway, payment)
    assert moved(before, books(scene)) == {"627": 1_825, "512": -1_825}


LOST = {"512": -52_000, "627": 2_000, "654": 50_000}


@pytest.mark.parametrize(("end", "change"), [("dispute_won", {"512": -2_000, "627": 2_000}), ("dispute_lost", LOST)])
def test_a_dispute_is_opened_and_won_or_lost(scene: MoneyScene, end: str, change: dict[str, int]) -> None:
    gateway, payment, reference = captured(scene)
    before = books(scene)
    gateway.move(reference, "dispute", -50_000, 2_000)
    book_card_money(scene.worker, gateway, payment)
    assert moved(before, books(scene)) == {"416": 50_000, "512": -52_000, "627": 2_000}
    gateway.move(reference, end, 50_000 if end == "dispute_won" else -50_000)  # type: ignore[arg-type]
    for _ in range(2):
        book_card_money(scene.worker, gateway, payment)
    assert moved(before, books(scene)) == change


def test_a_refund_pays_what_is_owed_back_and_the_rest_asks_why(scene: MoneyScene) -> None:
    order = scene.paid()
    scene.settled(order, 20_000)  # a third of the deposit is credited: 4197
    with scene.worker.begin() as unit:
        row = unit.one("SELECT id, gateway_reference AS reference FROM payment WHERE order_id = :id", id=order.id)
        assert row is not None
        owed = -balance(unit, "4197", scene.advertiser.org)
    gateway, before = FakeGateway(scene.web), books(scene)
    assert owed > 0
    gateway.move(row.reference, "refund", -(owed + 700))
    for _ in range(2):
        book_card_money(scene.worker, gateway, row.id)
    assert moved(before, books(scene)) == {"4197": owed, "471": 700, "512": -(owed + 700)}


def test_a_refund_that_overtakes_its_capture_is_booked_after_it(scene: MoneyScene) -> None:
    order = scene.approved()
    gateway = FakeGateway(scene.web, pay_at_once=False)
    with scene.web.begin(scene.advertiser) as unit:
        payment = start_payment(unit, SETTINGS, gateway, order.code)
        reference = payment.checkout.rsplit("/", 1)[1]
    early = gateway.move(reference, "refund", -1_000)
    paid = gateway.pay(reference)
    before = books(scene)
    for body, signature in (early, paid, early, paid):
        with scene.web.begin(PUBLIC) as unit:
            receive_webhook(unit, gateway, body, signature)
    book_card_money(scene.worker, gateway, payment.id)
    assert moved(before, books(scene)) == {}
    for _ in range(2):
        book_payment(scene.worker, SETTINGS, gateway, payment.id)
        book_card_money(scene.worker, gateway, payment.id)
    change = moved(before, books(scene))
    assert (change["471"], change["512"]) == (1_000, payment.amount_cents - 1_000)


def test_a_crash_between_the_gateways_answer_and_our_commit_asks_for_the_same_payment(scene: MoneyScene) -> None:
    order = scene.approved()
    gateway = FakeGateway(scene.web, pay_at_once=False)
    seen = set()
    for last in (False, False, True):
        try:
            with scene.web.begin(scene.advertiser) as unit:
                payment = start_payment(unit, SETTINGS, gateway, order.code)
                seen.add(payment.checkout)
                if not last:
                    raise RuntimeError("the process dies here")
        except RuntimeError:
            continue
    assert len(seen) == 1
    with scene.worker.begin() as unit:
        assert unit.scalar("SELECT count(*) FROM payment WHERE order_id = :id", id=order.id) == 1


def test_a_crash_while_booking_leaves_nothing_half_booked(scene: MoneyScene, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway, payment, reference = captured(scene)
    gateway.move(reference, "dispute", -50_000, 2_000)
    before = books(scene)
    with monkeypatch.context() as patched:
        patched.setattr(
            "broker.billing.gateway.card_store.insert", lambda *_: (_ for _ in ()).throw(RuntimeError("dies"))
        )
        with pytest.raises(RuntimeError):
            book_card_money(scene.worker, gateway, payment)
    assert moved(before, books(scene)) == {}
    book_card_money(scene.worker, gateway, payment)
    assert moved(before, books(scene))["416"] == 50_000


def test_forged_and_unknown_events_change_nothing(scene: MoneyScene) -> None:
    gateway, _, reference = captured(scene)
    body, signature = signed_event(reference)
    for forged in (signature[:-1] + ("0" if signature[-1] != "0" else "1"), signature.replace("v1=", "v0="), ""):
        with pytest.raises(InvalidInput) as refusal, scene.web.begin(PUBLIC) as unit:
            receive_webhook(unit, gateway, body, forged)
        assert refusal.value.code == "bad_signature"
    before = books(scene)
    with scene.web.begin(PUBLIC) as unit:
        receive_webhook(unit, gateway, *signed_event("pi_of_somebody_else"))
    assert moved(before, books(scene)) == {}


def test_a_frozen_organisation_is_not_paid_and_does_not_book(scene: MoneyScene) -> None:
    scene.settled(scene.paid(), 30_000)
    account_of_owner(scene)
    scene.wait(49)
    with scene.web.begin(scene.person()) as unit:
        payout = next(p for p in propose_payouts(unit, SETTINGS, FAR) if p.owner_id == scene.owner.org)
    first = scene.person()
    with scene.web.begin(first) as unit:
        owner = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.owner.org)
        freeze_organisation(unit, owner, "IBAN changed by phone")
        with pytest.raises(Conflict):
            freeze_organisation(unit, owner, "again")
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.person()) as unit:
        approve_payout(unit, payout.code)
    assert refusal.value.code == "org_frozen"
    with pytest.raises(CourtierError), scene.worker.begin() as unit:
        unit.run("UPDATE payout SET state = 'approved', approved_by = 1 WHERE id = :id", id=payout.id)
    with pytest.raises(CourtierError):
        scene.ordered()
    with pytest.raises(Forbidden), scene.web.begin(first) as unit:
        thaw_organisation(unit, owner)
    with scene.web.begin(scene.person()) as unit:
        thaw_organisation(unit, owner)
    scene.ordered()
    with scene.web.begin(scene.person()) as unit:
        assert approve_payout(unit, payout.code).state == "approved"
        fail_payout(unit, payout.code, "not to be exported by other tests")


def test_no_more_is_approved_in_a_day_than_the_limit(scene: MoneyScene) -> None:
    scene.settled(scene.paid(), 30_000)
    account_of_owner(scene)
    scene.wait(49)
    with scene.web.begin(scene.person()) as unit:
        payout = next(p for p in propose_payouts(unit, SETTINGS, FAR) if p.owner_id == scene.owner.org)
    with scene.worker.begin() as unit:
        before = approved_today(unit)
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.person()) as unit:
        approve_payout(unit, payout.code, before + payout.amount_cents - 1)
    assert refusal.value.code == "day_limit"
    with scene.web.begin(scene.person()) as unit:
        assert approve_payout(unit, payout.code, before + payout.amount_cents).state == "approved"
        fail_payout(unit, payout.code, "not to be exported by other tests")
