"""Refunds: never more than was paid, at once or one after another; sent once; booked with their credit notes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import Engine
from stripe.params import RefundCreateParams

from broker.billing.bank.export_sepa import make_sepa_file
from broker.billing.bank.freeze_org import freeze_organisation
from broker.billing.gateway.card_money import book_card_money
from broker.billing.gateway.collect import book_payment, start_payment
from broker.billing.gateway.disputes import list_disputes, read_disputes
from broker.billing.gateway.fake_gateway import FakeGateway
from broker.billing.gateway.refund_model import Dispute
from broker.billing.gateway.refunds import approve_refund, ask_refund, cancel_refund, find_refund, list_refunds
from broker.billing.gateway.send_refund import book_refund, follow_refunds, send_refund
from broker.billing.invoices.receipts import book_receipt, receive_transfer
from broker.kernel.actor import Actor
from broker.kernel.errors import Conflict, CourtierError, Forbidden, InvalidInput
from broker.ledger.store import balance
from broker.mailings.withdraw import withdraw_order
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene

IBAN = "FR1420041010050500013M02606"
ACCOUNTS = ("411", "4197", "44571", "471", "512", "709")
TOTAL = 119_999
FAR = date(2100, 1, 1)


class Refunding(FakeGateway):
    """The fake, with its calls counted; `refuse` names Stripe's reason."""

    refuse = ""

    def __init__(self, scene: MoneyScene) -> None:
        super().__init__(scene.web)
        self.made: set[str] = set()
        self.calls = 0

    def create_refund(self, params: RefundCreateParams, key: str) -> str:
        self.calls += 1
        if self.refuse:
            raise Conflict("refused", code="gateway_refused", details={"gateway_code": self.refuse})
        made = super().create_refund(params, key)
        self.made.add(made)
        return made


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def books(scene: MoneyScene) -> dict[str, int]:
    with scene.worker.begin() as unit:
        return {account: balance(unit, account, None) for account in ACCOUNTS}


