"""In whose name we sell: who invoices whom, with which VAT, what the books say, and when an owner is paid."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import Engine

from broker.billing.bank.bank_accounts import approve_bank_account, propose_bank_account
from broker.billing.bank.payouts import approve_payout, book_payout, confirm_payout, propose_payouts
from broker.billing.gateway.collect import book_payment, start_payment
from broker.billing.gateway.fake_gateway import FakeGateway
from broker.billing.invoices.find_invoice import find_invoice
from broker.billing.invoices.mandates import (
    end_mandate,
    end_role,
    list_mandates,
    list_roles,
    record_mandate,
    record_role,
)
from broker.billing.invoices.receipts import book_receipt, receive_transfer
from broker.billing.model import Invoice
from broker.billing.report import revenue_report
from broker.billing.settle import due_settlements, settle_mailing
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.rentals.cancel import cancel_order
from broker.rentals.model import Order
from broker.rentals.sale_terms import Role
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene

AGENTS: tuple[Role, ...] = ("agent_of_owner", "agent_of_advertiser")


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def make_agent(scene: MoneyScene, role: Role, *, pay_when_paid: bool = False) -> None:
    with scene.web.begin(scene.accountant) as unit:
        org = scene.advertiser.org if role == "agent_of_advertiser" else scene.owner.org
        code = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=org)
        record_role(unit, code, role, "C-1", "M. Dupont", date(2026, 1, 1), pay_when_paid=pay_when_paid)


def live_in(scene: MoneyScene, org: int, **values: str | None) -> None:
    with scene.worker.begin() as unit:
        for name, value in values.items():
            unit.run(f"UPDATE organisation SET {name} = :value WHERE id = :id", value=value, id=org)


def papers(scene: MoneyScene, order: Order) -> dict[str, Invoice]:
    with scene.worker.begin() as unit:
        rows = unit.all("SELECT number, kind FROM invoice WHERE order_id = :id ORDER BY id", id=order.id)
        return {row.kind: find_invoice(unit, row.number) for row in rows}


def lines_of(scene: MoneyScene, key: str) -> dict[tuple[str, str], int]:
    """(account, party) → debit minus credit of an entry; a party is owner, advertiser or nobody."""
    names = {scene.owner.org: "owner", scene.advertiser.org: "advertiser", None: ""}
    with scene.worker.begin() as unit:
        rows = unit.all(
            "SELECT p.account, p.org_id, sum(p.debit_cents - p.credit_cents)::bigint AS cents FROM ledger_entry e"
            " JOIN ledger_posting p ON p.entry_id = e.id WHERE e.idempotency_key = :key GROUP BY 1, 2",
            key=key,
        )
    return {(row.account, names[row.org_id]): row.cents for row in rows if row.cents}


def standing(scene: MoneyScene, account: str, org: int) -> int:
    with scene.worker.begin() as unit:
        return int(
            unit.scalar(
                "SELECT coalesce(sum(debit_cents - credit_cents), 0) FROM ledger_posting"
                " WHERE account = :account AND org_id = :org",
                account=account,
                org=org,
            )
        )


def unlettered(scene: MoneyScene, account: str, org: int) -> int:
    with scene.worker.begin() as unit:
        return int(
            unit.scalar(
                "SELECT count(*) FROM ledger_posting p WHERE p.account = :account AND p.org_id = :org AND NOT EXISTS"
                " (SELECT 1 FROM ledger_match_line l WHERE (l.entry_id, l.line) = (p.entry_id, p.line))",
                account=account,
                org=org,
            )
        )


def receive(scene: MoneyScene, number: str, cents: int) -> None:
    with scene.web.begin(scene.accountant) as unit:
        receipt = receive_transfer(unit, cents, unit.today, secrets.token_hex(8), "P", number)
    book_receipt(scene.worker, receipt.id)


def pay_owner(scene: MoneyScene) -> int:
    """Pay all that is due to the scene's owner; how many cents."""
    proposer, approver = scene.person(), scene.person("broker")
    with scene.web.begin(scene.accountant) as unit:
        known = unit.scalar("SELECT count(*) FROM bank_account WHERE org_id = :o", o=scene.owner.org)
    if not known:
        with scene.web.begin(proposer) as unit:
            owner = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.owner.org)
            account = propose_bank_account(unit, "Maison", "FR1420041010050500013M02606", org_code=owner)
        with scene.web.begin(approver) as unit:
            approve_bank_account(unit, account.code)
        scene.wait(SETTINGS.payment.iban_wait_hours + 1)
    with scene.web.begin(proposer) as unit:
        made = propose_payouts(unit, SETTINGS, date(2099, 1, 1))
        mine = [payout for payout in made if payout.owner_id == scene.owner.org]
    for payout in mine:
        with scene.web.begin(approver) as unit:
            approve_payout(unit, payout.code)
        with scene.worker.begin() as unit:
            unit.run("UPDATE payout SET state = 'exported' WHERE id = :id", id=payout.id)
        with scene.web.begin(approver) as unit:
            confirm_payout(unit, payout.code, unit.today)
        book_payout(scene.worker, payout.id)
    return sum(payout.amount_cents for payout in mine)


