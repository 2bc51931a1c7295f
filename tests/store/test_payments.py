"""Money in by transfer, money out to owners, VAT that falls due with it, letters of what is paid."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.billing.accrue import reverse_bounces
from broker.billing.bank.bank_accounts import approve_bank_account, propose_bank_account, usable_account
from broker.billing.bank.export_sepa import export_sepa
from broker.billing.bank.payouts import approve_payout, book_payout, confirm_payout, fail_payout, propose_payouts
from broker.billing.exports.export_fec import export_fec
from broker.billing.exports.export_result import ExportResult
from broker.billing.invoices.receipts import assign_receipt, book_receipt, receive_transfer, unmatched_receipts
from broker.billing.report import revenue_report, unequal_rows
from broker.billing.settle import settle_mailing
from broker.feedback.model import ReturnedMail, SendKey
from broker.feedback.read_inbound import act
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, CourtierError, Forbidden, InvalidInput
from broker.ledger.store import balance
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene

IBAN = "FR1420041010050500013M02606"
FAR = date(2100, 1, 1)


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def cents(scene: MoneyScene, account: str, org: int | None = None) -> int:
    with scene.worker.begin() as unit:
        return balance(unit, account, org)


def receive(scene: MoneyScene, amount: int, reference: str, invoice: str = "") -> str:
    with scene.web.begin(scene.accountant) as unit:
        receipt = receive_transfer(unit, amount, unit.today, reference, "Manteaux", invoice)
    book_receipt(scene.worker, receipt.id)
    book_receipt(scene.worker, receipt.id)
    return receipt.code


def letters_of(scene: MoneyScene, folder: Path, account: str, party: str) -> list[str]:
    with scene.web.begin(scene.accountant) as unit:
        path = export_fec(unit, "732829320", date(2020, 1, 1), FAR, folder).files[0]
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()[1:]]
    return [row[13] for row in rows if row[4] == account and row[6] == party]


def test_vat_of_an_invoice_falls_due_with_its_part_payments_and_is_whole_with_the_last(
    scene: MoneyScene, tmp_path: Path
) -> None:
    order = scene.on_credit()
    scene.settled(order, 30_000)
    number = scene.number(order, "invoice")
    waiting, due = cents(scene, "44574"), cents(scene, "44571")
    advertiser = scene.advertiser.org
    party = f"org_a{scene.card_code.removeprefix('card_')}"
    for part in (40_001, 39_999, 39_998):
        receive(scene, part, f"T{part} {number}", number)
    assert cents(scene, "411", advertiser) == 1
    assert letters_of(scene, tmp_path, "411", party) == ["", "", "", ""]
    receive(scene, 1, f"T1 {number}", number)
    assert cents(scene, "411", advertiser) == 0
    assert (cents(scene, "44574") - waiting, cents(scene, "44571") - due) == (20_000, -20_000)
    letters = letters_of(scene, tmp_path, "411", party)
    assert len(letters) == 5
    assert len(set(letters)) == 1
    assert letters[0]


def test_an_unknown_transfer_waits_in_suspense_until_it_is_assigned(scene: MoneyScene) -> None:
    order = scene.on_credit()
    scene.settled(order, 30_000)
    number = scene.number(order, "invoice")
    before = cents(scene, "471")
    code = receive(scene, 150_000, f"unknown {number}")
    assert cents(scene, "471") - before == -150_000
    with scene.web.begin(scene.accountant) as unit:
        assert code in {found.code for found in unmatched_receipts(unit)}
        receipt = assign_receipt(unit, code, number)
    book_receipt(scene.worker, receipt.id)
    assert cents(scene, "471") - before == -(150_000 - 119_999)
    assert cents(scene, "411", scene.advertiser.org) == 0
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.accountant) as unit:
        assign_receipt(unit, code, number)
    assert refusal.value.code == "nothing_open"
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.accountant) as unit:
        receive_transfer(unit, 1, unit.today, f"unknown {number}")
    assert refusal.value.code == "receipt_known"


def test_a_prepaid_order_leaves_customer_and_advance_lettered(scene: MoneyScene, tmp_path: Path) -> None:
    scene.settled(scene.paid(), 20_000, bounced=7)
    party = f"org_a{scene.card_code.removeprefix('card_')}"
    for account in ("411", "4191"):
        letters = letters_of(scene, tmp_path, account, party)
        assert len(set(letters)) == 1
        assert letters[0]


def exported(scene: MoneyScene, folder: Path) -> ExportResult:
    settings = replace(SETTINGS, company=replace(SETTINGS.company, iban=IBAN))
    with scene.worker.begin() as unit:
        return export_sepa(unit, settings, date(2020, 1, 1), FAR, folder)


def test_an_account_changed_after_the_approval_stops_the_file(scene: MoneyScene, tmp_path: Path) -> None:
    scene.settled(scene.paid(), 30_000)
    account_of_owner(scene)
    scene.wait(49)
    with scene.web.begin(scene.person()) as unit:
        payout = next(p for p in propose_payouts(unit, SETTINGS, FAR) if p.owner_id == scene.owner.org)
    with scene.web.begin(scene.person()) as unit:
        approve_payout(unit, payout.code)
        owner = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.owner.org)
        propose_bank_account(unit, "Maison", "BE68539007547034", org_code=owner)
    with pytest.raises(Conflict) as refusal:
        exported(scene, tmp_path)
    assert refusal.value.code == "account_changed"
    with scene.web.begin(scene.person()) as unit:
        fail_payout(unit, payout.code, "account changed")
    assert not list(tmp_path.glob("*.xml"))


def account_of_owner(scene: MoneyScene) -> None:
    with scene.web.begin(scene.person()) as unit:
        code = propose_bank_account(
            unit,
            "Maison Œuvre",
            IBAN,
            org_code=unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.owner.org),
        ).code
    with scene.web.begin(scene.person()) as unit:
        approve_bank_account(unit, code)


def test_an_owner_is_paid_by_two_people_and_its_vat_becomes_deductible(scene: MoneyScene, tmp_path: Path) -> None:
    scene.settled(scene.paid(), 30_000)
    account_of_owner(scene)
    proposer, approver = scene.person(), scene.person("broker")
    with scene.web.begin(proposer) as unit:
        assert not [p for p in propose_payouts(unit, SETTINGS, FAR) if p.owner_id == scene.owner.org]
    scene.wait(49)
    with scene.web.begin(proposer) as unit:
        payout = next(p for p in propose_payouts(unit, SETTINGS, FAR) if p.owner_id == scene.owner.org)
        assert not [p for p in propose_payouts(unit, SETTINGS, FAR) if p.owner_id == scene.owner.org]
    assert payout.amount_cents == 79_999 + 16_000
    with pytest.raises(Forbidden) as refusal, scene.web.begin(proposer) as unit:
        approve_payout(unit, payout.code)
    assert refusal.value.code == "four_eyes"
    with scene.web.begin(approver) as unit:
        assert approve_payout(unit, payout.code).approved_by == approver.user_id
    with pytest.raises(Conflict), scene.web.begin(approver) as unit:
        confirm_payout(unit, payout.code, unit.today)
    result = exported(scene, tmp_path)
    assert (result.rows, result.debit_cents) == (1, payout.amount_cents)
    assert exported(scene, tmp_path).rows == 0
    with scene.web.begin(approver) as unit:
        confirm_payout(unit, payout.code, unit.today)
    waiting, deductible = cents(scene, "44564"), cents(scene, "44566")
    for _ in range(2):
        book_payout(scene.worker, payout.id)
    assert (cents(scene, "44564") - waiting, cents(scene, "44566") - deductible) == (-16_000, 16_000)
    assert cents(scene, "401", scene.owner.org) == 0
    party = f"org_o{scene.card_code.removeprefix('card_')}"
    letters = letters_of(scene, tmp_path, "401", party)
    assert (len(letters), len(set(letters))) == (2, 1)
    assert letters[0]


def test_what_a_failed_payout_did_not_pay_can_be_proposed_again(scene: MoneyScene) -> None:
    scene.settled(scene.paid(), 30_000)
    account_of_owner(scene)
    scene.wait(49)
    with scene.web.begin(scene.person()) as unit:
        first = next(p for p in propose_payouts(unit, SETTINGS, FAR) if p.owner_id == scene.owner.org)
        fail_payout(unit, first.code, "returned by the bank")
        again = next(p for p in propose_payouts(unit, SETTINGS, FAR) if p.owner_id == scene.owner.org)
    assert (again.amount_cents, again.code != first.code) == (first.amount_cents, True)


def test_a_new_iban_waits_again_and_whoever_proposed_it_cannot_approve_it(scene: MoneyScene) -> None:
    account_of_owner(scene)
    scene.wait(49)
    person = scene.person()
    with scene.web.begin(person) as unit:
        owner = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.owner.org)
        assert usable_account(unit, scene.owner.org, 48) is not None
        code = propose_bank_account(unit, "Maison", "BE68539007547034", org_code=owner).code
        old = usable_account(unit, scene.owner.org, 48)
        assert old is not None
        assert old.iban == IBAN
    with pytest.raises(Forbidden), scene.web.begin(person) as unit:
        approve_bank_account(unit, code)
    with scene.web.begin(scene.person()) as unit:
        approve_bank_account(unit, code)
        assert usable_account(unit, scene.owner.org, 48) is None


def test_no_statement_of_a_front_approves_its_own_account(scene: MoneyScene) -> None:
    person = scene.person()
    with scene.web.begin(person) as unit:
        owner = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.owner.org)
        code = propose_bank_account(unit, "Maison", IBAN, org_code=owner).code
    with pytest.raises(CourtierError), scene.web.begin(person) as unit:
        unit.run("UPDATE bank_account SET state = 'approved', approved_by = 1 WHERE code = :code", code=code)
    with pytest.raises(Exception, match="permission denied"), scene.web.begin(person) as unit:
        unit.run("UPDATE bank_account SET iban = 'BE68539007547034' WHERE code = :code", code=code)


@pytest.mark.parametrize("iban", ["FR1420041010050500013M02607", "XX00", "", "FR14 2004 1010 0505 0001 3M02"])
def test_a_wrong_iban_is_refused(scene: MoneyScene, iban: str) -> None:
    with pytest.raises(InvalidInput) as refusal, scene.web.begin(scene.owner) as unit:
        propose_bank_account(unit, "Maison", iban)
    assert refusal.value.code == "bad_iban"


@pytest.mark.parametrize("bounce_first", [True, False])
def test_a_bounce_in_the_same_instant_as_the_settlement_leaves_the_sums_equal(
    scene: MoneyScene, bounce_first: bool
) -> None:
    order = scene.on_credit()
    mailing, dispatch, _ = scene.mailing_of(order)
    scene.send(mailing, dispatch, 10_000)
    scene.wait(SETTINGS.trade.bounce_freeze_hours + 1)
    returned = ReturnedMail("bounce", status="5.1.1", verdict="soft", final=True)
    settled = threading.Event()

    def take_back(unit: UnitOfWork, mailing_id: int, keys: Sequence[tuple[int, int]]) -> None:
        reverse_bounces(unit, mailing_id, keys)

    def settle() -> None:
        settle_mailing(scene.worker, SETTINGS, mailing)
        settled.set()

    thread = threading.Thread(target=settle)
    with scene.worker.begin() as unit:  # both transactions stand open at once; the second waits for the first
        assert unit.now
        if not bounce_first:
            settle()
        act(unit, SETTINGS, 0, returned, SendKey(dispatch, mailing, 5), take_back)
        if bounce_first:
            thread.start()
            time.sleep(0.3)
            assert not settled.is_set()
    if bounce_first:
        thread.join(30)
    assert settled.is_set()
    with scene.web.begin(scene.accountant) as unit:
        report = revenue_report(unit, date(2020, 1, 1), FAR)
    assert [row for row in unequal_rows(report) if row.owner == "Maison Œuvre"] == []
    ours = next(row for row in report.rows if row.mailing == scene.mailing_of(order)[2])
    assert (ours.bounced, ours.billable) == (1, 9_999 if bounce_first else 10_000)
