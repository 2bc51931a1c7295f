"""From the prepayment to the settled mailing: every cent comes from a send."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine

from broker.billing.accrue import accrue_sends
from broker.billing.drill import lines_of_send, sends_of_line
from broker.billing.gateway.collect import book_payment, start_payment
from broker.billing.gateway.fake_gateway import FakeGateway
from broker.billing.gateway.webhook import receive_webhook, treat_webhook
from broker.billing.invoices.find_invoice import find_invoice, invoice_file, list_invoices
from broker.billing.model import Invoice
from broker.billing.report import revenue_report, unequal_rows
from broker.billing.settle import due_settlements, settle_mailing
from broker.kernel.actor import PUBLIC
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.rentals.cancel import cancel_order
from broker.rentals.find import find_order
from broker.rentals.model import Order
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene

HOURS = SETTINGS.trade.bounce_freeze_hours + 1


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def invoices_of(scene: MoneyScene, order: Order) -> dict[str, Invoice]:
    with scene.worker.begin() as unit:
        numbers = unit.all("SELECT number, kind FROM invoice WHERE order_id = :id ORDER BY id", id=order.id)
        return {row.kind: find_invoice(unit, row.number) for row in numbers}


def entry_of(scene: MoneyScene, number: str) -> list[tuple[str, int]]:
    """(account, debit minus credit) of a document's entry."""
    with scene.worker.begin() as unit:
        rows = unit.all(
            "SELECT p.account, p.debit_cents - p.credit_cents AS cents FROM ledger_entry e"
            " JOIN ledger_posting p ON p.entry_id = e.id WHERE e.piece_ref = :number ORDER BY p.line",
            number=number,
        )
        return [(row.account, row.cents) for row in rows]


def state_of(scene: MoneyScene, order: Order) -> str:
    with scene.worker.begin() as unit:
        return find_order(unit, order.code).state


def test_a_prepayment_is_booked_as_deposit_and_schedules_the_mailing(scene: MoneyScene) -> None:
    order = scene.paid()
    deposit = invoices_of(scene, order)["deposit"]
    assert (deposit.type_code, deposit.net_cents, deposit.vat_cents) == (386, 99_999, 20_000)
    assert entry_of(scene, deposit.number) == [("512", 119_999), ("4191", -99_999), ("44571", -20_000)]
    assert state_of(scene, order) == "scheduled"


def test_a_payment_books_once_however_often_the_gateway_calls(scene: MoneyScene) -> None:
    order = scene.approved()
    gateway = FakeGateway(scene.web, pay_at_once=False)
    with scene.web.begin(scene.advertiser) as unit:
        payment = start_payment(unit, SETTINGS, gateway, order.code)
    with scene.web.begin(scene.advertiser) as unit:
        assert start_payment(unit, SETTINGS, gateway, order.code).code == payment.code
    assert payment.checkout.startswith("/fake-gateway/")
    book_payment(scene.worker, SETTINGS, gateway, payment.id)
    assert state_of(scene, order) == "approved"
    body, signature = gateway.pay(payment.checkout_reference)
    for _ in range(3):
        with scene.web.begin(PUBLIC) as unit:
            receive_webhook(unit, gateway, body, signature)
        with scene.worker.begin() as unit:
            (event,) = unit.all(
                "SELECT number FROM webhook_event WHERE object_reference = :page", page=payment.checkout_reference
            )
        treat_webhook(scene.worker, SETTINGS, gateway, event.number)
        book_payment(scene.worker, SETTINGS, gateway, payment.id)
    with scene.worker.begin() as unit:
        jobs = unit.scalar(
            "SELECT count(*) FROM jobs.procrastinate_jobs WHERE task_name = 'treat_webhook'"
            " AND args = jsonb_build_object('row_id', CAST(:number AS bigint))",
            number=event.number,
        )
        entries = unit.scalar(
            "SELECT count(*) FROM ledger_entry WHERE idempotency_key = :key", key=f"payment:{payment.code}"
        )
        outcome = unit.scalar("SELECT outcome FROM webhook_event WHERE number = :number", number=event.number)
    assert (jobs, entries, outcome) == (1, 1, "done")
    assert state_of(scene, order) == "scheduled"


def test_a_forged_webhook_is_refused(scene: MoneyScene) -> None:
    gateway = FakeGateway(scene.web)
    body = b'{"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1"}}}'
    for signature in ("", "t=1,v1=00", "t=9999999999,v1=deadbeef"):
        with pytest.raises(InvalidInput) as refusal, scene.web.begin(PUBLIC) as unit:
            receive_webhook(unit, gateway, body, signature)
        assert refusal.value.code == "bad_signature"


