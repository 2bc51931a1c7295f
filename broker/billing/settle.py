"""Settle a mailing: when its bounces no longer count, invoice the advertiser, self-bill the owner, post, close."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from broker.audit.record import record
from broker.billing import accrual_store, settle_store
from broker.billing.billing_of_mailing import (
    Billed,
    before_document,
    credit_what_is_left,
    draft_of,
    issue_and_post,
)
from broker.billing.conversion_store import lock_conversions
from broker.billing.invoices import invoice_store
from broker.billing.invoices.charges import charge_net_names
from broker.billing.invoices.entries import VatDue, invoice_lines, reverse_charge_lines, self_bill_lines
from broker.billing.invoices.mandates import mandate_on, may_issue
from broker.billing.invoices.parties import party, payer_id, vat_of_purchase, vat_of_sale
from broker.billing.model import Invoice, Share, shares_in_cents, still_to_post
from broker.billing.settle_agent import settle_as_agent
from broker.billing.unused import letter_deposit
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.money import share
from broker.kernel.settings import Settings
from broker.rentals import store as rentals
from broker.rentals.advance import advance_order


def due_settlements(unit: UnitOfWork, settings: Settings) -> list[int]:
    """Ids of mailings to settle: their bounce time is over by the shared clock, or a mandate came that was missing."""
    return settle_store.due_mailings(unit, settings.trade.bounce_freeze_hours) + settle_store.late_bills(unit)


def settle_mailing(database: Database, settings: Settings, mailing_id: int) -> None:
    """Settle one mailing in one transaction; does nothing before it is due, nor a second time.

    In order: the mailing is closed, so that later bounces change nothing; its billable micros become cents by the
    order's cumulative total; invoice (380, deposit deducted), credit note of the unused deposit (381), self-bill
    (389), each with its ledger entry; the order becomes settled. As agent: the owner's invoice in its own name and our
    fee (`settle_agent`). Without the owner's mandate the self-bill waits for it.
    """
    with database.begin() as unit:
        due = settle_store.lock_due(unit, mailing_id, settings.trade.bounce_freeze_hours)
        if due is None:
            late = settle_store.lock_late(unit, mailing_id)
            if late is not None:
                _bill_late(unit, settings, late)
            return
        sends = settle_store.count_sends(unit, due.id)
        if sends.under_way:
            return
        lock_conversions(unit, due.id)
        settle_store.close_mailing(unit, due.id)
        charge_net_names(unit, due.id)
        settle_store.add_sums(unit, due.id, sends)
        billable, micros = accrual_store.accrued(unit, due.id)
        cents = _cents(unit, due, micros)
        if due.contract_role == "principal":
            sale = _invoice_advertiser(unit, settings, due, billable, micros.gross, cents.gross)
            bill = _self_bill(unit, settings, due, billable, micros.owner, cents.owner)
        else:
            sale, bill = settle_as_agent(unit, settings, due, billable, micros, cents)
        if due.order_id is not None:
            _end_use(unit, due)
        if due.order_id is not None and not due.more_to_come:
            _end_order(unit, due)
        record(
            unit,
            "mailing.settled",
            "mailing",
            due.code,
            billable=billable,
            gross_cents=cents.gross,
            owner_cents=cents.owner,
            invoice=sale.number if sale else "",
            self_bill=bill.number if bill else "",
        )


def _bill_late(unit: UnitOfWork, settings: Settings, due: Row[Any]) -> None:
    """The self-bill that waited for the owner's mandate."""
    billable, micros = accrual_store.accrued(unit, due.id)
    cents = _cents(unit, due, micros)
    bill = _self_bill(unit, settings, due, billable, micros.owner, cents.owner)
    if bill is not None:
        record(unit, "mailing.self_billed", "mailing", due.code, self_bill=bill.number, owner_cents=bill.net_cents)


