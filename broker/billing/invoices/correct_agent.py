"""Correct an invoice that we issued in an owner's name as agent: its credit note, our fee's, and a new pair in place.

The owner's documents stand in its series AF, ours in F. What the advertiser has still to pay is lowered first; what it
has paid is owed back (4197), or pays the new document.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from broker.accounts.model import Organisation
from broker.billing.billing_of_mailing import issue_and_post
from broker.billing.invoices import contest_store, receipt_store
from broker.billing.invoices.entries_agent import (
    advertiser_fee_lines,
    credited_fee_lines,
    credited_sale_lines,
    owner_fee_lines,
    owner_sale_lines,
    passed_through_lines,
    taken_over_lines,
)
from broker.billing.invoices.issue import Draft
from broker.billing.invoices.labels import text
from broker.billing.invoices.mandates import mandate_on
from broker.billing.invoices.paper import Reference
from broker.billing.invoices.parties import party, vat_between, vat_of_sale
from broker.billing.model import Invoice, InvoiceLine
from broker.billing.settle_agent import waiting_account
from broker.kernel.database import UnitOfWork
from broker.kernel.money import MICROS_PER_CENT, round_div, share
from broker.kernel.settings import Settings
from broker.ledger.matching import match_settled
from broker.ledger.store import entry_balance


@dataclass(frozen=True, slots=True)
class Corrected:
    """The documents of a correction; `owed_back` is what the advertiser paid for nothing, in cents."""

    credit: Invoice
    fee_credit: Invoice | None
    owed_back: int


def credit_owner_invoice(unit: UnitOfWork, settings: Settings, row: Row[Any]) -> Corrected:
    """Credit `row.net_cents` of an owner's invoice, and our fee on it in proportion; by cumulative totals."""
    owner, advertiser = party(unit, row.seller_id), party(unit, row.buyer_id)
    account = "411" if row.role == "agent_of_owner" else "467"
    net, vat = int(row.net_cents), back(row.whole_vat, row.whole, row.before, row.before_vat, row.net_cents)
    fee = contest_store.fee_of(unit, row.invoice_id)
    set_off = min(net + vat, _open(unit, row.number))
    waiting = 0
    if row.role == "agent_of_owner" and fee is not None:
        waiting = min(set_off, _waiting(unit, row.invoice_id, fee.number, set_off, row.total - row.deposit))
    credit = issue_and_post(
        unit,
        settings,
        Draft(
            kind="credit_note",
            other=advertiser,
            lines=_line("corrected", advertiser, row.number, net),
            vat_bp=row.vat_bp,
            vat_cents=vat,
            regime=vat_between(settings, owner, advertiser).regime,
            order_id=row.order_id,
            corrects_id=row.invoice_id,
            refers=Reference(row.number, row.issued_on),
            refund_due=net + vat > set_off,
            role=row.role,
            on_behalf_of=owner,
            mandate=mandate_on(unit, owner.id, unit.today),
            set_off_cents=set_off,
            set_off_vat_cents=waiting,
        ),
        "VE",
        f"Avoir sur {row.number}, pour compte de {owner.name}",
        credited_sale_lines(account, net + vat, set_off, owner.id, advertiser.id),
    )
    match_settled(unit, account, advertiser.id, receipt_store.keys_of_invoice(unit, row.invoice_id, row.number))
    owed = net + vat - set_off
    if fee is None:
        return Corrected(credit, None, owed)
    given, owed_of_fee = _credit_fee(unit, settings, row, fee, waiting, owner, advertiser)
    return Corrected(credit, given, owed + owed_of_fee)


def _credit_fee(
    unit: UnitOfWork,
    settings: Settings,
    row: Row[Any],
    fee: Row[Any],
    waiting: int,
    owner: Organisation,
    advertiser: Organisation,
) -> tuple[Invoice | None, int]:
    """Our fee on what was credited; and what of it the advertiser had paid."""
    so_far = row.before + int(row.net_cents)
    net = round_div(fee.net_cents * so_far, row.whole) - fee.before
    if net <= 0:
        return None, 0
    vat = back(fee.vat_cents, fee.net_cents, fee.before, fee.before_vat, net)
    other, account, set_off, of_fee = owner, "467", net + vat, {}
    if row.role == "agent_of_advertiser":
        other, account, set_off = advertiser, "411", min(net + vat, _open(unit, fee.number))
        waiting = min(set_off, _waiting(unit, fee.id, fee.number, set_off, fee.total - fee.deposit))
        of_fee = {"set_off_cents": set_off, "set_off_vat_cents": waiting}
    made = issue_and_post(
        unit,
        settings,
        Draft(
            kind="credit_note",
            other=other,
            lines=_line("fee_corrected", other, row.number, net),
            vat_bp=fee.vat_bp,
            vat_cents=vat,
            regime=vat_of_sale(settings, other).regime,
            order_id=row.order_id,
            corrects_id=fee.id,
            refers=Reference(fee.number, fee.issued_on),
            refund_due=net + vat > set_off,
            role=row.role,
            **of_fee,
        ),
        "VE",
        f"Avoir sur {fee.number}",
        credited_fee_lines(net, vat, waiting, account, set_off, other.id),
    )
    if row.role == "agent_of_advertiser":
        match_settled(unit, account, other.id, receipt_store.keys_of_invoice(unit, fee.id, fee.number))
    return made, net + vat - set_off


