"""What a returned debit leaves is asked for like an overdue invoice, paid by transfer or anew, and never twice."""

from __future__ import annotations

import secrets
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from broker.billing.dunning.dunning import run_dunning
from broker.billing.dunning.late_claims import claim_interest, issue_claim
from broker.billing.dunning.overdue import agree_instalments, find_debt, find_overdue, list_letters
from broker.billing.invoices.receipts import book_receipt, receive_transfer
from broker.billing.statements import aged_balances
from broker.kernel.errors import Conflict
from broker.ledger.store import balance
from broker.rentals.model import Order
from tests.store.gateway_scene import SETTINGS, GatewayScene, build_gateway_scene
from tests.store.test_returned_money import by_debit, captured, on_credit, taken_back


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> GatewayScene:
    return build_gateway_scene(admin_engine, worker_engine, web_engine)


def number_of(scene: GatewayScene, order: Order, kind: str) -> str:
    return scene.money.number(order, kind)


def levels(scene: GatewayScene, number: str) -> list[int]:
    """Write what is due, twice; the levels of the letters about a document so far."""
    for _ in range(2):
        run_dunning(scene.money.worker, SETTINGS)
    with scene.money.web.begin(scene.payer) as unit:
        return [one.level for one in reversed(list_letters(unit, number))]


def transfer(scene: GatewayScene, number: str, cents: int) -> None:
    with scene.money.web.begin(scene.money.accountant) as unit:
        receipt = receive_transfer(unit, cents, unit.today, secrets.token_hex(6), "Manteaux", number)
    book_receipt(scene.money.worker, receipt.id)


def customer(scene: GatewayScene) -> int:
    with scene.money.worker.begin() as unit:
        return balance(unit, "411", scene.payer.org)


def test_a_deposit_whose_debit_came_back_is_asked_for_from_that_day_on(scene: GatewayScene) -> None:
    order = by_debit(scene)
    deposit = number_of(scene, order, "deposit")
    assert levels(scene, deposit) == []
    taken_back(scene, order)
    with scene.money.web.begin(scene.money.accountant) as unit:
        late = find_overdue(unit, SETTINGS, deposit)
        returned = unit.today
        (claim,) = find_debt(unit, deposit).dues
    assert claim == (late.due_on, order.total_cents)
    assert (late.open_cents, late.late_cents) == (order.total_cents, 0)
    scene.money.wait((returned - late.due_on).days * 24 + 24 * 9)
    assert levels(scene, deposit) == [1]
    scene.money.wait(24 * 40)
    assert levels(scene, deposit)[-1] > 1
    with scene.money.web.begin(scene.money.accountant) as unit:
        late = find_overdue(unit, SETTINGS, deposit)
        assert late.late_cents == order.total_cents
        assert late.interest_cents > 0
        claim_interest(unit, deposit)
    (waiting,) = scene.column("SELECT id FROM late_claim WHERE done_at IS NULL")
    issue_claim(scene.money.worker, SETTINGS, waiting)
    before = customer(scene)
    transfer(scene, deposit, order.total_cents - 100)
    with scene.money.web.begin(scene.money.accountant) as unit:
        assert find_overdue(unit, SETTINGS, deposit).open_cents == 100
        agree_instalments(unit, deposit, [(unit.today + timedelta(days=3), 100)])
        assert find_overdue(unit, SETTINGS, deposit).open_cents == 100
    transfer(scene, deposit, 100)
    assert customer(scene) == before - order.total_cents
    written = levels(scene, deposit)
    scene.money.wait(24 * 60)
    assert levels(scene, deposit) == written  # paid: nothing more is asked
    for pay in (lambda: scene.opened(order), lambda: transfer(scene, deposit, 1)):
        with pytest.raises(Conflict) as refusal:
            pay()
        assert refusal.value.code in ("not_payable", "nothing_open")
    left = scene.column(
        "SELECT p.entry_id FROM ledger_posting p JOIN ledger_entry e ON e.id = p.entry_id WHERE p.account = '411'"
        " AND p.org_id = :org AND e.piece_ref <> ALL (SELECT number FROM invoice WHERE kind = 'claim')"
        " AND NOT EXISTS (SELECT 1 FROM ledger_match_line m WHERE m.entry_id = p.entry_id AND m.line = p.line)",
        org=scene.payer.org,
    )
    assert left == []  # the return and its transfers are lettered


def test_an_invoice_whose_debit_came_back_is_late_again_and_its_vat_falls_due_once(
    admin_engine: Engine, worker_engine: Engine, web_engine: Engine
) -> None:
    scene = build_gateway_scene(admin_engine, worker_engine, web_engine)
    scene.money.paid()  # an advertiser's first order is paid in advance
    order, payment = on_credit(scene)
    scene.money.settled(order, 30_000)
    invoice = number_of(scene, order, "invoice")
    captured(scene, payment)
    taken_back(scene, order)
    with scene.money.web.begin(scene.money.accountant) as unit:
        found = find_debt(unit, invoice)
    assert found.open_cents == order.total_cents
    scene.money.wait(24 * 40)
    assert levels(scene, invoice) == [1]
    with scene.money.worker.begin() as unit:
        vat = balance(unit, "44571", None)
    transfer(scene, invoice, order.total_cents)
    with scene.money.worker.begin() as unit:
        assert balance(unit, "44571", None) == vat
    with scene.money.web.begin(scene.money.accountant) as unit:
        assert find_debt(unit, invoice).open_cents == 0


def test_while_it_is_paid_anew_nothing_is_asked(scene: GatewayScene) -> None:
    order = by_debit(scene)
    deposit = number_of(scene, order, "deposit")
    taken_back(scene, order)
    scene.money.wait(24 * 9)
    payment = scene.paying(order, scene.saved("sepa_debit"))
    assert levels(scene, deposit) == []
    captured(scene, payment)
    scene.money.wait(24 * 40)
    assert levels(scene, deposit) == []
    with scene.money.web.begin(scene.money.accountant) as unit:
        assert find_debt(unit, deposit).open_cents == 0


def test_the_aged_balance_shows_what_a_returned_debit_left_in_one_age(scene: GatewayScene) -> None:
    order = by_debit(scene)
    deposit = number_of(scene, order, "deposit")
    with scene.money.worker.begin() as unit:
        named = f"Aged {deposit}"
        unit.run("UPDATE organisation SET name = :name WHERE id = :id", name=named, id=scene.payer.org)

    def aged() -> tuple[int, int, int]:
        with scene.money.web.begin(scene.money.accountant) as unit:
            rows = [one for one in aged_balances(unit, unit.today) if (one.party, one.account) == (named, "411")]
        return (sum(one.not_due for one in rows), sum(one.to_30 for one in rows), sum(one.total for one in rows))

    before = aged()
    taken_back(scene, order)
    scene.money.wait(24 * 9)
    after = aged()
    assert after[2] == before[2] + order.total_cents
    assert after[1] >= order.total_cents
    transfer(scene, deposit, order.total_cents)
    assert aged()[2] == before[2]