def _end_use(unit: UnitOfWork, due: Row[Any]) -> None:
    """A further use that was stopped ends alone: its order stands where it stood before it."""
    if due.further_use and due.state in ("cancelled", "failed"):
        order = rentals.order_by_id(unit, due.order_id)
        if order is not None and order.state in ("scheduled", "sending"):
            advance_order(unit, order.id, "sent", f"its mailing {due.code} is {due.state}")


def _end_order(unit: UnitOfWork, due: Row[Any]) -> None:
    order = rentals.order_by_id(unit, due.order_id)
    assert order is not None
    if order.state == "sent":
        advance_order(unit, order.id, "settled")
    elif due.state in ("cancelled", "failed") and order.state in ("scheduled", "sending"):
        advance_order(unit, order.id, "cancelled", f"its mailing is {due.state}")


def _cents(unit: UnitOfWork, due: Row[Any], micros: Share) -> Share:
    """Cents of this mailing: the cumulative total of all that its order was sent, minus what is posted already."""
    if due.order_id is None:
        return shares_in_cents(micros.owner, micros.commission)
    so_far = settle_store.accrued_by_order(unit, due.order_id)
    posted = invoice_store.invoiced(unit, due.order_id)
    return still_to_post(
        shares_in_cents(so_far.owner, so_far.commission),
        Share(posted.net, posted.owner, posted.net - posted.owner),
    )


def _invoice_advertiser(
    unit: UnitOfWork, settings: Settings, due: Row[Any], billable: int, micros: int, net: int
) -> Invoice | None:
    """The final invoice, and the credit note of what a deposit paid too much."""
    advertiser = party(unit, payer_id(unit, due.order_id, due.advertiser_id))
    regime = vat_of_sale(settings, advertiser)
    vat_bp = regime.bp if due.vat_bp is None else due.vat_bp
    before = before_document(unit, due.order_id)
    vat = before.vat_of(net, vat_bp)
    invoice = None
    if net > 0:
        deducted = min(net + vat, before.left_net + before.left_vat)
        draft = draft_of(
            unit,
            due,
            "invoice",
            advertiser,
            Billed(due.kind, "gross", billable, micros, net, vat, vat_bp, regime.regime),
            deposit_cents=deducted,
            refers=before.deposit if deducted else None,
            vat_on_debits=settings.trade.vat_due == "invoice",
        )
        vat_due: VatDue = "invoice" if settings.trade.vat_due == "invoice" else "receipt"
        lines = invoice_lines(net, vat, deducted, advertiser.id, vat_due)
        label = f"Location ou programme, envoi {due.code}"
        invoice = issue_and_post(unit, settings, draft, "VE", label, lines, ("411", advertiser.id))
    credit_what_is_left(unit, settings, due, before, net, vat)
    if before.deposit is not None:
        letter_deposit(unit, due.order_id, advertiser.id)
    return invoice


def _self_bill(
    unit: UnitOfWork, settings: Settings, due: Row[Any], billable: int, micros: int, net: int
) -> Invoice | None:
    """The invoice of the owner's share, issued by us in the owner's name and series."""
    if net <= 0:  # what is left over here is in the next mailing's cumulative total
        return None
    owner = party(unit, due.owner_id)
    mandate = mandate_on(unit, owner.id, unit.today)
    if not may_issue(settings, mandate):
        return None  # the close names it; once the mandate is recorded a job comes back to it
    treatment = vat_of_purchase(settings, owner)
    vat = share(net, treatment.bp)
    draft = draft_of(
        unit,
        due,
        "self_bill",
        owner,
        Billed("share", "owner", billable, micros, net, vat, treatment.bp, treatment.regime),
        vat_on_debits=owner.vat_due == "invoice",
        mandate=mandate,
    )
    if treatment.regime == "reverse_charge":
        lines = reverse_charge_lines(net, share(net, settings.trade.vat_bp), owner.id)
    else:
        lines = self_bill_lines(net, vat, owner.id, owner.vat_due)
    return issue_and_post(unit, settings, draft, "AC", f"Part du propriétaire, envoi {due.code}", lines)