def test_only_an_approved_order_is_paid_and_only_by_its_advertiser(scene: MoneyScene) -> None:
    order = scene.ordered()
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.advertiser) as unit:
        start_payment(unit, SETTINGS, FakeGateway(scene.web), order.code)
    assert refusal.value.code == "not_payable"
    approved = scene.approved()
    standing = (
        "INSERT INTO payment (code, order_id, advertiser_id, gateway, amount_cents)"
        " SELECT md5(random()::text), id, advertiser_id, 'fake', net_cents + vat_cents FROM rental_order"
        " CROSS JOIN generate_series(1, :times) WHERE code = :code"
    )
    with pytest.raises(Conflict) as refusal, scene.worker.begin() as unit:
        unit.run(standing, code=approved.code, times=2)
    assert refusal.value.details["constraint"] == "payment_once"


def test_money_for_an_order_cancelled_meanwhile_is_credited_whole(scene: MoneyScene) -> None:
    order = scene.approved()
    gateway = FakeGateway(scene.web)
    with scene.web.begin(scene.advertiser) as unit:
        payment = start_payment(unit, SETTINGS, gateway, order.code)
    with scene.web.begin(scene.owner) as unit:
        cancel_order(unit, order.code)
    book_payment(scene.worker, SETTINGS, gateway, payment.id)
    papers = invoices_of(scene, order)
    assert papers["credit_note"].total_cents == papers["deposit"].total_cents == 119_999
    assert papers["credit_note"].corrects_number == papers["deposit"].number
    assert state_of(scene, order) == "cancelled"


def test_a_full_mailing_is_settled_with_the_deposit_deducted(scene: MoneyScene) -> None:
    order = scene.paid()
    mailing, dispatch, code = scene.mailing_of(order)
    scene.send(mailing, dispatch, 30_000, seeds=2)
    settle_mailing(scene.worker, SETTINGS, mailing)
    assert "invoice" not in invoices_of(scene, order)  # bounces may still come
    scene.wait(HOURS)
    with scene.worker.begin() as unit:
        assert mailing in due_settlements(unit, SETTINGS)
    for _ in range(2):
        settle_mailing(scene.worker, SETTINGS, mailing)
    papers = invoices_of(scene, order)
    assert set(papers) == {"deposit", "invoice", "self_bill"}
    invoice, bill = papers["invoice"], papers["self_bill"]
    assert (invoice.net_cents, invoice.vat_cents, invoice.due_cents) == (99_999, 20_000, 0)
    assert entry_of(scene, invoice.number) == [
        ("411", 119_999),
        ("706", -99_999),
        ("44571", -20_000),
        ("4191", 99_999),
        ("44571", 20_000),
        ("411", -119_999),
    ]
    # 20 % of 999.99 is 200.00: the owner has the rest, to the cent.
    assert (bill.type_code, bill.net_cents, bill.vat_cents) == (389, 79_999, 16_000)
    assert entry_of(scene, bill.number) == [("604", 79_999), ("44564", 16_000), ("401", -95_999)]
    assert bill.number.startswith("AF-")
    assert state_of(scene, order) == "settled"
    with scene.worker.begin() as unit:
        assert mailing not in due_settlements(unit, SETTINGS)
        assert invoice_file(unit, invoice.number).startswith(b"%PDF")
        report = revenue_report(unit, date(2020, 1, 1), date(2100, 1, 1))
    row = next(row for row in report.rows if row.mailing == code)
    assert (row.billable, row.sends_micros, row.gross_cents) == (30_000, 999_990_000, 99_999)
    assert (row.ledger_cents, row.invoice_cents) == (99_999, 99_999)
    assert row.owner_cents + row.commission_cents == row.gross_cents
    assert report.balanced
    assert not list(unequal_rows(report))