def check_report(scene: MoneyScene, order: Order) -> None:
    """Σ sends = ledger = invoices, also where two invoices make the sum."""
    _, _, code = scene.mailing_of(order)
    with scene.worker.begin() as unit:
        rows = revenue_report(unit, date(2020, 1, 1), date(2100, 1, 1)).rows
    row = next(row for row in rows if row.mailing == code)
    assert row.ledger_cents == row.invoice_cents == row.gross_cents
    assert abs(row.sends_micros - row.gross_cents * 10_000) <= 5_000
    assert row.owner_cents + row.commission_cents == row.gross_cents


def test_agent_of_the_owner_invoices_in_its_name_and_series_and_keeps_a_fee(scene: MoneyScene) -> None:
    make_agent(scene, "agent_of_owner")
    order = scene.on_credit()
    scene.settled(order, 30_000)
    found = papers(scene, order)
    assert set(found) == {"owner_invoice", "fee"}
    sale, fee = found["owner_invoice"], found["fee"]
    assert (sale.type_code, sale.seller_id, sale.buyer_id) == (380, scene.owner.org, scene.advertiser.org)
    assert sale.number.startswith("AF-")
    assert fee.number.startswith("F20")
    assert (fee.seller_id, fee.buyer_id) == (scene.company, scene.owner.org)
    assert (sale.net_cents, sale.vat_cents, fee.net_cents, fee.vat_cents) == (99_999, 20_000, 20_000, 4_000)
    assert lines_of(scene, f"invoice:{sale.number}") == {("411", "advertiser"): 119_999, ("467", "owner"): -119_999}
    assert lines_of(scene, f"invoice:{fee.number}") == {
        ("467", "owner"): 24_000,
        ("706", ""): -20_000,
        ("44574", ""): -4_000,
    }
    check_report(scene, order)
    receive(scene, sale.number, 60_000)
    receive(scene, sale.number, 59_999)
    with scene.worker.begin() as unit:
        waiting = unit.scalar(
            "SELECT sum(p.debit_cents - p.credit_cents) FROM ledger_entry e JOIN ledger_posting p ON p.entry_id = e.id"
            " WHERE p.account = '44574' AND (e.idempotency_key = :fee OR e.piece_ref IN (SELECT r.code FROM receipt r"
            " JOIN receipt_share s ON s.receipt_id = r.id WHERE s.invoice_id = :sale))",
            fee=f"invoice:{fee.number}",
            sale=sale.id,
        )
    assert waiting == 0  # the fee's VAT fell due with the advertiser's money
    assert pay_owner(scene) == 119_999 - 24_000
    assert standing(scene, "467", scene.owner.org) == standing(scene, "411", scene.advertiser.org) == 0
    assert unlettered(scene, "467", scene.owner.org) == unlettered(scene, "411", scene.advertiser.org) == 0


