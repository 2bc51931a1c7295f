"""Money that comes when its order is invoiced, that goes back twice at once, or that a bank takes back."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Engine

from broker.billing.gateway.card_money import book_card_money
from broker.billing.gateway.payment_store import has_open
from broker.billing.gateway.refunds import ask_refund
from broker.billing.invoices.credit_invoice import credit_invoice
from broker.billing.invoices.receipts import book_receipt, receive_transfer
from broker.billing.model import Payment
from broker.kernel.actor import Actor
from broker.kernel.errors import Conflict
from broker.ledger.store import balance
from broker.mailings.schedule import schedule_order
from broker.rentals.credit import set_credit_limit
from broker.rentals.model import Order
from tests.store.gateway_scene import GatewayScene, build_gateway_scene
from tests.store.test_roles import make_agent, pay_owner, standing
from tests.store.test_saved_means import rule

IBAN = "FR1420041010050500013M02606"


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> GatewayScene:
    built = build_gateway_scene(admin_engine, worker_engine, web_engine)
    built.money.paid()  # an advertiser's first order is paid in advance
    return built


def on_credit(scene: GatewayScene) -> tuple[Order, Payment]:
    """An order that went on credit while its debit is announced."""
    means, code = scene.saved("sepa_debit"), rule(scene, ["card", "sepa_debit"], "credit")
    with scene.money.web.begin(scene.money.person("broker")) as unit:
        set_credit_limit(unit, code, 100_000_000)
    order = scene.money.approved()
    payment = scene.paying(order, means)
    assert scene.state(order) == "on_credit"
    with scene.money.worker.begin() as unit:
        schedule_order(unit, order.id)
    return order, payment


def captured(scene: GatewayScene, payment: Payment) -> None:
    scene.money.wait(49)
    scene.gateway.end_debit(scene.charged(payment).gateway_reference)
    assert scene.booked(payment).state == "captured"
    for receipt in scene.column("SELECT id FROM receipt WHERE booked_at IS NULL"):
        book_receipt(scene.money.worker, receipt)


def test_a_debit_pays_what_is_open_of_an_invoice_less_its_credit_note(scene: GatewayScene) -> None:
    order, payment = on_credit(scene)
    scene.money.settled(order, 30_000)
    number = scene.money.number(order, "invoice")
    with scene.money.worker.begin() as unit:
        credit_invoice(unit, scene.settings, number, 30_000, refunded=False)
    before = scene.books()
    captured(scene, payment)
    change = scene.changed(before)
    assert (change["411"], change["471"]) == (-(order.total_cents - 30_000), -30_000)


def test_a_debit_for_an_order_invoiced_in_part_pays_that_part(scene: GatewayScene) -> None:
    order, payment = on_credit(scene)
    with scene.money.worker.begin() as unit:
        unit.run(
            "INSERT INTO order_use (order_id, kind, volume, price_micros, use_until)"
            " VALUES (:id, 'use', 1000, 1000, CAST(app_now() AS date) + 90)",
            id=order.id,
        )
    scene.money.settled(order, 20_000)
    assert scene.state(order) == "sent"  # a further use may come
    before = scene.books()
    captured(scene, payment)
    change = scene.changed(before)
    (due,) = scene.column("SELECT total_cents FROM invoice WHERE order_id = :id AND kind = 'invoice'", id=order.id)
    assert change["411"] == -due
    assert "4191" not in change  # what is invoiced is no prepayment
    assert change["471"] == due - order.total_cents


def test_what_credit_notes_owe_is_given_back_once_by_two_people_at_once(scene: GatewayScene) -> None:
    order = scene.money.paid()
    scene.money.settled(order, 20_000)  # a third of it is owed back
    found: list[str] = []
    gate = threading.Barrier(4)

    def one(person: Actor) -> None:
        gate.wait()
        try:
            with scene.money.web.begin(person) as unit:
                refund = ask_refund(unit, scene.settings, order.code, 40_000, "Not sent")
            found.append(f"{refund.credit_cents}")
        except Conflict as refusal:
            found.append(refusal.code)

    threads = [threading.Thread(target=one, args=(scene.money.person(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count("0") == 1  # others bring a credit note, or exceed what was paid


def test_what_a_transfer_paid_is_given_back_once_by_two_people_at_once(scene: GatewayScene) -> None:
    order = scene.money.on_credit()
    scene.money.settled(order, 30_000)
    number = scene.money.number(order, "invoice")
    with scene.money.web.begin(scene.money.accountant) as unit:
        receipt = receive_transfer(unit, 50_000, unit.today, f"half {number}", "Manteaux", number)
    book_receipt(scene.money.worker, receipt.id)
    found: list[str] = []
    gate = threading.Barrier(4)

    def one(person: Actor) -> None:
        gate.wait()
        try:
            with scene.money.web.begin(person) as unit:
                ask_refund(unit, scene.settings, receipt.code, 50_000, "Not sent", invoice=number, iban=IBAN)
            found.append("asked")
        except Conflict as refusal:
            found.append(refusal.code)

    threads = [threading.Thread(target=one, args=(scene.money.person(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["asked", "refund_exceeds", "refund_exceeds", "refund_exceeds"]


def test_a_refund_that_comes_back_goes_where_it_was_taken_from(scene: GatewayScene) -> None:
    order = scene.money.paid()
    (payment,) = scene.column("SELECT id FROM payment WHERE order_id = :id", id=order.id)
    intent, before = scene.payment(payment).gateway_reference, scene.books()
    with scene.money.worker.begin() as unit:
        cents = 700 - balance(unit, "4197", scene.payer.org)  # what other orders' credit notes owe, and more
    scene.gateway.move(intent, "refund", -cents)  # made in the gateway's own pages, by nobody of ours
    book_card_money(scene.money.worker, scene.gateway, payment)
    assert scene.changed(before)["471"] == 700
    scene.gateway.move(intent, "refund_failed", cents)
    book_card_money(scene.money.worker, scene.gateway, payment)
    assert scene.changed(before) == {}


@pytest.fixture
def agent(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> GatewayScene:
    return build_gateway_scene(admin_engine, worker_engine, web_engine)


def by_debit(scene: GatewayScene) -> Order:
    """An order that a direct debit paid, scheduled."""
    order = scene.money.approved()
    captured(scene, scene.paying(order, scene.saved("sepa_debit")))
    return order


def taken_back(scene: GatewayScene, order: Order) -> None:
    """The payer's bank takes the payment of an order back."""
    (payment,) = scene.column("SELECT id FROM payment WHERE order_id = :id AND state = 'captured'", id=order.id)
    scene.gateway.move(scene.payment(payment).gateway_reference, "returned", -order.total_cents)
    book_card_money(scene.money.worker, scene.gateway, payment)
    assert scene.payment(payment).state == "returned"