def replace_owner_invoice(unit: UnitOfWork, settings: Settings, row: Row[Any], owed_back: int) -> Invoice:
    """The owner's new invoice of `row.new_net_cents` in place of one that was credited whole, and our fee on it.

    The VAT is that of the parties' places today: a wrong number is a reason to contest. `owed_back` pays it first.
    """
    owner, advertiser = party(unit, row.seller_id), party(unit, row.buyer_id)
    regime, net = vat_between(settings, owner, advertiser), int(row.new_net_cents)
    total = net + share(net, regime.bp)
    covered, of_owner = min(total, owed_back), row.role == "agent_of_owner"
    account = "411" if of_owner else "467"
    lines = owner_sale_lines(total, 0, owner.id, advertiser.id)
    if not of_owner:
        lines = passed_through_lines(total, owner.id, advertiser.id)
    made = issue_and_post(
        unit,
        settings,
        Draft(
            kind="owner_invoice",
            other=advertiser,
            lines=_line("replaces", advertiser, row.number, net),
            vat_bp=regime.bp,
            vat_cents=total - net,
            regime=regime.regime,
            supplied_on=row.supplied_on,
            deposit_cents=covered,
            vat_on_debits=owner.vat_due == "invoice",
            role=row.role,
            on_behalf_of=owner,
            mandate=mandate_on(unit, owner.id, unit.today),
            replaces_id=row.invoice_id,
        ),
        "VE",
        f"Remplace {row.number}, pour compte de {owner.name}",
        [*lines, *taken_over_lines(account, covered, advertiser.id)],
        (account, advertiser.id),
    )
    _new_fee(unit, settings, row, made, owner if of_owner else advertiser, owed_back - covered)
    return made


def _new_fee(
    unit: UnitOfWork, settings: Settings, row: Row[Any], sale: Invoice, other: Organisation, owed_back: int
) -> None:
    fee = contest_store.fee_of(unit, row.invoice_id)
    net = 0 if fee is None else round_div(fee.net_cents * sale.net_cents, row.whole)
    if net <= 0:
        return
    regime, of_owner = vat_of_sale(settings, other), row.role == "agent_of_owner"
    vat = share(net, regime.bp)
    covered = 0 if of_owner else min(net + vat, owed_back)
    draft = Draft(
        kind="fee",
        other=other,
        lines=_line("fee_replaces", other, sale.number, net),
        vat_bp=regime.bp,
        vat_cents=vat,
        regime=regime.regime,
        supplied_on=row.supplied_on,
        deposit_cents=covered,
        vat_on_debits=settings.trade.vat_due == "invoice",
        role=row.role,
        fee_of_id=sale.id,
    )
    waiting = waiting_account(settings)
    if of_owner:
        due_now = round_div(vat * sale.deposit_cents, sale.total_cents)
        lines = owner_fee_lines(net, vat, due_now, waiting, other.id)
    else:
        due_now = round_div(vat * covered, net + vat)
        lines = [
            *advertiser_fee_lines(net, vat, due_now, waiting, 0, other.id),
            *taken_over_lines("411", covered, other.id),
        ]
    letter = None if of_owner else ("411", other.id)
    issue_and_post(unit, settings, draft, "VE", f"Commission sur {sale.number}", lines, letter)


def back(whole_vat: int, whole: int, before: int, before_vat: int, net: int) -> int:
    """The VAT that goes with `net` of a document's `whole`, so that all its corrections sum to its VAT."""
    return round_div(whole_vat * (before + net), whole) - before_vat


def _open(unit: UnitOfWork, number: str) -> int:
    found = receipt_store.open_invoice(unit, number)
    return 0 if found is None else int(found.open_cents)


def _waiting(unit: UnitOfWork, invoice_id: int, vat_number: str, set_off: int, due: int) -> int:
    """The waiting VAT (44574) of our fee that a set-off takes away, cumulative with what receipts have moved."""
    if not set_off:
        return 0
    whole = -entry_balance(unit, f"invoice:{vat_number}", "44574")
    moved = receipt_store.booked_of_invoice(unit, invoice_id)
    return round_div(whole * (int(moved.cents) + set_off), due) - int(moved.vat)


def _line(key: str, other: Organisation, number: str, net: int) -> tuple[InvoiceLine, ...]:
    return (InvoiceLine(1, text(key, other.language, order=number), 1, net * MICROS_PER_CENT, net),)