def test_agent_of_the_owner_takes_the_deposit_for_it_and_gives_back_what_was_not_used(scene: MoneyScene) -> None:
    make_agent(scene, "agent_of_owner")
    order = scene.paid()
    deposit = papers(scene, order)["deposit"]
    assert (deposit.type_code, deposit.seller_id, deposit.role) == (386, scene.owner.org, "agent_of_owner")
    scene.settled(order, 27_000)
    found = papers(scene, order)
    sale, fee, credit = found["owner_invoice"], found["fee"], found["credit_note"]
    assert (sale.net_cents, sale.vat_cents, sale.due_cents) == (89_999, 18_000, 0)
    assert (credit.seller_id, credit.corrects_number) == (scene.owner.org, deposit.number)
    assert sale.total_cents + credit.total_cents == deposit.total_cents
    assert lines_of(scene, f"invoice:{fee.number}")[("44571", "")] == -fee.vat_cents  # the money is there
    assert standing(scene, "467", scene.owner.org) == -(sale.total_cents - fee.total_cents)
    assert standing(scene, "4197", scene.advertiser.org) == -credit.total_cents
    check_report(scene, order)
    assert pay_owner(scene) == sale.total_cents - fee.total_cents
    assert unlettered(scene, "467", scene.owner.org) == 0


def test_agent_of_the_advertiser_has_its_fee_from_it_alone(scene: MoneyScene) -> None:
    make_agent(scene, "agent_of_advertiser")
    order = scene.on_credit()
    scene.settled(order, 30_000)
    found = papers(scene, order)
    sale, fee = found["owner_invoice"], found["fee"]
    assert (sale.seller_id, sale.buyer_id, sale.net_cents) == (scene.owner.org, scene.advertiser.org, 79_999)
    assert (fee.seller_id, fee.buyer_id, fee.net_cents) == (scene.company, scene.advertiser.org, 20_000)
    assert lines_of(scene, f"invoice:{sale.number}") == {("467", "advertiser"): 95_999, ("467", "owner"): -95_999}
    assert lines_of(scene, f"invoice:{fee.number}") == {
        ("411", "advertiser"): 24_000,
        ("706", ""): -20_000,
        ("44574", ""): -4_000,
    }
    check_report(scene, order)
    receive(scene, sale.number, sale.total_cents)
    receive(scene, fee.number, fee.total_cents)
    assert pay_owner(scene) == sale.total_cents
    for account, org in (("467", scene.owner.org), ("467", scene.advertiser.org), ("411", scene.advertiser.org)):
        assert (standing(scene, account, org), unlettered(scene, account, org)) == (0, 0)


def test_agent_of_the_advertiser_holds_its_funds_without_a_deposit_invoice(scene: MoneyScene) -> None:
    make_agent(scene, "agent_of_advertiser")
    order = scene.paid()
    assert papers(scene, order) == {}
    assert standing(scene, "467", scene.advertiser.org) == -119_999
    scene.settled(order, 27_000)
    found = papers(scene, order)
    sale, fee = found["owner_invoice"], found["fee"]
    assert (sale.due_cents, fee.due_cents) == (0, 0)
    left = 119_999 - sale.total_cents - fee.total_cents
    assert (standing(scene, "467", scene.advertiser.org), standing(scene, "4197", scene.advertiser.org)) == (0, -left)
    assert standing(scene, "411", scene.advertiser.org) == 0 == unlettered(scene, "467", scene.advertiser.org)
    check_report(scene, order)


@pytest.mark.parametrize("role", AGENTS)
def test_funds_of_an_order_cancelled_meanwhile_are_owed_back_whole(scene: MoneyScene, role: Role) -> None:
    make_agent(scene, role)
    order = scene.approved()
    gateway = FakeGateway(scene.web)
    with scene.web.begin(scene.advertiser) as unit:
        payment = start_payment(unit, SETTINGS, gateway, order.code)
    with scene.web.begin(scene.owner) as unit:
        cancel_order(unit, order.code)
    book_payment(scene.worker, SETTINGS, gateway, payment.id)
    assert standing(scene, "4197", scene.advertiser.org) == -order.total_cents
    assert standing(scene, "467", scene.owner.org) == standing(scene, "467", scene.advertiser.org) == 0


