"""A credit note (381) on an invoice of ours: a reduction (709), for the sends stay billed as they were sent."""

from __future__ import annotations

from broker.billing.invoices import invoice_store, receipt_store
from broker.billing.invoices.issue import Draft, issue
from broker.billing.invoices.labels import text
from broker.billing.invoices.paper import Reference
from broker.billing.invoices.parties import party, vat_of_sale
from broker.billing.model import Invoice, InvoiceLine
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict
from broker.kernel.money import MICROS_PER_CENT, round_div
from broker.kernel.settings import Settings
from broker.ledger.matching import match_settled
from broker.ledger.model import Line, credit, debit
from broker.ledger.post import post
from broker.ledger.store import entry_balance


def credit_invoice(
    unit: UnitOfWork, settings: Settings, number: str, total_cents: int, *, refunded: bool = True
) -> Invoice:
    """Issue a credit note of `total_cents`, VAT included. `refunded`: the whole is owed back (4197), since money of it
    goes back; else it first lowers what is open of the invoice (411).

    The VAT is what brings the invoice's cumulative VAT to the part that is left, so that several credit notes take
    back all of it to the cent. Raises `Conflict` (`credit_exceeds`, `credit_by_owner`).
    """
    open_invoice = receipt_store.open_invoice(unit, number)
    found = invoice_store.invoice_by_number(unit, number)
    if found is None or open_invoice is None or found.kind != "invoice" or found.role != "principal":
        raise Conflict(
            f"{number} is no invoice in our own name: its seller issues the credit note.", code="credit_by_owner"
        )
    before = invoice_store.credited(unit, found.id)
    if not 0 < total_cents <= found.total_cents - before.total:
        raise Conflict(f"{number} has only {found.total_cents - before.total} cents left.", code="credit_exceeds")
    whole = before.total + total_cents
    vat = round_div(found.vat_cents * whole, found.total_cents) - before.vat
    net = total_cents - vat
    set_off = 0 if refunded else min(total_cents, int(open_invoice.open_cents))
    waiting = _waiting(unit, found, set_off)
    customer = party(unit, found.buyer_id)
    label = text("reduction", customer.language, order=number)
    made = issue(
        unit,
        settings,
        Draft(
            kind="credit_note",
            other=customer,
            lines=(InvoiceLine(1, label, 1, net * MICROS_PER_CENT, net),),
            vat_bp=found.vat_bp,
            vat_cents=vat,
            regime=vat_of_sale(settings, customer).regime,
            order_id=found.order_id,
            corrects_id=found.id,
            refers=Reference(found.number, found.issued_on),
            refund_due=refunded,
            set_off_cents=set_off,
            set_off_vat_cents=min(waiting, set_off),
        ),
    )
    lines = credit_note_lines(net, vat, set_off, waiting, customer.id)
    post(unit, "VE", made.issued_on, made.number, f"Avoir sur {number}", lines, f"invoice:{made.number}")
    match_settled(unit, "411", customer.id, receipt_store.keys_of_invoice(unit, found.id, found.number))
    return made


def credit_note_lines(net: int, vat: int, set_off: int, waiting_vat: int, customer: int) -> list[Line]:
    """A reduction: what waits of its VAT stops waiting, the rest was due and is given back."""
    return [
        debit("709", net),
        debit("44574", waiting_vat),
        debit("44571", vat - waiting_vat),
        credit("411", set_off, customer),
        credit("4197", net + vat - set_off, customer),
    ]


def _waiting(unit: UnitOfWork, found: Invoice, set_off: int) -> int:
    """The waiting VAT (44574) that a set-off takes away: cumulative with what receipts have moved."""
    if not set_off:
        return 0
    whole = -entry_balance(unit, f"invoice:{found.number}", "44574")
    moved = receipt_store.booked_of_invoice(unit, found.id)
    return round_div(whole * (int(moved.cents) + set_off), found.due_cents) - int(moved.vat)