def moved(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {account: after[account] - before[account] for account in ACCOUNTS if after[account] != before[account]}


def row_of(scene: MoneyScene, code: str) -> tuple[int, int]:
    with scene.worker.begin() as unit:
        row = unit.one("SELECT id, coalesce(payment_id, 0) AS payment FROM refund WHERE code = :code", code=code)
    assert row is not None
    return row.id, row.payment


def ask(scene: MoneyScene, source: str, cents: int, by: Actor | None = None, **how: str) -> str:
    with scene.web.begin(by or scene.person()) as unit:
        return ask_refund(unit, SETTINGS, source, cents, "Half of it was not sent", **how).code


def send(scene: MoneyScene, gateway: Refunding, code: str) -> str:
    refund, payment = row_of(scene, code)
    send_refund(scene.worker, SETTINGS, lambda: gateway, refund)
    book_card_money(scene.worker, gateway, payment)
    follow_refunds(scene.worker, payment)
    with scene.web.begin(scene.accountant) as unit:
        return find_refund(unit, code).state


def test_what_a_credit_note_owes_goes_back_without_another_one(scene: MoneyScene) -> None:
    order = scene.paid()
    scene.settled(order, 20_000)  # a third of the deposit is credited
    before = books(scene)
    code = ask(scene, order.code, 40_000)
    assert send(scene, Refunding(scene), code) == "paid"
    assert moved(before, books(scene)) == {"4197": 40_000, "512": -40_000}


def test_more_than_is_owed_brings_its_credit_note_with_the_vat_it_gives_back(scene: MoneyScene) -> None:
    order = scene.paid()
    scene.settled(order, 30_000)
    before = books(scene)
    code = ask(scene, order.code, 12_000)
    assert send(scene, Refunding(scene), code) == "paid"
    assert moved(before, books(scene)) == {"709": 10_000, "44571": 2_000, "512": -12_000}
    with scene.web.begin(scene.accountant) as unit:
        found = find_refund(unit, code)
    assert (found.credit_cents, found.credit[:1], found.invoice) == (12_000, "F", scene.number(order, "invoice"))
    first = ask(scene, order.code, TOTAL - 12_000, person := scene.person())
    with pytest.raises(Forbidden), scene.web.begin(person) as unit:  # above the setting: two people
        approve_refund(unit, first)
    with scene.web.begin(scene.person()) as unit:
        approve_refund(unit, first)
    assert send(scene, Refunding(scene), first) == "paid"
    assert moved(before, books(scene)) == {"709": 99_999, "44571": 20_000, "512": -TOTAL}  # to the cent
    with pytest.raises(Conflict) as refusal:
        ask(scene, order.code, 1)
    assert refusal.value.code == "refund_exceeds"


def test_a_running_order_is_cancelled_or_invoiced_before_its_money_goes_back(scene: MoneyScene) -> None:
    order = scene.paid()
    with pytest.raises(Conflict) as refusal:
        ask(scene, order.code, 1_000)
    assert refusal.value.code == "order_running"
    for cents, reason in ((0, "x"), (-5, "x"), (5, " ")):
        with pytest.raises(InvalidInput), scene.web.begin(scene.person()) as unit:
            ask_refund(unit, SETTINGS, order.code, cents, reason)
    with pytest.raises(CourtierError), scene.web.begin(scene.advertiser) as unit:
        ask_refund(unit, SETTINGS, order.code, 5, "I want it")


def test_refunds_at_once_never_exceed_what_was_paid(scene: MoneyScene) -> None:
    order = scene.paid()
    scene.settled(order, 30_000)
    people = [scene.person() for _ in range(6)]
    outcomes: list[str] = []

    def one(person: Actor) -> None:
        try:
            outcomes.append(ask(scene, order.code, 40_000, person))
        except Conflict as refusal:
            outcomes.append(refusal.code)

    threads = [threading.Thread(target=one, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([one for one in outcomes if one.startswith("ref_")]) == 2  # 120,000 would exceed 119,999
    assert {one for one in outcomes if not one.startswith("ref_")} <= {"refund_exceeds", "order_running"}


def test_a_capture_and_refunds_of_one_payment_at_once(scene: MoneyScene) -> None:
    """The order was cancelled while its payer was at the gateway: what is captured is owed back, once."""
    order = scene.approved()
    gateway = Refunding(scene)
    with scene.web.begin(scene.advertiser) as unit:
        payment = start_payment(unit, SETTINGS, gateway, order.code)
    with scene.web.begin(scene.advertiser) as unit:
        withdraw_order(unit, order.code)
    before = books(scene)
    people = [scene.person() for _ in range(4)]
    begun = threading.Barrier(6)
    asked: list[str] = []
    refused: set[str] = set()
    faults: list[Exception] = []

    def capture() -> None:
        begun.wait()
        try:
            book_payment(scene.worker, SETTINGS, gateway, payment.id)
        except Exception as error:  # a thread's fault is the test's
            faults.append(error)

    def give_back(person: Actor) -> None:
        begun.wait()
        for _ in range(50):  # until the capture is committed there is nothing to give back
            try:
                asked.append(ask(scene, payment.code, 40_000, person))
            except Conflict as refusal:
                refused.add(refusal.code)
                if refusal.code != "refund_state":
                    return
            else:
                return

    threads = [threading.Thread(target=capture) for _ in range(2)]
    threads += [threading.Thread(target=give_back, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert refused <= {"refund_state", "refund_exceeds", "order_running"}
    assert len(asked) <= 2  # three times 400 EUR would exceed what was paid
    if not asked:
        asked.append(ask(scene, payment.code, 40_000))
    captured = moved(before, books(scene))
    assert (captured["512"], captured["4197"]) == (TOTAL, -TOTAL)  # captured once, owed whole, nothing left on 411
    assert "411" not in captured
    assert {send(scene, gateway, code) for code in asked} == {"paid"}
    left = moved(before, books(scene))
    assert (left["512"], left["4197"]) == (TOTAL - 40_000 * len(asked), 40_000 * len(asked) - TOTAL)
    assert gateway.calls == len(asked)


@pytest.mark.parametrize("dies", ["before", "after"])
def test_killed_around_the_call_the_gateway_refunds_once(scene: MoneyScene, dies: str) -> None:
    order = scene.paid()
    scene.settled(order, 20_000)
    code = ask(scene, order.code, 40_000)
    gateway = Refunding(scene)
    refund, _ = row_of(scene, code)
    real: Callable[..., str] = gateway.create_refund

    def dying(params: RefundCreateParams, key: str) -> str:
        if dies == "after":
            real(params, key)
        raise KeyboardInterrupt  # the process ends here

    gateway.create_refund = dying  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        send_refund(scene.worker, SETTINGS, lambda: gateway, refund)
    with scene.web.begin(scene.accountant) as unit:
        assert find_refund(unit, code).state == "sending"
    gateway.create_refund = real  # type: ignore[method-assign]
    for _ in range(2):
        assert send(scene, gateway, code) == "paid"
    assert len(gateway.made) == 1
    assert gateway.calls == 1


def test_the_day_until_which_evidence_is_due_is_told_and_shown(scene: MoneyScene) -> None:
    order = scene.paid()
    with scene.worker.begin() as unit:
        row = unit.one("SELECT id, gateway_reference FROM payment WHERE order_id = :id", id=order.id)
    assert row is not None
    gateway = FakeGateway(scene.web)
    gateway.move(row.gateway_reference, "dispute", -50_000, 2_000)

    def shown() -> Dispute:
        book_card_money(scene.worker, gateway, row.id)
        read_disputes(scene.worker, gateway, row.id)
        with scene.web.begin(scene.person()) as unit:
            return next(one for one in list_disputes(unit) if one.order == order.code)

    found = shown()
    assert (found.status, found.amount_cents, found.fee_cents, found.booked) == (
        "needs_response", 50_000, 2_000, ("dispute",),
    )  # fmt: skip
    assert found.is_open
    assert found.evidence_due_at is not None
    gateway.move(row.gateway_reference, "dispute_won", 50_000)
    won = shown()
    assert (won.status, won.booked, won.is_open) == ("won", ("dispute", "dispute_won"), False)
    with scene.worker.begin() as unit:
        assert unit.scalar("SELECT count(*) FROM dispute WHERE payment_id = :id", id=row.id) == 1


def test_a_refusal_of_the_gateway_ends_the_refund_and_leaves_the_debt(scene: MoneyScene) -> None:
    order = scene.paid()
    scene.settled(order, 20_000)
    before = books(scene)
    gateway = Refunding(scene)
    gateway.refuse = "charge_already_refunded"
    code = ask(scene, order.code, 40_000)
    assert send(scene, gateway, code) == "failed"
    assert moved(before, books(scene)) == {}
    with scene.web.begin(scene.accountant) as unit:
        assert find_refund(unit, code).problem == "charge_already_refunded"
    again = ask(scene, order.code, 40_000)  # what is owed can be asked for again
    with scene.web.begin(scene.person()) as unit:
        assert again in {one.code for one in list_refunds(unit)}


def test_contested_money_is_not_given_back_and_a_frozen_customer_gets_none(scene: MoneyScene) -> None:
    order = scene.paid()
    scene.settled(order, 20_000)
    gateway = Refunding(scene)
    with scene.worker.begin() as unit:
        row = unit.one("SELECT id, gateway_reference FROM payment WHERE order_id = :id", id=order.id)
    assert row is not None
    gateway.move(row.gateway_reference, "dispute", -TOTAL, 2_000)
    book_card_money(scene.worker, gateway, row.id)
    with pytest.raises(Conflict) as refusal:
        ask(scene, order.code, 1_000)
    assert refusal.value.code == "refund_exceeds"
    gateway.move(row.gateway_reference, "dispute_won", TOTAL)
    book_card_money(scene.worker, gateway, row.id)
    with scene.web.begin(scene.person()) as unit:
        code = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.advertiser.org)
        freeze_organisation(unit, code, "Who are they?")
    with pytest.raises(Conflict) as refusal:
        ask(scene, order.code, 1_000)
    assert refusal.value.code == "org_frozen"


def test_a_transfer_goes_back_where_it_came_from_or_two_people_say_where(scene: MoneyScene) -> None:
    order = scene.on_credit()
    scene.settled(order, 30_000)
    number = scene.number(order, "invoice")
    with scene.web.begin(scene.accountant) as unit:
        receipt = receive_transfer(unit, 150_000, unit.today, f"twice {number}", "Manteaux", number)
    book_receipt(scene.worker, receipt.id)
    with pytest.raises(InvalidInput):  # no statement says where it came from
        ask(scene, receipt.code, 30_001)
    with pytest.raises(InvalidInput) as bad:
        ask(scene, receipt.code, 30_001, iban="FR1420041010050500013M02607")
    assert bad.value.code == "bad_iban"
    with pytest.raises(Conflict):
        ask(scene, receipt.code, 30_002, iban=IBAN)
    person = scene.person()
    code = ask(scene, receipt.code, 30_001, person, iban=IBAN)
    with pytest.raises(Forbidden), scene.web.begin(person) as unit:
        approve_refund(unit, code)
    with scene.web.begin(scene.person()) as unit:
        approve_refund(unit, code)
    settings = replace(SETTINGS, company=replace(SETTINGS.company, iban=IBAN))
    with scene.web.begin(scene.person()) as unit:
        made = make_sepa_file(unit, settings, date(2020, 1, 1), FAR)
    assert made is not None
    assert code.replace("_", "-").upper()[:4] == "REF-"
    assert b">300.01<" in made.content
    before = books(scene)
    with scene.worker.begin() as unit:
        unit.run("UPDATE refund SET state = 'confirmed', paid_on = :day WHERE code = :code", day=unit.today, code=code)
    refund, _ = row_of(scene, code)
    for _ in range(2):
        book_refund(scene.worker, refund)
    assert moved(before, books(scene)) == {"471": 30_001, "512": -30_001}
    with scene.web.begin(scene.person()) as unit, pytest.raises(Conflict):
        cancel_refund(unit, code)