def test_bounces_and_uncertain_sends_are_credited_and_later_bounces_change_nothing(scene: MoneyScene) -> None:
    order = scene.paid()
    mailing, dispatch, code = scene.mailing_of(order)
    scene.send(mailing, dispatch, 29_000, uncertain=100, bounced=50)
    assert scene.bounce(mailing, dispatch, range(1, 51)) == 0  # reported twice, taken back once
    scene.wait(HOURS)
    settle_mailing(scene.worker, SETTINGS, mailing)
    papers = invoices_of(scene, order)
    invoice, credit, deposit = papers["invoice"], papers["credit_note"], papers["deposit"]
    assert invoice.net_cents == 96_499  # 28,950 × 33,333 µ = 964.99035
    assert invoice.lines[0].quantity == 28_950
    assert invoice.due_cents == 0
    assert credit.net_cents == deposit.net_cents - invoice.net_cents
    assert credit.vat_cents == deposit.vat_cents - invoice.vat_cents
    assert entry_of(scene, credit.number) == [
        ("4191", credit.net_cents),
        ("44571", credit.vat_cents),
        ("4197", -credit.total_cents),
    ]
    assert scene.bounce(mailing, dispatch, range(51, 61)) == 0
    with scene.worker.begin() as unit:
        report = revenue_report(unit, date(2020, 1, 1), date(2100, 1, 1))
        row = next(row for row in report.rows if row.mailing == code)
        assert (row.sends, row.bounced, row.uncertain, row.billable) == (29_100, 60, 100, 28_950)
        assert accrue_sends(unit, mailing, [(dispatch, 29_001)]) == 0  # uncertain, and closed
    assert report.balanced
    with scene.worker.begin() as unit:
        left = unit.scalar(
            "SELECT coalesce(sum(debit_cents - credit_cents), 0) FROM ledger_posting"
            " WHERE account IN ('4191', '411') AND org_id = :org",
            org=scene.advertiser.org,
        )
    assert left == 0


def test_nothing_sent_is_all_credited(scene: MoneyScene) -> None:
    order = scene.paid()
    mailing, dispatch, _ = scene.mailing_of(order)
    with scene.worker.begin() as unit:
        unit.run("UPDATE mailing SET state = 'cancelled' WHERE id = :id", id=mailing)
    scene.wait(HOURS)
    settle_mailing(scene.worker, SETTINGS, mailing)
    papers = invoices_of(scene, order)
    assert set(papers) == {"deposit", "credit_note"}
    assert papers["credit_note"].total_cents == papers["deposit"].total_cents
    assert state_of(scene, order) == "cancelled"
    assert dispatch


def test_walk_from_a_line_to_its_sends_and_back(scene: MoneyScene) -> None:
    order = scene.paid()
    mailing, dispatch, code = scene.mailing_of(order)
    scene.send(mailing, dispatch, 300, bounced=3)
    scene.wait(HOURS)
    settle_mailing(scene.worker, SETTINGS, mailing)
    papers = invoices_of(scene, order)
    number = papers["invoice"].number
    with scene.web.begin(scene.advertiser) as unit:
        found = [sends_of_line(unit, number, 1, page).items for page in (1, 2, 3)]
        total = sends_of_line(unit, number, 1).total
        assert lines_of_send(unit, code, 4) == [(number, 1)]
        assert lines_of_send(unit, code, 3) == []
    sends = [send for page in found for send in page]
    assert len(sends) == total == 297
    assert min(send.position for send in sends) == 4
    assert sum(send.gross_micros for send in sends) == papers["invoice"].lines[0].amount_micros
    with scene.web.begin(scene.owner) as unit:
        assert lines_of_send(unit, code, 4) == [(papers["self_bill"].number, 1)]
        with pytest.raises(NotFound):
            sends_of_line(unit, number, 1)


def test_each_party_sees_its_own_documents(scene: MoneyScene) -> None:
    order = scene.paid()
    mailing, dispatch, _ = scene.mailing_of(order)
    scene.send(mailing, dispatch, 10_000)
    scene.wait(HOURS)
    settle_mailing(scene.worker, SETTINGS, mailing)
    with scene.web.begin(scene.advertiser) as unit:
        assert {item.kind for item in list_invoices(unit).items} == {"deposit", "invoice", "credit_note"}
    with scene.web.begin(scene.owner) as unit:
        bills = list_invoices(unit).items
        report = revenue_report(unit, date(2020, 1, 1), date(2100, 1, 1))
    assert [item.kind for item in bills] == ["self_bill"]
    assert bills[0].due_on.toordinal() - bills[0].issued_on.toordinal() == 45
    assert (len(report.rows), report.owner_cents, report.balanced) == (1, bills[0].net_cents, True)
    with scene.web.begin(scene.stranger) as unit:
        assert list_invoices(unit).total == 0
        assert revenue_report(unit, date(2020, 1, 1), date(2100, 1, 1)).rows == []