def test_an_owner_who_is_paid_when_paid_waits_for_what_was_taken_back(agent: GatewayScene) -> None:
    make_agent(agent.money, "agent_of_owner", pay_when_paid=True)
    order = by_debit(agent)
    agent.money.settled(order, 30_000)
    taken_back(agent, order)
    assert pay_owner(agent.money) == 0
    agent.charged(agent.paying(order, agent.saved("card")))
    assert pay_owner(agent.money) > 0


def test_funds_that_a_bank_takes_back_are_no_longer_held_for_anybody(agent: GatewayScene) -> None:
    make_agent(agent.money, "agent_of_advertiser")
    order = by_debit(agent)
    assert standing(agent.money, "467", agent.payer.org) == -order.total_cents
    taken_back(agent, order)
    assert (standing(agent.money, "467", agent.payer.org), standing(agent.money, "411", agent.payer.org)) == (0, 0)
    agent.charged(agent.paying(order, agent.saved("card")))
    assert standing(agent.money, "467", agent.payer.org) == -order.total_cents
    agent.money.settled(order, 30_000)
    assert standing(agent.money, "467", agent.payer.org) == 0


def test_documents_issued_while_funds_were_gone_are_paid_by_the_next_payment(agent: GatewayScene) -> None:
    make_agent(agent.money, "agent_of_advertiser")
    order = by_debit(agent)
    taken_back(agent, order)
    agent.money.settled(order, 30_000)
    assert standing(agent.money, "467", agent.payer.org) + standing(agent.money, "411", agent.payer.org) > 0
    agent.charged(agent.paying(order, agent.saved("card")))
    for receipt in agent.column("SELECT id FROM receipt WHERE booked_at IS NULL"):
        book_receipt(agent.money.worker, receipt)
    assert (standing(agent.money, "467", agent.payer.org), standing(agent.money, "411", agent.payer.org)) == (0, 0)
    with agent.money.worker.begin() as unit:
        assert not has_open(unit, order.id)
