"""A contested invoice that we issued as agent: credited in part or whole, our fee with it, and replaced by another."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from broker.billing.invoices.contests import (
    contest_invoice,
    issue_correction,
    list_contests,
    reject_contest,
    sign_correction,
    uphold_contest,
)
from broker.billing.invoices.find_invoice import find_invoice
from broker.billing.invoices.receipt_store import open_invoice
from broker.billing.invoices.receipts import book_receipt, receive_transfer
from broker.billing.model import Invoice
from broker.billing.statements import aged_balances
from broker.kernel.errors import Conflict, InvalidInput
from broker.rentals.model import Order
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene
from tests.store.test_roles import lines_of, live_in, make_agent, pay_owner, standing, unlettered

BY_US = replace(SETTINGS, trade=replace(SETTINGS.trade, corrections_by="company"))


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def sold(scene: MoneyScene, role: str, *, prepaid: bool = False, accepted: int = 3_000) -> tuple[Order, str]:
    make_agent(scene, role)  # type: ignore[arg-type]
    order = scene.paid(5_000) if prepaid else scene.on_credit(5_000)
    scene.settled(order, accepted)
    return order, scene.number(order, "owner_invoice")


def corrected(
    scene: MoneyScene, number: str, net: int, new: int | None = None, *, by_us: bool = False
) -> tuple[Invoice, Invoice | None]:
    """Contest, uphold, sign and issue; the credit note and what replaces the document."""
    with scene.web.begin(scene.owner) as unit:
        contest = contest_invoice(unit, number, "not what was agreed")
    with scene.web.begin(scene.accountant) as unit:
        uphold_contest(unit, BY_US if by_us else SETTINGS, contest.code, net, "You are right.", new)
    if not by_us:
        with scene.web.begin(scene.owner) as unit:
            assert sign_correction(unit, contest.code).state == "signed"
    for _ in range(2):
        issue_correction(scene.worker, SETTINGS, contest.id)
    with scene.web.begin(scene.owner) as unit:
        done = next(one for one in list_contests(unit).items if one.code == contest.code)
        assert done.state == "corrected"
        return find_invoice(unit, done.credit), find_invoice(unit, done.replacement) if done.replacement else None


def fee_credit(scene: MoneyScene, credit: Invoice) -> Invoice:
    with scene.worker.begin() as unit:
        number = unit.scalar(
            "SELECT f.number FROM invoice_contest c JOIN invoice f ON f.id = c.fee_credit_id WHERE c.credit_id = :id",
            id=credit.id,
        )
        return find_invoice(unit, number)


def left_open(scene: MoneyScene, number: str) -> int:
    with scene.worker.begin() as unit:
        found = open_invoice(unit, number)
        assert found is not None
        return int(found.open_cents)


def paid(scene: MoneyScene, number: str, cents: int) -> None:
    with scene.web.begin(scene.accountant) as unit:
        receipt = receive_transfer(unit, cents, unit.today, secrets.token_hex(8), "P", number)
    book_receipt(scene.worker, receipt.id)


def test_as_agent_of_the_owner_an_unpaid_invoice_is_credited_in_part_and_our_fee_with_it(scene: MoneyScene) -> None:
    order, number = sold(scene, "agent_of_owner")  # 100.00 + 20.00, fee 20.00 + 4.00
    credit, nothing = corrected(scene, number, 2_500)
    assert nothing is None
    assert (credit.kind, credit.type_code, credit.corrects_number) == ("credit_note", 381, number)
    assert (credit.seller_id, credit.buyer_id) == (scene.owner.org, scene.advertiser.org)
    assert (credit.net_cents, credit.vat_cents) == (2_500, 500)
    assert credit.number.rsplit("-", 1)[0] == number.rsplit("-", 1)[0]  # the owner's one series
    assert lines_of(scene, f"invoice:{credit.number}") == {("467", "owner"): 3_000, ("411", "advertiser"): -3_000}
    given = fee_credit(scene, credit)
    assert (given.seller_id, given.net_cents, given.vat_cents) == (scene.company, 500, 100)
    assert given.number.startswith("F")
    assert lines_of(scene, f"invoice:{given.number}") == {("706", ""): 500, ("44574", ""): 100, ("467", "owner"): -600}
    assert left_open(scene, number) == 9_000
    paid(scene, number, 9_000)
    fee = scene.number(order, "fee")
    with scene.worker.begin() as unit:  # nothing of the fee's VAT waits once all is paid or credited
        waits = unit.scalar(
            "SELECT sum(p.debit_cents - p.credit_cents) FROM ledger_posting p JOIN ledger_entry e ON e.id = p.entry_id"
            " WHERE p.account = '44574' AND (e.idempotency_key IN (:fee, :given) OR e.piece_ref IN"
            " (SELECT r.code FROM receipt r JOIN receipt_share s ON s.receipt_id = r.id JOIN invoice i ON i.id ="
            " s.invoice_id WHERE i.number = :number))",
            fee=f"invoice:{fee}", given=f"invoice:{given.number}", number=number,
        )  # fmt: skip
    assert waits == 0
    assert standing(scene, "411", scene.advertiser.org) == 0 == unlettered(scene, "411", scene.advertiser.org)
    assert pay_owner(scene) == 9_000 - (2_400 - 600)
    assert standing(scene, "467", scene.owner.org) == 0 == unlettered(scene, "467", scene.owner.org)


def test_a_prepaid_one_with_a_wrong_amount_is_credited_whole_and_replaced(scene: MoneyScene) -> None:
    _, number = sold(scene, "agent_of_owner", prepaid=True, accepted=5_000)  # 166.67 + 33.33, all of it prepaid
    with scene.worker.begin() as unit:
        whole = find_invoice(unit, number)
    owed = -standing(scene, "467", scene.owner.org)
    credit, new = corrected(scene, number, whole.net_cents, 10_000)
    assert new is not None
    assert (credit.total_cents, new.kind, new.net_cents, new.vat_cents) == (
        whole.total_cents, "owner_invoice", 10_000, 2_000)  # fmt: skip
    assert (new.deposit_cents, new.due_cents) == (12_000, 0)  # paid by what had been paid for the first
    assert standing(scene, "4197", scene.advertiser.org) == -(whole.total_cents - 12_000)
    series, _, last = number.rpartition("-")
    assert [credit.number, new.number] == [f"{series}-{int(last) + 1:05}", f"{series}-{int(last) + 2:05}"]  # unbroken
    assert standing(scene, "411", scene.advertiser.org) == 0
    with scene.worker.begin() as unit:
        fee = unit.one("SELECT net_cents, vat_cents FROM invoice WHERE fee_of_id = :id", id=new.id)
    assert fee is not None
    assert (fee.net_cents, fee.vat_cents) == (2_000, 400)
    assert -standing(scene, "467", scene.owner.org) == 12_000 - 2_400 < owed
    assert pay_owner(scene) == 9_600
    assert standing(scene, "467", scene.owner.org) == 0
    again, _ = corrected(scene, new.number, 1)  # what replaced one can be contested in its turn
    assert (again.net_cents, again.corrects_number) == (1, new.number)


def test_as_agent_of_the_advertiser_both_documents_are_credited_and_replaced(scene: MoneyScene) -> None:
    order, number = sold(scene, "agent_of_advertiser")  # owner 80.00 + 16.00, our fee 20.00 + 4.00
    fee = scene.number(order, "fee")
    paid(scene, number, 4_000)
    paid(scene, fee, 1_200)
    credit, new = corrected(scene, number, 8_000, 7_000, by_us=True)
    assert new is not None
    assert (credit.total_cents, credit.type_code) == (9_600, 381)
    given = fee_credit(scene, credit)
    assert (given.buyer_id, given.net_cents, given.vat_cents) == (scene.advertiser.org, 2_000, 400)
    assert (left_open(scene, number), left_open(scene, fee)) == (0, 0)
    assert (new.total_cents, new.deposit_cents) == (8_400, 5_200)  # 40.00 and 12.00 had been paid
    assert standing(scene, "4197", scene.advertiser.org) == 0
    with scene.worker.begin() as unit:
        new_fee = unit.one("SELECT number, total_cents, deposit_cents FROM invoice WHERE fee_of_id = :id", id=new.id)
    assert new_fee is not None
    assert (new_fee.total_cents, new_fee.deposit_cents) == (2_100, 0)
    paid(scene, new.number, 3_200)
    paid(scene, new_fee.number, 2_100)
    assert standing(scene, "411", scene.advertiser.org) == 0 == standing(scene, "467", scene.advertiser.org)
    with scene.worker.begin() as unit:
        waits = unit.scalar(
            "SELECT sum(p.debit_cents - p.credit_cents) FROM ledger_posting p JOIN ledger_entry e ON e.id = p.entry_id"
            " JOIN invoice i ON i.buyer_id = :adv AND (e.idempotency_key = 'invoice:' || i.number) WHERE p.account ="
            " '44574'",
            adv=scene.advertiser.org,
        ) + unit.scalar(
            "SELECT coalesce(sum(s.vat_cents), 0) FROM receipt_share s JOIN invoice i ON i.id = s.invoice_id"
            " WHERE i.buyer_id = :adv",
            adv=scene.advertiser.org,
        )
        aged = [row for row in aged_balances(unit, unit.today) if row.party in ("Manteaux", "Maison Œuvre")]
    assert waits == 0
    assert pay_owner(scene) == 8_400
    assert aged is not None


def test_a_self_bill_is_replaced_where_its_vat_was_wrong(scene: MoneyScene) -> None:
    order = scene.on_credit(5_000)
    scene.settled(order, 3_000)
    number = scene.number(order, "self_bill")  # 80.00 + 16.00
    live_in(scene, scene.owner.org, country="FR", vat_number=None)  # it was under franchise all along
    credit, new = corrected(scene, number, 8_000, 8_000)
    assert new is not None
    assert (credit.net_cents, credit.vat_cents) == (8_000, 1_600)
    assert (new.kind, new.type_code, new.net_cents, new.vat_cents) == ("self_bill", 389, 8_000, 0)
    assert pay_owner(scene) == 8_000


def test_what_a_correction_may_not_be(scene: MoneyScene) -> None:
    _, number = sold(scene, "agent_of_owner")
    with scene.web.begin(scene.owner) as unit:
        contest = contest_invoice(unit, number, "x")
    assert (contest.left_cents, contest.document_kind) == (10_000, "owner_invoice")
    for net, new, code in (
        (10_001, None, "bad_correction"),
        (0, None, "bad_correction"),
        (9_999, 5, "correction_whole"),
        (10_000, 0, "correction_whole"),
    ):
        with pytest.raises(InvalidInput) as refusal, scene.web.begin(scene.accountant) as unit:
            uphold_contest(unit, SETTINGS, contest.code, net, "", new)
        assert refusal.value.code == code
    assert pay_owner(scene) == 0  # while it waits for an answer
    with scene.web.begin(scene.accountant) as unit:
        assert reject_contest(unit, contest.code, "It stands.").state == "rejected"
    with pytest.raises(Conflict), scene.web.begin(scene.accountant) as unit:
        uphold_contest(unit, SETTINGS, contest.code, 1)
