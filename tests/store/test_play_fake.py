"""The demo's fake gateway told what to do: it does what a real one could do then, and nothing is told to a real one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from broker.billing.gateway.card_money import book_card_money
from broker.billing.gateway.play_fake import Part, deliver, play_fake
from broker.billing.gateway.refunds import ask_refund
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from tests.store.gateway_scene import GatewayScene, build_gateway_scene


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> GatewayScene:
    return build_gateway_scene(admin_engine, worker_engine, web_engine)


def play(scene: GatewayScene, part: Part, code: str, cents: int = 0, fee: int = 0) -> None:
    event = play_fake(scene.money.worker, scene.settings, part, code, cents, fee)
    assert deliver(scene.money.worker, scene.settings, *event)
    assert not deliver(scene.money.worker, scene.settings, *event)
    scene.inbox()
    for payment in scene.column("SELECT id FROM payment WHERE state IN ('captured', 'returned')"):
        book_card_money(scene.money.worker, scene.gateway, payment)


def test_a_dispute_is_opened_once_and_lost(scene: GatewayScene) -> None:
    order, before = scene.money.approved(), scene.books()
    payment = scene.opened(order)
    with pytest.raises(Conflict) as early:
        play_fake(scene.money.worker, scene.settings, "dispute", order.code)
    assert early.value.code == "fake_not_now"
    scene.gateway.pay(payment.checkout_reference)
    scene.booked(payment)
    for part in ("dispute_won", "returned", "debit_done"):
        with pytest.raises(Conflict):
            play_fake(scene.money.worker, scene.settings, part, payment.code)
    with pytest.raises(InvalidInput):
        play_fake(scene.money.worker, scene.settings, "dispute", payment.code, order.total_cents + 1)
    play(scene, "dispute", order.code, fee=2_000)
    with pytest.raises(Conflict):
        play_fake(scene.money.worker, scene.settings, "dispute", order.code)
    play(scene, "dispute_lost", payment.code)
    changed = scene.changed(before)
    assert (changed["512"], changed["627"], changed["654"]) == (-2_000, 2_000, order.total_cents)
    with pytest.raises(Conflict):
        play_fake(scene.money.worker, scene.settings, "dispute", order.code)


def test_a_debit_is_there_and_comes_back(scene: GatewayScene) -> None:
    order, before = scene.money.approved(), scene.books()
    payment = scene.opened(order)
    scene.gateway.pay(payment.checkout_reference, "sepa_debit")
    assert scene.booked(payment).state == "processing"
    play(scene, "debit_done", order.code, fee=35)
    assert scene.payment(payment.id).state == "captured"
    play(scene, "returned", payment.code, fee=750)
    assert (scene.payment(payment.id).state, scene.changed(before)["411"]) == ("returned", order.total_cents)


def test_only_the_fake_is_told(scene: GatewayScene) -> None:
    for payment in (replace(scene.settings.payment, gateway="stripe"), replace(scene.settings.payment, gateway="none")):
        with pytest.raises(Conflict) as refusal:
            play_fake(scene.money.worker, replace(scene.settings, payment=payment), "dispute", "order_1")
        assert refusal.value.code == "not_the_fake"
    for part in ("dispute", "payout_failed"):
        with pytest.raises(NotFound):
            play_fake(scene.money.worker, scene.settings, part, "order_none")


def test_an_order_of_which_nothing_was_captured_has_nothing_to_give_back(scene: GatewayScene) -> None:
    order = scene.money.approved()
    for code in (order.code, scene.opened(order).order_code):
        with pytest.raises(Conflict) as refusal, scene.money.web.begin(scene.money.person("accountant")) as unit:
            ask_refund(unit, scene.settings, code, 100, "Too early")
        assert refusal.value.code == "not_captured"