def test_paid_when_paid_only_as_agent(scene: MoneyScene) -> None:
    with pytest.raises(InvalidInput) as refusal:
        make_agent(scene, "principal", pay_when_paid=True)
    assert refusal.value.code == "pay_when_paid"
    make_agent(scene, "agent_of_owner", pay_when_paid=True)
    order = scene.on_credit()
    scene.settled(order, 30_000)
    sale = papers(scene, order)["owner_invoice"]
    receive(scene, sale.number, sale.total_cents - 1)
    assert pay_owner(scene) == 0
    receive(scene, sale.number, 1)
    assert pay_owner(scene) == sale.total_cents - 24_000


def test_nobody_is_the_agent_of_both(scene: MoneyScene) -> None:
    make_agent(scene, "agent_of_owner")
    make_agent(scene, "agent_of_advertiser")
    with pytest.raises(Conflict) as refusal:
        scene.quoted()
    assert refusal.value.code == "agent_of_both"
    with pytest.raises(Conflict) as refusal:
        make_agent(scene, "agent_of_owner")
    assert refusal.value.code == "role_overlaps"


def test_another_role_follows_one_that_was_given_its_last_day(scene: MoneyScene) -> None:
    make_agent(scene, "agent_of_owner")
    with scene.web.begin(scene.accountant) as unit:
        (standing_one,) = (found for found in list_roles(unit) if found.org_id == scene.owner.org)
        end_role(unit, standing_one.code, date(2026, 1, 31))
        party = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.owner.org)
        assert record_role(unit, party, "principal", "C-2", "M. Dupont", date(2026, 2, 1)).role == "principal"
        with pytest.raises(NotFound):
            end_role(unit, "role_unknown", date(2026, 1, 31))


def test_an_order_keeps_the_role_under_which_it_was_quoted(scene: MoneyScene) -> None:
    order = scene.quoted()
    make_agent(scene, "agent_of_owner")
    later = scene.quoted()
    assert (order.contract_role, later.contract_role) == ("principal", "agent_of_owner")


PLACES: dict[str, tuple[str, dict[str, str | None], Role, int, int]] = {
    # whose place, its address, role, VAT of what is sold, of our own paper (fee or self-bill) in basis points
    "an owner in Martinique": ("owner", {"postcode": "97200"}, "agent_of_owner", 2_000, 850),
    "an owner in Martinique, principal": ("owner", {"postcode": "97200"}, "principal", 2_000, 2_000),
    "an owner in Guyane": ("owner", {"postcode": "97300"}, "agent_of_owner", 2_000, 0),
    "an owner in Belgium": ("owner", {"country": "BE", "vat_number": "BE0417497106"}, "agent_of_owner", 0, 0),
    "an owner in Belgium, principal": ("owner", {"country": "BE", "vat_number": "BE0417497106"}, "principal", 2_000, 0),
    "an owner under franchise": ("owner", {"vat_number": None}, "agent_of_owner", 0, 2_000),
    "an owner under franchise, for the advertiser": ("owner", {"vat_number": None}, "agent_of_advertiser", 0, 2_000),
    "an advertiser in Switzerland": (
        "advertiser",
        {"country": "CH", "vat_number": "CHE116281838"},
        "agent_of_owner",
        0,
        2_000,
    ),
    "an advertiser in Switzerland, its agent": (
        "advertiser",
        {"country": "CH", "vat_number": "CHE116281838"},
        "agent_of_advertiser",
        0,
        0,
    ),
    "an advertiser in Martinique": ("advertiser", {"postcode": "97200"}, "agent_of_advertiser", 850, 850),
}


