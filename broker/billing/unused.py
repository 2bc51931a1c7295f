"""Credit what a deposit paid for and nobody got."""

from __future__ import annotations

from broker.billing.invoices import invoice_store
from broker.billing.invoices.entries import deposit_credit_lines
from broker.billing.invoices.entries_agent import owner_deposit_credit_lines
from broker.billing.invoices.issue import Draft, issue
from broker.billing.invoices.labels import text
from broker.billing.invoices.mandates import mandate_on
from broker.billing.invoices.paper import Reference
from broker.billing.invoices.parties import party, payer_id, vat_between, vat_of_sale
from broker.billing.model import Invoice, InvoiceLine
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound
from broker.kernel.money import MICROS_PER_CENT
from broker.kernel.settings import Settings
from broker.ledger.matching import match_settled
from broker.ledger.post import post
from broker.rentals import store as rentals


def credit_deposit(
    unit: UnitOfWork, settings: Settings, order_id: int, net: int, vat: int, mailing_id: int | None = None
) -> Invoice:
    """Issue a credit note (381) for `net` + `vat` cents of an order's deposit; the sum is owed back (account 4197)."""
    order = rentals.order_by_id(unit, order_id)
    deposit = invoice_store.deposit_of(unit, order_id)
    if order is None or deposit is None:
        raise NotFound(f"The order of id {order_id} has no deposit.")
    advertiser = party(unit, payer_id(unit, order.id, order.advertiser_id))
    owner = party(unit, order.owner_id) if order.contract_role == "agent_of_owner" else None
    regime = vat_of_sale(settings, advertiser) if owner is None else vat_between(settings, owner, advertiser)
    label = text("unused", advertiser.language, order=deposit.number)
    credit = issue(
        unit,
        settings,
        Draft(
            kind="credit_note",
            other=advertiser,
            lines=(InvoiceLine(1, label, 1, net * MICROS_PER_CENT, net),),
            vat_bp=deposit.vat_bp,
            vat_cents=vat,
            regime=regime.regime,
            order_id=order_id,
            mailing_id=mailing_id,
            corrects_id=deposit.id,
            refers=Reference(deposit.number, deposit.issued_on),
            refund_due=True,
            role="principal" if owner is None else "agent_of_owner",
            on_behalf_of=owner,
            mandate=None if owner is None else mandate_on(unit, owner.id, unit.today),
        ),
    )
    lines = deposit_credit_lines(net, vat, advertiser.id)
    if owner is not None:
        lines = owner_deposit_credit_lines(net + vat, owner.id, advertiser.id)
    post(
        unit,
        "VE",
        credit.issued_on,
        credit.number,
        f"Acompte non utilisé, commande {order.code}",
        lines,
        f"invoice:{credit.number}",
    )
    return credit


def letter_deposit(unit: UnitOfWork, order_id: int, advertiser_id: int) -> bool:
    """Letter an order's advance (4191) once its invoices and credit note have used it up."""
    return match_settled(unit, "4191", advertiser_id, invoice_store.entry_keys_of_order(unit, order_id))
