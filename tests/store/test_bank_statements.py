"""Statements of the bank: read once, credits on what they pay, the rest in suspense, and against account 512."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import Engine

from broker.billing.bank.bank_lines import book_bank_line, explain_line, suspense_lines
from broker.billing.bank.export_sepa import export_sepa
from broker.billing.bank.import_statement import ImportResult, import_statement
from broker.billing.bank.payouts import approve_payout, book_payout, find_payout, propose_payouts
from broker.billing.bank.reconcile_bank import Reconciliation, reconcile_bank
from broker.billing.close_checks import month_findings
from broker.billing.invoices.receipts import book_receipt, receive_transfer
from broker.kernel.errors import Conflict, InvalidInput
from broker.ledger.store import balance
from tests.bank_files import IBAN, camt, entry
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene
from tests.store.test_payments import FAR, account_of_owner

OURS = replace(SETTINGS, company=replace(SETTINGS.company, iban=IBAN))


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def today(scene: MoneyScene) -> str:
    with scene.worker.begin() as unit:
        return unit.today.isoformat()


def read(scene: MoneyScene, data: bytes) -> ImportResult:
    """Import as the accountant, then what the workers do."""
    with scene.web.begin(scene.person()) as unit:
        result = import_statement(unit, OURS, data)
    work(scene)
    return result


def work(scene: MoneyScene) -> None:
    with scene.worker.begin() as unit:
        receipts = unit.all("SELECT id FROM receipt WHERE booked_at IS NULL UNION SELECT receipt_id FROM receipt_share"
                            " WHERE booked_at IS NULL")  # fmt: skip
        lines = unit.all("SELECT id FROM bank_line WHERE kind IN ('fee', 'suspense')")
        lines += unit.all("SELECT id FROM bank_line WHERE explained_account IS NOT NULL AND explained_at IS NULL")
    for row in receipts:
        book_receipt(scene.worker, row.id)
    for row in lines:
        book_bank_line(scene.worker, row.id)


def billed(scene: MoneyScene, volume: int = 30_000) -> str:
    order = scene.on_credit(volume)
    scene.settled(order, volume)
    return scene.number(order, "invoice")


def cents(scene: MoneyScene, account: str, org: int | None = None) -> int:
    with scene.worker.begin() as unit:
        return balance(unit, account, org)


def compared(scene: MoneyScene) -> Reconciliation:
    with scene.web.begin(scene.accountant) as unit:
        return reconcile_bank(unit, date(2020, 1, 1), FAR)


def test_partial_grouped_and_unknown_payments_of_one_file(scene: MoneyScene) -> None:
    first, second = billed(scene), billed(scene)
    day, mark = today(scene), scene.card_code
    before = cents(scene, "471"), cents(scene, "512")
    data = camt(
        [
            entry(50_000, f"P-{mark}", "Manteaux", first, day=day),
            entry(69_999 + 119_999, f"G-{mark}", "Manteaux", f"{first} et {second}", day=day),
            entry(7_700, f"U-{mark}", "Nobody", "cadeau", day=day, payer_iban=""),
            entry(-1_250, f"F-{mark}", day=day, family="CHRG"),
        ],
        name=mark,
        day=day,
    )
    result = read(scene, data)
    assert (result.new, result.matched, result.suspense, result.suspense_cents) == (4, 2, 1, 7_700)
    assert cents(scene, "411", scene.advertiser.org) == 0
    assert cents(scene, "471") - before[0] == -7_700
    assert cents(scene, "512") - before[1] == 50_000 + 69_999 + 119_999 + 7_700 - 1_250
    again = read(scene, data)
    assert (again.new, again.known, again.statements) == (0, 4, result.statements)
    later = read(scene, data.replace(mark.encode() + b"</Id>", mark.encode() + b"-bis</Id>"))
    assert (later.new, later.known) == (0, 4)
    lines = [one for one in compared(scene).differences if one.side == "bank" and mark in one.reference]
    assert lines == []


def test_what_waits_in_suspense_keeps_the_month_open_until_it_is_explained(scene: MoneyScene) -> None:
    day, mark = today(scene), scene.card_code
    before = cents(scene, "471")
    read(scene, camt([entry(-4_200, f"D-{mark}", "Loyer", "loyer", day=day), entry(900, f"C-{mark}", day=day)],
                     name=mark, day=day, opening=5_000))  # fmt: skip
    assert cents(scene, "471") - before == 4_200 - 900
    with scene.web.begin(scene.person()) as unit:
        codes = {row.amount_cents: row.code for row in suspense_lines(unit) if mark in row.reference}
        found = {finding.code: finding.count for finding in month_findings(unit, OURS, unit.today.replace(day=1))}
        assert found["unmatched_payments"] >= 2
        with pytest.raises(InvalidInput):
            explain_line(unit, codes[-4_200], "512")
        with pytest.raises(InvalidInput) as refusal:
            explain_line(unit, codes[900], "401")
        assert refusal.value.code == "party_needed"
        explain_line(unit, codes[-4_200], "627")
        explain_line(unit, codes[900], "627")
        with pytest.raises(Conflict):
            explain_line(unit, codes[900], "627")
    work(scene)
    work(scene)
    assert cents(scene, "471") == before
    with scene.web.begin(scene.accountant) as unit:
        assert not [row for row in suspense_lines(unit) if mark in row.reference]


def test_a_payment_known_by_its_payers_iban_and_amount(scene: MoneyScene) -> None:
    first, second = billed(scene), billed(scene)
    day, mark = today(scene), scene.card_code
    own = f"BE{mark[-10:].upper()}"
    read(scene, camt([entry(119_999, f"A-{mark}", "M", first, day=day, payer_iban=own)], name=f"1{mark}", day=day))
    result = read(
        scene,
        camt([entry(119_999, f"B-{mark}", "Other name", "merci", day=day, payer_iban=own)], name=f"2{mark}", day=day),
    )
    assert result.matched == 1
    assert cents(scene, "411", scene.advertiser.org) == 0
    assert second


def test_a_transfer_taken_down_by_hand_is_not_booked_again(scene: MoneyScene) -> None:
    number = billed(scene)
    day, mark = today(scene), scene.card_code
    with scene.web.begin(scene.accountant) as unit:
        receipt = receive_transfer(unit, 119_999, unit.today, f"hand {mark}", "Manteaux", number)
    book_receipt(scene.worker, receipt.id)
    before = cents(scene, "512")
    read(scene, camt([entry(119_999, f"H-{mark}", "Manteaux", number, day=day)], name=mark, day=day))
    assert cents(scene, "512") == before


def test_a_csv_of_the_same_days_brings_nothing_twice(scene: MoneyScene) -> None:
    number = billed(scene)
    day, mark = today(scene), scene.card_code
    read(scene, camt([entry(119_999, f"X-{mark}", "Manteaux", number, day=day)], name=mark, day=day))
    result = read(scene, f"date;montant;libelle\n{day};1199,99;VIR {number}\n{day};-3,33;FRAIS {mark}\n".encode())
    assert (result.new, result.known, result.suspense) == (1, 1, 1)


def test_a_statement_confirms_the_payouts_that_left(scene: MoneyScene, tmp_path: object) -> None:
    scene.settled(scene.paid(), 30_000)
    account_of_owner(scene)
    scene.wait(49)
    with scene.web.begin(scene.person()) as unit:
        payout = next(p for p in propose_payouts(unit, SETTINGS, FAR) if p.owner_id == scene.owner.org)
    with scene.web.begin(scene.person()) as unit:
        approve_payout(unit, payout.code)
    with scene.worker.begin() as unit:
        file = export_sepa(unit, OURS, date(2020, 1, 1), FAR, tmp_path).files[0]  # type: ignore[arg-type]
        alone = unit.scalar("SELECT count(*) FROM payout WHERE file = :file", file=file.stem.upper()) == 1
    day = today(scene)
    debit = entry(-payout.amount_cents, f"O-{payout.code}", "Maison", day=day, end_to_end=payout.end_to_end_id)
    if alone:
        debit = entry(-payout.amount_cents, f"O-{payout.code}", day=day, batch=file.stem.upper())
    read(scene, camt([debit], name=payout.code, day=day, opening=10_000_000))
    book_payout(scene.worker, payout.id)
    with scene.web.begin(scene.accountant) as unit:
        assert find_payout(unit, payout.code).state == "paid"
    assert cents(scene, "401", scene.owner.org) == 0


def test_a_statement_of_another_account_or_from_tomorrow_is_refused_whole(scene: MoneyScene) -> None:
    day, mark = today(scene), scene.card_code
    other = camt([entry(1, f"1{mark}", day=day)], name=mark, day=day, iban="BE68539007547034")
    future = camt([entry(1, f"1{mark}", day=day), entry(2, f"2{mark}", day="2099-01-01")], name=mark, day=day)
    for data, code in ((other, "other_account"), (future, "bad_statement"), (b"", "bad_statement")):
        with pytest.raises(InvalidInput) as refusal:
            read(scene, data)
        assert refusal.value.code == code
    with scene.worker.begin() as unit:
        assert unit.scalar("SELECT count(*) FROM bank_line WHERE reference LIKE :mark", mark=f"%{mark}") == 0


def test_differences_have_a_cause(scene: MoneyScene) -> None:
    mark = scene.card_code
    scene.paid()
    with scene.web.begin(scene.accountant) as unit:
        receipt = receive_transfer(unit, 4_321, unit.today, f"alone {mark}", "Nobody")
    book_receipt(scene.worker, receipt.id)
    found = compared(scene)
    assert next(one for one in found.differences if one.reference == receipt.code).cause == "by_hand"
    assert any(one.cause == "in_gateway" for one in found.differences)