@pytest.mark.parametrize("place", PLACES)
def test_vat_follows_the_parties_of_each_document(scene: MoneyScene, place: str) -> None:
    who, address, role, sold_bp, own_bp = PLACES[place]
    live_in(scene, (scene.owner if who == "owner" else scene.advertiser).org, **address)
    if role != "principal":
        make_agent(scene, role)
    order = scene.paid(5_000)
    scene.settled(order, 5_000)
    found = papers(scene, order)
    sale = found["invoice" if role == "principal" else "owner_invoice"]
    own = found["self_bill" if role == "principal" else "fee"]
    assert (sale.vat_bp, own.vat_bp) == (sold_bp, own_bp)
    assert sale.vat_cents == round(sale.net_cents * sold_bp / 10_000)
    assert "credit_note" not in found  # what was prepaid is what was sold, VAT included
    assert sale.due_cents == 0
    check_report(scene, order)


def test_an_owner_in_belgium_is_self_assessed(scene: MoneyScene) -> None:
    live_in(scene, scene.owner.org, country="BE", vat_number="BE0417497106")
    order = scene.on_credit()
    scene.settled(order, 30_000)
    bill = papers(scene, order)["self_bill"]
    assert lines_of(scene, f"invoice:{bill.number}") == {
        ("604", ""): 79_999,
        ("401", "owner"): -79_999,
        ("445662", ""): 16_000,
        ("4452", ""): -16_000,
    }


@pytest.mark.parametrize("role", ["principal", *AGENTS])
def test_a_commission_that_does_not_divide(
    admin_engine: Engine, worker_engine: Engine, web_engine: Engine, role: Role
) -> None:
    scene = build_scene(admin_engine, worker_engine, web_engine, price_micros=33_337)
    if role != "principal":
        make_agent(scene, role)
    order = scene.on_credit(5_000)
    scene.settled(order, 4_999, bounced=2)
    found = papers(scene, order)
    exact = 4_997 * 33_337  # micros
    charged = sum(paper.net_cents for paper in found.values() if paper.buyer_id == scene.advertiser.org)
    assert charged == round(exact / 10_000)
    check_report(scene, order)


def test_without_a_mandate_the_share_waits_and_is_billed_once_it_is_there(scene: MoneyScene) -> None:
    with scene.web.begin(scene.owner) as unit:
        (mandate,) = list_mandates(unit)
        end_mandate(unit, mandate.code, date(2020, 1, 2))
    order = scene.on_credit(5_000)
    mailing = scene.settled(order, 300)
    assert set(papers(scene, order)) == {"invoice"}
    settle_mailing(scene.worker, SETTINGS, mailing)
    assert set(papers(scene, order)) == {"invoice"}
    with scene.web.begin(scene.owner) as unit:
        record_mandate(unit, "", "M-2", "A. Œuvre", unit.today, contest_days=15)
    with scene.worker.begin() as unit:
        assert mailing in due_settlements(unit, SETTINGS)
    for _ in range(2):
        settle_mailing(scene.worker, SETTINGS, mailing)
    assert papers(scene, order)["self_bill"].net_cents == 800
    with scene.worker.begin() as unit:
        assert mailing not in due_settlements(unit, SETTINGS)


def test_an_agent_settles_nothing_without_the_owners_mandate(scene: MoneyScene) -> None:
    make_agent(scene, "agent_of_owner")
    with scene.web.begin(scene.owner) as unit:
        (mandate,) = list_mandates(unit)
        end_mandate(unit, mandate.code, date(2020, 1, 2))
    order = scene.on_credit()
    with pytest.raises(Conflict) as refusal:
        scene.settled(order, 10)
    assert refusal.value.code == "mandate_missing"
    free = replace(SETTINGS, trade=replace(SETTINGS.trade, mandate_required=False))
    settle_mailing(scene.worker, free, scene.mailing_of(order)[0])
    assert set(papers(scene, order)) >= {"owner_invoice"}
