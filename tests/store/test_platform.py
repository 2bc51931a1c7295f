"""The platform of electronic invoicing as a folder: out, in, statuses, each once. And the ledger's smaller verbs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import facturx
import pytest
from sqlalchemy import Engine

from broker.billing.invoices.facturx_xml import facturx_xml
from broker.billing.invoices.fees import book_fee
from broker.billing.invoices.pdf import invoice_pdf
from broker.billing.invoices.platform import (
    approve_received,
    list_documents,
    receive,
    refuse_received,
    report_collections,
    send_documents,
)
from broker.billing.invoices.platform_file import FilePlatform
from broker.kernel.errors import Conflict, IntegrityFault, InvalidInput
from broker.ledger import store as ledger
from broker.ledger.chart import add_account, rename_account
from broker.ledger.model import Line
from broker.ledger.opening import open_books, read_opening
from tests.store.money_scene import MoneyScene, build_scene
from tests.store.test_roles import receive as receive_money
from tests.unit.test_facturx import PAPERS


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def test_documents_go_out_once_and_statuses_come_back_once(scene: MoneyScene, tmp_path: Path) -> None:
    platform = FilePlatform(tmp_path)
    send_documents(scene.worker, platform)  # whatever other tests left
    order = scene.on_credit(5_000)
    scene.settled(order, 300)
    invoice, bill = scene.number(order, "invoice"), scene.number(order, "self_bill")
    assert (send_documents(scene.worker, platform), send_documents(scene.worker, platform)) == (2, 0)
    said = json.loads((tmp_path / "outbox" / "self_billed" / f"{bill}.json").read_text())
    assert (said["type_code"], said["flow"]) == (389, "self_billed")
    pdf = (tmp_path / "outbox" / "sales" / f"{invoice}.pdf").read_bytes()
    assert facturx.get_xml_from_pdf(pdf, check_xsd=True)[0] == "factur-x.xml"

    def status(name: str, code: int, at: str, reason: str = "") -> None:
        message = {"number": invoice, "status": code, "reason": reason, "at": at}
        (tmp_path / "inbox" / "statuses" / f"{name}.json").write_text(json.dumps(message))

    status("b", 213, "2030-01-02T10:00:00+00:00", "SIREN unknown")
    assert receive(scene.worker, platform).statuses == 1
    status("a", 203, "2030-01-01T10:00:00+00:00")  # an earlier one comes later
    status("b", 213, "2030-01-02T10:00:00+00:00", "SIREN unknown")
    assert receive(scene.worker, platform).statuses == 1
    with scene.web.begin(scene.accountant) as unit:
        found = next(item for item in list_documents(unit).items if item.number == invoice)
    assert found.state == "rejected"
    receive_money(scene, invoice, 1_200)
    assert report_collections(scene.worker, platform) >= 1
    (told,) = (tmp_path / "outbox" / "statuses").glob(f"{invoice}-212-*.json")
    assert json.loads(told.read_text())["amount_cents"] == 1_200
    assert report_collections(scene.worker, platform) == 0


def test_a_suppliers_invoice_is_taken_once_approved_and_booked(scene: MoneyScene, tmp_path: Path) -> None:
    platform = FilePlatform(tmp_path)
    inbox = tmp_path / "inbox" / "invoices"
    paper = PAPERS["an invoice on terms"]
    number = f"S-{tmp_path.name}-{id(scene)}"
    own = replace(paper, number=number)
    (inbox / "one.pdf").write_bytes(invoice_pdf(own))
    (inbox / "again.xml").write_bytes(facturx_xml(own))
    (inbox / "scan.pdf").write_bytes(b"%PDF-1.4 nothing in it")
    (inbox / "page.xml").write_bytes(b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>')
    got = receive(scene.worker, platform)
    assert (got.invoices, sorted(got.refused)) == (1, ["invoices/page.xml", "invoices/scan.pdf"])
    with scene.worker.begin() as unit:
        found = next(item for item in list_documents(unit, "received").items if item.number == number)
        approved = approve_received(unit, platform, found.code)
    assert (approved.state, approved.booked, approved.total_cents) == ("approved", True, paper.total_cents)
    booked = {account: cents for (account, _), cents in lines_of_any(scene, f"supplier:{found.code}").items()}
    assert booked == {"606": 99_999, "44564": 20_000, "401": -119_999}
    assert list((tmp_path / "outbox" / "statuses").glob(f"{number}-205-*.json"))
    with pytest.raises(Conflict) as refusal, scene.worker.begin() as unit:
        refuse_received(unit, platform, found.code, "too late")
    assert refusal.value.code == "platform_state"


def lines_of_any(scene: MoneyScene, key: str) -> dict[tuple[str, str], int]:
    with scene.worker.begin() as unit:
        rows = unit.all(
            "SELECT p.account, p.debit_cents - p.credit_cents AS cents FROM ledger_entry e"
            " JOIN ledger_posting p ON p.entry_id = e.id WHERE e.idempotency_key = :key",
            key=key,
        )
    return {(row.account, ""): row.cents for row in rows}


def test_books_open_once_balanced_and_before_anything_else(scene: MoneyScene) -> None:
    day = date(1990, 1, 1)
    text = ["account;party;debit;credit", "512;;1 234,56;", "101;;;1234.56"]
    with scene.worker.begin() as unit, unit.session.begin_nested() as point:  # the shared database stays as it was
        lines = read_opening(unit, text)
        first = open_books(unit, day, lines)
        assert (first.journal, first.label, len(first.lines)) == ("AN", "À nouveaux", 2)
        assert open_books(unit, day, lines).number == first.number
        with pytest.raises(Conflict) as refusal:
            open_books(unit, day, [Line("512", 1), Line("101", 0, 1)])
        assert refusal.value.code == "opened_already"
        point.rollback()
    with scene.worker.begin() as unit:
        for wrong, code in (
            (["account,debit"], "bad_opening"),
            ([text[0], "999;;1;"], "unknown_account"),
            ([text[0], "512;org_none;1;"], "no_party"),
            ([text[0], "512;;1,234;"], "bad_amount"),
        ):
            with pytest.raises(InvalidInput) as broken:
                read_opening(unit, wrong)
            assert broken.value.code == code
        with pytest.raises(IntegrityFault):
            open_books(unit, day, [Line("512", 5), Line("101", 0, 4)])
    scene.settled(scene.on_credit(5_000), 10)
    with pytest.raises(Conflict) as refusal, scene.worker.begin() as unit:
        open_books(unit, date(2100, 1, 1), lines)
    assert refusal.value.code == "books_begun"


def test_the_chart_grows_and_is_named_and_a_charge_is_booked_once(scene: MoneyScene) -> None:
    number = f"6278{scene.company % 10}{len(scene.base_code)}{scene.owner.org}"[:10]
    with scene.web.begin(scene.accountant) as unit:
        add_account(unit, number, "Frais | de passerelle")
        rename_account(unit, number, "Frais de passerelle", "Gateway fees")
        names = {row.number: (row.label_fr, row.label_en) for row in ledger.accounts(unit)}
    assert names[number] == ("Frais de passerelle", "Gateway fees")
    for wrong in ("12", "9000", "4x1", "41100000001"):
        with pytest.raises(InvalidInput), scene.worker.begin() as unit:
            add_account(unit, wrong, "x")
    with scene.worker.begin() as unit:
        before = ledger.balance(unit, "627", None)
        for _ in range(2):
            book_fee(unit, 1_250, unit.today, f"FRAIS-{scene.owner.org}")
        assert ledger.balance(unit, "627", None) - before == 1_250


def test_a_prepayment_is_a_hold_that_ends_once(scene: MoneyScene) -> None:
    order = scene.paid(5_000)
    with scene.worker.begin() as unit:
        held = [row for row in ledger.holds(unit, "captured") if row.amount_cents == order.total_cents]
        assert held
        key = held[0].key
    with pytest.raises(Conflict), scene.worker.begin() as unit:
        unit.run("UPDATE ledger_hold SET state = 'released' WHERE idempotency_key = :key", key=key)


def test_balances_are_the_sum_of_the_postings(scene: MoneyScene) -> None:
    scene.settled(scene.paid(5_000), 4_000)
    with scene.worker.begin() as unit:
        wrong = unit.scalar(
            "SELECT count(*) FROM (SELECT account, coalesce(org_id, 0) AS org_id, sum(debit_cents) AS d,"
            " sum(credit_cents) AS c FROM ledger_posting GROUP BY 1, 2) p FULL JOIN (SELECT account, org_id,"
            " sum(debit_cents) AS d, sum(credit_cents) AS c FROM ledger_balance GROUP BY 1, 2) b"
            " USING (account, org_id) WHERE (p.d, p.c) IS DISTINCT FROM (b.d, b.c)"
        )
    assert wrong == 0
